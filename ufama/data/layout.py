"""Facts of SEED (multimodal release) and SEED-IV: channels, bands, clips, labels, file names, eye features.

Facts come from the official pages of the BCMI laboratory and from public readers of both sets; no recording is quoted.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ufama.errors import UserError


class DataError(UserError, ValueError):
    """Recordings that cannot be used as they are; the message names the file, what was expected and how to mend it."""


_CAP = """
FP1 FPZ FP2 AF3 AF4
F7 F5 F3 F1 FZ F2 F4 F6 F8
FT7 FC5 FC3 FC1 FCZ FC2 FC4 FC6 FT8
T7 C5 C3 C1 CZ C2 C4 C6 T8
TP7 CP5 CP3 CP1 CPZ CP2 CP4 CP6 TP8
P7 P5 P3 P1 PZ P2 P4 P6 P8
PO7 PO5 PO3 POZ PO4 PO6 PO8
CB1 O1 OZ O2 CB2
"""

CHANNELS = tuple(_CAP.split())
"""The 62 electrodes in the order of both sets."""

BAND_EDGES = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 14.0),
    "beta": (14.0, 31.0),
    "gamma": (31.0, 50.0),
}
"""The five EEG bands in file order, with their edges in Hz. A band's feature is its differential entropy."""

BANDS = tuple(BAND_EDGES)

FEATURE_TOKENS = {"de": 62, "psd": 62, "dasm": 27, "rasm": 27, "asm": 54, "dcau": 23}
"""Rows of each kind of released EEG feature: electrodes, or pairs of electrodes (dasm, rasm: left and right; asm: both
of them; dcau: front and back). Every row has the five bands."""

SEED_FEATURES = tuple(f"{kind}_{smoothing}" for kind in FEATURE_TOKENS for smoothing in ("movingAve", "LDS"))
"""The 12 features of each trial in SEED's .mat files, in file order."""

SEED_IV_FEATURES = SEED_FEATURES[:4]
"""The 4 features of each trial in SEED-IV's .mat files, in file order."""

WINDOW_SECONDS = 4.0

# Row of the cap -> (how far to the front, how far apart two neighbours are), in head radii. Rows with electrodes 1 to 8
# end on the rim. CB1 and CB2 are not 10-05 names: they sit below the rim, beside O1 and O2.
_CAP_ROWS = {
    "FP": (0.95, 0.31),
    "AF": (0.75, 0.165),
    "F": (0.50, 0.215),
    "FT": (0.25, 0.24),
    "FC": (0.25, 0.24),
    "T": (0.00, 0.25),
    "C": (0.00, 0.25),
    "TP": (-0.25, 0.24),
    "CP": (-0.25, 0.24),
    "P": (-0.50, 0.215),
    "PO": (-0.75, 0.165),
    "O": (-0.95, 0.31),
    "CB": (-1.02, 0.55),
}


def electrode_position(channel: str) -> tuple[float, float]:
    """Approximate place of an electrode seen from above: (to the right, to the front), the head's rim at radius 1.

    Derived from the name alone: letters give the row, odd numbers lie left, even right, Z on the midline.
    Raises DataError for a name that is not in the 62.
    """
    if channel not in CHANNELS:
        raise DataError(f"electrode {channel!r} is not one of the 62 of SEED: expected one of {', '.join(CHANNELS)}.")
    row, place = re.sub(r"(Z|\d+)$", r" \1", channel).split()
    front, step = _CAP_ROWS[row]
    if place == "Z":
        return 0.0, front
    number = int(place)
    return (number + 1) // 2 * step * (1 if number % 2 == 0 else -1), front


ELECTRODE_POSITIONS = np.array([electrode_position(channel) for channel in CHANNELS])
"""(62, 2) approximate places of the electrodes, see `electrode_position`."""

EVENT_FEATURES = (
    "blink_frequency",
    "fixation_frequency",
    "fixation_duration_max",
    "fixation_dispersion_total",
    "fixation_dispersion_max",
    "saccade_frequency",
    "saccade_duration_average",
    "saccade_amplitude_average",
    "saccade_latency_average",
)
"""Statistics of a whole trial: constant over its windows, so that they identify the trial."""

SEED_IV_EYE_FEATURES = (
    "pupil_mean_x",
    "pupil_mean_y",
    "pupil_sd_x",
    "pupil_sd_y",
    *(f"pupil_de_{axis}_{band}" for axis in "xy" for band in ("0_0.2Hz", "0.2_0.4Hz", "0.4_0.6Hz", "0.6_1Hz")),
    "dispersion_mean_x",
    "dispersion_mean_y",
    "dispersion_sd_x",
    "dispersion_sd_y",
    "fixation_duration_mean",
    "fixation_duration_sd",
    "saccade_duration_mean",
    "saccade_amplitude_mean",
    "saccade_duration_sd",
    "saccade_amplitude_sd",
    *EVENT_FEATURES,
)
"""The 31 rows of SEED-IV's eye features in file order (pupil, dispersion, fixation, saccade, trial statistics)."""

SEED_EYE_FEATURES = tuple(f"eye_{column:02d}" for column in range(33))
"""SEED's 33 columns, in an order that is not published: SEED-IV's 31 and, most likely, blink duration's mean, SD."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One recorded set. Tuples over sessions start at session 1, tuples over trials at trial 1.

    subjects have both modalities, eeg_only have EEG alone. clip_seconds is None where the sources
    give window counts only; window_counts are floor(seconds / window_seconds).
    """

    name: str
    title: str
    subjects: tuple[int, ...]
    class_names: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]
    window_counts: tuple[tuple[int, ...], ...]
    clip_seconds: tuple[tuple[int, ...] | None, ...]
    same_clips_each_session: bool
    eye_features: tuple[str, ...]
    licence: str
    dates: dict[int, tuple[str, ...]]
    eeg_only: tuple[int, ...] = ()
    window_seconds: float = WINDOW_SECONDS

    @property
    def sessions(self) -> tuple[int, ...]:
        return tuple(range(1, len(self.labels) + 1))

    @property
    def trials(self) -> tuple[int, ...]:
        return tuple(range(1, len(self.labels[0]) + 1))

    def clip(self, session: int, trial: int) -> int:
        """Identity of the film clip, 1-based: equal for every subject, and across sessions only if the clips are."""
        return trial if self.same_clips_each_session else (session - 1) * len(self.trials) + trial

    def table(self, session: int) -> dict[str, np.ndarray]:
        """label, trial, clip and window of every window of one session, in file order, each (windows,) int64."""
        counts = self.window_counts[session - 1]
        return {
            "label": np.repeat(np.array(self.labels[session - 1], np.int64), counts),
            "trial": np.repeat(np.array(self.trials, np.int64), counts),
            "clip": np.repeat(np.array([self.clip(session, trial) for trial in self.trials], np.int64), counts),
            "window": np.concatenate([np.arange(count, dtype=np.int64) for count in counts]),
        }

    def bounds(self, session: int) -> list[slice]:
        """Rows of each trial in a session's table."""
        ends = np.cumsum(self.window_counts[session - 1])
        return [
            slice(int(end - count), int(end)) for end, count in zip(ends, self.window_counts[session - 1], strict=True)
        ]

    def stem(self, subject: int, session: int) -> str:
        """File name without ending: SEED ``<subject>_<session>``, SEED-IV ``<subject>_<date>``."""
        return f"{subject}_{session}" if self.name == "seed" else self.dated_stem(subject, session)

    def dated_stem(self, subject: int, session: int) -> str:
        """``<subject>_<date>``: the names in SEED-IV, and of SEED's .mat files."""
        return f"{subject}_{self.dates[subject][session - 1]}"

    def select(self, window_seconds: float) -> "Layout":
        """The same set cut into windows of another length. Raises DataError where the clips' durations are unknown."""
        if window_seconds == self.window_seconds:
            return self
        published = [seconds for seconds in self.clip_seconds if seconds is not None]
        if len(published) < len(self.clip_seconds):
            raise DataError(
                f"{self.title} has no windows of {window_seconds:g} s: expected {self.window_seconds:g} s, because the "
                "durations of its clips are not published for every session."
            )
        counts = tuple(tuple(int(length // window_seconds) for length in seconds) for seconds in published)
        return replace(self, window_seconds=window_seconds, window_counts=counts)

    def with_eeg_only_subjects(self) -> "Layout":
        """The same set with those subjects, too, who have no eye movement."""
        return replace(self, subjects=tuple(sorted((*self.subjects, *self.eeg_only))), eeg_only=())


def eye_columns(facts: Layout) -> tuple[str, ...]:
    """What each computed eye feature is: SEED-IV's documented rows; for SEED 24 of the windows, then 9 of the trial.

    SEED's own order is not published; here the duration of blinks precedes the statistics of the trial.
    """
    if facts.name == "seed_iv":
        return SEED_IV_EYE_FEATURES
    windowed = SEED_IV_EYE_FEATURES[: -len(EVENT_FEATURES)]
    return (*windowed, "blink_duration_mean", "blink_duration_sd", *EVENT_FEATURES)


_SEED_SECONDS = (235, 233, 206, 238, 185, 195, 237, 216, 265, 237, 235, 233, 235, 238, 206)
_SEED_LABELS = (2, 1, 0, 0, 1, 2, 0, 1, 2, 2, 1, 0, 1, 2, 0)
_SEED_IV_SECONDS = (
    *(168, 95, 199, 130, 88, 162, 153, 209, 145, 169, 50, 110),
    *(217, 169, 259, 141, 68, 179, 140, 48, 112, 112, 175, 137),
)

SEED_TRAINING_TRIALS = 9
"""The release of SEED stores trials 1-9 as ``train`` and 10-15 as ``test``; the names carry no meaning here."""

SEED = Layout(
    name="seed",
    title="SEED",
    subjects=(1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14),
    class_names=("negative", "neutral", "positive"),
    labels=(_SEED_LABELS,) * 3,
    window_counts=(tuple(seconds // 4 for seconds in _SEED_SECONDS),) * 3,
    clip_seconds=(_SEED_SECONDS,) * 3,
    same_clips_each_session=True,
    eye_features=SEED_EYE_FEATURES,
    licence="SEED, BCMI laboratory, Shanghai Jiao Tong University: your own licensed copy; do not pass it on.",
    dates={
        1: ("20131027", "20131030", "20131107"),
        2: ("20140404", "20140413", "20140419"),
        3: ("20140603", "20140611", "20140629"),
        4: ("20140621", "20140702", "20140705"),
        5: ("20140411", "20140418", "20140506"),
        6: ("20130712", "20131016", "20131113"),
        7: ("20131027", "20131030", "20131106"),
        8: ("20140511", "20140514", "20140521"),
        9: ("20140620", "20140627", "20140704"),
        10: ("20131130", "20131204", "20131211"),
        11: ("20140618", "20140625", "20140630"),
        12: ("20131127", "20131201", "20131207"),
        13: ("20140527", "20140603", "20140610"),
        14: ("20140601", "20140615", "20140627"),
        15: ("20130709", "20131016", "20131105"),
    },
    eeg_only=(6, 7, 15),
)
"""SEED as used with eye movement: the 12 subjects who have it, under their own numbers (6, 7 and 15 are EEG only)."""

SEED_IV = Layout(
    name="seed_iv",
    title="SEED-IV",
    subjects=tuple(range(1, 16)),
    class_names=("neutral", "sad", "fear", "happy"),
    labels=(
        (1, 2, 3, 0, 2, 0, 0, 1, 0, 1, 2, 1, 1, 1, 2, 3, 2, 2, 3, 3, 0, 3, 0, 3),
        (2, 1, 3, 0, 0, 2, 0, 2, 3, 3, 2, 3, 2, 0, 1, 1, 2, 1, 0, 3, 0, 1, 3, 1),
        (1, 2, 2, 1, 3, 3, 3, 1, 1, 2, 1, 0, 2, 3, 3, 0, 2, 3, 0, 0, 2, 0, 1, 0),
    ),
    window_counts=(
        (42, 23, 49, 32, 22, 40, 38, 52, 36, 42, 12, 27, 54, 42, 64, 35, 17, 44, 35, 12, 28, 28, 43, 34),
        (55, 25, 34, 36, 53, 27, 34, 46, 34, 20, 60, 12, 36, 27, 44, 15, 46, 49, 45, 10, 37, 44, 24, 19),
        (42, 32, 23, 45, 48, 26, 64, 23, 26, 16, 51, 41, 39, 19, 28, 44, 14, 17, 45, 22, 39, 38, 41, 39),
    ),
    clip_seconds=(_SEED_IV_SECONDS, None, None),
    same_clips_each_session=False,
    eye_features=SEED_IV_EYE_FEATURES,
    licence="SEED-IV, BCMI laboratory, Shanghai Jiao Tong University: your own licensed copy; do not pass it on.",
    dates={
        1: ("20160518", "20161125", "20161126"),
        2: ("20150915", "20150920", "20151012"),
        3: ("20150919", "20151018", "20151101"),
        4: ("20151111", "20151118", "20151123"),
        5: ("20160406", "20160413", "20160420"),
        6: ("20150507", "20150511", "20150512"),
        7: ("20150715", "20150717", "20150721"),
        8: ("20151103", "20151110", "20151117"),
        9: ("20151028", "20151119", "20151209"),
        10: ("20151014", "20151021", "20151023"),
        11: ("20150916", "20150921", "20151011"),
        12: ("20150725", "20150804", "20150807"),
        13: ("20151115", "20151125", "20161130"),
        14: ("20151205", "20151208", "20151215"),
        15: ("20150508", "20150514", "20150527"),
    },
)

LAYOUTS = {"seed": SEED, "seed_iv": SEED_IV}

ROOT_VARIABLES = {"seed": "UFAMA_SEED", "seed_iv": "UFAMA_SEED_IV"}
"""Environment variables that name the folder of a licensed copy."""


def layout(dataset: str) -> Layout:
    """The named layout. Raises DataError for a name that is not one."""
    if dataset not in LAYOUTS:
        raise DataError(f"dataset {dataset!r} is not known: choose {' or '.join(map(repr, LAYOUTS))}.")
    return LAYOUTS[dataset]


def checked_subjects(facts: Layout, subjects: Sequence[int] | None) -> tuple[int, ...]:
    """The chosen subjects in ascending order, all of them for None. Raises DataError for one the set does not have."""
    return _chosen(facts, "subject", subjects, facts.subjects)


def checked_sessions(facts: Layout, sessions: Sequence[int] | None) -> tuple[int, ...]:
    """The chosen sessions in ascending order, all of them for None. Raises DataError for one the set does not have."""
    return _chosen(facts, "session", sessions, facts.sessions)


def _chosen(facts: Layout, what: str, numbers: Sequence[int] | None, valid: tuple[int, ...]) -> tuple[int, ...]:
    if numbers is None:
        return valid
    if not isinstance(numbers, Iterable):
        raise DataError(f"{what}s = {numbers!r} is not a list: name them as in [{numbers!r}].")
    chosen = list(numbers)
    unknown = [number for number in chosen if number not in valid]
    if unknown or not chosen:
        raise DataError(
            f"{facts.title} has no {what} {', '.join(map(str, unknown)) or '(none chosen)'}: choose from "
            f"{', '.join(map(str, valid))}."
        )
    return tuple(number for number in valid if number in chosen)
