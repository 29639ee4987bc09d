"""The stored strengths of the film: of the simulator in force, and equal to what other stored results say of them."""

import pandas as pd
import pytest

from ufama.report.same_film import stored as stored_worlds
from ufama.simulation.features import SETTINGS, simulate
from ufama.storage import project_root
from ufama.studies import film_strength
from ufama.studies.same_film import eight_clips, svm_outcomes


def test_stored_strengths_are_of_the_settings_in_force_and_complete():
    measured, provenance = film_strength.stored()
    assert provenance["simulated"] is True and provenance["stride"] == film_strength.STRIDE
    assert SETTINGS.replace(seed=provenance["settings"]["seed"]) == SETTINGS
    for name in ("eeg", "eye"):
        part = getattr(SETTINGS, name)
        assert part.replace(**provenance["settings"][name]) == part
    rows = measured.set_index(["strength", "seed", "protocol"])
    expected = [film_strength.STRENGTHS, film_strength.SEEDS, film_strength.PROTOCOLS]
    assert rows.index.is_unique and set(rows.index) == set(pd.MultiIndex.from_product(expected))
    assert measured[["windows", "trials"]].stack().between(0, 1).all()


def test_strength_one_of_the_books_simulated_set_is_the_world_with_both(tmp_path):
    worlds = stored_worlds(project_root() / "results" / "real_same_film").simulated
    both = worlds[worlds["world"] == "both"].groupby(["protocol", "subject"])[["windows", "trials"]].mean()
    measured, _ = film_strength.stored()
    own = measured[measured["strength"].eq(1) & measured["seed"].eq(SETTINGS.seed)].set_index("protocol")
    for protocol in film_strength.PROTOCOLS:
        assert own.loc[protocol, ["windows", "trials"]].tolist() == pytest.approx(
            both.loc[protocol].mean().tolist(), abs=1e-5
        )


@pytest.mark.slow
def test_a_strength_changes_the_trace_of_the_clips_alone():
    once = film_strength.film_strength((1.0,), (SETTINGS.seed,), stride=16)
    outcomes = svm_outcomes(eight_clips(simulate("seed_iv", SETTINGS)).subsample(16), film_strength.PROTOCOLS)
    for protocol, own in outcomes.groupby("protocol"):
        row = once[once["protocol"] == protocol].iloc[0]
        assert row["windows"] == pytest.approx(own.groupby("subject")["windows"].mean().mean())
        assert row["people"] == own["subject"].nunique() == 15
