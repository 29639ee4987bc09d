"""What a file declares is never believed: sizes are compared with the bytes that are there, and nothing runs."""

import io
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from tests.data import mutations
from ufama.data.layout import DataError
from ufama.data.releases.files import npz_members, numeric, unpickled
from ufama.data.releases.findings import FileError
from ufama.data.releases.matlab import LARGEST_VARIABLE, MatlabError, mat_variables


def header(order="<"):
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(f"{order}H", 0x0100) + (b"IM" if order == "<" else b"MI")


@pytest.fixture
def draw():
    return np.random.default_rng(3)


@pytest.mark.parametrize("compressed", [True, False])
def test_mat_files_are_read_as_scipy_reads_them(compressed, tmp_path, draw):
    cells = np.empty((3, 1), object)
    cells[:, 0] = [draw.normal(size=(2, 4)), np.zeros((0, 0)), np.arange(5, dtype=np.uint8)]
    written = {
        "real": draw.normal(size=(3, 4, 5)),
        "whole": draw.integers(-300, 300, (2, 7)).astype(np.int16),
        "stored_small": np.arange(6.0).reshape(2, 3),  # MATLAB stores whole numbers in fewer bytes
        "single": draw.normal(size=(4, 1)).astype(np.float32),
        "empty": np.zeros((0, 3)),
        "cells": cells,
    }
    path = tmp_path / "some.mat"
    savemat(path, written, do_compression=compressed, oned_as="row")
    expected = loadmat(path)
    found = {variable.name: variable for variable in mat_variables(path)}
    assert list(found) == list(written)
    for name in ("real", "whole", "stored_small", "single", "empty"):
        values = found[name].array()
        assert (values.dtype, found[name].shape) == (expected[name].dtype, values.shape)
        np.testing.assert_array_equal(values, expected[name])
    for cell, value in zip(found["cells"].cells(), expected["cells"].ravel(), strict=True):
        np.testing.assert_array_equal(cell.array(), value)
    with pytest.raises(MatlabError, match=r"cells holds cells\. Expected an array"):
        found["cells"].array()


def test_a_mat_file_of_the_other_byte_order(tmp_path):
    def element(kind, content):
        return struct.pack(">II", kind, len(content)) + content + bytes(-len(content) % 8)

    body = element(6, struct.pack(">II", 6, 0)) + element(5, struct.pack(">ii", 2, 2)) + element(1, b"a")
    body += element(9, struct.pack(">4d", 1, 2, 3, 4.5))
    path = tmp_path / "big.mat"
    path.write_bytes(header(">") + struct.pack(">II", 14, len(body)) + body)
    np.testing.assert_array_equal(next(mat_variables(path)).array(), [[1, 3], [2, 4.5]])
    np.testing.assert_array_equal(loadmat(path)["a"], [[1, 3], [2, 4.5]])


@pytest.mark.parametrize("damage", ["declared_huge", "compressed_bomb"])
def test_a_mat_file_takes_no_memory_that_it_only_declares(damage, tmp_path, draw):
    path = tmp_path / "hostile.mat"
    for _ in range(1 if damage == "compressed_bomb" else 8):
        path.write_bytes(getattr(mutations, damage)(header(), draw, tmp_path))
        tracemalloc.start()
        with pytest.raises(MatlabError):
            for variable in mat_variables(path):
                variable.cells() if variable.kind == "cells" else variable.array()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2 * path.stat().st_size + 2**20 < LARGEST_VARIABLE


def test_cells_are_followed_only_so_far(tmp_path):
    """scipy.io.loadmat ends the process on this file."""
    path, names = tmp_path / "deep.mat", []
    path.write_bytes(mutations.cells_in_cells(header(), np.random.default_rng(0), tmp_path))
    level = list(mat_variables(path))
    with pytest.raises(MatlabError, match="cells in cells"):
        while level:
            names.append(level[0].name)
            level = level[0].cells()
    assert len(names) == 5


@pytest.mark.parametrize("number", range(60))
def test_no_hostile_pickle_does_anything(number, tmp_path):
    trace = tmp_path / "executed"
    content = mutations.hostile_pickle(b"", np.random.default_rng(number), trace)
    tracemalloc.start()
    try:
        value = unpickled(content, tmp_path / "file", "the file")["train_data_eye"]
        with pytest.raises(DataError):
            numeric(value, tmp_path / "file", "train_data_eye")
    except DataError as error:
        assert str(error).startswith(f"{tmp_path / 'file'}: the file ")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not trace.exists()
    assert peak < 5e7


def test_a_pickle_cannot_make_numpy_read_memory_that_is_not_the_arrays():
    """A type of several fields can deny that it holds objects: numpy would follow bytes of the file as an address."""
    content = pickle.dumps({"a": np.zeros(2, [("x", "f8"), ("y", "O")])})
    with pytest.raises(DataError, match="damaged or cut short"):
        unpickled(content, Path("file"), "it")


def test_a_pickle_cannot_change_its_own_tools():
    change = b"\x80\x02c_codecs\nencode\n}X\x09\0\0\0_functionNsb."
    with pytest.raises(DataError):
        unpickled(change, Path("file"), "it")
    array = {"a": np.arange(3.0), "b": np.float64(2.5), "c": np.array(["x", "yz"]), "d": [1, "text", None]}
    for protocol in range(6):
        read = unpickled(pickle.dumps(array, protocol=protocol), Path("file"), "it")
        assert read["a"].tolist() == [0, 1, 2] and read["b"] == 2.5 and read["c"].tolist() == ["x", "yz"]
        assert read["d"] == [1, "text", None]


@pytest.mark.parametrize(
    "name", ["os.system", "builtins.exec", "numpy.load", "functools.partial", "numpy.f2py.run_main"]
)
def test_a_pickle_that_names_anything_else_is_refused_by_that_name(name):
    module, function = name.rsplit(".", 1)
    with pytest.raises(FileError, match=rf"asks for {name}, .* nothing was executed") as raised:
        unpickled(f"c{module}\n{function}\n.".encode(), Path("file"), "it")
    assert raised.value.code == "code-in-pickle"


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in members.items():
            written.writestr(f"{name}.npy", content)
    return path


def npy(shape, values, descr="<f8"):
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + values


def test_an_archive_takes_no_memory_that_it_only_declares(tmp_path):
    right = npy((3,), np.arange(3.0).tobytes())
    assert npz_members(archive(tmp_path / "right.npz", a=right), ["a"])["a"].tolist() == [0, 1, 2]
    for shape, descr in (((10**7,), "<f8"), ((10**12,), "<f8"), ((), "|S2000000000"), ((2,), "<f8"), ((4,), "<f8")):
        path = archive(tmp_path / "wrong.npz", a=npy(shape, np.arange(3.0).tobytes(), descr), b=right)
        tracemalloc.start()
        with pytest.raises(DataError, match="damaged, cut short"):
            npz_members(path, ["a"])
        assert tracemalloc.get_traced_memory()[1] < 2**21
        tracemalloc.stop()
        assert npz_members(path, ["b"])["b"].tolist() == [0, 1, 2]


def test_a_small_archive_that_unpacks_to_gigabytes_is_refused_before_unpacking(tmp_path, monkeypatch):
    monkeypatch.setattr("ufama.data.releases.files.LARGEST_UNPACKED", 2**20)
    zeros = npy((2**18,), bytes(2**21))
    with pytest.raises(DataError, match="damaged, cut short"):
        npz_members(archive(tmp_path / "bomb.npz", a=zeros), ["a"])
    noise = np.random.default_rng(0).bytes(2**21)
    assert npz_members(archive(tmp_path / "large.npz", a=npy((2**18,), noise)), ["a"])["a"].nbytes == 2**21


def test_numbers_beyond_single_precision_count_as_infinite():
    values = numeric(np.array([1.0, -1e39, 3e38, np.nan]), Path("file"), "it")
    np.testing.assert_array_equal(values, [1.0, np.inf, 3e38, np.nan])


def test_an_npy_or_pickle_under_the_name_of_an_archive(tmp_path):
    for content in (io.BytesIO(), io.BytesIO(pickle.dumps({"a": 1}))):
        if not content.getvalue():
            np.save(content, np.arange(3.0))
        (tmp_path / "odd.npz").write_bytes(content.getvalue())
        with pytest.raises(DataError, match=r"odd\.npz: damaged"):
            npz_members(tmp_path / "odd.npz", ["a"])
