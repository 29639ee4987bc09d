"""The same film or the same feeling: four protocols side by side, intervals over people and over clips, probes of clip
and person, and simulated sets whose truth is known."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ufama.analysis import paper
from ufama.analysis.comparisons import holm, smallest_p
from ufama.analysis.differences import share_interval
from ufama.analysis.titles import RULE_MEANINGS
from ufama.campaigns.experiments import DataRequest
from ufama.campaigns.grids import SAME_FILM_PROTOCOLS, same_film_grid
from ufama.campaigns.results import Results
from ufama.data.layout import DataError
from ufama.data.windows import DataCard
from ufama.outputs import FileOutput
from ufama.report import style
from ufama.report.captions import PROTOCOL, column_group, provenance, recordings_of
from ufama.report.lists import listed
from ufama.report.methods import entry_title, is_control
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table
from ufama.studies import same_film
from ufama.studies.same_film import ENTRY, SOURCE_ONLY, WORLDS

RULE = "source_validation"
"""The rule of all numbers here, where a method has epochs: it reads no label of the target."""

CELL_TITLES = {
    "cross_subject": "other people, same clips",
    "cross_subject_session": "other people, other clips",
    "within_trial": "same people, same clips",
    "cross_session": "same people, other clips",
    "cross_subject_pooled": "other people, same clips, both sessions",
}
PEOPLE_OF = {
    "other people": ("cross_subject", "cross_subject_session"),
    "same people": ("within_trial", "cross_session"),
}
SVM_ENTRY = ("svm_rbf", "paper", "full")
"""The entry of `ufama.studies.same_film.svm_outcomes` among those of trained methods."""

SHOWN = (SVM_ENTRY, SOURCE_ONLY, ("ufama", "paper", "M6"), ("hadua", "paper", "H5"))
"""Entries whose intervals are shown in full."""

UNADAPTED = (
    "acrnn",
    "c2pci_net",
    "codf_net",
    "msbls",
    "rhpr_net",
    "ridge",
    "source_only",
    "svm",
    "svm_rbf",
    "tsssa_net",
)
"""Methods that read nothing of the target but the scaling of its features; so does UF-AMA's network alone, M1."""

FEATURE_TITLES = {
    "recorded": "features as recorded",
    "scaled": "features, each person's session scaled",
    "source_only full": "learnt: perceptron, source only",
    "ufama M1": "learnt: UF-AMA's network, source only",
    "ufama M6": "learnt: UF-AMA, adapted",
    "hadua H5": "learnt: HADUA, adapted",
}
WORLD_TITLES = {"film alone": "the film alone", "both": "film and feeling", "feeling alone": "the feeling alone"}


class Studies(NamedTuple):
    """What is measured beside the runs."""

    design: pd.DataFrame  # `ufama.studies.same_film.design`
    svm: pd.DataFrame  # `svm_outcomes`
    probes: pd.DataFrame
    simulated: pd.DataFrame  # `simulated_outcomes`


# --- what is measured, and what is stored --------------------------------------------------------------


def check_design(data: DataRequest) -> None:
    """Raise DataError for recordings whose sessions do not have clips of their own."""
    windows = data.open()
    sessions = [set(windows.clip[windows.session == session].tolist()) for session in np.unique(windows.session)]
    if len(sessions) < 2 or any(one & other for k, one in enumerate(sessions) for other in sessions[:k]):
        raise DataError(
            f"{windows.card.title}: expected at least 2 sessions, each with clips of its own, as CEAP-360VR and "
            "SEED-IV have. Elsewhere compare the protocols cross_subject and cross_subject_clip with `ufama svm`."
        )


def measured(data: DataRequest) -> Studies:
    """The studies on a data set, and on the simulated sets, which do not depend on it; minutes."""
    windows = data.open()
    blocks = same_film.probed_blocks(same_film_grid(data, scale="quick", seeds=(0,)))
    return Studies(
        design=same_film.design(windows),
        svm=same_film.svm_outcomes(windows),
        probes=same_film.probes(blocks),
        simulated=same_film.simulated_outcomes(),
    )


def store(tables: Mapping[str, pd.DataFrame], folder: Path, card: DataCard, commit: str | None) -> None:
    """Write fields of `Studies` as CSV, each with licence, notes and commit beside it, where `stored` reads them."""
    for name, frame in tables.items():
        about = {"table": name, "caption": f"ufama.studies.same_film, {name}", "columns": list(frame), "commit": commit}
        real = {} if name == "simulated" else {"data": card.title, "licence": card.licence, "notes": list(card.notes)}
        text = frame.to_csv(index=False, float_format="%.6g")
        _output(name).write(folder / f"{name}.csv", text, about | real)


def stored(folder: Path) -> Studies:
    """The studies that `store` wrote."""
    return Studies(**{name: pd.read_csv(folder / f"{name}.csv") for name in Studies._fields})


def _output(name: str) -> FileOutput:
    return FileOutput(f"ufama same_film {name}", earlier=frozenset({"table", "caption", "columns"}))


def all_outcomes(results: Results, studies: Studies, clips: pd.DataFrame) -> pd.DataFrame:
    """`ufama.studies.same_film.outcomes` of every entry under the rule of this page, and of the support vector machine.

    ``clips`` as `ufama.studies.same_film.trial_clips` or `stored_clips` gives them.
    """
    trained = same_film.outcomes(results, clips, rule=RULE)
    svm = studies.svm.assign(control="", **dict(zip(ENTRY, SVM_ENTRY, strict=True)))
    return pd.concat([svm, trained], ignore_index=True)


def entry_name(entry: tuple[str, str, str]) -> str:
    """What an entry is called: (method, preset, variant)."""
    name, preset, variant = entry
    if entry == SVM_ENTRY:
        return "SVM, radial basis"
    if (name, variant) == ("ufama", "M1"):
        return "UF-AMA's network, source only"
    if name == "svm":
        return "SVM, linear"
    return entry_title(name, preset)


# --- tables ---------------------------------------------------------------------------------------------


def _origin(title: str) -> str:
    return f"Measured on {recordings_of(title, simulated=title.startswith('simulated'))}"


def design_table(studies: Studies, title: str) -> Table:
    """Whom and which clips the source of each protocol has seen, and how many trials it has."""
    frame = studies.design.assign(
        cell=studies.design["protocol"].map(CELL_TITLES),
        **{name: 100 * studies.design[name] for name in ("people_seen", "clips_seen", "order_only")},
    )
    chance = 100 * studies.design["chance"].mean()
    columns = (
        Column("cell", "whom, which clips", "key"),
        replace(PROTOCOL, only_in_file=True),
        Column("folds", "folds", "measured"),
        *column_group({"training_trials": "trials", "training_windows": "windows"}, "source of a fold"),
        *column_group({"people_seen": "people", "clips_seen": "clips"}, "of the test, known to the source (%)"),
        Column("order_only", "accuracy over trials by place (%)", "measured", f"no signal (chance {chance:.1f})", 1),
    )
    caption = (
        f"The protocols. {_origin(title)}. The first two rows, and the next two, differ in the clips alone and have "
        "equally many training trials; of these, methods with epochs hold one person out for validation. By place: the "
        "label that this place in the order of the session has most often in the source."
    )
    return Table("design", frame, columns, caption)


def _cells(table: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy of every entry in the four cells, percent: columns (unit, protocol)."""
    real = table[table["control"].eq("") & table["protocol"].isin(SAME_FILM_PROTOCOLS)]
    people = real.groupby([*ENTRY, "protocol", "subject"], sort=False)[["windows", "trials"]].mean()
    return 100 * people.groupby([*ENTRY, "protocol"], sort=False).mean().unstack("protocol")


def left_percent(same: float | pd.Series, other: float | pd.Series, chance: float) -> float | pd.Series:
    """How much of what lies above chance with the same clips is left with other clips, in percent."""
    return 100 * (other - chance) / (same - chance)


def cells_table(table: pd.DataFrame, runs: pd.DataFrame, unit: str = "windows") -> Table:
    """Every method in the four cells, best first by other people and same clips; controls and permuted labels below.

    ``table`` is what `all_outcomes` gives; ``unit`` is "windows" or "trials".
    """
    chance = chance_percent(runs)
    frame = _cells(table)[unit].reset_index()
    frame["entry"] = [entry_name(entry) for entry in frame[ENTRY].itertuples(index=False, name=None)]
    frame["above"] = frame["cross_subject_session"] - chance
    frame["control"] = [is_control(name) if name != SVM_ENTRY[0] else False for name in frame["method"]]
    frame = frame.sort_values(["control", "cross_subject"], ascending=[True, False], kind="stable")
    frame = pd.concat([frame, _permuted_rows(table, unit)], ignore_index=True)
    columns = [Column("entry", "method", "key")]
    for people, protocols in PEOPLE_OF.items():
        titles = dict(zip(protocols, ("same clips", "other clips"), strict=True))
        columns += column_group(titles, f"{people}, {unit} right (%)", 1)
    columns.append(Column("above", "above chance (points)", "measured", "other people, other clips", 1))
    caption = (
        f"Every method that needs no electrode map, default settings, {unit} right. {_measured(runs)} Selection "
        f"rule: {RULE_MEANINGS[RULE]}; methods without epochs have none. Mean over people of the mean over their "
        f"sessions; chance {chance:.0f} %. Permuted labels: each person's labels of a session shuffled over its "
        "trials, then the same training and test."
    )
    return Table(f"cells_{unit}", frame, columns, caption, provenance(runs, [RULE]))


def _permuted_rows(table: pd.DataFrame, unit: str) -> pd.DataFrame:
    """A row for each entry that was trained on permuted labels: entry, and its accuracy with other people."""
    permuted = table[table["control"].eq("labels_shuffled")]
    rows = [
        {
            "entry": f"permuted labels: {entry_name(entry)}",
            "cross_subject": 100 * group.groupby("subject")[unit].mean().mean(),
        }
        for entry, group in permuted.groupby(ENTRY, sort=False)
    ]
    return pd.DataFrame(rows)


def _measured(runs: pd.DataFrame) -> str:
    title, steps = runs["data_title"].iloc[0], runs["epochs"] * runs["steps"]
    taken = " or ".join(map(str, sorted(steps[steps > 0].unique().tolist())))
    seeds = ", ".join(map(str, sorted(runs["seed"].unique().tolist())))
    return (
        f"{_origin(title)}, scale {', '.join(sorted(set(runs['scale'])))}, all windows, {taken} steps; n = "
        f"{len(runs)} runs, seed {seeds}."
    )


def chance_percent(runs: pd.DataFrame) -> float:
    """Of one among the classes."""
    return 100 / len(runs["class_names"].iloc[0])


def intervals_table(table: pd.DataFrame, runs: pd.DataFrame, unit: str = "windows") -> Table:
    """The four cells of the entries in `SHOWN` with intervals over people, over clips, and over both.

    ``unit`` as in `cells_table`.
    """
    rows = []
    for entry in SHOWN:
        own = table[(table[ENTRY] == list(entry)).all(axis=1) & table["control"].eq("")]
        cells = same_film.accuracy_intervals(own)
        order = cells["protocol"].map(list(CELL_TITLES).index)
        rows.append(cells.iloc[order.argsort()].assign(entry=entry_name(entry)))
    frame = pd.concat(rows, ignore_index=True)
    frame["cell"] = frame["protocol"].map(CELL_TITLES)
    columns = [Column("entry", "method", "key"), Column("cell", "whom, which clips", "key")]
    overs = ("people", "clips", "both")
    frame = frame.assign(**{f"{unit}_{over}": frame[f"{unit}_percent"] for over in overs})
    columns += _with_intervals({f"{unit}_{over}": f"over {over}" for over in overs}, f"{unit} right (%)")
    people, clips = frame["people"].iloc[0], frame["clips"].iloc[0]
    caption = (
        f"The same means with three 95 % intervals. {_measured(runs)} Selection rule: {RULE_MEANINGS[RULE]}. Over "
        f"people: Student's over {people} means, for new people who watch these clips; over clips: over {clips} "
        "means, for these people with new clips of the kind; over both: new people, new clips (Cameron, Gelbach & "
        "Miller 2011)."
    )
    return Table(f"intervals_{unit}", frame, columns, caption, provenance(runs, [RULE]))


def _with_intervals(titles: Mapping[str, str], group: str = "") -> list[Column]:
    """Means, each with its interval NAME_low to NAME_high in the same cell."""
    return [
        Column(name, title, "measured", group, 1, interval=(f"{name}_low", f"{name}_high"))
        for name, title in titles.items()
    ]


CHANGE_PROTOCOLS = SAME_FILM_PROTOCOLS[:2]


def change_rows(table: pd.DataFrame) -> pd.DataFrame:
    """`ufama.studies.same_film.changes` of every method that adapts, other people alone, with Holm's p by protocol."""
    real = table[table["control"].eq("") & table["protocol"].isin(CHANGE_PROTOCOLS)]
    adapts = ~real["method"].isin(UNADAPTED) & ~real["method"].map(
        lambda name: name != SVM_ENTRY[0] and is_control(name)
    )
    rows = same_film.changes(real[adapts])
    rows["p_holm"] = rows.groupby("protocol")["windows_p"].transform(lambda p: holm(p.to_numpy()))
    return rows


def changes_table(table: pd.DataFrame, runs: pd.DataFrame) -> Table:
    """What each method that adapts changes, with the same clips and with other ones."""
    rows = change_rows(table)
    ends = [f"windows_{over}_{end}" for over in ("people", "clips") for end in ("low", "high")]
    names = ["windows_people", "windows_clips", *ends, "p_holm"]
    rows = rows.assign(windows_people=rows["windows_points"], windows_clips=rows["windows_points"])
    wide = rows.pivot_table(index=ENTRY, columns="protocol", values=names, sort=False)
    frame = pd.DataFrame(
        {f"{protocol}_{name}": wide[name, protocol] for protocol in CHANGE_PROTOCOLS for name in names}
    )
    frame = frame.reset_index().sort_values("cross_subject_session_windows_people", ascending=False)
    frame["entry"] = [entry_name(entry) for entry in frame[ENTRY].itertuples(index=False, name=None)]
    columns = [Column("entry", "method", "key")]
    for protocol in CHANGE_PROTOCOLS:
        group = f"{CELL_TITLES[protocol]}, windows (points)"
        titles = {f"{protocol}_windows_{over}": f"over {over}" for over in ("people", "clips")}
        columns += _with_intervals(titles, group)
        columns.append(Column(f"{protocol}_p_holm", "p", "measured", group, 2))
    clips = table["clip"].nunique()
    caption = (
        f"Methods that adapt, minus {entry_name(SOURCE_ONLY)}, on the same people and trials. {_measured(runs)} "
        f"Selection rule: {RULE_MEANINGS[RULE]}. Intervals (95 %) over people and over clips; p by sign flips of the "
        f"clips' means, which {clips} clips cannot bring below {smallest_p(clips):.3f}, adjusted (Holm) for "
        f"{len(frame)} methods."
    )
    return Table("changes", frame, columns, caption, provenance(runs, [RULE]))


def probe_rows(studies: Studies) -> pd.DataFrame:
    """Means over the held-out people with 95 % intervals, percent: one row per features."""
    rows = []
    for name in dict.fromkeys(studies.probes["features"]):
        own = studies.probes[studies.probes["features"] == name]
        row = {"features": name, "folds": len(own)}
        for what in ("clip", "clip_of_class", "person"):
            row[what], row[f"{what}_low"], row[f"{what}_high"] = share_interval(own[what].to_numpy())
            row[f"{what}_chance"] = 100 * own[f"{what}_chance"].mean()
        if own["person"].nunique() == 1:  # of inputs, the same in every fold
            row["person_low"] = row["person_high"] = np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def probes_table(studies: Studies, title: str) -> Table:
    """What linear probes read of clip and person."""
    frame = probe_rows(studies)
    columns = [Column("features", "features", "key", titles=FEATURE_TITLES)]
    chance = frame.iloc[0]
    for what, heading in {
        "clip": "which of all clips", "clip_of_class": "which of the quadrant's clips", "person": "which person"
    }.items():  # fmt: skip
        columns += _with_intervals({what: f"{heading} (%; chance {chance[f'{what}_chance']:.1f})"})
    columns.append(Column("folds", "folds", "measured"))
    caption = (
        f"Linear probes, accuracy over windows. {_origin(title)}; scale quick, seed 0, last epoch, so no selection "
        "rule. Which clip: fitted on the other people, tested on a held-out person, both sessions pooled; which of the "
        "quadrant's clips: among the two of the window's own quadrant, where knowing the emotion is of no help. Which "
        "person: fitted on one session, tested on the other. Intervals (95 %) are Student's over the held-out people's "
        "folds; they share most of their training."
    )
    return Table("probes", frame, columns, caption)


def published_table(table: pd.DataFrame, runs: pd.DataFrame) -> Table:
    """SEED-IV's published accuracies with the same and with other clips beside what was measured here."""
    rows = []
    printed = paper.published(paper.METHODS_TABLE["seed_iv"]).set_index(["method", "protocol"])["mean_percent"]
    chance = 25.0
    same, other = (float(printed[paper.METHOD, protocol]) for protocol in ("cross_subject", "cross_session"))
    rows.append({"what": "SEED-IV, UF-AMA, as published (EEG and eyes)", "same": same, "other": other,
                 "left": left_percent(same, other, chance), "origin": "published"})  # fmt: skip
    means = _cells(table)["windows"]
    for entry in SHOWN:
        same, other = (float(means.loc[entry, protocol]) for protocol in ("cross_subject", "cross_session"))
        left = left_percent(same, other, chance_percent(runs))
        rows.append({"what": f"here, {entry_name(entry)} (head and eyes)", "same": same, "other": other, "left": left})
    columns = (
        Column("what", "recordings and method", "key"),
        Column("same", "other people, same clips", "measured", "accuracy (%)", 1),
        Column("other", "same people, other clips", "measured", "accuracy (%)", 1),
        Column("left", "left of what is above chance (%)", "measured"),
    )
    caption = (
        f"The pair of protocols that the paper prints for SEED-IV (Table 6, arXiv:{paper.ARXIV_ID}; its selection "
        f"rule is the oracle), first row as published; below, {_measured(runs)[0].lower()}{_measured(runs)[1:]} "
        f"Selection rule there: {RULE_MEANINGS[RULE]}. Four classes, chance 25 %. SEED-IV has six clips of each "
        "emotion in a session, here there is one."
    )
    facts = {"published": {"arxiv": paper.ARXIV_ID, "tables": [paper.METHODS_TABLE["seed_iv"]]}}
    return Table("published", pd.DataFrame(rows), columns, caption, facts | provenance(runs, [RULE]))


def simulated_table(studies: Studies) -> Table:
    """The four cells on simulated sets whose truth is known."""
    cells = same_film.accuracy_intervals(studies.simulated, ("world", "protocol"))
    ends = {"": "windows_percent", "_low": "windows_people_low", "_high": "windows_people_high"}
    wide = cells.set_index(["world", "protocol"])[list(ends.values())].unstack("protocol").loc[list(WORLDS)]
    frame = pd.DataFrame(
        {f"{protocol}{end}": wide[name, protocol] for protocol in SAME_FILM_PROTOCOLS for end, name in ends.items()}
    ).reset_index()
    frame["left"] = left_percent(frame["cross_subject"], frame["cross_subject_session"], 25.0)
    columns = [Column("world", "what people share", "key", titles=WORLD_TITLES)]
    columns += _with_intervals({protocol: f"{CELL_TITLES[protocol]} (%)" for protocol in SAME_FILM_PROTOCOLS})
    columns.append(Column("left", "left with other clips (%)", "measured", "other people"))
    people = studies.simulated["subject"].nunique()
    caption = (
        f"The same design on simulated SEED-IV: {people} subjects, two sessions, one clip of each class in each, "
        "equally long trials, every fourth window; a support vector machine, accuracy over windows. The simulator's "
        "emotion is zero in the first row, with the clips' trace three times as strong, and the clips' trace is zero "
        "in the last. Left: of what is above chance. No selection rule; intervals (95 %) are Student's over subjects."
    )
    return Table("simulated", frame, columns, caption, {"simulated": True})


# --- figures --------------------------------------------------------------------------------------------


@figure
def cells_figure(table: pd.DataFrame, studies: Studies, runs: pd.DataFrame) -> Figure:
    """The four cells: real recordings, and simulated ones in which people share the film, both, or the feeling.

    Alt: Four panels with accuracy on the vertical axis and two places on the horizontal one, same clips and other
    clips. First panel, real recordings: a bold line for other people and a dotted one for the same people, each with
    intervals, over thin grey lines, one per method; a dashed horizontal line marks chance. The other panels, simulated
    recordings in which people share the film alone, film and feeling, or the feeling alone.
    """
    drawn, grid = style.panels(4, 2.9, 0.7, sharey=True)
    means = _cells(table)["windows"]
    for entry, row in means.iterrows():
        if entry != SVM_ENTRY and not is_control(entry[0]):
            grid[0].plot([0, 1], row[list(PEOPLE_OF["other people"])], color=style.PALE_INK, linewidth=0.8, alpha=0.7)
    _draw_cells(grid[0], same_film.accuracy_intervals(_svm(table)))
    grid[0].set_title("real eyes and heads")
    worlds = same_film.accuracy_intervals(studies.simulated, ("world", "protocol"))
    for axes, world in zip(grid[1:], WORLDS, strict=True):
        _draw_cells(axes, worlds[worlds["world"] == world])
        axes.set_title(f"simulated: {WORLD_TITLES[world]}")
    for axes in grid:
        axes.axhline(chance_percent(runs), color=style.INK, linestyle="--", linewidth=1.2)
        axes.set(xticks=[0, 1], xlim=(-0.3, 1.3), ylim=(0, 104))
        axes.set_xticklabels(["same clips", "other clips"])
        axes.grid(axis="x", visible=False)
    for axes in grid[::2]:
        axes.set_ylabel("accuracy over windows (%)")
    style.legend(
        drawn,
        [
            style.line("other people", style.PEOPLE_COLOURS["other people"], marker="o"),
            style.line("same people", style.PEOPLE_COLOURS["same people"], marker="s", linestyle=":"),
            style.line("each other method, other people", style.PALE_INK, linewidth=0.8),
            style.line("chance", style.INK, linestyle="--"),
        ],
    )
    real = same_film.accuracy_intervals(_svm(table)).set_index("protocol")["windows_percent"]
    same, other = (f"{real[protocol]:.0f} %" for protocol in PEOPLE_OF["other people"])
    headline(drawn, f"Real people: {same} right with the clips of the training, {other} with other clips")
    return drawn


_LOOKS = {"other people": ("o", "-", -0.03), "same people": ("s", ":", 0.03)}


def _draw_cells(axes: Axes, intervals: pd.DataFrame) -> None:
    """A line from the same to other clips for other people and for the same people, with intervals over people."""
    by_protocol = intervals.set_index("protocol")
    for people, protocols in PEOPLE_OF.items():
        colour, (marker, line, shift) = style.PEOPLE_COLOURS[people], _LOOKS[people]
        rows = by_protocol.loc[list(protocols)]
        place = np.arange(2) + shift
        axes.vlines(place, rows["windows_people_low"], rows["windows_people_high"], color=colour, linewidth=1.8)
        axes.plot(place, rows["windows_percent"], line, marker=marker, color=colour, markersize=6)


@figure
def clips_figure(table: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """Each clip's accuracy by the support vector machine for other people, when the source has seen it and when not.

    Alt: Dot plot with one column for each clip: a round dot for the share of other people's windows that
    are right when the source has seen the clip, and a square when it has not, joined by a line; a dashed line marks
    chance.
    """
    means = 100 * _svm(table).pivot_table(index="clip", columns="protocol", values="windows")
    place = np.arange(len(means))
    drawn, axes = plt.subplots(figsize=style.WIDE)
    seen, unseen = (means[protocol] for protocol in PEOPLE_OF["other people"])
    axes.vlines(place, unseen, seen, color=style.GREY, linewidth=1)
    axes.plot(place, seen, "o", color=style.BLUE, markersize=8, label="same clips")
    axes.plot(place, unseen, "s", color=style.VERMILION, markersize=7, label="other clips")
    axes.axhline(chance_percent(runs), color=style.INK, linestyle="--", linewidth=1.2, label="chance")
    classes = runs["class_names"].iloc[0]
    axes.set(ylabel="other people: accuracy over windows (%)", ylim=(0, 100))
    axes.set_xticks(place, [f"V{clip}\n{classes[(clip - 1) % len(classes)]}" for clip in means.index])
    axes.grid(axis="x", visible=False)
    style.legend(drawn, columns=3)
    lower = int((unseen < seen).sum())
    headline(
        drawn, f"{lower} of {len(means)} clips are recognised less often when they are new ({entry_name(SVM_ENTRY)})"
    )
    return drawn


# --- sentences ------------------------------------------------------------------------------------------


def reading(table: pd.DataFrame, studies: Studies, runs: pd.DataFrame) -> str:
    """What the tables say, as a Markdown list; every number in it is computed."""
    chance = chance_percent(runs)
    svm = same_film.accuracy_intervals(_svm(table)).set_index("protocol")
    changed = change_rows(table)
    new_clips = changed[changed["protocol"] == "cross_subject_session"]
    best = new_clips.loc[new_clips["windows_points"].idxmax()]
    above = int((new_clips["windows_clips_low"] > 0).sum())
    below = int((new_clips["windows_clips_high"] < 0).sum())
    means = _cells(table)["windows"]
    methods = means[[name == SVM_ENTRY[0] or not is_control(name) for name in means.index.get_level_values("method")]]
    other, same_people = methods["cross_subject_session"], methods["cross_session"]
    seen = methods["cross_subject"]
    probed = probe_rows(studies).set_index("features")
    before, after = probed.loc["ufama M1"], probed.loc["ufama M6"]
    order = means.xs("clip_order", level="method").iloc[0]
    permuted = _permuted_rows(table, "windows")["cross_subject"]
    sentences = [
        f"**What is left when the clips are new.** The support vector machine recognises other people's quadrant in "
        f"{_percent(svm.loc['cross_subject'])} with the same clips, and in "
        f"{_percent(svm.loc['cross_subject_session'])} with other clips: "
        f"{_left(svm, 'cross_subject', 'cross_subject_session', chance)} % of what lies above chance is left. For the "
        f"same people it falls from {_percent(svm.loc['within_trial'])} to {_percent(svm.loc['cross_session'])}: "
        f"{_left(svm, 'within_trial', 'cross_session', chance)} % left.",
        f"**Every method.** With the same clips the {len(methods)} entries reach {seen.min():.1f} to {seen.max():.1f} "
        f"%; with other clips {other.min():.1f} to {other.max():.1f} % for other people and {same_people.min():.1f} to "
        f"{same_people.max():.1f} % for the same people, where chance is {chance:.0f} %.",
        f"**Does adaptation change that?** With other people and other clips, {len(new_clips)} methods that adapt "
        f"differ from the same network without adaptation by {new_clips['windows_points'].min():+.1f} to "
        f"{new_clips['windows_points'].max():+.1f} points; the most is {entry_name(tuple(best[ENTRY]))} with "
        f"{best['windows_points']:+.1f} (95 % over clips {best['windows_clips_low']:+.1f} to "
        f"{best['windows_clips_high']:+.1f}). The interval over clips is above 0 for {above} of them and below 0 for "
        f"{below}; the smallest p after Holm is {new_clips['p_holm'].min():.2f}.",
        "**What aligning people does to person and clip.** From the features as the network sees them a linear probe "
        f"reads the person in {probed.loc['scaled', 'person']:.1f} % (chance {before['person_chance']:.1f}) and which "
        f"of the quadrant's two clips in {probed.loc['scaled', 'clip_of_class']:.1f} % (chance 50). After training on "
        f"the source alone: person {before['person']:.1f} %, clip {before['clip_of_class']:.1f} %; after adaptation "
        f"with UF-AMA: person {after['person']:.1f} %, clip {after['clip_of_class']:.1f} %. Which of all eight clips, "
        f"for a person who was held out: {probed.loc['scaled', 'clip']:.1f}, {before['clip']:.1f} and "
        f"{after['clip']:.1f} % (chance {before['clip_chance']:.1f}).",
        f"**Controls.** A clip's place in the order gives {order['cross_subject']:.1f} % of other people's windows; "
        f"with permuted labels the accuracy is {_range(permuted)} %.",
    ]
    return listed(sentences)


def limits(table: pd.DataFrame, runs: pd.DataFrame) -> str:
    """What the number of clips does not allow to say, in sentences; every number in it is computed."""
    svm = same_film.accuracy_intervals(_svm(table)).set_index("protocol").loc["cross_subject_session"]
    clips, methods = table["clip"].nunique(), len(change_rows(table)) // len(CHANGE_PROTOCOLS)
    return (
        f"With {clips} clips nobody can say that *no* emotion is shared: for other people and other clips the interval "
        f"over clips reaches {svm['windows_clips_high'] - chance_percent(runs):.0f} points above chance. Sign flips of "
        f"{clips} values cannot give a p below {smallest_p(clips):.3f}, and after Holm's correction for {methods} "
        f"methods none below {smallest_p(clips, methods):.2f}."
    )


def _svm(table: pd.DataFrame) -> pd.DataFrame:
    """The support vector machine's outcomes."""
    return table[(table[ENTRY] == list(SVM_ENTRY)).all(axis=1) & table["control"].eq("")]


def _percent(row: Mapping) -> str:
    return f"{row['windows_percent']:.1f} % of the windows (95 % over people {row['windows_people_low']:.1f} to " + (
        f"{row['windows_people_high']:.1f}, over clips {row['windows_clips_low']:.1f} to "
        f"{row['windows_clips_high']:.1f})"
    )


def _range(values: pd.Series) -> str:
    low, high = f"{values.min():.1f}", f"{values.max():.1f}"
    return low if low == high else f"{low} to {high}"


def _left(cells: pd.DataFrame, same: str, other: str, chance: float) -> str:
    left = left_percent(cells.loc[same, "windows_percent"], cells.loc[other, "windows_percent"], chance)
    return f"{left:.0f}"
