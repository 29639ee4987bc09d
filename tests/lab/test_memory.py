"""What a process does to its own memory while it trains."""

import gc

import pytest

from ufama.lab.memory import without_collection


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
