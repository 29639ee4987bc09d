"""A page shows its tables wherever it runs."""

import pandas as pd
import pytest

from ufama.campaigns.experiments import DataRequest
from ufama.pages.page import Page
from ufama.report.table import Column, Table


def test_a_table_is_shown_where_its_csv_cannot_be_written(small_table, tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path / "taken"))
    page = Page(name="own_data", data=DataRequest(dataset=str(small_table)))
    table = Table("t", pd.DataFrame({"a": [1]}), [Column("a", "a", "key")], "A caption.")
    with pytest.warns(UserWarning, match=r"shown, and not written as CSV: .*UFAMA_WORKSPACE"):
        assert page.show(table) is table
