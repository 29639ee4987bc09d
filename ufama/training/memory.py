"""Memory that a training step gives back is kept for the next one, in one place."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # of mallopt, malloc.h
_LARGE = 128 * 1024  # bytes: glibc's own bound, which it would raise by itself
_VERY_LARGE = 24 * 1024**2  # bytes: above every tensor of a step of four runs, the smallest usual stack on a CPU


def map_large_blocks() -> bool:
    """Ask the C library to map every large block by itself, for this process; False where it is not glibc.

    Called before a stack is built and its first step is done: weights, moments and what the libraries keep from then on
    do not lie between the tensors that every step allocates. In pieces, that memory would have to grow by a sixth.
    """
    return _set({_MMAP_THRESHOLD: _LARGE, _MMAP_MAX: 65536})


def keep_freed_memory() -> bool:
    """Ask the C library not to return freed memory to the system, for this process; False where it is not glibc.

    A step on a CPU allocates and frees the same few hundred tensors of some megabytes. By default each of them is
    mapped again, and the system clears its pages: a tenth of a step. What a process has once needed it therefore keeps.
    Tensors of more than 24 MiB, as stacks of many runs have, are still mapped one by one: kept in one place, they leave
    gaps that others do not fit in, of up to half of what is in use.
    """
    return _set({_MMAP_THRESHOLD: _VERY_LARGE, _TRIM_THRESHOLD: 2**31 - 1})


def _set(options: dict[int, int]) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(option, value) for option, value in options.items())


@contextmanager
def without_collection() -> Iterator[None]:
    """Python's search for cycles waits: steps make thousands of objects and no cycles, and the search goes through
    every module that is loaded."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
