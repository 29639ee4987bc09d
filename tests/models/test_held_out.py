"""Source people held out in turn: who trains on whom, and what the scores are."""

import numpy as np
import pytest

from tests.models.conftest import SMOKE
from ufama.models.fit_adapt import adapt_model, fit_model
from ufama.models.fitting import fit_networks
from ufama.models.held_out import HeldOutRecording, held_out_jobs, held_out_recordings, score
from ufama.models.inference import outputs, scaled_recording, unlabelled
from ufama.models.jobs import fit_settings

SETTINGS = fit_settings("made", seeds=(0, 1), **SMOKE)


@pytest.mark.parametrize("held_out", ["people", "all"])
def test_nobody_trains_on_the_person_who_is_held_out(small, held_out):
    planned = held_out_jobs(small, np.arange(len(small)), SETTINGS, held_out)
    per_person = 1 if held_out == "people" else 2
    assert [one.mode for one in planned].count("adapted") == 4 * per_person
    for one in planned:
        assert len(one.jobs) == 2 and len(one.recordings) == (per_person if one.mode == "unadapted" else 1)
        rows = np.concatenate(list(one.recordings.values()))
        assert set(small.subject[rows]) == {one.subject}
        for job in one.jobs:
            seen = [job.split.source, job.split.validation, *([job.split.target] if one.mode == "unadapted" else [])]
            assert one.subject not in small.subject[np.concatenate(seen)]
            assert np.array_equal(job.split.test, rows)
            if one.mode == "adapted":
                assert np.array_equal(job.split.target, rows)


def test_nobody_is_held_out_of_too_few_people(small):
    few = small.select(small.subject < 3)
    assert held_out_jobs(few, np.arange(len(few)), SETTINGS, "people") == []
    assert held_out_jobs(small, np.arange(len(small)), SETTINGS, "none") == []
    lines = []
    model = fit_model(few, held_out="people", notify=lines.append, **SMOKE)
    assert model.trust is None and model.source["score"] is None
    assert len(lines) == 1 and "fewer than 3 people" in lines[0]


def test_a_held_out_person_is_predicted_as_by_a_model_of_the_others(small):
    planned = held_out_jobs(small, np.arange(len(small)), SETTINGS, "people")
    first, second = planned[0], planned[1]
    assert (first.mode, second.mode, first.subject, second.subject) == ("unadapted", "adapted", 1, 1)
    runs = fit_networks("ufama", SETTINGS.config, [*first.jobs, *second.jobs])
    unadapted, source_free = held_out_recordings(small, first, runs[:2], SETTINGS)
    (adapted,) = held_out_recordings(small, second, runs[2:], SETTINGS)
    ((session, rows),) = first.recordings.items()
    person = unlabelled(small, rows)
    model = fit_model(small.select(small.subject != 1), seeds=(0, 1), **SMOKE)
    source = small.select(small.subject != 1)
    for recording, one in (
        (unadapted, model),
        (source_free, adapt_model(model, person)),
        (adapted, adapt_model(model, person, source=source)),
    ):
        assert (recording.subject, recording.session, recording.mode) == (1, session, one.mode)
        assert np.array_equal(recording.label, small.label[rows])
        assert np.array_equal(recording.trial, small.trial[rows])
        predicted = outputs(one, scaled_recording(one, person))
        assert np.allclose(recording.probabilities, predicted.mean(), atol=1e-6)
        assert np.allclose(recording.fused, predicted.fused[0], atol=1e-5)


def test_what_is_shown_of_the_source_is_of_people_held_out_for_validation(small):
    planned = held_out_jobs(small, np.arange(len(small)), SETTINGS, "people")[0]
    runs = fit_networks("ufama", SETTINGS.config, planned.jobs)
    recording = held_out_recordings(small, planned, runs, SETTINGS)[0]
    validation = planned.jobs[0].split.validation
    assert len(recording.source_label) == min(200, len(validation)) == len(recording.source_fused)
    assert np.isin(runs[0].shown_rows, validation).all()
    assert np.array_equal(recording.source_label, small.label[runs[0].shown_rows])


def recording(subject, session, right, of, mode="adapted"):
    label = np.zeros(of, int)
    probabilities = np.zeros((of, 3, 2))
    probabilities[:, :, 1] = 1
    probabilities[:right] = [1, 0]
    empty = np.empty((0, 0))
    return HeldOutRecording(
        subject=subject, session=session, mode=mode, label=label, trial=label, probabilities=probabilities,
        fused=empty, source_label=label[:0], source_probabilities=empty, source_fused=empty,
    )  # fmt: skip


def test_the_score_weighs_people_equally_and_has_students_interval():
    recordings = [recording(1, 1, 10, 10), recording(1, 2, 5, 10), recording(2, 1, 3, 4), recording(3, 1, 9, 20)]
    measured = score(recordings, np.array([0.4, 0.6]))
    people = np.array([0.75, 0.75, 0.45])
    own = measured["modes"]["adapted"]
    assert own["accuracy"] == pytest.approx(people.mean()) and own["sd"] == pytest.approx(people.std(ddof=1))
    reach = 4.302652729911275 * people.std(ddof=1) / np.sqrt(3)  # Student's t, 2 degrees of freedom
    assert own["low"] == pytest.approx(max(0, people.mean() - reach)) and own["high"] == 1.0
    assert own["people"] == 3 and measured["largest_class"] == 0.6


def test_a_models_score_is_of_its_held_out_people(model):
    measured = model.source["score"]
    assert set(measured["modes"]) == {"unadapted", "adapted", "source_free"}
    assert all(own["people"] == 4 for own in measured["modes"].values())
    for mode, own in measured["modes"].items():
        held_out = model.trust.of(mode, "fusion").held_out
        assert own["accuracy"] == pytest.approx(np.mean([row.accuracy for row in held_out]))
