"""Damaged and hostile files of every format: one clear error or a correct read. benchmarks/mutated_files.py tries many
more of them."""

import importlib.util
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("mutations", Path(__file__).with_name("mutations.py"))
mutations = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(mutations)

COUNT = 24


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    return mutations.load_scaled(tmp_path_factory.mktemp("mutated"))


@pytest.mark.parametrize("name", mutations.FORMATS)
def test_a_mutated_file_is_a_clear_error_or_is_read_correctly(name, roots):
    counts, failures = mutations.outcomes(name, roots[name], COUNT, seed=1, batch=COUNT)
    assert failures == []
    assert counts["clear error"] + counts["read"] == COUNT
    assert counts["clear error"] > COUNT / 4
