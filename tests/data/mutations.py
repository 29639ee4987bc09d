"""Files of every format that is read, damaged in every way we could think of, and what reading them comes to.

A read happens in a process of its own with little memory and a time limit. It must end in one clear DataError, or in
windows of the right shape with finite values; a traceback from inside a library, a hang, a request for the memory that
a file merely declares, and a run command are failures.
"""

import io
import json
import multiprocessing
import os
import pickle
import resource
import shutil
import struct
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ufama.data.layout import BANDS, DataError
from ufama.data.releases.doctor import examine
from ufama.data.releases.recordings import MARKER, read_recordings
from ufama.data.two_modality import read_two_modality
from ufama.simulation.files import write_simulated

SECONDS_PER_READ = 20
MEGABYTES_PER_READ = 700
"""Beyond what the process has before it reads."""

IV_EEG = "eeg_feature_smooth/1/2_20150915.mat"
IV_EYE = "eye_feature_smooth/1/2_20150915.mat"
SEED_EEG = "SEED_Multimodal/Chinese/02-EEG-DE-feature/eeg_used_4s/1_1.npz"
SEED_EYE = "SEED_Multimodal/Chinese/04-Eye-tracking-feature/eye_tracking_feature/1_1"
RAW = "eeg_raw_data/1/2_20150915.mat"

Mutation = Callable[[bytes, np.random.Generator, Path], bytes]


@dataclass(frozen=True)
class Format:
    """Where the file lies in its folder, how it is read (returning shapes), and the mutations that only it can have."""

    place: str
    read: Callable[[Path], object]
    mutations: dict[str, Mutation]


# any file --------------------------------------------------------------------------------------------


def flipped(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    changed = np.frombuffer(content, np.uint8).copy()
    places = draw.integers(0, len(changed), draw.integers(1, 17))
    changed[places] ^= draw.integers(1, 256, len(places)).astype(np.uint8)
    return changed.tobytes()


def flipped_head(content: bytes, draw: np.random.Generator, trace: Path) -> bytes:
    return flipped(content[:400], draw, trace) + content[400:]


def flipped_tail(content: bytes, draw: np.random.Generator, trace: Path) -> bytes:
    return content[:-400] + flipped(content[-400:], draw, trace)


def truncated(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    return content[: int(draw.integers(0, len(content)))]


def zeroed(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    start, length = int(draw.integers(0, len(content))), int(draw.integers(1, 4096))
    return content[:start] + bytes(min(length, len(content) - start)) + content[start + length :]


def noisy(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    start, length = int(draw.integers(0, len(content))), int(draw.integers(1, 4096))
    return content[:start] + draw.bytes(min(length, len(content) - start)) + content[start + length :]


def moved(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    """A piece is left out or doubled."""
    start, length = int(draw.integers(0, len(content))), int(draw.integers(1, 2000))
    return content[: start + length * int(draw.integers(0, 2))] + content[start:][length * int(draw.integers(0, 2)) :]


def replaced_whole(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    others = (
        b"",
        b"<html>404</html>",
        bytes(len(content)),
        draw.bytes(1000),
        b"\x93NUMPY",
        b"\x80\x04.",
        b"{}",
        b"PK\x03\x04",
    )
    return others[draw.integers(len(others))]


ANY = {
    "flipped": flipped,
    "flipped head": flipped_head,
    "flipped tail": flipped_tail,
    "truncated": truncated,
    "zeroed": zeroed,
    "noisy": noisy,
    "moved": moved,
    "replaced": replaced_whole,
}

ODD_VALUES = (
    lambda values: values.astype(object),
    lambda values: values.astype("U8"),
    lambda values: values + 1j,
    lambda values: values.astype(np.int8),
    lambda values: values.astype(np.float16),
    lambda values: values.astype(bool),
    lambda values: values.T,
    lambda values: values[..., None],
    lambda values: values[:0],
    lambda values: values[..., :0],
    lambda values: values.ravel(),
    lambda values: values[:-1],
    lambda values: np.float64(3),
    lambda values: np.full_like(values, np.nan, dtype=float),
    lambda values: np.full_like(values, 1e300, dtype=float),
    lambda values: np.full_like(values, -np.inf, dtype=float),
    lambda values: np.zeros((2, 2), [("a", "f8"), ("b", "i4")]),
    lambda values: np.array("text"),
    lambda values: np.array(["2020-01-01"], "M8[D]"),
)


def odd(values, draw: np.random.Generator):
    values = np.asarray(values)
    is_numbers = values.ndim and values.dtype.kind in "biuf"
    return ODD_VALUES[draw.integers(len(ODD_VALUES))](values if is_numbers else np.arange(12.0).reshape(4, 3))


# .mat ------------------------------------------------------------------------------------------------


def _mat(change: Callable[[dict, np.random.Generator], None]) -> Mutation:
    def mutation(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
        from scipy.io import loadmat, savemat

        variables = {name: value for name, value in loadmat(io.BytesIO(content)).items() if not name.startswith("__")}
        change(variables, draw)
        written = io.BytesIO()
        savemat(written, variables, do_compression=bool(draw.integers(2)))
        return written.getvalue()

    return mutation


def _any_name(content: dict, draw: np.random.Generator) -> str:
    wanted = [name for name in content if "movingAve" not in str(name) and "psd" not in str(name)]
    return wanted[draw.integers(len(wanted))]


def odd_variable(content: dict, draw: np.random.Generator) -> None:
    odd_values = [change for change in ODD_VALUES if change is not ODD_VALUES[-1]]  # savemat has no dates
    name = _any_name(content, draw)
    content[name] = odd_values[draw.integers(len(odd_values))](content[name])


def renamed(content: dict, draw: np.random.Generator) -> None:
    name = _any_name(content, draw)
    content[f"{name}0"[: draw.integers(1, 20)]] = content.pop(name)


def another_kind(content: dict, draw: np.random.Generator) -> None:
    from scipy.sparse import csc_matrix

    nested = np.empty((1, 1), object)
    nested[0, 0] = np.ones((2, 2))
    kinds = ({"a": 1.0}, "text", nested, csc_matrix(np.eye(3)), np.array([[True]]))
    content[_any_name(content, draw)] = kinds[draw.integers(len(kinds))]


def _element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def _matrix(name: str, number: int, sizes: tuple[int, ...], values: bytes, declared: int | None = None) -> bytes:
    head = _element(6, struct.pack("<II", number, 0)) + _element(5, struct.pack(f"<{len(sizes)}i", *sizes))
    body = head + _element(1, name.encode()) + values
    return struct.pack("<II", 14, len(body) if declared is None else declared) + body


def declared_huge(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    """A variable whose header declares what the file does not hold, plain or compressed."""
    sizes = ((2**31 - 1, 8), (62, 2**30, 5), (65536, 65536), (-1, 5), (0, 0), (2**15,) * 4, (1,) * 40)
    shape = sizes[draw.integers(len(sizes))]
    value_bytes = (64, 2**31, 2**32 - 1)[draw.integers(3)]
    values = struct.pack("<II", 9, value_bytes) + bytes(64)
    matrix = _matrix(("eye_1", "de_LDS1", "cz_eeg1")[draw.integers(3)], 6, shape, values)
    if draw.integers(2):
        packed = zlib.compress(matrix)
        matrix = struct.pack("<II", 15, (len(packed), 2**32 - 8)[draw.integers(2)]) + packed
    return content[:128] + matrix + content[128:]


def compressed_bomb(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    """A small file that unpacks to a gigabyte of zeros, with a header that agrees."""
    return content[:128] + _bomb() + content[128:]


@cache
def _bomb() -> bytes:
    packer, size = zlib.compressobj(9), 2**30
    start = _matrix("eye_1", 6, (31, size // 248), struct.pack("<II", 9, size), declared=size + 200)
    packed = packer.compress(start) + b"".join(packer.compress(bytes(2**24)) for _ in range(64)) + packer.flush()
    return struct.pack("<II", 15, len(packed)) + packed


def cells_in_cells(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    depth, name = int(draw.integers(1, 60_000)), b"eye_1\0\0\0"
    head = (
        _element(6, struct.pack("<II", 1, 0)) + _element(5, struct.pack("<ii", 1, 1)) + struct.pack("<II", 1, 5) + name
    )
    lengths = [(level + 1) * (len(head) + 8) for level in range(depth)]
    nested = b"".join(struct.pack("<II", 14, length - 8) + head for length in reversed(lengths))
    return content[:128] + nested + content[128:]


def another_version(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    heads = (b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM", b"\x89HDF\r\n\x1a\n".ljust(128), content[:124] + b"\1\0MI")
    version_4 = struct.pack("<5i", 0, 31, 42, 0, 6) + b"eye_1\0" + bytes(8 * 31 * 42)
    return version_4 if not draw.integers(4) else heads[draw.integers(len(heads))] + content[128:]


MAT = {
    "odd variable": _mat(odd_variable),
    "renamed variable": _mat(renamed),
    "another kind": _mat(another_kind),
    "variable left out": _mat(lambda content, draw: content.pop(_any_name(content, draw))),
    "declared huge": declared_huge,
    "cells in cells": cells_in_cells,
    "another version": another_version,
}


# pickles ---------------------------------------------------------------------------------------------


class Payload:
    """Leaves a trace if it is ever run."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def hostile_pickles(trace: Path, draw: np.random.Generator) -> bytes:
    """One of the ways in which a pickle can do harm, written by hand where pickle.dumps would not."""
    run = _text(str(trace))
    raw = b"c_codecs\nencode\n" + _text("A" * 8) + _text("latin1") + b"\x86R"
    dtype = b"cnumpy\ndtype\n"
    fields = _text("V8") + b"K\0K\1\x87R(K\3" + _text("|") + b"N" + _text("a") + b"\x85}" + _text("a") + dtype
    fields += _text("O") + b"K\0K\1\x87RK\0\x86sK\x08K\1K\0tb"
    bodies = (
        b"cos\nmkdir\n" + run + b"\x85R",
        b"(" + run + b"ios\nmkdir\n",
        b"(cos\nmkdir\n" + run + b"o",
        _text("os") + _text("mkdir") + b"\x93" + run + b"\x85R",
        b"cbuiltins\neval\n" + _text("1") + b"\x85R",
        b"cnumpy\nload\n" + run + b"\x85R",
        b"c_codecs\nencode\n}" + _text("__globals__") + b"Nsb",
        b"c_codecs\nencode\nN}" + _text("_function") + b"cnumpy\nndarray\ns\x86b",
        b"cnumpy\nndarray\n(\x8a\x06\0\0\0\0\0\1\x85" + _text("u1") + raw + b"K\0K\0\x85tR",
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nJ\xff\xff\xff\x7f\x85" + _text("f8") + b"\x87R",
        b"cnumpy.core.numeric\n_frombuffer\n(" + raw + dtype + fields + b"K\1\x85" + _text("C") + b"tR",
        b"r\xff\xff\xff\x7fN",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x0f",
        b"\x8bF\xff\xff\x7f" + b"1" * 50,
        b"(" * 90_000 + b"t" * 90_000,
        b"]" * 90_000 + b"a" * 89_999,
        b"c_codecs\nencode\nq\0"
        + _text("A" * 100_000)
        + b"q\1"
        + _text("latin1")
        + b"q\2\x87"
        + b"h\0h\1h\2\x86R" * 9_000,
        b"\x82\1",
        b"Pid\n",
        b"I" + b"9" * 6000 + b"\n",
        b"L" + b"9" * 6000 + b"L\n",
    )
    return b"\x80\x04}" + _text("train_data_eye") + bodies[draw.integers(len(bodies))] + b"s."


def _pickled(change: Callable[[dict, np.random.Generator], object]) -> Mutation:
    def mutation(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
        value = pickle.loads(content)
        changed = change(value, draw)
        return pickle.dumps(value if changed is None else changed, protocol=int(draw.integers(0, 6)))

    return mutation


def odd_part(content: dict, draw: np.random.Generator) -> None:
    name = _any_name(content, draw)
    others = (None, [1, 2], {"a": {"b": 1}}, "text", 3.5, content[name].tolist()[:3], float("nan"), b"bytes", (1,))
    content[name] = others[draw.integers(len(others))] if draw.integers(2) else odd(content[name], draw)


def another_top(content: dict, draw: np.random.Generator) -> object:
    tops = (list(content.values()), 3, None, next(iter(content.values())), {1: 2}, {}, {None: 1, (1, 2): 3}, "text")
    return tops[draw.integers(len(tops))]


PICKLE = {
    "odd part": _pickled(odd_part),
    "another top": _pickled(another_top),
    "renamed part": _pickled(renamed),
    "hostile pickle": lambda content, draw, trace: hostile_pickles(trace, draw),
    "payload": lambda content, draw, trace: pickle.dumps(
        {"train_data_eye": Payload(trace)}, protocol=int(draw.integers(0, 6))
    ),
}


# .npz ------------------------------------------------------------------------------------------------


def _npz(change: Callable[[dict, np.random.Generator], None]) -> Mutation:
    def mutation(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
        with np.load(io.BytesIO(content)) as archive:
            members = {name: archive[name] for name in archive.files}
        change(members, draw)
        written = io.BytesIO()
        (np.savez_compressed if draw.integers(2) else np.savez)(written, **members)
        return written.getvalue()

    return mutation


def odd_member(content: dict, draw: np.random.Generator) -> None:
    name = _any_name(content, draw)
    content[name] = odd(content[name], draw)


def odd_numbers(content: dict, draw: np.random.Generator) -> None:
    """A column of whole numbers with one that cannot be."""
    names = [name for name, values in content.items() if values.ndim == 1 and values.dtype.kind in "fiu"]
    name = names[draw.integers(len(names))]
    odd_ones = (np.nan, np.inf, -1.0, 0.5, 2.0**62, -(2.0**63), 1e300, 10.0**7)
    content[name] = content[name].astype(float)
    content[name][draw.integers(len(content[name]))] = odd_ones[draw.integers(len(odd_ones))]


def _members(change: Callable[[dict[str, bytes], np.random.Generator], None]) -> Mutation:
    """Change the bytes of members, with the archive around them whole."""

    def mutation(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        change(members, draw)
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, values in members.items():
                archive.writestr(name, values)
        return written.getvalue()

    return mutation


def _npy(header: str, values: bytes) -> bytes:
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + values


def odd_header(members: dict[str, bytes], draw: np.random.Generator) -> None:
    headers = (
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (100000000,)}",
        "{'descr': '|S2000000000', 'fortran_order': False, 'shape': ()}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f8', 'fortran_order': 3, 'shape': 'x'}",
        "{'descr': [('a', '<f8'), ('b', '|O')], 'fortran_order': False, 'shape': (1,)}",
        "__import__('os').mkdir('executed')",
        "(" * 5000,
        "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "1," * 4000 + ")}",
        "",
    )
    name = list(members)[draw.integers(len(members))]
    members[name] = _npy(headers[draw.integers(len(headers))], bytes(64))


def flipped_member(members: dict[str, bytes], draw: np.random.Generator) -> None:
    """Bytes of an array, so that no checksum helps."""
    name = list(members)[draw.integers(len(members))]
    members[name] = (flipped, flipped_head, truncated, noisy)[draw.integers(4)](members[name], draw, Path())


@cache
def _archive_bomb() -> bytes:
    """A member of half a gigabyte, packed into half a megabyte."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "modality_a.npy", _npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({2**29},)}}", bytes(2**29))
        )
    return written.getvalue()


def hostile_bands(content: bytes, draw: np.random.Generator, trace: Path) -> bytes:
    return _npz(lambda members, d: members.update(train_data=hostile_pickles(trace, d)))(content, draw, trace)


def odd_bands(members: dict, draw: np.random.Generator) -> None:
    bands = pickle.loads(members["test_data"].item())
    odd_part(bands, draw)
    members["test_data"] = pickle.dumps({band: bands.get(band) for band in BANDS}, protocol=int(draw.integers(0, 6)))


def object_member(content: bytes, draw: np.random.Generator, trace: Path) -> bytes:
    bomb = np.empty(1, object)
    bomb[0] = Payload(trace)
    return _npz(lambda members, d: members.update({_any_name(members, d): bomb}))(content, draw, trace)


NPZ = {
    "odd member": _npz(odd_member),
    "odd numbers": _npz(odd_numbers),
    "renamed member": _npz(renamed),
    "odd header": _members(odd_header),
    "flipped member": _members(flipped_member),
    "objects": object_member,
}
BANDS_NPZ = NPZ | {"hostile bands": hostile_bands, "odd bands": _npz(odd_bands)}


# JSON and Parquet ------------------------------------------------------------------------------------


def odd_entry(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    marker = json.loads(content)
    others = (None, 3, -1.5, [], {}, "text", True, [[[]]], {"a": {}}, float("nan"), 10**400)
    name = ("files", "fingerprint", "dataset", "subjects", "settings")[draw.integers(5)]
    if draw.integers(3):
        marker[name] = others[draw.integers(len(others))]
    elif draw.integers(2):
        marker.pop(name, None)
    else:
        marker["files"] = {place: others[draw.integers(len(others))] for place in marker["files"]}
    return json.dumps(marker).encode()


def nested_json(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    depth = int(draw.integers(900, 200_000))
    tops = (b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth, b"[]", b"null", b"3", b'"x"', b"9" * 5000)
    return tops[draw.integers(len(tops))]


def odd_table(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    """A Parquet table with a column that cannot be."""
    import pandas as pd

    frame = pd.read_parquet(io.BytesIO(content))
    name, rows = frame.columns[draw.integers(frame.shape[1])], len(frame)
    needed = frame.columns[draw.integers(frame.shape[1] - 3)]  # the last three are modality b's: any number of them is
    columns = (
        ["text"] * rows, [None] * rows, np.full(rows, np.nan), np.full(rows, 1e300), np.arange(rows) - 5,
        [[1.0, 2.0]] * rows, pd.to_datetime(np.arange(rows)), np.full(rows, 10**7), np.full(rows, 2**62), [b"x"] * rows,
        pd.Categorical(["a"] * rows), np.ones(rows, bool), [{"a": 1}] * rows,
    )  # fmt: skip
    choice = draw.integers(4)
    if choice == 0:
        frame = frame.drop(columns=[needed])
    elif choice == 1:
        frame = frame.rename(columns={needed: ("", "a/", "b//", "x", "a/b/c/d", f"{needed}/")[draw.integers(6)]})
    elif choice == 2:
        odd_facts = (3, ["a"], None, {"x": 1}, "text", [3], -1.0, [[]])
        fact = ("class_names", "name", "window_seconds", "licence", "simulated", "notes")[draw.integers(6)]
        frame.attrs[fact] = odd_facts[draw.integers(len(odd_facts))]
    else:
        frame[name] = columns[draw.integers(len(columns))]
    written = io.BytesIO()
    frame.to_parquet(written)
    return written.getvalue()


# reading ---------------------------------------------------------------------------------------------


def _windows(windows) -> tuple:
    assert np.isfinite(windows.eeg).all() and np.isfinite(windows.eye).all()
    return windows.eeg.shape, windows.eye.shape


def _read_set(dataset: str, subject: int) -> Callable[[Path], object]:
    """The reader, which refuses exactly where the doctor finds an error."""

    def read(root: Path) -> object:
        errors = examine(root, dataset).count("error")
        try:
            shapes = _windows(read_recordings(dataset, root, subjects=[subject]))
        except DataError as error:
            if not errors:
                raise AssertionError(f"refused, but the doctor finds nothing: {error}") from error
            raise
        if errors:
            raise AssertionError("read, but the doctor finds an error")
        return shapes

    return read


def _read_raw(root: Path) -> object:
    from ufama.data.signals.eeg_files import find_raw, raw_trials

    examine(root)
    (recording,) = find_raw("seed_iv", root, subjects=[2], sessions=[1])
    signals = list(raw_trials(recording))
    assert all(np.isfinite(values).all() for _, values in signals)
    return [(trial, values.shape) for trial, values in signals]


def _read_table(name: str) -> Callable[[Path], object]:
    return lambda root: _windows(read_two_modality(root / name))


FORMATS = {
    "SEED-IV EEG .mat": Format(IV_EEG, _read_set("seed_iv", 2), MAT | {"compressed bomb": compressed_bomb}),
    "SEED-IV eye .mat": Format(IV_EYE, _read_set("seed_iv", 2), MAT),
    "raw EEG .mat": Format(RAW, _read_raw, MAT),
    "SEED EEG .npz": Format(SEED_EEG, _read_set("seed", 1), BANDS_NPZ),
    "SEED eye pickle": Format(SEED_EYE, _read_set("seed", 1), PICKLE),
    "two-modality .npz": Format(
        "own.npz", _read_table("own.npz"), NPZ | {"bomb": lambda content, draw, trace: _archive_bomb()}
    ),
    "two-modality .parquet": Format("own.parquet", _read_table("own.parquet"), {"odd table": odd_table}),
    "SIMULATED.json": Format(MARKER, _read_set("seed", 1), {"odd entry": odd_entry, "nested": nested_json}),
}
"""Every format that is read from outside."""


def load_scaled(folder: Path) -> dict[str, Path]:
    """A healthy folder for each format."""
    roots = {}
    for dataset, subject in (("seed", 1), ("seed_iv", 2)):
        root = write_simulated(dataset, folder / dataset, subjects=[subject])
        if dataset == "seed":
            shutil.copytree(root, folder / "marked", copy_function=os.link)
        (root / MARKER).unlink()
    roots |= dict.fromkeys(("SEED EEG .npz", "SEED eye pickle"), folder / "seed")
    roots |= dict.fromkeys(("SEED-IV EEG .mat", "SEED-IV eye .mat"), folder / "seed_iv")
    roots |= {"SIMULATED.json": folder / "marked", "raw EEG .mat": _raw_folder(folder / "raw")}
    roots |= dict.fromkeys(("two-modality .npz", "two-modality .parquet"), _tables(folder / "tables"))
    return roots


def _raw_folder(root: Path) -> Path:
    """The beginnings of 24 trials, noise only, where the signals of subject 2, session 1 belong."""
    from scipy.io import savemat

    draw = np.random.default_rng(1)
    (root / RAW).parent.mkdir(parents=True)
    savemat(
        root / RAW,
        {f"ha_eeg{trial}": draw.normal(0, 30, (62, 200 * 4 + 1)) for trial in range(1, 25)},
        do_compression=True,
    )
    (root / MARKER).write_text("{}")  # simulated signals may be shorter than their clips
    return root


def _tables(folder: Path) -> Path:
    import pandas as pd

    draw, rows = np.random.default_rng(2), 60
    folder.mkdir()
    numbers = {"label": np.arange(rows) % 3, "subject": np.arange(rows) // 30 + 1, "session": np.ones(rows, int)}
    numbers["trial"] = np.arange(rows) // 5 + 1
    eeg, eye = draw.normal(size=(rows, 4, 2)), draw.normal(size=(rows, 3))
    np.savez(folder / "own.npz", modality_a=eeg, modality_b=eye, class_names=["a", "b", "c"], **numbers)
    columns = {f"a/{token}/{name}": eeg[:, token, place] for token in range(4) for place, name in enumerate("xy")}
    columns |= {f"b/{place}": eye[:, place] for place in range(3)}
    frame = pd.DataFrame(numbers | columns)
    frame.attrs["class_names"] = ["a", "b", "c"]
    frame.to_parquet(folder / "own.parquet")
    return folder


# the run ---------------------------------------------------------------------------------------------


def mutated(name: str, original: bytes, number: int, seed: int, trace: Path) -> tuple[str, bytes]:
    """The numbered mutation of a format: its kind, and the file. Kinds take turns, half of them those of any file."""
    special = FORMATS[name].mutations
    draw = np.random.default_rng([seed, list(FORMATS).index(name), number])
    kinds = list(ANY.items()) if number % 2 else list(special.items())
    kind, mutation = kinds[number // 2 % len(kinds)]
    return kind, mutation(original, draw, trace)


def _limit_memory() -> None:
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = in_use + MEGABYTES_PER_READ * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _read_all(name: str, root: Path, numbers: list[int], seed: int, pipe) -> None:
    """In a process of its own: mutate, read, say what came of it."""
    form = FORMATS[name]
    path, trace = root / form.place, root.parent / "executed"
    original = path.read_bytes()
    expected = form.read(root)
    files = {number: mutated(name, original, number, seed, trace) for number in numbers}
    _limit_memory()
    warnings.simplefilter("error", RuntimeWarning)
    try:
        for number, (kind, content) in files.items():
            path.unlink()
            path.write_bytes(content)
            pipe.send((number, kind, "started"))
            pipe.send((number, kind, _outcome(form, root, expected, trace)))
    finally:
        path.unlink()
        path.write_bytes(original)
    pipe.send((-1, "", "whole"))


def _outcome(form: Format, root: Path, expected: object, trace: Path) -> str:
    try:
        result = form.read(root)
        outcome = "read" if result == expected else f"failure: read as {result}, not {expected}"
    except DataError as error:
        clear = str(error).startswith(str(root)) and "MemoryError" not in str(error) and len(str(error)) < 2000
        outcome = "clear error" if clear else f"failure: unclear error: {str(error)[:300]}"
    except BaseException as error:
        outcome = f"failure: {type(error).__name__}: {str(error)[:300]}"
    return "failure: code was executed" if trace.exists() else outcome


def outcomes(name: str, root: Path, count: int, seed: int, *, batch: int = 25) -> tuple[Counter, list[str]]:
    """How many of ``count`` mutations were read or refused clearly, and every failure in words."""
    counts, failures, left = Counter(), [], list(range(count))
    _bomb(), _archive_bomb()  # made once, before the processes part
    original = (root / FORMATS[name].place).read_bytes()
    while left:
        here, there = multiprocessing.Pipe(duplex=False)
        work = multiprocessing.get_context("fork").Process(
            target=_read_all, args=(name, root, left[:batch], seed, there)
        )
        work.start()
        there.close()
        current = (left[0], "before reading")
        try:
            while True:
                if not here.poll(SECONDS_PER_READ * (4 if current[1] == "before reading" else 1)):
                    raise TimeoutError
                number, kind, outcome = here.recv()
                if outcome == "whole":
                    break
                current = (number, kind)
                if outcome != "started":
                    left.remove(number)
                    counts[outcome.split(":")[0]] += 1
                    if outcome.startswith("failure"):
                        failures.append(f"{name} {number} ({kind}): {outcome}")
        except (EOFError, TimeoutError) as error:
            work.kill()
            work.join()
            how = "hangs" if isinstance(error, TimeoutError) else f"ends the process ({work.exitcode})"
            counts["failure"] += 1
            failures.append(f"{name} {current[0]} ({current[1]}): failure: {how}")
            left.remove(current[0])
            (root / FORMATS[name].place).unlink(missing_ok=True)
            (root / FORMATS[name].place).write_bytes(original)
        work.join()
        here.close()
    return counts, failures
