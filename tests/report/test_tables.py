import itertools
import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from ufama.analysis.evaluation import accuracy, select
from ufama.config import PAPER, TrainingConfig
from ufama.data.windows import DataCard, Windows
from ufama.report.table import Column, Table, to_csv
from ufama.report.tables import methods_table, sessions, subjects_table, table1, table2, table7


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
            assert column.origin == "key" or column.origin in column.group, column
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


def test_one_run_shows_an_en_dash_for_its_sample_deviation(ablation):
    one = select(ablation, seed=0, fold="session1-subject01")
    cells = dict(zip([c.name for c in table7(one, "seed").shown], table7(one, "seed").cells()[0], strict=True))
    assert cells["measured_last_sd_sample_percent"] == "–"
    assert cells["measured_last_sd_population_percent"] == "0.00"


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


def test_columns_whose_rows_all_agree_are_left_to_the_caption_and_the_csv(results, make, tmp_path):
    one_seed = make(datasets=("seed",), seeds=(0,))
    hidden = {c.name for c in subjects_table(one_seed, "seed").columns} - {
        c.name for c in subjects_table(one_seed, "seed").shown
    }
    rules = ("oracle", "last", "source_validation")
    assert hidden == {f"measured_{rule}_{what}" for rule in rules for what in ("sd_over_seeds_percent", "n")}
    assert "measured_last_sd_over_seeds_percent" in {c.name for c in subjects_table(results, "seed").shown}
    assert "measured_last_n" in to_csv(subjects_table(one_seed, "seed"), tmp_path / "table4.csv").read_text()


def test_people_meet_their_recording_by_the_assumed_number(results):
    frame = subjects_table(results, "seed", rules=["last"]).frame
    row = frame.query("session == 2 and subject == 6").iloc[0]
    assert row["recording_id"] == 8
    mine = accuracy(select(results, dataset="seed", protocol="cross_subject", fold="session2-subject08"))
    expected = mine.query("rule == 'last'")["accuracy_windows"].mean() * 100
    assert row["measured_last_windows_percent"] == pytest.approx(expected)
    assert frame.query("subject == 3")["measured_last_windows_percent"].isna().all()


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
    """Cells per row, counting colspans; and that every tag is closed."""

    def __init__(self):
        super().__init__()
        self.rows, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append(0)
        if tag in ("td", "th"):
            self.rows[-1] += int(dict(attrs).get("colspan", 1))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_whole_scrolls_and_is_the_same_each_time(measured_tables, results):
    for table in measured_tables:
        outline = Outline()
        outline.feed(table._repr_html_())
        assert not outline.open
        assert set(outline.rows) == {len(table.shown)}
        assert '<div class="table-scroll" style="overflow-x:auto;max-width:100%" tabindex="0" role="region"' in (
            table._repr_html_()
        )
    assert methods_table(results, "seed")._repr_mimebundle_() == measured_tables[0]._repr_mimebundle_()


def test_text_in_html_is_escaped(measured_tables):
    table = replace(measured_tables[0], caption='<b>"x" & y</b>. Measured')
    assert "<b>" not in table._repr_html_()
    assert "&lt;b&gt;&quot;x&quot; &amp; y" in table._repr_html_()


def test_a_table_keeps_the_described_columns_and_misses_none(measured_tables):
    table = measured_tables[0]
    fewer = replace(table, columns=table.columns[:0:-1])
    assert list(fewer.frame) == [column.name for column in table.columns[:0:-1]]
    with pytest.raises(ValueError, match="no column width; the frame has"):
        replace(table, columns=[*table.columns, Column("width", "width", "key")])


def test_csv_has_two_decimals_and_its_provenance_beside_it(ablation, tmp_path):
    table = table7(ablation, "seed")
    path = to_csv(table, tmp_path / "folder" / "table7.csv")
    frame = pd.read_csv(path)
    assert list(frame) == list(table.frame)
    numbers = frame.select_dtypes("number")
    assert numbers.equals(numbers.round(2))
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
    assert path.read_text().splitlines() == ["who,mean,low,high", "a,51.1,48.5,53.6", "b,3.0,,"]
    described = json.loads(path.with_suffix(".json").read_text())["columns"]
    assert described["high"] == {"origin": "measured", "title": "% right, high"}
    with pytest.raises(ValueError, match="no column low"):
        Table("made_up", frame.drop(columns="low"), columns, "Made up.")
