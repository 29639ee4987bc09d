"""The page's tables, figures and sentences, from made-up outcomes with known means."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ufama.campaigns.grids import SAME_FILM_PROTOCOLS
from ufama.campaigns.run import OpenedData
from ufama.data.layout import DataError
from ufama.report import same_film
from ufama.report.same_film import SHOWN, SVM_ENTRY
from ufama.studies.same_film import SOURCE_ONLY, WORLDS

TITLE = "CEAP-360VR (head and eye movement, not EEG, not SEED)"
MEANS = dict(zip(SAME_FILM_PROTOCOLS, (0.5, 0.3, 0.8, 0.25), strict=True))
ADAPTING = (("ufama", "paper", "M6"), ("hadua", "paper", "H5"), ("dann", "paper", "full"))
ENTRIES = (SVM_ENTRY, SOURCE_ONLY, *ADAPTING, ("clip_order", "paper", "full"))


def cells(share, **columns):
    """Outcomes of six people and eight clips whose shares right have the given mean, and differ by person and clip."""
    rows = [
        (p, 1 + (c - 1) // 4, 1 + (p + c) % 4, c, share + 0.01 * (p - 3.5) + 0.02 * (c - 4.5))
        for p in range(1, 7)
        for c in range(1, 9)
    ]
    table = pd.DataFrame(rows, columns=["subject", "session", "trial", "clip", "windows"])
    return table.assign(trials=np.minimum(1, 1.1 * table["windows"]), **columns)


@pytest.fixture(scope="module")
def outcomes():
    parts = []
    for place, (method, preset, variant) in enumerate(ENTRIES):
        entry = {"method": method, "preset": preset, "variant": variant}
        for protocol, share in MEANS.items():
            parts.append(cells(share - 0.01 * place, protocol=protocol, control="", **entry))
    permuted = dict(zip(("method", "preset", "variant"), ADAPTING[0], strict=True))
    return pd.concat([*parts, cells(0.26, protocol="cross_subject", control="labels_shuffled", **permuted)])


@pytest.fixture(scope="module")
def studies():
    probes = pd.DataFrame(
        {"features": name, "fold": f"subject{p}", "subject": p, "clip": 0.2 + 0.01 * p, "clip_chance": 1 / 8,
         "clip_of_class": 0.55 + 0.01 * p, "clip_of_class_chance": 0.5, "person": 0.3 if "M1" in name else 0.1,
         "person_chance": 1 / 32}
        for name in same_film.FEATURE_TITLES for p in range(1, 7)
    )  # fmt: skip
    design = pd.DataFrame(
        {"protocol": protocol, "training_trials": 124.0, "training_windows": 1240.0, "test_trials": 4.0, "folds": 64,
         "people_seen": 0.0, "clips_seen": 1.0, "order_only": 0.24, "chance": 0.25}
        for protocol in SAME_FILM_PROTOCOLS
    )  # fmt: skip
    simulated = pd.concat(
        cells(share, protocol=protocol, world=world) for world in WORLDS for protocol, share in MEANS.items()
    )
    return same_film.Studies(design, cells(0.5, protocol="cross_subject"), probes, simulated)


@pytest.fixture(scope="module")
def runs():
    return pd.DataFrame(
        {"digest": ["a", "b"], "data_title": TITLE, "scale": "quick", "epochs": 16, "steps": 4, "seed": 0,
         "simulated": False, "class_names": [["HVHA", "HVLA", "LVHA", "LVLA"]] * 2, "preset": "paper"}
    )  # fmt: skip


def test_methods_stand_in_four_cells_best_first_controls_and_permuted_labels_below(outcomes, runs):
    frame = same_film.cells_table(outcomes, runs).frame
    names = frame["entry"].tolist()
    assert names[:2] == ["SVM, radial basis", "UF-AMA's network, source only"]
    assert names[-2:] == ["Clip order", "permuted labels: UF-AMA"]
    first = frame.iloc[0]
    for protocol, share in MEANS.items():
        assert first[protocol] == pytest.approx(100 * share)
    assert first["above"] == pytest.approx(30 - 25)
    assert np.isnan(frame["above"].iloc[-1])
    assert frame["cross_subject"].iloc[-1] == pytest.approx(26)
    by_trial = same_film.cells_table(outcomes, runs, "trials").frame
    assert by_trial.iloc[0]["cross_subject"] == pytest.approx(100 * 1.1 * 0.5)


def test_every_table_says_whose_recordings_these_are(outcomes, studies, runs):
    for table in (
        same_film.design_table(studies, TITLE), same_film.cells_table(outcomes, runs),
        same_film.intervals_table(outcomes, runs), same_film.changes_table(outcomes, runs),
        same_film.probes_table(studies, TITLE), same_film.published_table(outcomes, runs),
    ):  # fmt: skip
        assert "real CEAP-360VR" in table.caption, table.name
        assert "not EEG, not SEED" in table.caption, table.name
        assert len(table.cells())
    assert "simulated SEED-IV" in same_film.simulated_table(studies).caption


def test_changes_are_of_methods_that_adapt_against_the_network_alone(outcomes, runs):
    frame = same_film.changes_table(outcomes, runs).frame.set_index("entry")
    assert set(frame.index) == {"UF-AMA", "HADUA", "DANN"}
    for protocol in same_film.CHANGE_PROTOCOLS:
        assert frame.loc["UF-AMA", f"{protocol}_windows_people"] == pytest.approx(-1)
        assert frame.loc["DANN", f"{protocol}_windows_clips"] == pytest.approx(-3)
        assert frame[f"{protocol}_p_holm"].tolist() == pytest.approx([3 * 2 / 2**8] * 3)


def test_published_values_are_those_of_the_papers_table(outcomes, runs):
    frame = same_film.published_table(outcomes, runs).frame
    assert frame.loc[0, ["same", "other"]].tolist() == [92.73, 77.24]
    assert frame.loc[0, "left"] == pytest.approx(100 * (77.24 - 25) / (92.73 - 25))
    assert len(frame) == 1 + len(SHOWN)
    assert frame.loc[1, ["same", "other"]].tolist() == pytest.approx([50, 25])


def test_sentences_hold_the_numbers_of_the_tables(outcomes, studies, runs):
    text = same_film.reading(outcomes, studies, runs)
    for part in (
        "in 50.0 % of the windows", "in 30.0 % of the windows", "20 % of what lies above chance", "0 % left",
        "3 methods that adapt", "by -3.0 to -1.0 points", "the most is UF-AMA with -1.0",
        "person in 10.0 % (chance 3.1)",
        "alone: person 30.0 %", "UF-AMA: person 10.0 %", "the accuracy is 26.0 %",
    ):  # fmt: skip
        assert part in text, part
    limits = same_film.limits(outcomes, runs)
    reach = 30 + 2.3646 * np.std(2 * np.arange(8), ddof=1) / np.sqrt(8) - 25
    assert f"reaches {reach:.0f} points above chance" in limits
    assert "8 values cannot give a p below 0.008, and after Holm's correction for 3 methods none below 0.02" in limits


def test_figures_are_drawn_with_their_description(outcomes, studies, runs):
    drawn = same_film.cells_figure(outcomes, studies, runs)
    assert len(drawn.axes) == 4
    heights = drawn.axes[0].lines[0].get_ydata()  # a thin line of the first other method
    assert list(heights) == pytest.approx([49, 29])
    assert "simulated" in drawn.alt_text
    dots = same_film.clips_figure(outcomes, runs).axes[0].lines[0].get_ydata()
    assert list(dots) == pytest.approx([100 * (0.5 + 0.02 * (c - 4.5)) for c in range(1, 9)])


def test_studies_are_read_back_as_they_were_stored(studies, small, tmp_path):
    same_film.store(studies._asdict(), tmp_path, small.card, "c0ffee")
    for written, read in zip(studies, same_film.stored(tmp_path), strict=True):
        pd.testing.assert_frame_equal(written.reset_index(drop=True), read, check_dtype=False, rtol=1e-5)
    facts = json.loads((tmp_path / "probes.json").read_text())
    assert (facts["commit"], facts["licence"]) == ("c0ffee", small.card.licence)


def test_recordings_whose_sessions_share_their_clips_are_refused(small):
    with pytest.raises(DataError, match="each with clips of its own"):
        same_film.check_design(OpenedData(dataset="x", windows=replace(small, clip=small.trial)))
