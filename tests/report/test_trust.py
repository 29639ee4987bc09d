"""Tables and figures of trust show the stored study, and a model's own numbers; real data are called real."""

import numpy as np
import pytest

from ufama.models.accuracy_estimators import ESTIMATORS
from ufama.models.folder import load_model
from ufama.report import trust
from ufama.studies.new_person import stored_model
from ufama.studies.trust import RISKS, STORED, stored


@pytest.fixture(scope="module")
def sets():
    return stored()


def test_the_sets_are_stored_whole_and_say_what_they_are(sets):
    assert tuple(sets) == STORED
    assert [one.provenance["simulated"] for one in sets.values()] == [True, True, False]
    assert "Open Data Commons" in sets["eegmat"].provenance["licence"]
    for one in sets.values():
        people = one.provenance["people"]
        assert len(one.tables["recordings"]) == people * 3 * 3
        assert one.tables["recordings"]["taught_by"].eq(people - 1).all()
        assert one.provenance["commit"] and not one.provenance["commit"].endswith("+")


def test_captions_name_data_people_and_scale(sets):
    caption = trust.modes(sets).caption
    assert "simulated SEED (n = 12 people" in caption and "real EEGMAT recordings (n = 36 people" in caption
    assert "scale quick (256 steps)" in caption
    assert trust.modes(sets).provenance["simulated"] is True


def test_accuracies_are_means_over_people(sets):
    frame = trust.modes(sets).frame.set_index(["data", "mode"])
    recordings = sets["eegmat"].tables["recordings"]
    own = recordings[(recordings["branch"] == "fusion") & (recordings["mode"] == "adapted")]
    row = frame.loc[("EEGMAT", trust.MODE_TITLES["adapted"])]
    assert row["windows_percent"] == pytest.approx(100 * own["accuracy"].mean())
    assert row["windows_low_percent"] < row["windows_percent"] < row["windows_high_percent"]
    unadapted = frame.loc[("EEGMAT", trust.MODE_TITLES["unadapted"])]
    assert row["gain_points"] == pytest.approx(row["windows_percent"] - unadapted["windows_percent"])
    assert np.isnan(unadapted["gain_points"])


def test_errors_and_coverage_by_hand(sets):
    recordings = sets["seed"].tables["recordings"]
    own = recordings[(recordings["branch"] == "fusion") & (recordings["mode"] == "unadapted")]
    errors = trust.estimates(sets).frame.iloc[0]
    covered = trust.coverage(sets).frame.iloc[0]
    for name in ESTIMATORS:
        assert errors[f"{name}_points"] == pytest.approx(100 * np.abs(own[name] - own["accuracy"]).mean())
        inside = (own[f"{name}_low"] <= own["accuracy"]) & (own["accuracy"] <= own[f"{name}_high"])
        assert abs(covered[f"{name}_covered"] - inside.sum()) <= 1  # an end that is met exactly, rounded
    gain = np.abs(own["difference_of_confidences"] - own["accuracy"]) - np.abs(own["held_out_mean"] - own["accuracy"])
    against = trust.against_constant(sets).frame.iloc[0]
    assert against["difference_of_confidences_gain_points"] == pytest.approx(100 * gain.mean())
    reported = [abs(row[row["best"]] - row["accuracy"]) for _, row in own.iterrows()]
    assert errors["reported_points"] == pytest.approx(100 * np.mean(reported))


def test_tables_have_a_row_for_what_was_measured(sets):
    assert len(trust.calibration(sets).frame) == len(sets) * 3 * 3
    assert len(trust.abstention(sets).frame) == len(sets) * len(RISKS)
    modalities = trust.modalities(sets).frame
    assert set(modalities["recording"]) >= {"whole", "EEG: all of it lost", "ECG: windows shuffled"}
    lost = modalities[(modalities["recording"] == "EEG: all of it lost") & modalities["answer"].str.contains("rule")]
    assert (lost["left_out_percent"] == 100).all()
    causal = trust.causal(sets).frame
    assert len(causal) == len(sets) * 3
    assert len(trust.distances(sets).frame) == len(sets) * 2


def test_tables_are_narrow_enough_to_be_seen_whole(sets):
    model = load_model(stored_model())
    pages = (trust.modes, trust.calibration, trust.estimates, trust.against_constant, trust.coverage, trust.widths,
             trust.distances, trust.abstention, trust.modalities, trust.causal)  # fmt: skip
    tables = [*(page(sets) for page in pages), trust.learnt(model), trust.learnt_estimates(model)]
    assert max(len(table.shown) for table in tables) <= 8


@pytest.mark.parametrize("draw", [trust.estimated_against_true, trust.reliability, trust.risk_against_coverage])
def test_figures_have_a_panel_per_set_and_alt_text(sets, draw):
    drawn = draw(sets)
    assert [panel.get_title().splitlines()[0] for panel in drawn.axes] == list(trust.titles(sets).values())
    assert len(drawn.alt_text) > 40


def test_the_stored_model_opens_and_shows_what_it_learnt():
    model = load_model(stored_model())
    assert model.card.simulated and model.source["name"] == "seed"
    table = trust.learnt(model)
    assert len(table.frame) == 3 * 3
    assert "simulated SEED" in table.caption and "n = 12 source people" in table.caption
    known = model.trust.of("unadapted", "fusion")
    first = table.frame[(table.frame["branch"] == "fusion")].iloc[0]
    assert first["temperature"] == pytest.approx(known.temperature)
    with pytest.raises(ValueError, match="nobody was held out"):
        trust.learnt(model.replace(trust=None))
