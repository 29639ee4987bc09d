"""What a reader can do with a long table: unfold it, sort it and filter it; on a phone its rows are cards."""

import pandas as pd
import pytest

from ufama.report.table import Column, Table

ROWS = 16


@pytest.fixture(scope="module")
def page(root, tmp_path_factory):
    """A page that holds one long table of two groups, with the book's style and script."""
    columns = [
        Column("set", "set", "key"),
        Column("model", "model", "key"),
        Column("value", "right", "measured", "accuracy", 1, interval=("low", "high")),
    ]
    frame = pd.DataFrame(
        {"set": [f"set {row // 8}" for row in range(ROWS)], "model": [f"m{row}" for row in range(ROWS)]}
    )
    frame["value"] = [[3.0, -2.0, 10.0, None, 7.0, 1.0, 5.0, 4.0][row % 8] for row in range(ROWS)]
    frame = frame.assign(low=frame["value"] - 1, high=frame["value"] + 1)
    style, script = ((root / "book" / "_static" / name).read_text() for name in ("custom.css", "tables.js"))
    table = Table("made_up", frame, columns, "Made up.")._repr_html_()
    file = tmp_path_factory.mktemp("table") / "page.html"
    file.write_text(
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>t</title><style>{style}</style>'
        f"<main>{table}</main><script>{script}</script></html>"
    )
    return file.as_uri()


@pytest.fixture
def opened(browser, page):
    size = {"width": 1000, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page)
    return browser


def models(browser) -> list[str]:
    """The names of the rows that are seen."""
    seen = "[...document.querySelectorAll('tbody tr:not(.table-group) th')].filter(th => th.offsetHeight)"
    return browser.execute_script(f"return {seen}.map(th => th.textContent)")


def click(browser, selector: str, text: str):
    browser.execute_script(
        "[...document.querySelectorAll(arguments[0])].find(b => b.textContent.startsWith(arguments[1])).click()",
        selector,
        text,
    )


def test_a_long_table_is_folded_until_its_reader_asks(opened):
    assert models(opened) == [f"m{row}" for row in range(10)]
    click(opened, ".table-tools button", f"Show all {ROWS} rows")
    assert models(opened) == [f"m{row}" for row in range(ROWS)]
    click(opened, ".table-tools button", "Show 10 rows")
    assert len(models(opened)) == 10


def test_rows_are_sorted_by_number_within_their_group_those_without_a_value_last(opened):
    click(opened, ".table-tools button", "Show all")
    click(opened, "th button", "right")
    assert models(opened)[:8] == ["m1", "m5", "m0", "m7", "m6", "m4", "m2", "m3"]
    assert models(opened)[8:] == ["m9", "m13", "m8", "m15", "m14", "m12", "m10", "m11"]
    click(opened, "th button", "right")
    assert models(opened)[:8] == ["m2", "m4", "m6", "m7", "m0", "m5", "m1", "m3"]
    sorting = "return document.querySelector('th[aria-sort]').getAttribute('aria-sort')"
    assert opened.execute_script(sorting) == "descending"
    click(opened, "th button", "model")
    assert models(opened)[8:] == [f"m{row}" for row in range(8, 16)]  # 9 before 10


def test_a_filter_leaves_the_rows_and_headings_with_all_its_words(opened):
    script = """
    const input = document.querySelector(".table-tools input");
    input.value = arguments[0];
    input.dispatchEvent(new Event("input"));
    return [...document.querySelectorAll(".table-group")].filter(row => row.offsetHeight).map(row => row.textContent);
    """
    assert opened.execute_script(script, "M1 set 10") == ["set set 1"]
    assert models(opened) == ["m10"]
    assert len(opened.execute_script(script, "")) == 2
    assert len(models(opened)) == ROWS


def test_a_folded_and_filtered_table_is_printed_whole(opened):
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert len(models(opened)) == ROWS
        assert opened.execute_script("return document.querySelector('.table-tools').offsetHeight") == 0
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen"})


def test_on_a_phone_each_value_has_its_heading_beside_it(opened):
    size = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    label = "return getComputedStyle(document.querySelector('tbody td'), '::before').content"
    assert opened.execute_script(label) == '"accuracy: right"'
    assert opened.execute_script("return getComputedStyle(document.querySelector('tbody tr')).display") == "block"
    assert not opened.execute_script("return document.documentElement.scrollWidth > innerWidth")


def test_without_the_script_a_table_is_whole(browser, page):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(page)
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert len(models(browser)) == ROWS
