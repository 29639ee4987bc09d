"""The raw simulator on a page: a trace, patterns on the scalp, anchors, and what each parameter moves.

`ufama.studies.raw_simulation` measures and stores the numbers of both tables.
"""

from dataclasses import asdict

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ufama.data.layout import BANDS, CHANNELS, layout
from ufama.data.windows import Windows
from ufama.report import style
from ufama.report.measured import anchor_rows
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table
from ufama.report.topography import head_map
from ufama.simulation.features import EEG_RESPONSE
from ufama.simulation.head import RATE
from ufama.simulation.voltages import RAW_SETTINGS, RawSettings, RawWorld

EXPECTED = {
    ("person_shift", 0.0): ("smaller gap", {"gap": -1}),
    ("person_shift", 2.0): ("larger gap", {"gap": 1}),
    ("session_shift", 0.0): ("across sessions up", {"eeg_cross_session": 1}),
    ("session_shift", 3.0): ("across sessions down", {"eeg_cross_session": -1}),
    ("bad_modality_share", 0.0): ("where bad up", {"eeg_where_bad": 1, "eye_where_bad": 1}),
    ("bad_modality_share", 0.5): ("where bad down", {"eeg_where_bad": -1, "eye_where_bad": -1}),
    ("clip", 0.0): ("clips not recognised", {"clip_eeg": -1, "clip_eye": -1}),
    ("clip", 2.0): ("clips recognised", {"clip_eeg": 1, "clip_eye": 1}),
    ("eeg_emotion", 0.0): ("EEG down", {"eeg_normalised": -1}),
    ("eye_emotion", 0.0): ("eyes down", {"eye_normalised": -1}),
    ("individual", 0.0): ("EEG and eyes up", {"eeg_normalised": 1, "eye_normalised": 1}),
    ("trial_noise", 0.8): ("EEG and eyes down", {"eeg_normalised": -1, "eye_normalised": -1}),
    ("artefacts", 3.0): ("EEG down", {"eeg_normalised": -1}),
}
"""What a change of a parameter should move, written down before it was measured, and the columns that must rise (1) or
fall (-1) against the default settings."""


def outcomes(measured: pd.DataFrame) -> list[str]:
    """Of each row, whether it moved as expected: "yes", "no", "in part", or nothing where nothing was expected."""
    default = measured.iloc[0]
    words = []
    for _, row in measured.iterrows():
        _, moves = EXPECTED.get((row.parameter, row.value), ("", {}))
        moved = [np.sign(row[column] - default[column]) == sign for column, sign in moves.items()]
        words.append("" if not moved else "yes" if all(moved) else "in part" if any(moved) else "no")
    return words


# figures ---------------------------------------------------------------------------------------------


@figure
def traces(
    world: RawWorld, subject: int = 1, session: int = 1, trial: int = 1, seconds: tuple[float, float] = (0.0, 12.0)
) -> Figure:
    """Voltages at five electrodes, the pupil and the gaze of one simulated subject in one clip; blinks in grey.

    Alt: Stacked traces over twelve seconds. Five EEG electrodes from the forehead to the back of the head; tall bumps
    at the forehead fall together with gaps in the pupil trace below, which are blinks, and the electrodes at the back
    show regular alpha waves. The pupil drifts slowly. The gaze moves in steps between flat stretches.
    """
    shown = ("FPZ", "T7", "CZ", "PZ", "OZ")
    eeg = world.eeg(subject, session, trial, seconds[1])
    streams, events = world.eye(subject, session, trial, seconds[1])
    times = np.arange(eeg.shape[1]) / RATE
    drawn, (top, middle, bottom) = plt.subplots(3, 1, figsize=(style.WIDTH, 6.0), sharex=True, height_ratios=(3, 1, 1))
    step = 60.0
    for place, channel in enumerate(shown):
        top.plot(times, eeg[CHANNELS.index(channel)] - place * step, color=style.BLUE, linewidth=0.7)
    top.set(yticks=[-place * step for place in range(len(shown))], yticklabels=shown, xlim=seconds)
    top.set_title(f"EEG, {step:g} µV between lines", loc="left")
    for name, column, colour in (("X", 0, style.ORANGE), ("Y", 1, style.VERMILION)):
        middle.plot(streams.time, streams.pupil[:, column], color=colour, linewidth=1.2)
        middle.annotate(name, (seconds[1], streams.pupil[-1, column]), color=colour, xytext=(4, 0),
                        textcoords="offset points", va="center", annotation_clip=False)  # fmt: skip
    middle.set_title("pupil diameter, px", loc="left")
    for column, colour in ((0, style.GREEN), (1, style.PURPLE)):
        bottom.plot(streams.time, streams.gaze[:, column], color=colour, linewidth=1.2)
    bottom.set_title("gaze x (green) and y (pink), px from the middle", loc="left")
    bottom.set_xlabel("seconds of the clip")
    for axes in (top, middle, bottom):
        for start, duration in zip(events.blink_start, events.blink_duration / 1000, strict=True):
            axes.axvspan(start, start + duration, color=style.PALE, linewidth=0, zorder=0)
    headline(drawn, f"Simulated {world.facts.title}, subject {subject}, clip {trial}")
    return drawn


@figure
def patterns(windows: Windows) -> Figure:
    """What each emotion does to the power at each electrode, in the bands that its sources are in.

    For every subject-session the mean of an emotion's windows, less the mean over the emotions; then the mean over
    subjects and sessions.

    Alt: Heads seen from above, nose up, one per emotion and band that its sources are in, coloured by the difference
    of the electrodes' power from the mean of all emotions, interpolated between them. The named region stands out, and
    its surroundings follow, because the head blurs what is below them.
    """
    facts = layout(windows.card.name)
    pairs = [(name, region, band) for name in facts.class_names for region, band in EEG_RESPONSE[name]]
    differences = _contrasts(windows)
    across = 3
    down = -(-len(pairs) // across)
    drawn, axes = plt.subplots(down, across, figsize=(style.WIDTH, 2.45 * down), squeeze=False)
    shown = [differences[facts.class_names.index(name), :, BANDS.index(band)] for name, _, band in pairs]
    limit = float(np.abs(shown).max())
    for place, (values, (name, region, band)) in enumerate(zip(shown, pairs, strict=True)):
        panel = axes.flat[place]
        image = head_map(panel, values, CHANNELS, limit=limit, colours="PuOr_r")
        panel.set_title(f"{name}, {band}\n({region})", fontsize=11)
    for panel in axes.flat[len(pairs) :]:
        panel.axis("off")
    drawn.colorbar(
        image, ax=axes, location="bottom", shrink=0.6, aspect=30, label="log2 power, difference from the mean"
    )
    subjects = len(np.unique(windows.subject))
    headline(drawn, f"{windows.card.title} from raw voltages (n = {subjects} subjects)")
    return drawn


def _contrasts(windows: Windows) -> np.ndarray:
    """(classes, 62, 5) mean of an emotion less the mean of all, over subject-sessions."""
    contrasts = []
    for subject, session in sorted(set(zip(windows.subject.tolist(), windows.session.tolist(), strict=True))):
        rows = (windows.subject == subject) & (windows.session == session)
        means = [windows.eeg[rows & (windows.label == k)].mean(axis=0) for k in range(len(windows.card.class_names))]
        contrasts.append(np.array(means) - np.mean(means, axis=0))
    return np.mean(contrasts, axis=0)


# tables ----------------------------------------------------------------------------------------------


def anchors(measured: pd.DataFrame, provenance: dict) -> Table:
    """Plain classifiers on features of simulated raw recordings, beside the published anchor where one exists."""
    frame, columns = anchor_rows(measured)
    caption = (
        "Accuracy of a support vector machine, in percent, on features made from simulated raw recordings. Measured on "
        f"the first {provenance['seconds']:g} s of every clip: LDS-smoothed log2 power and eye statistics. No "
        "selection rule; one seed of the simulator. SD (n) is the population SD over folds. Anchors are published "
        "accuracies of shallow classifiers on the real SEED, with whole clips."
    )
    return Table("raw_anchors", frame, columns, caption, provenance)


def parameters(measured: pd.DataFrame, provenance: dict) -> Table:
    """What each change of a parameter moved, beside what it should move."""
    shares = [name for name in measured.columns if name not in ("parameter", "value", "folds")]
    changes = zip(measured.parameter, measured.value, strict=True)
    words = {"expected": [EXPECTED.get(change, ("", {}))[0] for change in changes], "moved": outcomes(measured)}
    frame = measured[["parameter", "value"]].assign(**words, **{name: 100 * measured[name] for name in shares})
    frame["value"] = [None if np.isnan(value) else f"{value:g}" for value in measured.value]
    frame["change"] = [
        name if value is None else f"{name} = {value}" for name, value in zip(frame.parameter, frame.value, strict=True)
    ]
    shown = {
        "eeg_plain": ("EEG", "plain"),
        "eeg_normalised": ("EEG", "normalised"),
        "eye_normalised": ("eyes", "normalised"),
        "clip_eeg": ("clip recognised", "EEG"),
    }
    in_file = {
        "gap": ("EEG", "gap"),
        "eeg_cross_session": ("EEG", "across sessions"),
        "eeg_where_bad": ("where bad", "EEG"),
        "eye_where_bad": ("where bad", "eyes"),
        "clip_eye": ("clip recognised", "eyes"),
    }
    columns = (
        *(Column(name, name, "key", only_in_file=True) for name in ("parameter", "value")),
        Column("change", "parameter", "key"),
        Column("expected", "should move", "key"),
        Column("moved", "moved", "measured"),
        *(Column(name, title, "measured", group, 1) for name, (group, title) in shown.items()),
        *(Column(name, title, "measured", group, 1, only_in_file=True) for name, (group, title) in in_file.items()),
    )
    caption = (
        "One parameter of the raw simulator changed at a time: accuracy of a support vector machine in percent. "
        f"Measured on simulated SEED, {provenance['people']} subjects, sessions "
        f"{' and '.join(map(str, provenance['sessions']))}, first {provenance['seconds']:g} s of every clip, "
        f"n = {provenance['folds']} folds across subjects; one seed. "
        "Plain: scaled by the source's statistics; normalised: every subject-session by its own. In the CSV, gap: "
        "their difference; where bad: over the subject-sessions that are bad when half of all are, n = "
        f"{provenance['bad']['eeg']} for EEG and {provenance['bad']['eye']} for eyes. Clip: recognised among the five "
        "of its emotion, chance 20 %. Chance of the rest is 33 %."
    )
    return Table("raw_parameters", frame, columns, caption, provenance)


def settings(chosen: RawSettings = RAW_SETTINGS) -> Table:
    """The parameters of the raw simulator and their values."""
    frame = pd.DataFrame(
        [(name, f"{value:g}") for name, value in asdict(chosen).items()], columns=["parameter", "value"]
    )
    columns = (Column("parameter", "parameter", "key"), Column("value", "value", "measured"))
    return Table("raw_settings", frame, columns, "The raw simulator's settings.", {})
