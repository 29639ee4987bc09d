"""What a process does to its own memory while it trains."""

import ctypes
import gc
import sys

import pytest
import torch

from ufama.lab.memory import keep_freed_memory, map_large_blocks, without_collection

LIBRARY = ctypes.CDLL(None)


class Counts(ctypes.Structure):
    """struct mallinfo2 of malloc.h."""

    names = ("arena", "free", "fast", "mapped", "mapped_bytes", "a", "b", "used", "unused", "top")
    _fields_ = [(name, ctypes.c_size_t) for name in names]  # noqa: RUF012 - as ctypes wants it


@pytest.mark.skipif(not hasattr(LIBRARY, "mallinfo2"), reason="counts of the C library glibc, 2.33 or newer")
def test_large_blocks_are_mapped_apart_until_freed_memory_is_kept():
    LIBRARY.mallinfo2.restype = Counts

    def mapped_by(megabytes):
        before = LIBRARY.mallinfo2().mapped
        tensor = torch.empty(megabytes, 2**18)
        return LIBRARY.mallinfo2().mapped - before, tensor

    try:
        assert map_large_blocks()
        assert mapped_by(40)[0] == 1
        assert keep_freed_memory()
        assert mapped_by(40)[0] == 0
        assert map_large_blocks(), "a second stack begins like the first"
        assert mapped_by(40)[0] == 1
    finally:
        keep_freed_memory()


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
