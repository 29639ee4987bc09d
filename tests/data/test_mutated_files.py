"""Damaged and hostile files of every format: one clear error or a correct read, and the doctor of the same opinion.
benchmarks/mutated_files.py tries many more of them."""

import pytest

from tests.data import mutations

COUNT = 24
SLOW = [name for name in mutations.FORMATS if name.endswith((".mat", ".npz"))]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutated")
    mutations.write_healthy(folder)
    return folder


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in mutations.FORMATS]
)
def test_a_mutated_file_is_a_clear_error_or_is_read_correctly(name, healthy):
    counts, failures = mutations.outcomes(name, healthy, COUNT, seed=1, batch=COUNT)
    assert failures == []
    assert counts["clear error"] + counts["read"] == COUNT
    assert counts["clear error"] > COUNT / 4
