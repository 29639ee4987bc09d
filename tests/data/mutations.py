"""Files of every format that is read, damaged in every kind of way, and what reading them comes to.

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
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.io import loadmat, savemat

from tests.data.damages import one_of
from ufama.data.layout import DataError
from ufama.data.releases.doctor import examine
from ufama.data.releases.recordings import MARKER, read_recordings
from ufama.data.two_modality import read_two_modality
from ufama.simulation.files import write_simulated

SECONDS_PER_READ = 60
MEGABYTES_PER_READ = 700
"""Beyond what the process has before it reads."""

RAW = "eeg_raw_data/1/2_20150915.mat"

Mutation = Callable[[bytes, np.random.Generator, Path], bytes]
"""Called as mutation(content, draw, trace): a command that is run would make the folder ``trace``."""


# any file --------------------------------------------------------------------------------------------


def flipped(content: bytes, draw: np.random.Generator, _: Path | None = None) -> bytes:
    changed = np.frombuffer(content, np.uint8).copy()
    most = one_of((400, len(changed)), draw)  # headers are short
    places = draw.integers(0, min(most, len(changed)), draw.integers(1, 17))
    changed[places] ^= draw.integers(1, 256, len(places)).astype(np.uint8)
    return changed.tobytes()


def truncated(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    return content[: draw.integers(0, len(content))]


def overwritten(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    """With zeros or with noise."""
    start, length = draw.integers(0, len(content)), int(draw.integers(1, 4096))
    new = one_of((bytes(length), draw.bytes(length)), draw)[: len(content) - start]
    return content[:start] + new + content[start + length :]


def replaced(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    return one_of((b"", b"<html>404</html>", bytes(len(content)), b"\x93NUMPY", b"\x80\x04.", b"{}", b"PK\3\4"), draw)


ANY: dict[str, Mutation] = {
    "flipped": flipped, "truncated": truncated, "overwritten": overwritten, "replaced": replaced,
}  # fmt: skip

ODD_VALUES = (
    lambda values: values.astype("U8"),
    lambda values: values + 1j,
    lambda values: values.astype(np.float16),
    lambda values: values.astype(bool),
    lambda values: values.T,
    lambda values: values[:0],
    lambda values: values.ravel(),
    lambda values: np.float64(3),
    lambda values: np.full_like(values, np.nan, dtype=float),
    lambda values: np.full_like(values, 1e300, dtype=float),
    lambda values: np.zeros((2, 2), [("a", "f8"), ("b", "i4")]),
)


def odd_value(content: dict, draw: np.random.Generator) -> None:
    """One of the named arrays has another type or shape, or values that cannot be."""
    name = one_of([name for name in content if "movingAve" not in name and "psd" not in name], draw)
    values = np.asarray(content[name])
    content[name] = one_of(ODD_VALUES, draw)(values if values.dtype.kind in "biuf" else np.arange(12.0).reshape(4, 3))


def rewritten(load: Callable[[bytes], dict], dump: Callable[[dict], bytes]) -> Mutation:
    """An odd value in a file that is otherwise whole."""

    def mutation(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
        values = load(content)
        odd_value(values, draw)
        return dump(values)

    return mutation


# .mat ------------------------------------------------------------------------------------------------


def _loaded_mat(content: bytes) -> dict:
    return {name: value for name, value in loadmat(io.BytesIO(content)).items() if not name.startswith("__")}


def _written(write: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def _element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def _matrix(name: str, number: int, sizes: tuple[int, ...], values: bytes, declared: int | None = None) -> bytes:
    head = _element(6, struct.pack("<II", number, 0)) + _element(5, struct.pack(f"<{len(sizes)}i", *sizes))
    body = head + _element(1, name.encode()) + values
    return struct.pack("<II", 14, len(body) if declared is None else declared) + body


def declared_huge(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    """A variable whose header declares what the file does not hold, plain or compressed."""
    shape = one_of(((2**31 - 1, 8), (62, 2**30, 5), (65536, 65536), (-1, 5), (0, 0), (2**15,) * 4, (1,) * 40), draw)
    values = struct.pack("<II", 9, one_of((64, 2**31, 2**32 - 1), draw)) + bytes(64)
    matrix = _matrix(one_of(("eye_1", "de_LDS1", "cz_eeg1"), draw), 6, shape, values)
    if draw.integers(2):
        packed = zlib.compress(matrix)
        matrix = struct.pack("<II", 15, one_of((len(packed), 2**32 - 8), draw)) + packed
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
    depth = int(draw.integers(1, 60_000))
    head = _element(6, struct.pack("<II", 1, 0)) + _element(5, struct.pack("<ii", 1, 1)) + _element(1, b"eye_1")
    lengths = [(level + 1) * (len(head) + 8) for level in range(depth)]
    nested = b"".join(struct.pack("<II", 14, length - 8) + head for length in reversed(lengths))
    return content[:128] + nested + content[128:]


def another_version(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    version_4 = struct.pack("<5i", 0, 31, 42, 0, 6) + b"eye_1\0" + bytes(8 * 31 * 42)
    heads = (b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM", b"\x89HDF\r\n\x1a\n".ljust(128), content[:124] + b"\1\0MI")
    return one_of((version_4, *(head + content[128:] for head in heads)), draw)


MAT: dict[str, Mutation] = {
    "odd value": rewritten(_loaded_mat, lambda values: _written(lambda file: savemat(file, values))),
    "declared huge": declared_huge,
    "cells in cells": cells_in_cells,
    "another version": another_version,
}


# pickles ---------------------------------------------------------------------------------------------


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def hostile_pickle(content: bytes, draw: np.random.Generator, trace: Path) -> bytes:
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
    return b"\x80\x04}" + _text("train_data_eye") + one_of(bodies, draw) + b"s."


PICKLE: dict[str, Mutation] = {"odd value": rewritten(pickle.loads, pickle.dumps), "hostile pickle": hostile_pickle}


# .npz ------------------------------------------------------------------------------------------------


def _loaded_npz(content: bytes) -> dict:
    with np.load(io.BytesIO(content)) as archive:
        return dict(archive)


def _written_npz(values: dict) -> bytes:
    return _written(lambda file: np.savez_compressed(file, **values))


def damaged_member(change: Callable[[bytes, np.random.Generator], bytes]) -> Mutation:
    """Change the bytes of a member, with the archive around it whole, so that no checksum helps."""

    def mutation(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = one_of(list(members), draw)
        return _archive(members | {name: change(members[name], draw)})

    return mutation


def _archive(members: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in members.items():
            archive.writestr(name, values)
    return written.getvalue()


def npy(header: str, values: bytes) -> bytes:
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + values


def odd_header(_: bytes, draw: np.random.Generator) -> bytes:
    headers = (
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': '|S2000000000', 'fortran_order': False, 'shape': ()}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f8', 'fortran_order': 3, 'shape': 'x'}",
        "{'descr': [('a', '<f8'), ('b', '|O')], 'fortran_order': False, 'shape': (1,)}",
        "__import__('os').mkdir('executed')",
        "(" * 5000,
        "",
    )
    return npy(one_of(headers, draw), bytes(64))


@cache
def _archive_bomb() -> bytes:
    """A member of half a gigabyte, packed into half a megabyte."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({2**29},)}}"
    return _archive({"modality_a.npy": npy(header, bytes(2**29))})


def hostile_bands(content: bytes, draw: np.random.Generator, trace: Path) -> bytes:
    return _written_npz(_loaded_npz(content) | {"train_data": hostile_pickle(b"", draw, trace)})


NPZ: dict[str, Mutation] = {
    "odd value": rewritten(_loaded_npz, _written_npz),
    "odd header": damaged_member(odd_header),
    "flipped member": damaged_member(flipped),
}


# JSON and Parquet ------------------------------------------------------------------------------------


def odd_entry(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    marker = json.loads(content)
    value = one_of((None, 3, [], {}, "text", True, [[[]]], {"a": {}}, float("nan"), 10**400), draw)
    changes = [{name: value} for name in ("files", "fingerprint", "dataset", "subjects", "settings")]
    return json.dumps(marker | one_of([*changes, {"files": dict.fromkeys(marker["files"], value)}], draw)).encode()


def nested_json(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    depth = int(draw.integers(900, 200_000))
    return one_of((b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth, b"null", b"9" * 5000), draw)


def odd_table(content: bytes, draw: np.random.Generator, _: Path) -> bytes:
    """A Parquet table with a column or a fact that cannot be."""
    frame = pd.read_parquet(io.BytesIO(content))
    rows = len(frame)
    columns = (["text"] * rows, [None] * rows, np.full(rows, np.nan), [[1.0, 2.0]] * rows, [b"x"] * rows,
               pd.Categorical(["a"] * rows), pd.to_datetime(np.arange(rows)), np.full(rows, 2**62))  # fmt: skip
    if draw.integers(2):
        frame[one_of(frame.columns, draw)] = one_of(columns, draw)
    else:
        fact = one_of(("class_names", "name", "window_seconds", "licence", "simulated", "notes"), draw)
        frame.attrs[fact] = one_of((3, ["a"], None, {"x": 1}, "text", [3], -1.0, [[]]), draw)
    return _written(frame.to_parquet)


# reading ---------------------------------------------------------------------------------------------


def _shapes(windows) -> tuple:
    assert np.isfinite(windows.eeg).all() and np.isfinite(windows.eye).all()
    return windows.eeg.shape, windows.eye.shape


def _read_set(dataset: str, subject: int, root: Path) -> object:
    """The reader, which refuses exactly where the doctor finds an error."""
    errors = examine(root, dataset).count("error")
    try:
        shapes = _shapes(read_recordings(dataset, root, subjects=[subject]))
    except DataError as error:
        if not errors:
            raise AssertionError(f"refused, but the doctor finds nothing: {error}") from error
        raise
    if errors:
        raise AssertionError("read, but the doctor finds an error")
    return shapes


def _read_table(name: str, root: Path) -> object:
    return _shapes(read_two_modality(root / name))


def _read_raw(root: Path) -> object:
    from ufama.data.signals.eeg_files import find_raw, raw_trials

    examine(root)
    (recording,) = find_raw("seed_iv", root, subjects=[2], sessions=[1])
    signals = list(raw_trials(recording))
    assert all(np.isfinite(values).all() for _, values in signals)
    return [(trial, values.shape) for trial, values in signals]


class Format(NamedTuple):
    """The file in the folder ``root``, how that is read (returning shapes), and the mutations that only it can have."""

    root: str
    place: str
    read: Callable[[Path], object]
    mutations: dict[str, Mutation]


SEED_EEG = "SEED_Multimodal/Chinese/02-EEG-DE-feature/eeg_used_4s/1_1.npz"
SEED_EYE = "SEED_Multimodal/Chinese/04-Eye-tracking-feature/eye_tracking_feature/1_1"
BOMB: dict[str, Mutation] = {"bomb": lambda content, draw, trace: _archive_bomb()}

_read_seed, _read_seed_iv = partial(_read_set, "seed", 1), partial(_read_set, "seed_iv", 2)
FORMATS = {
    "SEED-IV EEG .mat": Format(
        "seed_iv", "eeg_feature_smooth/1/2_20150915.mat", _read_seed_iv, MAT | {"compressed bomb": compressed_bomb}
    ),
    "SEED-IV eye .mat": Format("seed_iv", "eye_feature_smooth/1/2_20150915.mat", _read_seed_iv, MAT),
    "raw EEG .mat": Format("raw", RAW, _read_raw, MAT),
    "SEED EEG .npz": Format("seed", SEED_EEG, _read_seed, NPZ | {"hostile bands": hostile_bands}),
    "SEED eye pickle": Format("seed", SEED_EYE, _read_seed, PICKLE),
    "two-modality .npz": Format("tables", "own.npz", partial(_read_table, "own.npz"), NPZ | BOMB),
    "two-modality .parquet": Format(
        "tables", "own.parquet", partial(_read_table, "own.parquet"), {"odd table": odd_table}
    ),
    "SIMULATED.json": Format("marked", MARKER, _read_seed, {"odd entry": odd_entry, "nested": nested_json}),
}
"""Every format that is read from outside."""


def write_healthy(folder: Path) -> None:
    """The healthy folder of each format."""
    for dataset, subject in (("seed", 1), ("seed_iv", 2)):
        root = write_simulated(dataset, folder / dataset, subjects=[subject])
        if dataset == "seed":
            shutil.copytree(root, folder / "marked", copy_function=os.link)
        (root / MARKER).unlink()
    _write_raw(folder / "raw")
    _write_tables(folder / "tables")


def _write_raw(root: Path) -> None:
    """The beginnings of 24 trials, noise only, where the signals of subject 2, session 1 belong."""
    draw = np.random.default_rng(1)
    (root / RAW).parent.mkdir(parents=True)
    trials = {f"ha_eeg{trial}": draw.normal(0, 30, (62, 200 * 4 + 1)) for trial in range(1, 25)}
    savemat(root / RAW, trials, do_compression=True)
    marker = {"dataset": "seed_iv", "fingerprint": "noise", "files": {}}
    (root / MARKER).write_text(json.dumps(marker))  # simulated signals may be shorter than their clips


def _write_tables(folder: Path) -> None:
    draw, rows = np.random.default_rng(2), 60
    folder.mkdir()
    trial = np.arange(rows) // 5
    numbers = {"label": trial % 3, "subject": trial // 6 + 1, "session": np.ones(rows, int), "trial": trial + 1}
    eeg, eye = draw.normal(size=(rows, 4, 2)), draw.normal(size=(rows, 3))
    np.savez(folder / "own.npz", modality_a=eeg, modality_b=eye, class_names=["a", "b", "c"], **numbers)
    columns = {f"a/{token}/{name}": eeg[:, token, place] for token in range(4) for place, name in enumerate("xy")}
    frame = pd.DataFrame(numbers | columns | {f"b/{place}": eye[:, place] for place in range(3)})
    frame.attrs["class_names"] = ["a", "b", "c"]
    frame.to_parquet(folder / "own.parquet")


# the run ---------------------------------------------------------------------------------------------


def mutated(name: str, original: bytes, number: int, seed: int, trace: Path) -> tuple[str, bytes]:
    """The numbered mutation of a format: its kind, and the file. Kinds take turns."""
    draw = np.random.default_rng([seed, list(FORMATS).index(name), number])
    kinds = list((ANY | FORMATS[name].mutations).items())
    kind, mutation = kinds[number % len(kinds)]
    return kind, mutation(original, draw, trace)


def _read_all(form: Format, root: Path, files: dict[int, tuple[str, bytes]], pipe) -> None:
    """In a process of its own: read each file, say what came of it."""
    path, trace = root / form.place, root.parent / "executed"
    expected = form.read(root)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + MEGABYTES_PER_READ * 2**20,) * 2)
    warnings.simplefilter("error", RuntimeWarning)
    for number, (_, content) in files.items():
        path.unlink()
        path.write_bytes(content)
        pipe.send((number, None))
        pipe.send((number, _outcome(form, root, expected, trace)))


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


def outcomes(name: str, folder: Path, count: int, seed: int, *, batch: int = 25) -> tuple[Counter, list[str]]:
    """How many of ``count`` mutations were read or refused clearly, and every failure in words."""
    form, kinds, results = FORMATS[name], {}, {}
    root = folder / form.root
    original = (root / form.place).read_bytes()
    while left := [number for number in range(count) if number not in results][:batch]:
        files = {number: mutated(name, original, number, seed, folder / "executed") for number in left}
        kinds |= {number: kind for number, (kind, _) in files.items()}
        here, there = multiprocessing.Pipe(duplex=False)
        work = multiprocessing.get_context("fork").Process(target=_read_all, args=(form, root, files, there))
        work.start()
        there.close()
        current = left[0]
        try:
            while here.poll(SECONDS_PER_READ):
                current, outcome = here.recv()
                if outcome:
                    results[current] = outcome
            how = "hangs"
        except EOFError:
            how = "ends the process"
        work.kill()
        work.join()
        here.close()
        (root / form.place).unlink(missing_ok=True)
        (root / form.place).write_bytes(original)
        if left[-1] not in results:
            results[current] = f"failure: {how}"
    failures = [f"{name} {n} ({kinds[n]}): {words}" for n, words in results.items() if words.startswith("failure")]
    return Counter(words.split(":")[0] for words in results.values()), failures
