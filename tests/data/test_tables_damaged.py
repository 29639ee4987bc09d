"""A damaged table of one's own is one clear error, is read with a note that tells, or is read as if it were whole."""

from collections import Counter

import pytest

from tests.data.table_damages import DAMAGES, outcome

NAMED = {"error", "equal", "noted"}


def outcomes(name, count, folder, first=0):
    return Counter(outcome(name, number, folder) for number in range(first, first + count))


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_table_is_never_read_silently(name, tmp_path):
    assert not set(outcomes(name, 2, tmp_path)) - NAMED


@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGES)
def test_many_damaged_tables_are_never_read_silently(name, tmp_path):
    assert not set(outcomes(name, 10, tmp_path, first=2)) - NAMED


def test_there_are_damages_of_every_kind():
    assert len(DAMAGES) >= 60
