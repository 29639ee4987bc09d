"""Memory that a training step gives back is kept for the next one."""

import ctypes
import sys
from functools import lru_cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, malloc.h
_LARGEST = 32 * 2**20  # that glibc accepts for the second


@lru_cache(maxsize=1)
def keep_freed_memory() -> bool:
    """Ask the C library not to return freed memory to the system, for this process; False where it is not glibc.

    A step on a CPU allocates and frees the same few hundred tensors of some megabytes. By default each of them is
    mapped anew, and the system clears its pages: a tenth of a step.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt and mallopt(_MMAP_THRESHOLD, _LARGEST) and mallopt(_TRIM_THRESHOLD, 2**31 - 1))
