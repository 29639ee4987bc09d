"""What a process does to its own memory while it trains."""

import ctypes
import gc
import subprocess
import sys

import pytest

from ufama.training.memory import keep_freed_memory, map_large_blocks, without_collection

COUNT = """
import ctypes, torch
from ufama.training.memory import keep_freed_memory, map_large_blocks

class Counts(ctypes.Structure):  # mallinfo2 of malloc.h
    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "free", "fast", "mapped", *"abcdef")]

library = ctypes.CDLL(None)
library.mallinfo2.restype = Counts

def mapped(megabytes):
    before = library.mallinfo2().mapped
    tensor = torch.empty(megabytes, 2**18)
    return library.mallinfo2().mapped - before

print(map_large_blocks(), mapped(8), mapped(40), keep_freed_memory(), mapped(8), mapped(40))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="counts of the C library glibc, 2.33 or newer")
def test_large_blocks_are_mapped_apart_until_freed_memory_is_kept_and_very_large_ones_always():
    """In a process of its own: where a heap has room already, nothing is mapped."""
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "1", "1", "True", "0", "1"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing can be asked for")
def test_another_c_library_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not map_large_blocks()
    assert not keep_freed_memory()


@pytest.mark.parametrize("collecting", [True, False])
def test_the_search_for_cycles_goes_on_as_before_even_after_a_failure(collecting):
    (gc.enable if collecting else gc.disable)()
    try:
        with pytest.raises(ValueError, match="stopped"), without_collection():
            assert not gc.isenabled()
            raise ValueError("stopped")
        assert gc.isenabled() == collecting
    finally:
        gc.enable()
