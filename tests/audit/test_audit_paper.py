"""Every figure of the audit page comes from the paper's printed numbers, and the command says it of any table."""

import json
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ufama.analysis import paper
from ufama.audit.granularity import TableError, granularity, smallest_fit
from ufama.audit.rows import followers, kind_of_sd
from ufama.cli.main import app
from ufama.data.layout import layout
from ufama.report import audit_figures as figures
from ufama.report import audit_tables as tables

FOLDER = Path(paper.__file__).parent / "published"
PAGE = (Path(__file__).parents[2] / "notebooks" / "audit.py").read_text(encoding="utf-8")
PROSE = " ".join(PAGE.replace("\n#", " ").split())


def ours(dataset, session=None):
    table = tables.accuracies(dataset).query("method == 'UF-AMA'")
    return table if session is None else table[table["session"] == session]


# --- window counts ---------------------------------------------------------------------------------------------------


def test_every_value_of_table_4_is_a_share_of_842():
    values = ours("seed")["accuracy_percent"]
    assert granularity(values, 842).values["fits"].sum() == len(values) == 36
    fit = smallest_fit(values)
    assert (fit.windows, fit.multiples, fit.others) == (842, (1684, 2526, 3368), ())


@pytest.mark.parametrize(("session", "n", "fitting"), [(1, 851, 15), (2, 832, 15), (3, 822, 14)])
def test_the_values_of_table_5_are_shares_of_their_sessions_windows(session, n, fitting):
    values = ours("seed_iv", session)["accuracy_percent"]
    table = granularity(values, n).values
    assert table["fits"].sum() == fitting and len(values) == 15
    assert list(table.loc[~table["fits"], "value"]) == ([71.61] if session == 3 else [])
    assert smallest_fit(values).windows == (3 * n if session == 3 else n)


def test_the_table_of_window_counts_says_so():
    frame = tables.window_counts().frame.set_index(["set", "method", "session"])
    seed, seed_iv = frame.loc[("SEED", "UF-AMA", "all")], frame.loc[("SEED-IV", "UF-AMA", "all")]
    assert (seed.below, seed.four_fit, seed.one_fit) == (17, 17, 8)
    assert (seed_iv.below, seed_iv.four_fit, seed_iv.one_fit) == (39, 38, 9)
    assert (round(seed.four_chance, 1), round(seed_iv.four_chance, 1)) == (1.4, 3.3)
    assert (frame["one_p"].astype(float) > 0.1).all()
    assert "SEED-IV: 71.61." in tables.window_counts().caption
    for _, values in tables.accuracies("seed").query("method != 'UF-AMA'").groupby("method")["accuracy_percent"]:
        assert smallest_fit(values).windows is None


# --- whole trials ----------------------------------------------------------------------------------------------------


def test_every_error_of_table_4_is_whole_trials_30_of_540():
    frame = tables.trial_sums("seed").frame.set_index("value")
    assert frame["fewest"].notna().all() and (frame["fewest"] * frame["times"]).sum() == 30
    facts = {93.11: (58, 1), 92.16: (66, 1), 88.24: (99, 2), 86.10: (117, 2), 67.70: (272, 5)}
    for value, (wrong, fewest) in facts.items():
        assert (frame.loc[value, "wrong"], frame.loc[value, "fewest"]) == (wrong, fewest)
    assert frame.loc[88.24, "example"] == "51 + 48"


def test_the_trial_tests_are_those_of_the_page():
    frame = tables.trial_tests().frame.set_index(["set", "near"])
    seed, seed_iv = frame.loc[("SEED", "half a mean trial")], frame.loc[("SEED-IV", "half a mean trial")]
    assert (seed.distinct, seed.whole, seed.p_value) == (11, 11, "3e-7")
    assert (seed_iv.distinct, seed_iv.whole, round(seed_iv.expected)) == (33, 31, 26)
    assert (frame.loc["SEED", "expected"].round() >= 3).all() and (frame.loc["SEED", "expected"].round() <= 6).all()
    unreached = tables.trial_sums("seed_iv").frame.query("fewest.isna()")
    assert [tuple(row) for row in unreached[["value", "wrong"]].fillna(-1).to_numpy()] == [
        (96.94, 26),
        (99.88, 1),
        (71.61, -1),
    ]


# --- means, SDs, proportional rows -----------------------------------------------------------------------------------


def test_the_printed_sds_are_of_the_kinds_that_the_page_names():
    frame = tables.spreads().frame
    kind = frame.set_index(["set", "method", "session"])["kinds"]
    population, sample, neither = "population SD of the values", "sample SD of the values", "none of the kinds asked"
    for place, found in kind.items():
        expected = sample if place[1] == "CFDA-CSF" else population
        expected = {
            ("SEED", "CFDA-CSF", "all"): "sample SD of subject means",
            ("SEED", "LAFDA-Net", "all"): neither,
            ("SEED-IV", "CFDA-CSF", "all"): neither,
            ("SEED-IV", "LAFDA-Net", "all"): "population SD of session means",
            ("SEED-IV", "LAFDA-Net", "3"): neither,
        }.get(place, expected)
        assert found == expected, place
    headlines = frame.query("method == 'UF-AMA' and session == 'all'")
    assert headlines[["mean", "population_sd"]].round(2).to_numpy().tolist() == [[94.53, 7.11], [92.73, 7.27]]
    assert headlines[["printed_mean", "printed_sd"]].to_numpy().tolist() == [[94.53, 7.11], [92.73, 7.27]]


def test_the_spreads_of_session_means_in_the_prose():
    def session_sd(dataset, method):
        table = tables.accuracies(dataset).query("method == @method")
        return table.groupby("session")["accuracy_percent"].mean().std(ddof=0)

    found = [round(session_sd(d, "UF-AMA"), 2) for d in ("seed", "seed_iv")]
    assert f"UF-AMA's would be {found[0]:.2f} and {found[1]:.2f}" in PROSE
    assert f"(its own session means have {session_sd('seed', 'LAFDA-Net'):.2f}" in PROSE
    values = tables.accuracies("seed").query("method == 'CFDA-CSF'")
    sessions = values["session"].tolist()
    assert kind_of_sd(values["accuracy_percent"], 90.04, 3.04, sessions=sessions).fits == (
        "population SD of session means",
    )


def test_the_proportional_rows():
    frame = tables.proportional().frame
    shown = frame.dropna(subset="named")
    assert [(row.set, row.session, round(row.named, 4), row.agree, row.n) for row in shown.itertuples()] == [
        ("SEED", 1, 1.0275, 10, 12),
        ("SEED", 2, 1.0290, 10, 12),
        ("SEED-IV", 1, 1.0450, 13, 15),
        ("SEED-IV", 2, 1.0156, 15, 15),
        ("SEED-IV", 3, 1.0197, 13, 15),
    ]
    best = frame.set_index(["set", "session"])
    assert best["followed"].tolist() == [10, 11, 5, 13, 15, 15]
    assert best["informative"].tolist() == [7, 8, 1, 12, 13, 14]
    assert best["strict_followed"].tolist() == [8, 10, 5, 11, 14, 13]
    assert best["p_value"].tolist() == ["1e-4", "1e-4", "1.00", "1e-4", "1e-4", "1e-4"]


def test_the_ratios_are_the_accuracies_divided():
    table = tables.ratios("seed")
    assert table.frame.iloc[0].tolist() == pytest.approx([1, 83.23 / 81.00, 79.45 / 77.20, 1.1743], abs=1e-4)
    assert followers([81.00], [83.23], 1.0275, tolerance=0.01).all()


# --- what follows ----------------------------------------------------------------------------------------------------


def test_the_ablations_gain_in_trials():
    frame = tables.consequences().frame.set_index("set")
    assert frame["trials"].tolist() == [12 * 3 * 15, 15 * 3 * 24] == [540, 1080]
    assert frame["gain"].round(2).tolist() == [2.68, 1.44]
    assert frame["gain_trials"].round(1).tolist() == [14.5, 15.6]
    assert frame.loc["SEED", "worth"] == "5.5 to 7.8"
    assert frame.loc["SEED", "standard_error"] == pytest.approx(100 * np.sqrt(0.94526 * 0.05474 / 540), abs=0.01)


@pytest.mark.parametrize("make", [
    tables.window_counts, tables.trial_tests, tables.spreads, tables.proportional,
    tables.consequences, lambda: tables.trial_sums("seed_iv"), lambda: tables.ratios("seed_iv"),
])  # fmt: skip
def test_every_table_says_that_its_numbers_are_published(make):
    table = make()
    assert "Published numbers, transcribed from the paper." in table.caption
    assert {column.origin for column in table.columns} == {"key", "published"}
    assert "audit_" in table.name and str(table)


def test_another_data_set_has_no_published_table():
    with pytest.raises(TableError, match="tables of 'seed' and 'seed_iv', not of 'mine"):
        tables.trial_sums("mine.npz")


@pytest.mark.parametrize("draw", [figures.matches_by_windows, figures.whole_trial_sums])
def test_figures_are_drawn(draw, tmp_path):
    made = draw()
    made.savefig(tmp_path / "figure.png", dpi=60)
    assert matplotlib.image.imread(tmp_path / "figure.png").std() > 0.05
    assert len(made.alt_text) > 100


# --- the command -----------------------------------------------------------------------------------------------------


def run(*arguments):
    return CliRunner().invoke(app, ["audit", *map(str, arguments)])


def test_the_command_audits_table_4(tmp_path):
    trials = ",".join(map(str, layout("seed").window_counts[0]))
    done = run(FOLDER / "table4_seed_per_subject.csv", "--windows", 842, 3394, "--trials", trials, "--json",
               tmp_path / "report.json")  # fmt: skip
    assert done.exit_code == 0
    told = json.loads((tmp_path / "report.json").read_text())
    assert [found["text"][:30] for found in told["findings"]] == [
        "UF-AMA: 17 of the 17 accuracie", "UF-AMA: n = 842 is the smalles", "UF-AMA: the wrong windows of 1",
        "LAFDA-Net, session 1: 10 of 12", "LAFDA-Net, session 2: 11 of 12",
    ]  # fmt: skip
    assert {row["windows"] for row in told["granularity"]} == {"842", "3394"}
    assert "Findings" in done.output and "does not say why" in " ".join(done.output.split())


def test_the_command_takes_counts_per_session_and_printed_means(tmp_path):
    tables.printed_means("seed_iv").to_csv(tmp_path / "means.csv", index=False)
    lists = [part for counts in layout("seed_iv").window_counts for part in ("--trials", ",".join(map(str, counts)))]
    done = run(FOLDER / "table5_seed_iv_per_subject.csv", "--windows", "851,832,822", *lists, "--printed",
               tmp_path / "means.csv", "--json", tmp_path / "report.json")  # fmt: skip
    assert done.exit_code == 0
    told = [found["text"] for found in json.loads((tmp_path / "report.json").read_text())["findings"]]
    assert told == [found.text for found in tables.paper_audit("seed_iv").findings]
    assert any(text == "LAFDA-Net: the printed mean is 89.85, the values' 89.45." for text in told)


def test_the_command_explains_what_it_cannot_read(tmp_path):
    pd.DataFrame({"acc": [1]}).to_csv(tmp_path / "table.csv")
    for words, message in (
        ((tmp_path / "no.csv",), "no.csv cannot be read: No such file or directory"),
        ((tmp_path / "table.csv",), "needs a column accuracy"),
        ((FOLDER / "table4_seed_per_subject.csv", "--windows", "many"), "'many' is not a window count"),
    ):
        error = run(*words).exception
        assert isinstance(error, TableError) and message in str(error)
