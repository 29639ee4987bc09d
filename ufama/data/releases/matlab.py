"""MATLAB level-5 files (saved with -v6 or -v7), one variable at a time and without trust.

``scipy.io.loadmat`` allocates what a header declares, and follows cells in cells as deep as they go: a damaged or
hostile file can take all memory or end the process. Here every declared size is compared with the bytes that are
there, and with `LARGEST_VARIABLE`, before anything is built. Numbers and cells of numbers are all that is read; that
is all that SEED and SEED-IV hold. The format: MathWorks, "MAT-File Format" (level 5).
"""

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ufama.data.releases.findings import FileError, unreadable

LARGEST_VARIABLE = 2**28
"""Bytes; a variable that declares more is refused. The longest raw trial of both sets has 26 million."""

ByteOrder = Literal["<", ">"]

_DEEPEST_CELL = 4
_HEADER_BYTES = 128
_LARGEST_ARRAY_HEADER = 4096  # flags, sizes and name; MATLAB's names end after 63 characters
_COMPRESSED, _MATRIX = 15, 14
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_NUMBERS = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_OTHER_KINDS = {1: "cells", 2: "a structure", 3: "an object", 4: "text", 5: "a sparse matrix", 16: "a function"}


class MatlabError(FileError):
    """A .mat that cannot be read."""


class _BrokenError(Exception):
    """Sizes that contradict each other or the file."""


@dataclass(frozen=True)
class Variable:
    """One variable: its name, what it holds ("numbers", "cells", "text", ...) and its shape; the values on demand."""

    name: str
    kind: str
    shape: tuple[int, ...]
    _path: Path
    _dtype: str
    _order: ByteOrder
    _values: Callable[[], memoryview]
    _depth: int = 0

    def array(self) -> np.ndarray:
        """The numbers, in the type they were saved from. Raises MatlabError where there are none or they are cut."""
        if self.kind != "numbers":
            raise MatlabError(self._path, "wrong-type", f"{self.name} holds {self.kind}", "an array of numbers")
        try:
            stored, content, _ = _element(self._values(), 0, self._order)
            if stored not in _STORED:
                raise _BrokenError(f"stored as type {stored}")
            values = np.frombuffer(content, np.dtype(_STORED[stored]).newbyteorder(self._order))
            if len(values) != math.prod(self.shape):
                raise _BrokenError(f"{len(values)} values for {self.shape}")
        except (_BrokenError, zlib.error, struct.error, ValueError) as error:
            raise _damaged(self._path, f"{self.name}: {error}") from None
        with np.errstate(all="ignore"):
            return values.astype(self._dtype).reshape(self.shape, order="F")

    def cells(self) -> list["Variable"]:
        """The variables in a cell array, in MATLAB's order. Raises MatlabError for anything else."""
        if self.kind != "cells":
            raise MatlabError(self._path, "wrong-type", f"{self.name} holds {self.kind}", "cells")
        try:
            if self._depth >= _DEEPEST_CELL:
                raise _BrokenError("cells in cells")
            content, place, cells = self._values(), 0, []
            while place < len(content):
                kind, inner, place = _element(content, place, self._order)
                if kind != _MATRIX:
                    raise _BrokenError(f"type {kind} in a cell")
                cells.append(_variable(self._path, inner, self._order, depth=self._depth + 1))
            if len(cells) != math.prod(self.shape):
                raise _BrokenError(f"{len(cells)} cells for {self.shape}")
        except (_BrokenError, zlib.error, struct.error, ValueError) as error:
            raise _damaged(self._path, f"{self.name}: {error}") from None
        return cells


def mat_variables(path: str | Path) -> Iterator[Variable]:
    """The variables of a level-5 .mat in file order; only what is asked of them is read.

    Raises MatlabError for a damaged file (on reaching the damage) and for one of MATLAB 7.3, FileError for one that
    may not be read, OSError for one that cannot be opened otherwise.
    """
    path = Path(path)
    try:
        size, opened = path.stat().st_size, path.open("rb")
    except PermissionError:
        raise unreadable(path) from None
    with opened as file:
        order = _byte_order(path, file.read(_HEADER_BYTES))
        place = _HEADER_BYTES
        while place < size:
            file.seek(place)
            tag = file.read(8)
            if len(tag) < 8:
                raise _damaged(path, "it ends early")
            kind, length = struct.unpack(f"{order}II", tag)
            if length > size - place - 8:
                raise _damaged(path, "it ends early")
            try:
                if kind == _COMPRESSED:
                    variable = _compressed(path, place + 8, length, order)
                elif kind == _MATRIX and length <= LARGEST_VARIABLE:
                    variable = _variable(path, memoryview(file.read(length)), order)
                else:
                    raise _BrokenError(f"an element of type {kind} and {length} bytes")
            except (_BrokenError, zlib.error, struct.error, ValueError) as error:
                raise _damaged(path, str(error)) from None
            yield variable
            place += 8 + length


def _damaged(path: Path, what: str) -> MatlabError:
    return MatlabError(path, "damaged-file", f"damaged or cut short ({what})", "a whole level-5 .mat")


def _byte_order(path: Path, header: bytes) -> ByteOrder:
    if header.startswith((b"MATLAB 7.3", b"\x89HDF")):
        raise MatlabError(
            path, "matlab-7.3", "a MATLAB 7.3 (HDF5) file", "level 5 as released", "Save it again with -v7."
        )
    orders: dict[bytes, ByteOrder] = {b"IM": "<", b"MI": ">"}
    if len(header) < _HEADER_BYTES or header[126:] not in orders:
        raise _damaged(path, "not the beginning of a .mat" if header else "an empty file")
    return orders[header[126:]]


def _element(content: memoryview, place: int, order: ByteOrder) -> tuple[int, memoryview, int]:
    """Type and content of the element at ``place``, and where the next one begins."""
    if place + 8 > len(content):
        raise _BrokenError("it ends early")
    kind, length = struct.unpack_from(f"{order}II", content, place)
    if kind >> 16:  # up to four bytes, inside the tag itself
        kind, length = kind & 0xFFFF, kind >> 16
        if length > 4:
            raise _BrokenError(f"a small element of {length} bytes")
        return kind, content[place + 4 : place + 4 + length], place + 8
    if length > len(content) - place - 8:
        raise _BrokenError("it ends early")
    padding = -length % 8 if kind != _COMPRESSED else 0
    return kind, content[place + 8 : place + 8 + length], place + 8 + length + padding


def _variable(path: Path, content: memoryview, order: ByteOrder, *, depth: int = 0) -> Variable:
    if not len(content):  # an empty cell
        nothing = memoryview(struct.pack(f"{order}II", 9, 0))
        return Variable("", "numbers", (0, 0), path, "f8", order, lambda: nothing, depth)
    return _described(path, content, order, lambda place: content[place:], depth)


def _described(
    path: Path, content: memoryview, order: ByteOrder, values: Callable[[int], memoryview], depth: int = 0
) -> Variable:
    """The variable with the array header at the beginning of ``content``; ``values`` are asked for by their place."""
    _, flags, place = _element(content, 0, order)
    if len(flags) != 8:
        raise _BrokenError("array flags")
    word = struct.unpack(f"{order}I", flags[:4])[0]
    _, sizes, place = _element(content, place, order)
    if len(sizes) % 4 or not 8 <= len(sizes) <= 128:
        raise _BrokenError("array sizes")
    shape = struct.unpack(f"{order}{len(sizes) // 4}i", sizes)
    if min(shape) < 0 or math.prod(shape) > LARGEST_VARIABLE:
        raise _BrokenError(f"a size of {shape}")
    _, name, place = _element(content, place, order)
    number, complex_values = word & 0xFF, word & 0x800
    numbers = "complex numbers" if complex_values else "numbers"
    kind = numbers if number in _NUMBERS else _OTHER_KINDS.get(number, f"something of class {number}")
    text = bytes(name).decode("ascii", "replace")
    return Variable(text, kind, shape, path, _NUMBERS.get(number, ""), order, lambda: values(place), depth)


def _compressed(path: Path, start: int, length: int, order: ByteOrder) -> Variable:
    """Expands the header only; the values on demand. The trailing checksum is not looked at: released files fail it."""

    def expanded(most: int) -> memoryview:
        with path.open("rb") as file:
            file.seek(start + 2)  # behind zlib's own header: raw deflate has no checksum
            return memoryview(zlib.decompressobj(-15).decompress(file.read(max(0, length - 2)), most))

    beginning = expanded(8 + _LARGEST_ARRAY_HEADER)
    if len(beginning) < 8:
        raise _BrokenError("it ends early")
    kind, size = struct.unpack_from(f"{order}II", beginning)
    if kind != _MATRIX or size > LARGEST_VARIABLE:
        raise _BrokenError(f"a compressed element of type {kind} and {size} bytes")

    def values(place: int) -> memoryview:
        content = expanded(8 + size)
        if len(content) < 8 + size:
            raise _BrokenError("it ends early")
        return content[8 + place :]

    return _described(path, beginning[8:], order, values)
