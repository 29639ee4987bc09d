"""Features of simulated raw recordings, extracted as from any recordings: `ufama.data.signals`."""

from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np

from ufama.data.layout import WINDOW_SECONDS, DataError, Layout, checked_sessions, checked_subjects, layout
from ufama.data.releases.recordings import Progress, simulated_card
from ufama.data.signals.eeg import trial_features
from ufama.data.signals.eeg_settings import EegSettings
from ufama.data.signals.eye import eye_features
from ufama.data.signals.smoothing import smoothed
from ufama.data.windows import Windows, constants_marked
from ufama.simulation.head import RATE
from ufama.simulation.voltages import RAW_SETTINGS, VERSION, RawSettings, RawWorld
from ufama.storage import digest_of
from ufama.threads import one_thread

AS_RELEASED = EegSettings(definition="log2_power", low=None, high=None)
"""How the released files hold the EEG: log2 power, LDS-smoothed; the simulated signal is filtered already."""


def raw_fingerprint(
    dataset: str, settings: RawSettings, subjects: Sequence[int], sessions: Sequence[int], **more
) -> str:
    """32 hexadecimal digits from everything that decides the recordings, not from bytes: alike on every machine."""
    content = {"dataset": dataset, "raw settings": asdict(settings), "version": VERSION}
    content |= {"subjects": list(subjects), "sessions": list(sessions), **more}
    return digest_of(content, 32)


def checked_length(seconds: float | None) -> None:
    """Raise DataError where the first ``seconds`` of a clip are shorter than a window, or no number."""
    if seconds is not None and not WINDOW_SECONDS <= seconds < np.inf:
        raise DataError(f"seconds = {seconds:g} holds no window: expected at least {WINDOW_SECONDS:g}.")


def trial_columns(facts: Layout, subject: int, session: int, trial: int, count: int) -> dict[str, np.ndarray]:
    """label, trial, clip, window, subject and session of a trial's first ``count`` windows, (count,) each."""
    rows = facts.bounds(session)[trial - 1]
    columns = {name: values[rows][:count] for name, values in facts.table(session).items()}
    return columns | {"subject": np.full(count, subject), "session": np.full(count, session)}


def raw_windows(
    dataset: str,
    settings: RawSettings = RAW_SETTINGS,
    *,
    subjects: Sequence[int] | None = None,
    sessions: Sequence[int] | None = None,
    seconds: float | None = None,
    eeg: EegSettings = AS_RELEASED,
    progress: Progress | None = None,
) -> Windows:
    """The windows of simulated raw recordings, extracted in memory.

    ``seconds`` keeps only the first so many of every clip. ``eeg`` is how the EEG's features are computed. Raises
    DataError for subjects, sessions or lengths that the set does not have.
    """
    facts = layout(dataset)
    chosen, days = checked_subjects(facts, subjects), checked_sessions(facts, sessions)
    checked_length(seconds)
    world = RawWorld(dataset, settings)
    rows = []
    pairs = [(subject, session) for subject in chosen for session in days]
    for done, (subject, session) in enumerate(pairs, start=1):
        for trial in facts.trials:
            length = world.seconds(session, trial, seconds)
            streams, events = world.eye(subject, session, trial, seconds)
            eyes = eye_features(
                streams, events, seconds=length, dataset=dataset, smooth=lambda values: smoothed(values, eeg)
            )
            with one_thread():
                features = trial_features(world.eeg(subject, session, trial, seconds), RATE, eeg)
            rows.append(
                trial_columns(facts, subject, session, trial, len(features))
                | {"eeg": features.astype(np.float32), "eye": eyes.astype(np.float32)}
            )
        if progress:
            progress(done, len(pairs), f"simulating raw {facts.title}")
    columns = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    fingerprint = raw_fingerprint(dataset, settings, chosen, days, seconds=seconds, features=asdict(eeg))
    part = "whole clips" if seconds is None else f"the first {seconds:g} s of every clip"
    note = f"Features of simulated raw recordings: voltages and gaze of {part}."
    return constants_marked(Windows(**columns, card=replace(simulated_card(facts, fingerprint), notes=(note,))))
