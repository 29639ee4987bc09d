"""Opening .npz, .mat and pickled files without trust: arrays are built, nothing else can run.

Every size that a file declares is compared with the bytes that are there before anything of that size is built.
"""

import io
import math
import pickle
import pickletools
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ufama.data.releases.findings import FileError, unreadable

# pickles ---------------------------------------------------------------------------------------------

_MOST_PICKLE_STEPS = 100_000
"""A released pickle takes a few dozen; each may only ask for a place in the memory of steps up to this number."""


class _ForbiddenNameError(pickle.UnpicklingError):
    """The name that a pickle asks for."""


class _Callable:
    """What a pickle may call. It cannot be changed from within the pickle."""

    __slots__ = ("_function",)

    def __init__(self, function):
        self._function = function

    def __call__(self, *arguments):
        return self._function(*arguments)

    def __setstate__(self, state):
        raise pickle.UnpicklingError("a part that is set")


class _Number:
    """Stands for numpy.dtype, whose own state could make numpy read memory that is not the array's."""

    def __init__(self, code, *_):
        code = code.decode("latin1") if isinstance(code, bytes) else code
        if not re.fullmatch(r"[biufc]\d{1,2}|[SU]\d{1,9}", code):
            raise pickle.UnpicklingError(f"values of type {code[:20]!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state):
        if state[2:5] != (None, None, None):
            raise pickle.UnpicklingError("values of several fields")
        if state[1] in "<>":
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands for an array until the whole pickle is read."""

    values: Any = None

    def __init__(self, *_):
        """Pickles name a type, a shape and a code, all of which come again with the content."""

    def fill(self, content: bytes, number: _Number, shape: tuple, order: Literal["C", "F"]) -> "_Array":
        if isinstance(content, str):  # how Python 2 stored bytes
            content = content.encode("latin1")
        self.values = np.frombuffer(content, number.dtype).reshape(shape, order=order)
        return self

    def __setstate__(self, state):
        _, shape, number, by_columns, content = state
        self.fill(content, number, shape, "F" if by_columns else "C")


def _array(content: bytes, number: _Number, shape: tuple, order: Literal["C", "F"]) -> _Array:
    return _Array().fill(content, number, shape, order)


def _scalar(number: _Number, content: bytes):
    return _array(content, number, (), "C").values[()]


class _ArrayUnpickler(pickle.Unpickler):
    """Builds arrays of numbers or text, numbers, text and their containers; looks up nothing else, so nothing else
    can run."""

    def __init__(self, content: bytes):
        super().__init__(io.BytesIO(content), encoding="latin1")
        self._left = len(content)  # what is spelled out in a pickle is never longer than the pickle
        self._callables = {"numpy.ndarray": _Callable(_Array), "numpy.dtype": _Callable(_Number)}
        for core in ("numpy.core", "numpy._core"):  # numpy 1 and 2 name the same functions differently
            self._callables |= {
                f"{core}.multiarray._reconstruct": _Callable(_Array),
                f"{core}.multiarray.scalar": _Callable(_scalar),
                f"{core}.numeric._frombuffer": _Callable(_array),
            }
        self._callables["_codecs.encode"] = _Callable(self._latin1)

    def find_class(self, module: str, name: str):
        if f"{module}.{name}" not in self._callables:
            raise _ForbiddenNameError(f"{module}.{name}")
        return self._callables[f"{module}.{name}"]

    def _latin1(self, text: str, encoding: str = "latin1") -> bytes:
        """How old pickle protocols store bytes."""
        if encoding not in ("latin1", "latin-1"):
            raise _ForbiddenNameError(f"an encoding {encoding!r}")
        self._left -= len(text)
        if self._left < 0:
            raise pickle.UnpicklingError("more bytes than the file has")
        return text.encode("latin1")


def _pickle_steps_checked(content: bytes) -> None:
    for number, (step, argument, _) in enumerate(pickletools.genops(content)):
        place = argument if isinstance(argument, int) and step.name in ("PUT", "BINPUT", "LONG_BINPUT") else 0
        if max(number, place) >= _MOST_PICKLE_STEPS:
            raise pickle.UnpicklingError("too many steps")


def unpickled(content: bytes, path: Path, what: str) -> dict:
    """The dictionary of arrays in a pickle. Raises FileError for a damaged one and for one that asks for code."""
    try:
        _pickle_steps_checked(content)
        value = _ArrayUnpickler(content).load()
    except _ForbiddenNameError as error:
        raise FileError(
            path,
            "code-in-pickle",
            f"{what} asks for {error}, which is not part of an array; nothing was executed",
            "arrays only",
            "Do not use this file; copy it again from the release.",
        ) from None
    except Exception as error:  # a damaged pickle can fail in any way
        raise FileError(
            path, "damaged-file", f"{what} is damaged or cut short ({type(error).__name__})", "a whole pickle of arrays"
        ) from error
    if not isinstance(value, dict):
        kind = type(value.values if isinstance(value, _Array) else value).__name__
        raise FileError(path, "damaged-file", f"{what} holds a {kind}", "a dictionary of arrays")
    return {name: part.values if isinstance(part, _Array) else part for name, part in value.items()}


# archives --------------------------------------------------------------------------------------------

LARGEST_UNPACKED = 2**28
"""Bytes. An archive may unpack to more only if that is less than a hundred times its own size."""


def npz_members(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """The named members of an .npz, never unpickling."""
    try:
        _unpacked_size_checked(path)
        with np.load(path, allow_pickle=False) as archive:
            present = list(archive.files)
            members = {}
            for name in (*required, *optional):
                if name in present:
                    _member_size_checked(archive.zip, name)
                    members[name] = archive[name]
    except PermissionError:
        raise unreadable(path) from None
    except Exception as error:  # a damaged archive can fail in any way
        raise FileError(
            path,
            "damaged-file",
            f"damaged, cut short or holds Python objects ({type(error).__name__})",
            "a whole .npz of plain arrays",
            "Copy or write the file again.",
        ) from error
    missing = [name for name in required if name not in members]
    if missing:
        raise FileError(
            path,
            "missing-part",
            f"the file has no {', '.join(missing)}",
            f"{', '.join(required)}; there is {', '.join(present)}",
            "Copy or write the file again.",
        )
    return members


def _unpacked_size_checked(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > max(LARGEST_UNPACKED, 100 * path.stat().st_size):
        raise ValueError(f"unpacks to {size} bytes")


def _member_size_checked(archive: zipfile.ZipFile, name: str) -> None:
    """The array's declared size against the member's."""
    member = archive.getinfo(name if name in archive.namelist() else f"{name}.npy")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[
            version
        ]
        shape, _, dtype = read_header(file)
        declared, held = math.prod(shape) * dtype.itemsize, member.file_size - file.tell()
    if declared != held and not dtype.hasobject:
        raise ValueError(f"{name} declares {declared} bytes and holds {held}")


# checking what is read -------------------------------------------------------------------------------


def numeric(values, path: str | Path, what: str) -> np.ndarray:
    """As float64. What single precision cannot hold counts as infinite: `Windows` are single precision."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        kind = f"{values.dtype} values" if isinstance(values, np.ndarray) else f"a {type(values).__name__}"
        raise FileError(path, "wrong-type", f"{what} holds {kind}", "an array of numbers")
    numbers = values.astype(np.float64)
    numbers[np.abs(numbers) > np.finfo(np.float32).max] = np.inf
    return numbers
