"""What runs on one thread does so whichever libraries were loaded since, and the threads come back."""

import sys

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from ufama import threads


def counts():
    return {library["filepath"]: library["num_threads"] for library in threadpool_info()}


def test_every_library_has_one_thread_inside_and_its_own_number_after():
    np.ones((2, 2)) @ np.ones((2, 2))
    with threadpool_limits(2):
        before = counts()
        with threads.one_thread():
            assert set(counts().values()) == {1}
        assert counts() == before and 2 in before.values()


def test_a_library_that_is_loaded_later_is_found(monkeypatch):
    """The handle is made anew when a module that loads one was imported."""
    threads._libraries.cache_clear()
    monkeypatch.delitem(sys.modules, "sklearn", raising=False)
    threads.one_thread()
    monkeypatch.setitem(sys.modules, "sklearn", np)
    threads.one_thread()
    assert threads._libraries.cache_info().misses == 2
