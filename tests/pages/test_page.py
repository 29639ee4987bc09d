"""A page shows its tables wherever it runs."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ufama.campaigns.experiments import DataRequest
from ufama.pages.page import LIGHT, MOST_BYTES_OF_CSV, DescribedFigure, Page
from ufama.report import style
from ufama.report.table import Column, Table


def test_a_table_is_shown_where_its_csv_cannot_be_written(small_table, tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path / "taken"))
    page = Page(name="own_data", data=DataRequest(dataset=str(small_table)))
    table = Table("t", pd.DataFrame({"a": [1]}), [Column("a", "a", "key")], "A caption.")
    with pytest.warns(UserWarning, match=r"shown, and not written as CSV: .*UFAMA_WORKSPACE"):
        assert page.show(table) is table


@style.figure
def bars(table: pd.DataFrame):
    """Alt: Bars."""
    drawing, axes = plt.subplots()
    axes.bar(range(len(table)), table["a"])
    return drawing


def about(rows: int) -> dict:
    _, metadata = DescribedFigure(bars(pd.DataFrame({"a": np.arange(rows)})))._repr_mimebundle_()
    return metadata["image/png"]


def test_a_figure_goes_with_its_alt_text_its_drawing_and_the_table_that_it_was_drawn_from():
    shown = about(3)
    assert (shown["alt"], shown["csv"]) == ("Bars.", "a\n0\n1\n2\n")
    assert shown["svg"].startswith("<svg")
    assert shown == about(3)


def test_a_heavy_drawing_and_a_large_table_stay_behind():
    shown = about(2_000)
    assert "svg" not in shown  # each bar is a path, and the image weighs less than `LIGHT`
    assert len(DescribedFigure(bars(pd.DataFrame({"a": np.arange(2_000)}))).csv()) < MOST_BYTES_OF_CSV < LIGHT
    large = pd.DataFrame({"a": [1.0], "text": ["x" * MOST_BYTES_OF_CSV]})
    assert DescribedFigure(bars(large)).csv() == ""
