import itertools
import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from ufama.analysis.evaluation import accuracy, select
from ufama.analysis.titles import RULE_MEANINGS
from ufama.config import PAPER, TrainingConfig
from ufama.data.windows import DataCard, Windows
from ufama.report.table import LONG, Column, Table, to_csv
from ufama.report.tables import methods_table, sessions, subjects_table, table1, table2, table7, under_each_rule


@pytest.fixture(scope="module")
def windows():
    rng = np.random.default_rng(3)
    rows = [(p, s, t, w) for p in (1, 2) for s in (1, 2, 3) for t in (1, 2) for w in range(3 + s)]
    subject, session, trial, window = np.array(rows).T
    card = DataCard(
        name="seed", simulated=True, fingerprint="f00d", window_seconds=4.0, eeg_tokens=("FP1", "FPZ", "FP2"),
        eeg_features=("delta", "theta"), eye_features=("pupil",), class_names=("negative", "neutral", "positive"),
        licence="MIT",
    )  # fmt: skip
    return Windows(
        eeg=rng.normal(size=(len(rows), 3, 2)), eye=rng.normal(size=(len(rows), 1)), label=trial - 1, subject=subject,
        session=session, trial=trial, clip=trial, window=window, card=card,
    )  # fmt: skip


@pytest.fixture(scope="module")
def measured_tables(results, ablation):
    return [
        *(make(results, name) for make in (methods_table, subjects_table, sessions) for name in ("seed", "seed_iv")),
        table7(ablation, "seed"),
    ]


def shuffled(results):
    """The same runs with every label moved to the next class: measured values change, published ones must not."""
    wrong = results.predictions.assign(label=(results.predictions["label"] + 1) % 3)
    return replace(results, predictions=wrong)


def test_published_and_measured_values_never_share_a_column(results, ablation):
    for make, dataset in itertools.product((methods_table, subjects_table, sessions), ("seed", "seed_iv")):
        before, after = make(results, dataset), make(shuffled(results), dataset)
        for column in before.columns:
            same = before.frame[column.name].equals(after.frame[column.name])
            assert same or column.origin == "measured", column.name
            assert column.origin == "key" or column.name.startswith(column.origin), column.name
            assert column.origin == "key" or column.origin in column.heading, column
        assert any(
            not before.frame[c.name].equals(after.frame[c.name]) for c in before.columns if c.origin == "measured"
        )


def test_simulated_subjects_are_not_passed_off_as_the_papers(results, make):
    assert "a simulated one is nobody of the paper" in subjects_table(results, "seed").caption
    real = subjects_table(make(datasets=("seed",), seeds=(0,), simulated=False), "seed")
    assert "assumption" in real.caption and "simulated" not in str(real)


def test_the_ablation_holds_each_models_own_mean_and_both_deviations_in_percent(ablation):
    frame = table7(ablation, "seed", rules=["last"]).frame
    scores = accuracy(ablation).query("rule == 'last' and variant == 'M4'")["accuracy_windows"] * 100
    row = frame[frame["model"].str.startswith("M4")].iloc[0]
    assert row["published_mean_percent"] == 93.41
    assert row["measured_last_mean_percent"] == pytest.approx(scores.mean())
    assert row["measured_last_sd_population_percent"] == pytest.approx(np.std(scores))
    assert row["measured_last_sd_sample_percent"] == pytest.approx(np.std(scores, ddof=1))
    assert row["measured_last_n"] == len(scores) == 30


@pytest.mark.parametrize("builder", [methods_table, table7])
def test_tables_under_single_rules_have_the_values_names_and_words_of_their_rule(ablation, builder, make):
    held_out = make(datasets=("seed",), variants=("M1", "M6"), seeds=(7,))
    made = under_each_rule(builder, ablation, held_out, "seed")
    assert set(made) == {"last", "source_validation", "oracle"}
    assert len({table.name for table in made.values()}) == 3
    for rule, table in made.items():
        runs = held_out if rule == "source_validation" else ablation
        assert table.name.endswith(f"_{rule}")
        assert table.values and all(f" {rule} " in source for source, _ in table.values)
        assert all(value in builder(runs, "seed").values for value in table.values)
        assert table.provenance["rules"] == [rule] and set(table.provenance["runs"]) <= set(runs.runs["digest"])
        others = [RULE_MEANINGS[other] for other in made if other != rule]
        assert RULE_MEANINGS[rule] in table.caption and not any(words in table.caption for words in others)
        assert ("do not train on the held-out source subjects" in table.caption) == (rule == "source_validation")
    assert "with the target's labels" in made["oracle"].caption


def test_one_run_shows_an_en_dash_for_its_sample_deviation(ablation):
    one = select(ablation, seed=0, fold="session1-subject01")
    table = table7(one, "seed")
    cells = dict(zip([column.name for column in table.shown], table.cells()[0], strict=True))
    assert cells["measured_last_mean_percent"].endswith(" ± 0.0")
    assert np.isnan(table.frame["measured_last_sd_sample_percent"][0])


def test_ablation_models_do_not_leak_into_the_tables_of_the_whole_method(ablation):
    with_all, with_m6 = subjects_table(ablation, "seed"), subjects_table(select(ablation, variant="M6"), "seed")
    pd.testing.assert_frame_equal(with_all.frame, with_m6.frame)
    with pytest.raises(ValueError, match="only ablation models M2 are here: this table needs M6"):
        subjects_table(select(ablation, variant="M2"), "seed")


def test_a_measured_method_that_the_paper_does_not_list_gets_its_own_row(results):
    other = replace(results, runs=results.runs.assign(method="hadua"))
    frame = methods_table(other, "seed").frame
    rows = frame[frame["method"] == "HADUA"]
    assert rows["rule"].tolist() == ["oracle", "last epoch", "source validation"]
    assert rows["published_cross_subject_mean_percent"].isna().all()
    assert rows["measured_cross_subject_n"].tolist() == [30, 30, 30]
    published = frame[frame["method"] == "UF-AMA"]
    assert len(published) == 1 and published["rule"].isna().all()
    assert published["measured_cross_subject_n"].isna().all()


def test_counts_and_trials_of_each_subject_are_left_to_the_csv(results, tmp_path):
    table = subjects_table(results, "seed")
    hidden = {column.name for column in table.columns} - {column.name for column in table.shown}
    rules, parts = ("oracle", "last", "source_validation"), ("trials_percent", "sd_over_seeds_percent", "n")
    assert hidden == {"recording_id", *(f"measured_{rule}_{part}" for rule in rules for part in parts)}
    assert hidden < set(to_csv(table, tmp_path / "table4.csv").read_text().splitlines()[0].split(","))


def test_a_column_that_should_vary_is_shown_where_it_does():
    columns = [Column("who", "who", "key"), Column("n", "n", "measured", if_varied=True)]
    frame = pd.DataFrame({"who": ["a", "b"], "n": [1, 2]})
    assert [column.name for column in Table("t", frame, columns, "Made up.").shown] == ["who", "n"]
    assert [column.name for column in Table("t", frame.assign(n=1), columns, "Made up.").shown] == ["who"]


def test_people_meet_their_recording_by_the_assumed_number(results):
    frame = subjects_table(results, "seed", rules=["last"]).frame
    row = frame.query("session == 2 and subject == 6").iloc[0]
    assert row["recording_id"] == 8
    mine = accuracy(select(results, dataset="seed", protocol="cross_subject", fold="session2-subject08"))
    expected = mine.query("rule == 'last'")["accuracy_windows"].mean() * 100
    assert row["measured_last_windows_percent"] == pytest.approx(expected)
    assert frame.query("subject == 3")["measured_last_windows_percent"].isna().all()


def test_what_was_measured_leads_the_table_of_methods(results):
    rows = methods_table(results, "seed", rules=["last"]).frame
    assert (rows["method"] == "UF-AMA").tolist() == [True, True] + [False] * (len(rows) - 2)


def test_session_rows_are_recomputed_from_the_published_people(results):
    frame = sessions(results, "seed").frame.astype({"session": str}).set_index("session")
    assert frame.loc["2", "published_printed_sd_percent"] == 5.64
    assert round(frame.loc["2", "published_recomputed_sd_population_percent"], 2) == 5.64
    assert round(frame.loc["all", "published_recomputed_mean_percent"], 2) == 94.53
    assert frame.loc["all", "measured_last_n"] == 30
    assert frame.loc["2", "measured_last_n"] == 10


def test_a_rule_that_is_not_stored_is_an_error(results):
    with pytest.raises(ValueError, match="nothing under rule 'entropy'; the results hold last, oracle"):
        methods_table(results, "seed", rules=["entropy"])


def test_facts_of_the_data_stand_beside_the_published_ones(windows):
    table = table1(windows)
    facts = table.frame.set_index("detail")
    assert facts.loc["participants"].tolist() == ["12", "2"]
    assert facts.loc["EEG channels"].tolist() == ["62", "3"]
    assert facts.loc["windows per participant, sessions in order"].tolist() == ["3394, 3394, 3394", "8, 10, 12"]
    assert facts.loc["windows per class (%)", "measured_seed"] == "negative 50.0, neutral 50.0, positive 0.0"
    assert table.cells()[-1][1] == "–"
    assert [c.title for c in table.columns] == ["detail", "SEED", "simulated SEED"]


def test_settings_that_differ_from_the_paper_are_visible(windows):
    table = table2(windows, PAPER.replace(trusted_share=0.4), TrainingConfig(epochs=20), scale="quick")
    rows = table.frame.set_index("detail")[["published", "configured"]]
    assert rows.loc["training epochs"].tolist() == ["400", "20"]
    assert rows.loc["confidence ranking threshold alpha"].tolist() == ["0.5", "0.4"]
    assert rows.loc["encoder blocks"].tolist() == ["3 (text)", "3"]
    assert rows.loc["encoder width"].tolist() == ["not stated", "64"]


class Outline(HTMLParser):
    """Cells per row, counting colspans, but for the row groups' headings; and that every tag is closed."""

    def __init__(self):
        super().__init__()
        self.rows, self.open, self.groups = [], [], 0

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append(0)
            self.groups += dict(attrs).get("class") == "table-group"
        if tag in ("td", "th"):
            self.rows[-1] += int(dict(attrs).get("colspan", 1))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_whole_and_is_the_same_each_time(measured_tables, results):
    for table in measured_tables:
        outline = Outline()
        outline.feed(table._repr_html_())
        assert not outline.open
        assert set(outline.rows) == {len(table.shown) - len(table.grouping)}
        assert bool(outline.groups) == bool(table.grouping)
    assert methods_table(results, "seed")._repr_mimebundle_() == measured_tables[0]._repr_mimebundle_()


def test_text_in_html_is_escaped(measured_tables):
    table = replace(measured_tables[0], caption='<b>"x" & y</b>. Measured')
    assert "<b>" not in table._repr_html_()
    assert "&lt;b&gt;&quot;x&quot; &amp; y" in table._repr_html_()


def test_a_table_keeps_the_described_columns_and_misses_none(measured_tables):
    table = measured_tables[0]
    fewer = replace(table, columns=table.columns[:0:-1])
    assert list(fewer.frame) == [name for column in table.columns[:0:-1] for name in column.fields]
    with pytest.raises(ValueError, match="no column width; the frame has"):
        replace(table, columns=[*table.columns, Column("width", "width", "key")])


def test_csv_is_not_rounded_and_has_its_provenance_beside_it(ablation, tmp_path):
    table = table7(ablation, "seed")
    path = to_csv(table, tmp_path / "folder" / "table7.csv")
    frame = pd.read_csv(path)
    assert list(frame) == list(table.frame)
    for name in table.frame.select_dtypes("number"):
        np.testing.assert_allclose(frame[name], table.frame[name], rtol=1e-9)
    beside = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert beside["caption"] == table.caption
    assert beside["columns"]["published_mean_percent"]["origin"] == "published"
    assert beside["simulated"] is True
    assert len(beside["runs"]) == 180
    assert sorted(p.name for p in path.parent.iterdir()) == ["table7.csv", "table7.json"]


def test_an_interval_stands_in_its_means_cell_and_its_ends_in_the_csv(tmp_path):
    frame = pd.DataFrame({"who": ["a", "b"], "mean": [51.06, 3.0], "low": [48.52, np.nan], "high": [53.61, np.nan]})
    columns = (Column("who", "who", "key"), Column("mean", "right", "measured", "%", 1, interval=("low", "high")))
    table = Table("made_up", frame, columns, "Made up.")
    assert table.cells() == [["a", "51.1 [48.5, 53.6]"], ["b", "3.0"]]
    path = to_csv(table, tmp_path / "made_up.csv")
    assert path.read_text().splitlines() == ["who,mean,low,high", "a,51.06,48.52,53.61", "b,3,,"]
    described = json.loads(path.with_suffix(".json").read_text())["columns"]
    assert described["high"] == {"origin": "measured", "title": "% right, high"}
    with pytest.raises(ValueError, match="no column low"):
        Table("made_up", frame.drop(columns="low"), columns, "Made up.")


def grouped(rows):
    """A table of rows (set, model, value)."""
    columns = [Column("set", "set", "key"), Column("model", "model", "key"), Column("value", "value", "measured")]
    return Table("made_up", pd.DataFrame(rows, columns=["set", "model", "value"]), columns, "Made up.")


def test_rows_with_the_same_first_key_stand_below_one_heading():
    table = grouped([("A", "m", 1), ("A", "n", 2), ("B", "m", 3), ("B", "n", 4)])
    assert [column.name for column in table.grouping] == ["set"]
    text = table._repr_html_()
    assert text.count("<tbody>") == 2
    assert '<th scope="rowgroup" colspan="2"><span>set</span> A</th>' in text
    assert text.count(">A<") == text.count("> A<") - 1 == 0
    assert str(table).count("A") == 2  # where there is no HTML every row has its key


def test_keys_that_seldom_or_not_in_a_row_repeat_stay_in_their_column():
    assert not grouped([("A", "m", 1), ("B", "m", 2), ("C", "m", 3), ("C", "n", 4)]).grouping
    assert not grouped([("A", "m", 1), ("A", "n", 2), ("B", "m", 3), ("B", "n", 4), ("A", "o", 5)]).grouping


def test_each_value_has_its_heading_for_a_phone_and_each_table_its_title_and_notes(measured_tables):
    table = measured_tables[-1]
    text = table._repr_html_()
    columns = table.shown[len(table.grouping) + 1 :]
    assert text.count("data-label=") == len(table.frame) * (len(columns) + 1)
    assert 'data-label="measured, last epoch"' in text
    title, notes = table.title_and_notes
    assert title.startswith("Table 7. Ablation on SEED") and notes.startswith("Measured on simulated SEED")
    assert f"{title} {notes}" == table.caption


def test_the_csv_of_a_notebook_output_is_in_its_metadata_and_has_all_digits():
    table = grouped([("A", "m", 1 / 3), ("A", "n", 2.0)])
    data, metadata = table._repr_mimebundle_()
    assert metadata["text/html"] == {"table": "made_up", "csv": "set,model,value\nA,m,0.3333333333\nA,n,2\n"}
    assert "0.333" not in data["text/html"]


def test_only_a_long_table_is_folded():
    short, long = (grouped([("A", str(row), row) for row in range(count)]) for count in (LONG - 1, LONG))
    assert "table-long" not in short._repr_html_()
    assert "table-long" in long._repr_html_()


def test_a_mean_has_its_deviation_beside_it():
    frame = pd.DataFrame({"who": ["a", "b"], "mean": [51.06, 3.0], "sd": [2.04, np.nan]})
    columns = (Column("who", "who", "key"), Column("mean", "right", "published", decimals=1, spread="sd"))
    assert Table("made_up", frame, columns, "Made up.").cells() == [["a", "51.1 ± 2.0"], ["b", "3.0"]]
