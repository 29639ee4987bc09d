"""What a page computes when it is asked is what the package computes."""

import json
import math
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
import torch

from ufama.analysis import paper
from ufama.analysis.evaluation import probabilities
from ufama.analysis.screening import group_names, modality_probabilities
from ufama.audit.given import counts_from, read_accuracies
from ufama.audit.granularity import TableError
from ufama.audit.report import audit_table
from ufama.core.screening import gate_open, screen, whole_pool
from ufama.data.layout import layout
from ufama.report.audit_tables import accuracies
from ufama.report.film_strength import StrengthSlider, strengths_table
from ufama.report.same_film import CELL_TITLES
from ufama.report.screening_sliders import HEADS, ScreeningSliders
from ufama.studies.film_strength import PROTOCOLS
from ufama.studies.film_strength import stored as stored_strengths

# --- the audit of a pasted column ------------------------------------------------------------------------------------


def of_paper(dataset, method=paper.METHOD, session=None):
    table = accuracies(dataset)
    own = table[(table["method"] == method) & (table["session"].eq(session) if session else True)]
    return [f"{value:.2f}" for value in own["accuracy_percent"]]


def shares(n, count, decimals, *, cut=False, seed=0):
    """Printed shares of n windows, to the nearest or cut off."""
    k = np.random.default_rng(seed).integers(n // 2, n, count)
    exact = [int(one) * 100 * 10**decimals / n for one in k]
    return [f"{(np.floor(unit) if cut else np.round(unit)) / 10**decimals:.{decimals}f}" for unit in exact]


SEED_TRIALS = ",".join(map(str, layout("seed").window_counts[0]))
UNIFORM = [f"{value:.2f}" for value in np.random.default_rng(3).uniform(60, 100, 25)]
COLUMNS = {
    "the paper's, SEED": (of_paper("seed"), "842 3394", SEED_TRIALS),
    "the paper's, SEED-IV, one session": (of_paper("seed_iv", session=1), "851 3435", "30,42,50,55"),
    "another row of the paper": (of_paper("seed", "CFDA-CSF"), "842", SEED_TRIALS),
    "a multiple that was not asked for": (shares(500, 12, 2), "250 1000", ""),
    "cut off": (shares(611, 20, 2, cut=True), "611 612", ""),
    "one decimal": (shares(75, 10, 1), "75 15", "15,15,15,15,15"),
    "no decimals": (["90", "80", "75", "100", "0"], "20", "5,5,5,5"),
    "three decimals": (shares(1234, 8, 3), "1234", ""),
    "whole trials of few windows": (["90.00", "80.00", "80.00", "70.00"], "10", "1,1,1,1,1,1,1,1,1,1"),
    "ties of rounding": (["12.5", "37.5", "62.5", "87.5", "12.5"], "8 16", "2,2,2,2"),
    "by chance": (UNIFORM, "842", SEED_TRIALS),
    "perfect alone": (["100.00", "100.00", "0.00"], "842", SEED_TRIALS),
    "three values": (shares(842, 3, 2), "842", ""),
    "one value": (["93.11"], "", ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def auditing(browser, root, extension):
    """The form in a page of its own, with its script."""
    script = (root / "book" / "_static" / "audit.js").read_text(encoding="utf-8")
    form = extension("interactive").AUDIT_FORM.format(accuracies="93.11", windows="842", trials="")
    page = f"<!DOCTYPE html><html lang='en'><title>form</title><body>{form}<script>{script}</script></body></html>"
    browser.get("data:text/html;charset=utf-8," + quote(page))
    return browser


def by_command(tmp_path, values, windows, trials):
    """The report of `ufama audit` on a table with this column alone."""
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["accuracy", *values]))
    report = audit_table(
        read_accuracies(table),
        windows=[counts_from(n) for n in windows.split()],
        trials=[counts_from(trials, several=True)] if trials else None,
    )
    return json.loads(report.to_json())


@pytest.mark.browser
@pytest.mark.parametrize("name", COLUMNS)
def test_the_page_audits_a_column_as_the_command_does(auditing, tmp_path, name):
    values, windows, trials = COLUMNS[name]
    expected = by_command(tmp_path, values, windows, trials)
    found = auditing.execute_script("return window.ufamaAudit(...arguments)", "\n".join(values), windows, trials)
    assert [one["text"] for one in found["findings"]] == [one["text"] for one in expected["findings"]]
    assert found["decimals"] == expected["decimals"]
    for table in ("granularity", "search", "trials", "means"):
        rows = [{key: value for key, value in row.items() if key not in NOT_GIVEN} for row in expected[table]]
        assert [row.keys() for row in found[table]] == [row.keys() for row in rows]
        for own, row in zip(found[table], rows, strict=True):
            differing = {key: (own[key], row[key]) for key in row if not agree(own[key], row[key])}
            assert not differing, table


NOT_GIVEN = ("printed_mean", "printed_sd", "mean_fits", "kinds")


def agree(one, other):
    """Whether they are equal, numbers but for the last bits of their sums."""
    numbers = isinstance(one, (int, float)) and isinstance(other, (int, float))
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) if numbers else one == other


@pytest.mark.browser
def test_some_of_these_columns_show_each_kind_of_finding_and_some_none(tmp_path):
    """Else the test above would compare nothing."""
    kinds = [{one["kind"] for one in by_command(tmp_path, *column)["findings"]} for column in COLUMNS.values()]
    assert {"granularity", "search", "trials"} <= set().union(*kinds)
    assert set() in kinds


@pytest.mark.browser
@pytest.mark.parametrize(
    ("values", "windows", "trials", "message"),
    [
        (["93.1l"], "", "", "not a number"),
        (["931.1"], "", "", "not an accuracy"),
        (["-1"], "", "", "not an accuracy"),
        (["0.93", "0.95"], "", "", "not shares"),
        (["93.12345"], "", "", "5 decimals"),
        ([], "", "", "accuracy"),
        (["93.11"], "842.5", "", "window"),
        (["93.11"], "0", "", "window"),
        (["93.11"], "842", ",".join(["1"] * 61), "61 trials are too many"),
        (["93.11"], "842", "50000,1", "windows together"),
    ],
)
def test_what_the_command_refuses_the_page_refuses_in_its_words(auditing, tmp_path, values, windows, trials, message):
    with pytest.raises(TableError) as refused:
        by_command(tmp_path, values, windows, trials)
    assert message in str(refused.value)
    form = "const [accuracies, windows, trials] = document.querySelectorAll('textarea, input');"
    fill = "[accuracies.value, windows.value, trials.value] = arguments; document.querySelector('button').click();"
    auditing.execute_script(f"{form} accuracies.required = false; {fill}", "\n".join(values), windows, trials)
    assert message in auditing.execute_script("return document.querySelector('output').textContent")


@pytest.mark.browser
def test_the_form_shows_findings_and_a_table_for_each_test(auditing):
    show = """
    const [accuracies, windows, trials] = document.querySelectorAll("textarea, input");
    [accuracies.value, windows.value, trials.value] = arguments;
    document.querySelector("button").click();
    const answer = document.querySelector("output");
    return [answer.querySelector("li").textContent, [...answer.querySelectorAll("caption")].map(c => c.textContent)];
    """
    values = "accuracy\n" + "\n".join(f"{value} %".replace(" ", "") for value in of_paper("seed"))
    sentence, tables = auditing.execute_script(show, values, "842", SEED_TRIALS)
    assert sentence.startswith("all: 17 of the 17 accuracies that are not 0 or 100 are k/n with n = 842 (nearest)")
    assert len(tables) == 4


# --- the sliders on screening ----------------------------------------------------------------------------------------


def stored_batch(windows=32, classes=3):
    """Predictions as they are stored, some confidences equal and some at a slider's position."""
    draw = np.random.default_rng(5)
    columns = {}
    for head in HEADS:
        given = draw.dirichlet(np.full(classes, 0.4), windows)
        given[:4] = [0.9, 0.06, 0.04], [0.05, 0.9, 0.05], given[5], given[6]
        columns |= {f"{head}_{k}": given[:, k] for k in range(classes)}
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def sliding(browser, root):
    """Sliders over a batch in a page of their own, with their script."""
    sliders = ScreeningSliders(stored_batch(), share=0.5, gate=0.9, inclusive=True, title="simulated SEED")
    script = (root / "book" / "_static" / "screening.js").read_text(encoding="utf-8")
    body = f"{sliders._repr_html_()}<script>{script}</script>"
    page = f"<!DOCTYPE html><html lang='en'><title>sliders</title><body>{body}</body></html>"
    browser.get("data:text/html;charset=utf-8," + quote(page))
    return browser


def screened(batch, share, gate, inclusive):
    """What `ufama.core.screening` makes of the batch, as the page states it."""
    modalities = modality_probabilities(batch)
    screening = screen(modalities, share, whole_pool(modalities))
    is_open = bool(gate_open(screening.threshold, gate, inclusive))
    fusion = torch.tensor(probabilities(batch, "fusion")).argmax(-1)
    teachers = [None] * len(batch)
    for place, (name, teaches) in enumerate((("eeg", screening.eeg_teaches), ("eye", screening.eye_teaches))):
        for window in (teaches[0] & (screening.pseudo_label[0, :, place] == fusion)).nonzero().flatten():
            teachers[window] = name if is_open else None
    groups = group_names(screening).tolist()
    return groups, screening.threshold.item(), is_open, int(screening.kept.sum()), teachers


@pytest.mark.browser
@pytest.mark.parametrize("inclusive", [True, False])
def test_the_page_screens_as_the_core_does_at_every_position_of_a_grid(sliding, inclusive):
    grid = [(share, gate) for share in np.linspace(0, 1, 101).round(2) for gate in (0.0, 0.35, 0.6, 0.9, 0.95, 1.0)]
    batch = stored_batch()
    data = ScreeningSliders(batch, share=0.5, gate=0.9, inclusive=inclusive, title="").data
    answer = """
    const [data, grid] = arguments;
    return grid.map(([share, gate]) => window.ufamaScreening(data, share, gate)).map(
      ({groups, threshold, open, entries, teachers}) =>
        [groups, Number.isFinite(threshold) ? threshold : null, open, entries, teachers]);
    """
    found = sliding.execute_script(answer, data, [list(map(float, place)) for place in grid])
    seen = set()
    for place, own in zip(grid, found, strict=True):
        groups, threshold, *rest = screened(batch, *place, inclusive)
        assert own == [groups, threshold if math.isfinite(threshold) else None, *rest], place
        seen |= {*groups, *rest[-1], rest[0]}
    assert seen == {"consistent", "conflicting", "partly_low", "unused", "eeg", "eye", None, True, False}


@pytest.mark.browser
def test_a_slider_that_is_moved_changes_words_and_drawing(sliding):
    move = """
    const form = document.querySelector("form"), [name, value] = arguments;
    form.elements[name].value = value;
    form.elements[name].dispatchEvent(new Event("input", {bubbles: true}));
    return [...form.querySelectorAll("output p")].map(p => p.textContent);
    """
    sliding.execute_script(move, "gate", "0.9")
    kept, windows, _ = sliding.execute_script(move, "share", "1")
    assert kept.startswith("Kept: 64 of 64 entries") and kept.endswith("so the gate is closed.")
    assert "neither kept 0" in windows
    nothing = sliding.execute_script(move, "share", "0")
    assert nothing[0] == "Kept: 0 of 64 entries; the gate is closed." and "neither kept 32" in nothing[1]
    assert sliding.execute_script("return document.querySelectorAll('svg .threshold').length") == 0
    sliding.execute_script(move, "gate", "0.3")
    opened = sliding.execute_script(move, "share", "0.5")
    assert opened[0].endswith("so the gate is open.") and opened[2].startswith("Distillation uses ")


# --- the slider on the film's strength -------------------------------------------------------------------------------


@pytest.mark.browser
def test_the_slider_says_of_every_measured_strength_what_the_table_says(browser, root):
    table = strengths_table(*stored_strengths())
    script = (root / "book" / "_static" / "strength.js").read_text(encoding="utf-8")
    body = f"{StrengthSlider(table)._repr_html_()}<script>{script}</script>"
    page = f"<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>slider</title><body>{body}</body></html>"
    browser.get("data:text/html;charset=utf-8," + quote(page))
    read = """
    const form = document.querySelector("form"), slider = form.elements.strength, [position] = arguments;
    if (position !== null) {
      slider.value = position;
      slider.dispatchEvent(new Event("input", {bubbles: true}));
    }
    return [
      form.querySelector(".slider-value").textContent, slider.getAttribute("aria-valuetext"),
      ...[...form.querySelectorAll("output p")].map(p => p.textContent),
      form.querySelectorAll("svg [opacity='1']").length, form.querySelectorAll("svg [opacity]").length,
    ];
    """
    strengths = table.column_cells("strength")
    lines = [(CELL_TITLES[name], table.column_cells(f"{name}_windows_percent")) for name in PROTOCOLS]
    for position in (None, *range(len(strengths))):
        place = strengths.index("1") if position is None else position
        assert browser.execute_script(read, position) == [
            f"× {strengths[place]}", f"{strengths[place]} times the calibrated size",
            *(f"{title}: {cells[place]} % of the windows are right." for title, cells in lines),
            "Chance: 25 %.", len(lines), len(lines) * len(strengths),
        ]  # fmt: skip
