"""The table of the film's strength has the means of its draws, and the slider has the table's cells."""

import pandas as pd
import pytest

from ufama.analysis.differences import share_interval
from ufama.report.film_strength import StrengthSlider, strengths_table
from ufama.studies.film_strength import PROTOCOLS

SHARES = {"cross_subject": (0.5, 0.6, 0.7, 0.6, 0.6), "cross_subject_session": (0.3, 0.2, 0.4, 0.3, 0.3)}


@pytest.fixture(scope="module")
def table():
    """Two strengths in five draws; the second strength adds a tenth."""
    measured = pd.DataFrame(
        {"strength": strength, "seed": seed, "protocol": protocol, "people": 15, "windows": share + strength / 10,
         "trials": share}
        for strength in (0.0, 1.0) for protocol in PROTOCOLS for seed, share in enumerate(SHARES[protocol])
    )  # fmt: skip
    return strengths_table(measured, {"stride": 4, "simulated": True})


def test_cells_are_means_over_draws_with_their_interval(table):
    assert table.column_cells("strength") == ["0", "1"]
    for protocol, shares in SHARES.items():
        for place, added in enumerate((0.0, 0.1)):
            mean, low, high = share_interval(pd.Series(shares).to_numpy() + added)
            assert table.column_cells(f"{protocol}_windows_percent")[place] == f"{mean:.1f} [{low:.1f}, {high:.1f}]"
    assert table.frame["cross_subject_trials_percent"].tolist() == pytest.approx([60, 60])
    assert "n = 5 draws" in table.caption and "15 subjects each" in table.caption and "simulated" in table.caption


def test_the_sliders_positions_are_the_tables_rows_and_its_words_the_tables_cells(table):
    slider = StrengthSlider(table)
    assert slider.data["strengths"] == table.column_cells("strength")
    for protocol, line in zip(PROTOCOLS, slider.data["lines"], strict=True):
        assert line["text"] == table.column_cells(f"{protocol}_windows_percent")
        assert line["percent"] == table.frame[f"{protocol}_windows_percent"].tolist()
        ends = zip(line["low"], line["percent"], line["high"], strict=True)
        assert all(low <= mean <= high for low, mean, high in ends)
    assert 'min="0" max="1" step="1" value="1"' in slider._repr_html_()
    with pytest.raises(ValueError, match="not in list"):
        StrengthSlider(table, start="2")._repr_html_()
