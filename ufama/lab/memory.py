"""Memory that a training step gives back is kept for the next one."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of mallopt, malloc.h


@lru_cache(maxsize=1)
def keep_freed_memory() -> bool:
    """Ask the C library not to return freed memory to the system, for this process; False where it is not glibc.

    A step on a CPU allocates and frees the same few hundred tensors of some megabytes. By default each of them is
    mapped anew, and the system clears its pages: a tenth of a step. What a process has once needed it therefore keeps.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt and mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, 2**31 - 1))


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
