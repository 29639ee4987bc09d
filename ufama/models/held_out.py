"""Source people held out in turn: what the same training makes of somebody whom it has never seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from ufama.data.windows import Windows
from ufama.methods import is_fitted, method
from ufama.models.accuracy_estimators import LEAST_PEOPLE
from ufama.models.fitting import FittedRun, problem_of, stacked_values
from ufama.models.inference import built_network, evaluated, repeatable, unlabelled
from ufama.models.jobs import FitJob, FitSettings, fit_job
from ufama.models.model import Mode, ModelError
from ufama.models.source_free import adapted_without_source
from ufama.seeds import stream
from ufama.training.batches import scaled_windows
from ufama.training.scores import accuracy

HeldOut = Literal["none", "people", "all"]
"""Who is held out: nobody; every person in turn, with one recording drawn by the seed; or with each recording."""

LEVEL = 0.95
"""Of the interval around the mean accuracy of held-out people."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOutRecording:
    """n windows of a person who was left out of the source, as models trained on the others predict them.

    Attributes
    ----------
    subject, session
        of the recording
    mode
        how the networks met it
    label, trial
        (n,) int64 class and trial number
    probabilities
        (n, 3, C) of the branches eeg, eye, fusion; mean over seeds
    fused
        (n, D) fused features of the first seed's network
    source_label, source_probabilities, source_fused
        (m,), (m, 3, C), (m, D) of a sample of up to 200 source windows that the first seed's network did not train on,
        where somebody was held out for validation, else of those that it did
    """

    subject: int
    session: int
    mode: Mode
    label: np.ndarray
    trial: np.ndarray
    probabilities: np.ndarray
    fused: np.ndarray
    source_label: np.ndarray
    source_probabilities: np.ndarray
    source_fused: np.ndarray


class HeldOutJobs(NamedTuple):
    """The trainings of one held-out person in one mode, a seed each, and the recordings that they predict."""

    subject: int
    mode: Mode  # "unadapted" or "adapted"
    recordings: dict[int, np.ndarray]  # session -> rows of the windows
    jobs: list[FitJob]


def held_out_jobs(windows: Windows, source: np.ndarray, settings: FitSettings, held_out: HeldOut) -> list[HeldOutJobs]:
    """What has to be trained so that every source person is held out once; nothing where there are too few.

    Parameters
    ----------
    windows
        not scaled
    source
        rows of the people who are held out in turn
    """
    subjects = np.unique(windows.subject[source])
    if held_out == "none" or len(subjects) < LEAST_PEOPLE:
        return []
    planned = []
    for subject in subjects.tolist():
        others = source[windows.subject[source] != subject]
        recordings = _recordings(windows, source, subject, settings, held_out)
        rows = np.concatenate(list(recordings.values()))
        jobs = [fit_job(windows, others, None, settings, seed, test=rows) for seed in settings.seeds]
        planned.append(HeldOutJobs(subject, "unadapted", recordings, jobs))
        for session, rows in recordings.items():
            jobs = [fit_job(windows, others, rows, settings, seed) for seed in settings.seeds]
            planned.append(HeldOutJobs(subject, "adapted", {session: rows}, jobs))
    return planned


def _recordings(
    windows: Windows, source: np.ndarray, subject: int, settings: FitSettings, held_out: HeldOut
) -> dict[int, np.ndarray]:
    own = source[windows.subject[source] == subject]
    sessions = np.unique(windows.session[own])
    if held_out == "people":
        sessions = stream(settings.seeds[0], "held-out session", subject).choice(sessions, 1)
    return {int(session): own[windows.session[own] == session] for session in sessions}


def held_out_recordings(
    windows: Windows, planned: HeldOutJobs, runs: Sequence[FittedRun], settings: FitSettings
) -> list[HeldOutRecording]:
    """What the trainings of one `HeldOutJobs` predict; of unadapted networks also after adaptation without the source.

    ``runs`` are of ``planned.jobs``, in their order. A method that cannot be adapted without its source has no such
    recordings.
    """
    probabilities = np.mean([run.test.probabilities for run in runs], axis=0)
    first, start = runs[0], 0
    recordings = []
    for session, rows in planned.recordings.items():
        place = slice(start, start + len(rows))
        start += len(rows)
        recording = HeldOutRecording(
            subject=planned.subject,
            session=session,
            mode=planned.mode,
            label=windows.label[rows],
            trial=windows.trial[rows],
            probabilities=probabilities[place],
            fused=first.test.fused[place].reshape(len(rows), -1),
            source_label=windows.label[first.shown_rows],
            source_probabilities=first.shown.probabilities,
            source_fused=first.shown.fused.reshape(len(first.shown_rows), -1),
        )
        recordings.append(recording)
        if planned.mode == "unadapted":
            recordings += _adapted_without_source(recording, rows, planned.jobs[0], runs, settings)
    return recordings


def _adapted_without_source(
    recording: HeldOutRecording, rows: np.ndarray, job: FitJob, runs: Sequence[FittedRun], settings: FitSettings
) -> list[HeldOutRecording]:
    """The same recording after `adapted_without_source`; none for a method that cannot be adapted so."""
    chosen, config, seeds, precision = method(settings.method), settings.config, settings.seeds, job.training.precision
    if is_fitted(chosen):
        return []
    own = unlabelled(scaled_windows(job.windows, job.training, job.split), rows)
    values = stacked_values(runs)
    network = built_network(chosen, config, problem_of(job.windows, [job.split]), seeds, values, precision)
    try:
        network = adapted_without_source(chosen, config, network, seeds, own, precision=precision)
    except ModelError:
        return []
    with repeatable():
        outputs = evaluated(chosen, config, network, len(seeds), own, precision)
    return [replace(recording, mode="source_free", probabilities=outputs.mean(), fused=outputs.fused[0])]


def score(recordings: Sequence[HeldOutRecording], class_share: np.ndarray) -> dict[str, Any]:
    """How accurate the same training was on people whom it had not seen, by how it met them.

    Parameters
    ----------
    recordings
        of at least 3 people
    class_share
        (C,) of the source's windows

    Returns
    -------
    dict
        ``protocol``: a sentence; ``level`` of the intervals; ``largest_class``: accuracy of always naming the source's
        largest class, which is what to compare with; ``modes``: for each mode ``accuracy`` (mean over people of
        window-level accuracy of the fused branch, a person's recordings averaged), ``sd`` over people, ``low`` and
        ``high``, ends of Student's t interval of the mean, and ``people``
    """
    modes = {}
    for mode in dict.fromkeys(recording.mode for recording in recordings):
        own = [recording for recording in recordings if recording.mode == mode]
        subjects = np.array([recording.subject for recording in own])
        right = np.array([accuracy(recording.probabilities, recording.label) for recording in own])
        of_people = np.array([right[subjects == subject].mean() for subject in np.unique(subjects)])
        modes[mode] = _mean_and_interval(of_people)
    return {
        "protocol": "each source person left out in turn and predicted by the same training on the others; window-level"
        " accuracy of the fused branch",
        "level": LEVEL,
        "largest_class": float(class_share.max()),
        "modes": modes,
    }


def _mean_and_interval(values: np.ndarray) -> dict[str, float]:
    from scipy.stats import t

    mean, sd, n = values.mean(), values.std(ddof=1), len(values)
    reach = t.ppf((1 + LEVEL) / 2, n - 1) * sd / np.sqrt(n)
    ends = np.clip([mean - reach, mean + reach], 0, 1)
    return {"accuracy": float(mean), "sd": float(sd), "low": float(ends[0]), "high": float(ends[1]), "people": n}
