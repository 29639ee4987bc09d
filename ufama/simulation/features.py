"""Subjects, clips and sessions that were never recorded, in the exact layout of SEED and SEED-IV.

Every modality of every window is a sum of parts in that modality's own units (EEG: log2 power; eye: spreads of a
feature between subjects), each part scaled by one parameter of `ModalitySettings`:

    usual level + person shift + session shift + emotion + clip + trial noise + drift

*emotion* is what the subject felt in the trial times the pattern of that emotion; what was felt is the clip's label
plus a mixture of other emotions (`mixed_feeling`), the same in both modalities. The EEG patterns put the findings of
Zheng, Zhu & Lu, "Identifying stable patterns over time for emotion recognition from EEG" (IEEE Transactions on
Affective Computing, 2019; arXiv 1601.02197) on the scalp: positive emotion, more beta and gamma power over lateral
temporal sites; neutral, more alpha over parietal and occipital sites; negative, more delta over parietal and
occipital and more gamma over prefrontal sites. SEED-IV's sad and fear share the negative pattern in different
proportions, which is an assumption of this file. Of the eye patterns only the pupil's arousal response is a finding
(Partala & Surakka 2003, Int. J. Human-Computer Studies 59; Bradley et al. 2008, Psychophysiology 45), and so is that
the film's brightness moves the pupil more than the emotion does (Pansara et al. 2025, arXiv 2504.13886), which is why
the clip's own part is strong there. The other eye patterns are assumptions.

All draws come from named streams of one seed: a subset of subjects is drawn exactly as in the whole set.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import numpy as np

from ufama.config import Range, Share, ValidatedConfig
from ufama.data.layout import (
    BANDS,
    CHANNELS,
    ELECTRODE_POSITIONS,
    EVENT_FEATURES,
    Layout,
    checked_subjects,
    eye_columns,
    layout,
)
from ufama.data.releases.recordings import simulated_card, subset_fingerprint
from ufama.data.windows import Windows, constants_marked
from ufama.seeds import named_stream
from ufama.storage import digest_of
from ufama.threads import one_thread

VERSION = 1
"""Counted up whenever equal settings would no longer give equal recordings."""

Strength = Range(0, 10)
Seed = Range(0, 1 << 62)


@dataclass(frozen=True, kw_only=True)
class ModalitySettings(ValidatedConfig):
    """How strongly each part moves one modality.

    Attributes
    ----------
    person_shift
        SD between subjects: larger, and a decoder without scaling per subject loses accuracy
    session_shift
        SD between a subject's sessions: the same within a subject
    emotion
        size of the emotion patterns: larger, and every decoder gains
    individual
        a subject's own deviation from the common patterns, as a share of them: larger, and only decoders that have seen
        the subject keep their accuracy
    clip
        SD between clips, alike for all subjects: larger, and clips seen before are recognised while unseen clips of the
        same emotion are missed
    trial_noise
        SD between trials: larger, and whole trials are missed
    drift
        SD of the slow change within a trial; neighbouring windows stay nearly equal
    """

    person_shift: Annotated[float, Strength]
    session_shift: Annotated[float, Strength]
    emotion: Annotated[float, Strength]
    individual: Annotated[float, Strength]
    clip: Annotated[float, Strength]
    trial_noise: Annotated[float, Strength]
    drift: Annotated[float, Strength]


@dataclass(frozen=True, kw_only=True)
class SimulatorSettings(ValidatedConfig):
    """Both modalities, and what they share.

    Attributes
    ----------
    mixed_feeling
        SD of the other emotions felt in a trial: larger, and both modalities miss the same trials
    bad_modality_share
        share of subject-sessions in which one modality, EEG or eye, hardly carries the emotion
    seed
        of every draw
    """

    eeg: ModalitySettings
    eye: ModalitySettings
    mixed_feeling: Annotated[float, Strength]
    bad_modality_share: Annotated[float, Share]
    seed: Annotated[int, Seed]


SETTINGS = SimulatorSettings(
    eeg=ModalitySettings(
        person_shift=1.0, session_shift=0.4, emotion=0.6, individual=0.4, clip=0.2, trial_noise=0.4, drift=0.15
    ),
    eye=ModalitySettings(
        person_shift=1.0, session_shift=0.4, emotion=0.7, individual=0.4, clip=0.3, trial_noise=0.5, drift=0.2
    ),
    mixed_feeling=0.5,
    bad_modality_share=0.1,
    seed=2025,
)
"""Calibrated once, with a plain SVM, against published accuracies on the real sets (`ufama.studies.baseline`)."""

BAD_RESPONSE, BAD_NOISE = 0.2, 1.5  # factors on emotion and trial noise in a bad modality
_DRIFT_WINDOWS = 8.0  # width of the smoothing over time, in windows: the memory of the released LDS features
_SCALP_LENGTH = 0.4  # of the smooth random patterns, in head radii
_BAND_CORRELATION = 0.5  # of the random patterns (assumption)
_STEP = 2.0**-10  # values are rounded to steps that float32 holds exactly, alike on every machine

REGIONS = {
    "lateral temporal": ("FT7", "T7", "TP7", "FT8", "T8", "TP8"),
    "prefrontal": ("FP1", "FPZ", "FP2", "AF3", "AF4"),
    "parietal occipital": ("P3", "PZ", "P4", "PO3", "POZ", "PO4", "O1", "OZ", "O2"),
}

EEG_RESPONSE = {
    "negative": {("parietal occipital", "delta"): 1.0, ("prefrontal", "gamma"): 1.0},
    "neutral": {("parietal occipital", "alpha"): 1.0},
    "positive": {("lateral temporal", "beta"): 1.0, ("lateral temporal", "gamma"): 1.0},
    "sad": {("parietal occipital", "delta"): 1.0, ("prefrontal", "gamma"): 0.3},
    "fear": {("parietal occipital", "delta"): 0.4, ("prefrontal", "gamma"): 1.2},
    "happy": {("lateral temporal", "beta"): 1.0, ("lateral temporal", "gamma"): 1.0},
}

# log2 power of each band, and where on the scalp it is higher than elsewhere
_EEG_LEVEL = {"delta": 22.5, "theta": 19.5, "alpha": 18.5, "beta": 17.0, "gamma": 16.0}
_EEG_TOPOGRAPHY = {
    ("prefrontal", "delta"): 1.0,
    ("prefrontal", "theta"): 0.5,
    ("parietal occipital", "alpha"): 1.5,
    ("lateral temporal", "beta"): 0.5,
    ("lateral temporal", "gamma"): 1.0,
}

EYE_FACTORS = ("pupil", "unrest", "dispersion", "fixation", "saccade", "blink")
EYE_RESPONSE = {
    "negative": (0.8, 0.2, -0.4, 0.4, -0.3, -0.3),
    "neutral": (-0.9, -0.4, 0.2, -0.4, 0.0, 0.5),
    "positive": (0.3, 0.5, 0.4, 0.0, 0.7, 0.0),
    "sad": (0.1, -0.2, -0.6, 0.8, -0.6, 0.2),
    "fear": (1.0, 0.5, -0.4, -0.2, 0.1, -0.6),
    "happy": (0.3, 0.5, 0.4, 0.0, 0.7, 0.0),
}

# feature: (typical value, spread, its factors). Positive quantities spread by a factor, DE rows (log2) by a sum.
_EYE_FEATURES = {
    "pupil_mean_x": (80.0, 0.12, {"pupil": 1.0}),
    "pupil_mean_y": (70.0, 0.12, {"pupil": 1.0}),
    "pupil_sd_x": (6.0, 0.25, {"unrest": 1.0}),
    "pupil_sd_y": (6.0, 0.25, {"unrest": 1.0}),
    **{
        f"pupil_de_{axis}_{band}": (level, 0.4, factors)
        for axis in "xy"
        for band, level, factors in (
            ("0_0.2Hz", 24.0, {"pupil": 1.0, "unrest": 0.2}),
            ("0.2_0.4Hz", 16.0, {"pupil": 0.8, "unrest": 0.5}),
            ("0.4_0.6Hz", 15.0, {"unrest": 1.0}),
            ("0.6_1Hz", 14.0, {"unrest": 1.0, "blink": 0.3}),
        )
    },
    "dispersion_mean_x": (20.0, 0.25, {"dispersion": 1.0}),
    "dispersion_mean_y": (20.0, 0.25, {"dispersion": 1.0}),
    "dispersion_sd_x": (15.0, 0.25, {"dispersion": 1.0, "unrest": 0.3}),
    "dispersion_sd_y": (15.0, 0.25, {"dispersion": 1.0, "unrest": 0.3}),
    "fixation_duration_mean": (250.0, 0.2, {"fixation": 1.0, "saccade": -0.3}),
    "fixation_duration_sd": (150.0, 0.25, {"fixation": 1.0}),
    "saccade_duration_mean": (60.0, 0.2, {"saccade": 1.0, "blink": 0.2}),
    "saccade_amplitude_mean": (6.0, 0.25, {"saccade": 1.0}),
    "saccade_duration_sd": (25.0, 0.25, {"saccade": 0.7, "blink": 0.5}),
    "saccade_amplitude_sd": (5.0, 0.25, {"saccade": 1.0, "dispersion": 0.3}),
    "blink_duration_mean": (200.0, 0.25, {"blink": 1.0}),
    "blink_duration_sd": (80.0, 0.3, {"blink": 1.0}),
    "blink_frequency": (0.6, 0.4, {"blink": 1.0}),
    "fixation_frequency": (2.5, 0.2, {"fixation": -1.0, "saccade": 0.4}),
    "fixation_duration_max": (2000.0, 0.3, {"fixation": 1.0}),
    "fixation_dispersion_total": (10000.0, 0.3, {"dispersion": 1.0}),
    "fixation_dispersion_max": (300.0, 0.25, {"dispersion": 1.0}),
    "saccade_frequency": (2.5, 0.2, {"saccade": 0.5, "fixation": -0.8}),
    "saccade_duration_average": (60.0, 0.2, {"saccade": 1.0, "blink": 0.2}),
    "saccade_amplitude_average": (6.0, 0.25, {"saccade": 1.0}),
    "saccade_latency_average": (300.0, 0.2, {"fixation": 1.0}),
}


def similarity(points: np.ndarray, reach: float) -> np.ndarray:
    """(n, n) similarity of places, exp(-distance^2 / 2 reach^2)."""
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    return np.exp(-0.5 * (distances / reach) ** 2)


def pattern_roots(points: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """(62, 62) and (5, 5) matrices that turn independent draws (62, 5) into smooth, correlated ones of SD 1."""
    bands = np.full((len(BANDS), len(BANDS)), _BAND_CORRELATION) + (1 - _BAND_CORRELATION) * np.eye(len(BANDS))
    return np.linalg.cholesky(similarity(points, reach) + 1e-6 * np.eye(len(points))), np.linalg.cholesky(bands)


def _scalp_pattern(parts: dict[tuple[str, str], float]) -> np.ndarray:
    """(62, 5) pattern that reaches the given height in each named region and band and fades smoothly around it."""
    pattern = np.zeros((len(CHANNELS), len(BANDS)))
    kernel = similarity(ELECTRODE_POSITIONS, _SCALP_LENGTH)
    for (region, band), height in parts.items():
        bump = kernel[:, [CHANNELS.index(channel) for channel in REGIONS[region]]].sum(axis=1)
        pattern[:, BANDS.index(band)] += height * bump / bump.max()
    return pattern


@dataclass(frozen=True)
class _Space:
    """One modality's units: ``patterns`` (classes, width) of the emotions and ``root`` (draws, width), which turns
    independent normal draws into smooth or correlated ones of SD 1 in every entry."""

    patterns: np.ndarray
    root: np.ndarray

    def draw(self, stream: np.random.Generator, *shape: int) -> np.ndarray:
        """(*shape, width) of the modality's random patterns."""
        return stream.standard_normal((*shape, len(self.root))) @ self.root


def _eeg_space(facts: Layout) -> _Space:
    scalp, bands = pattern_roots(ELECTRODE_POSITIONS, _SCALP_LENGTH)
    patterns = np.stack([_scalp_pattern(EEG_RESPONSE[name]) for name in facts.class_names])
    return _Space(patterns.reshape(len(patterns), -1), np.kron(scalp, bands).T)


def _eye_space(facts: Layout) -> _Space:
    columns = eye_columns(facts)
    loadings = np.array([[_EYE_FEATURES[name][2].get(factor, 0.0) for name in columns] for factor in EYE_FACTORS])
    loadings /= np.linalg.norm(loadings, axis=0)
    patterns = np.array([EYE_RESPONSE[name] for name in facts.class_names]) @ loadings
    return _Space(patterns, np.vstack([np.sqrt(0.8) * loadings, np.sqrt(0.2) * np.eye(len(columns))]))


def _smooth(count: int) -> np.ndarray:
    """(count, count) matrix that turns white noise over windows into slow noise of the same SD."""
    steps = np.arange(count)
    weights = np.exp(-0.5 * ((steps[:, None] - steps[None]) / _DRIFT_WINDOWS) ** 2)
    return weights / np.linalg.norm(weights, axis=1, keepdims=True)


def bad_modalities(dataset: str, settings: SimulatorSettings = SETTINGS) -> dict[tuple[int, int], str]:
    """Which modality ("eeg" or "eye") is bad in which (subject, session); absent where both are good."""
    stream = named_stream([settings.seed], dataset, "bad modality")
    return drawn_bad_modalities(stream, layout(dataset), settings.bad_modality_share)


def drawn_bad_modalities(stream: np.random.Generator, facts: Layout, share: float) -> dict[tuple[int, int], str]:
    """A bad modality for a ``share`` of all (subject, session)."""
    pairs = [(subject, session) for subject in facts.subjects for session in facts.sessions]
    chosen = stream.permutation(len(pairs))[: round(share * len(pairs))]
    which = stream.integers(0, 2, len(pairs))
    return {pairs[place]: ("eeg", "eye")[which[place]] for place in sorted(chosen)}


class World:
    """Everything drawn once for a set: what is common to its subjects."""

    def __init__(self, dataset: str, settings: SimulatorSettings):
        self.facts, self.settings = layout(dataset), settings
        self.spaces = {"eeg": _eeg_space(self.facts), "eye": _eye_space(self.facts)}
        self.bad = bad_modalities(dataset, settings)
        self.eeg_level = _scalp_pattern(_EEG_TOPOGRAPHY) + np.array([_EEG_LEVEL[band] for band in BANDS])

    def stream(self, *name) -> np.random.Generator:
        """The random stream of one draw, named within the set."""
        return named_stream([self.settings.seed], self.facts.name, *name)

    def parts(self, modality: str, subject: int, session: int) -> tuple[np.ndarray, np.ndarray]:
        """A subject-session in the modality's units: trial levels (trials, width), and drift (windows, width)."""
        facts, space, settings = self.facts, self.spaces[modality], getattr(self.settings, modality)
        bad = self.bad.get((subject, session)) == modality
        person = space.draw(self.stream(modality, "person", subject))
        day = space.draw(self.stream(modality, "session", subject, session))
        deviation = space.draw(self.stream(modality, "own pattern", subject), len(space.patterns))
        clips = [space.draw(self.stream(modality, "clip", facts.clip(session, trial))) for trial in facts.trials]
        noise = space.draw(self.stream(modality, "trial", subject, session), len(facts.trials))
        mixture = self.stream("feeling", subject, session).standard_normal((len(facts.trials), len(space.patterns)))
        felt = np.eye(len(space.patterns))[list(facts.labels[session - 1])] + self.settings.mixed_feeling * mixture
        levels = (
            settings.person_shift * person
            + settings.session_shift * day
            + (BAD_RESPONSE if bad else 1.0)
            * settings.emotion
            * felt
            @ (space.patterns + settings.individual * deviation)
            + settings.clip * np.stack(clips)
            + (BAD_NOISE if bad else 1.0) * settings.trial_noise * noise
        )
        white = space.draw(self.stream(modality, "drift", subject, session), sum(facts.window_counts[session - 1]))
        drift = np.concatenate([_smooth(rows.stop - rows.start) @ white[rows] for rows in facts.bounds(session)])
        return levels, settings.drift * drift

    def eeg(self, subject: int, session: int) -> np.ndarray:
        """(windows, 62, 5) log2 power, LDS-smooth."""
        levels, drift = self.parts("eeg", subject, session)
        values = np.repeat(levels, self.facts.window_counts[session - 1], axis=0) + drift
        return rounded(values.reshape(-1, len(CHANNELS), len(BANDS)) + self.eeg_level, _STEP)

    def eeg_moving_average(self, subject: int, session: int, smooth: np.ndarray) -> np.ndarray:
        """The same windows with the faster noise that a moving average leaves in."""
        space = self.spaces["eeg"]
        white = space.draw(self.stream("eeg", "moving average", subject, session), len(smooth) + 2)
        noise = 0.2 * (white[:-2] + white[1:-1] + white[2:]) / np.sqrt(3)
        return rounded(smooth + noise.reshape(smooth.shape), _STEP)

    def eye(self, subject: int, session: int) -> np.ndarray:
        """(windows, 31 or 33) in the units of the files: pixels, milliseconds, degrees, 1/s, log2 power."""
        levels, drift = self.parts("eye", subject, session)
        names = eye_columns(self.facts)
        drift[:, [names.index(name) for name in EVENT_FEATURES]] = 0
        spreads = np.repeat(levels, self.facts.window_counts[session - 1], axis=0) + drift
        columns = []
        for name, z in zip(names, spreads.T, strict=True):
            typical, spread, _ = _EYE_FEATURES[name]
            value = typical + spread * z if "_de_" in name else typical * np.exp(spread * z)
            columns.append(np.round(value, 1) if name in EVENT_FEATURES else rounded(value, _STEP))
        return np.stack(columns, axis=1).astype(np.float32).astype(np.float64)  # event statistics have one decimal


def rounded(values: np.ndarray, step: float) -> np.ndarray:
    """To the nearest multiples of a power of two, which are alike on every machine."""
    return np.round(values / step) * step


def fingerprint(dataset: str, settings: SimulatorSettings = SETTINGS) -> str:
    """32 hexadecimal digits from dataset, settings and simulator version, not from bytes: alike on every machine."""
    return digest_of({"dataset": dataset, "settings": asdict(settings), "version": VERSION}, 32)


def simulate(dataset: str, settings: SimulatorSettings = SETTINGS, *, subjects: Sequence[int] | None = None) -> Windows:
    """The windows of a simulated set, in memory; equal to writing it and reading it back.

    ``subjects`` are some of the layout's, in ascending order; None means all. Their recordings do not depend on who
    else is drawn. Raises DataError for a subject the set does not have.
    """
    world = World(dataset, settings)
    facts = world.facts
    chosen = checked_subjects(facts, subjects)
    rows = []
    with one_thread():
        for subject in chosen:
            for session in facts.sessions:
                table = facts.table(session)
                place = {"subject": subject, "session": session}
                columns = {name: np.full(len(table["label"]), value) for name, value in place.items()}
                columns["eeg"] = world.eeg(subject, session).astype(np.float32)
                columns["eye"] = world.eye(subject, session).astype(np.float32)
                rows.append(table | columns)
    columns = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    content = subset_fingerprint(fingerprint(dataset, settings), facts, chosen)
    return constants_marked(Windows(**columns, card=simulated_card(facts, content)))
