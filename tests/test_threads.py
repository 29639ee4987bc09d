"""What runs on one thread does so whichever libraries were loaded since, and the threads come back."""

import subprocess
import sys

PROGRAM = """
import numpy, scipy.linalg, sklearn, torch
from threadpoolctl import threadpool_info, threadpool_limits
from ufama.threads import one_thread

def counts():
    return {library["filepath"]: library["num_threads"] for library in threadpool_info()}

with one_thread():
    first = counts()
import skada  # the wheel of POT, on which it builds, brings an OpenMP of its own
with threadpool_limits(2):
    before = counts()
    assert len(before) > len(first), "no library was loaded since; choose another module for this test"
    with one_thread():
        inside = counts()
    assert set(inside) == set(before) and set(inside.values()) == {1}, inside
    assert counts() == before and 2 in before.values(), before
"""


def test_every_library_has_one_thread_inside_and_its_own_number_after():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
