"""The same methods in several worlds: their ranks, how far these agree, and what adaptation adds to scaling and ridge.

A world is a data set: simulated features, features of simulated signals, or real recordings.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ufama.analysis.differences import accuracy_intervals
from ufama.analysis.effects import effects
from ufama.analysis.evaluation import accuracy
from ufama.analysis.rankings import ranking
from ufama.analysis.titles import RULE_MEANINGS
from ufama.analysis.worlds import DRAWS, agreement, halves_agreement
from ufama.campaigns.results import Results
from ufama.report import style
from ufama.report.captions import LEVEL, column_group, interval_cell, keys, provenance, with_sources
from ufama.report.comparison import p_text
from ufama.report.page_head import number_word, of_interval, shown, value
from ufama.report.same_film import UNADAPTED, chance_percent, entry_name
from ufama.report.style import figure, headline
from ufama.report.table import SOURCE, Column, Table

RULE = "source_validation"
"""The rule of all numbers here, where a method has epochs: it reads no label of the target."""

RIDGE = entry_name(("ridge", "paper", "full"))
"""What others are compared with: features scaled within each subject's session, and a linear classifier."""

UFAMA, NETWORK = (entry_name(("ufama", "paper", variant)) for variant in ("M6", "M1"))
"""UF-AMA, and its network without adaptation."""


@dataclass(frozen=True, kw_only=True)
class World:
    """One data set: what it is called, accuracies under `RULE` as a row per run, and the runs themselves."""

    key: str
    title: str
    simulated: bool
    scores: pd.DataFrame  # of `accuracy`, with entry and adapts
    runs: pd.DataFrame

    @property
    def by_subject(self) -> pd.DataFrame:
        """Accuracies over windows, one row per subject and one column per method."""
        return self.scores.groupby(["subject", "entry"], sort=False)["accuracy_windows"].mean().unstack("entry")

    @property
    def ranks(self) -> pd.Series:
        """Rank of every method by its mean over subjects; 1 is the best, ties share their mean rank."""
        return self.by_subject.mean().round(12).rank(ascending=False)

    @property
    def label(self) -> str:
        """The title, with "real" where somebody was recorded."""
        return self.title if self.simulated else f"real {self.title}"


def worlds(results: Results, methods: Sequence[str] | None = None) -> list[World]:
    """The worlds of the runs of `ufama.campaigns.grids.worlds_grid`, simulated ones first.

    ``methods`` are the names of those that are ranked beside ridge; None: all. Raises ValueError where ridge, or any
    other of them, has no runs.
    """
    scores = accuracy(results)
    wanted = scores["method"].isin(["ridge", *methods]) if methods is not None else True
    scores = scores[scores["rule"].eq(RULE) & wanted]
    entries = scores[["method", "preset", "variant"]].itertuples(index=False, name=None)
    scores = scores.assign(entry=[entry_name(entry) for entry in entries], adapts=_adapts(scores))
    if RIDGE not in set(scores["entry"]) or scores["entry"].nunique() < 2:
        raise ValueError(f"{RIDGE} and another method are needed: train both with `ufama campaign --grid worlds`.")
    about = results.runs[["dataset", "data_title", "simulated"]].drop_duplicates()
    about = about.sort_values(["simulated", "dataset"], ascending=[False, True], kind="stable")
    return [
        World(
            key=Path(row.dataset).stem,
            title=row.data_title.split(" (")[0],
            simulated=bool(row.simulated),
            scores=scores[scores["data_title"].eq(row.data_title)],
            runs=results.runs[
                results.runs["data_title"].eq(row.data_title) & results.runs["digest"].isin(scores["digest"])
            ],
        )
        for row in about.itertuples()
    ]


def _adapts(table: pd.DataFrame) -> pd.Series:
    """Whether a method reads more of the target than the scaling of its features does."""
    return ~(table["method"].isin(UNADAPTED) | (table["method"].eq("ufama") & table["variant"].eq("M1")))


def every_run(some: Sequence[World]) -> pd.DataFrame:
    """The rows of ``results.runs`` of all worlds."""
    return pd.concat([world.runs for world in some], ignore_index=True)


def _table(
    name: str, frame: pd.DataFrame, columns: Sequence[Column], some: Sequence[World], title: str, note: str
) -> Table:
    runs = every_run(some)
    scales, seeds = (", ".join(map(str, sorted(set(runs[name])))) for name in ("scale", "seed"))
    counts = ", ".join(f"{' or '.join(map(str, _runs_each(world)))} in {world.label}" for world in some)
    caption = (
        f"{title}. Measured cross-subject, scale {scales}, default settings; n (runs per method) = {counts}; "
        f"{'seeds' if ',' in seeds else 'seed'} {seeds}. "
        f"Selection rule: {RULE_MEANINGS[RULE]}; methods without epochs have none. {note}"
    )
    about = [provenance(world.runs, [RULE]) for world in some]
    return Table(name, frame, columns, caption, {"worlds": about})


def _runs_each(world: World) -> list[int]:
    """How many runs its methods have; one number where all have as many."""
    return sorted(set(world.runs.groupby(["method", "preset", "variant"]).size()))


# --- tables ---------------------------------------------------------------------------------------------


_WINDOWS = ("windows_percent", f"windows_percent{SOURCE}", "windows_low_percent", "windows_high_percent")


def worlds_table(some: Sequence[World]) -> Table:
    """The worlds: subjects, chance, how well ridge does, whether methods can be told apart, how far a ranking holds."""
    rows = []
    for world in some:
        scores = world.by_subject
        ranked, halves = ranking(scores), halves_agreement(scores)
        own = world.scores[world.scores["entry"].eq(RIDGE)]
        (ridge,) = with_sources(accuracy_intervals(own, ["entry"]), own, ["entry"]).to_dict("records")
        rows.append(
            {
                "world": world.label,
                "subjects": ranked.n,
                "chance": chance_percent(world.runs),
                **{name.replace("windows", "ridge"): ridge[name] for name in _WINDOWS},
                "first": ", ".join(world.ranks.index[world.ranks.eq(world.ranks.min())]),
                "equal": p_text(ranked.p),
                "friedman_p": ranked.p,
                "halves": halves.correlation,
                "halves_low": halves.low,
                "halves_high": halves.high,
            }
        )
    columns = [
        Column("world", "world", "key"),
        Column("subjects", "subjects", "measured"),
        Column("chance", "chance (%)", "measured", decimals=1),
        interval_cell("ridge", "percent", f"{RIDGE} (%)"),
        Column("first", "first", "key"),
        Column("equal", "all equal (Friedman)", "measured"),
        Column("friedman_p", "p (Friedman)", "measured", only_in_file=True),
        Column("halves", "two halves agree", "measured", decimals=2, interval=("halves_low", "halves_high")),
    ]
    note = (
        f"{RIDGE}: window-level accuracy, 95 % interval by Student's t over subjects. p: under the null hypothesis "
        "that all methods are equal. Two halves agree: Spearman's rank correlation of the methods between two random "
        f"halves of the world's own subjects, mean and middle 95 % of {DRAWS:,} splits. A ranking that does not agree "
        "with itself cannot agree with another."
    )
    return _table("worlds", pd.DataFrame(rows), columns, some, "The worlds, and how certain a ranking is in each", note)


def agreement_table(some: Sequence[World]) -> Table:
    """Rank correlation of the methods between every two worlds."""
    rows = []
    for first, second in combinations(some, 2):
        pair = agreement(first.by_subject, second.by_subject)
        rows.append(
            {
                "first": first.label,
                "second": second.label,
                "methods": pair.methods,
                "subjects": f"{pair.subjects[0]} and {pair.subjects[1]}",
                "correlation": pair.correlation,
                "low": pair.low,
                "high": pair.high,
            }
        )
    columns = [
        *keys(first="world", second="and world"),
        *column_group({"methods": "methods", "subjects": "subjects"}),
        Column("correlation", "Spearman's rank correlation", "measured", decimals=2, interval=("low", "high")),
    ]
    note = (
        "Methods are ranked by their mean window-level accuracy over subjects. Intervals (95 %): bootstrap over the "
        f"subjects of both worlds, {DRAWS:,} draws, methods ranked again in each; redrawn ranks are noisier, so that "
        "an interval lies nearer to 0 than its correlation."
    )
    return _table("agreement", pd.DataFrame(rows), columns, some, "How far the ranks of two worlds agree", note)


def _against_ridge(world: World) -> pd.DataFrame:
    """Differences of every other method to ridge, with the columns of `effects`, and adapts."""
    rows = effects(world.scores, "entry", RIDGE)
    return rows.merge(world.scores[["entry", "adapts"]].drop_duplicates(), on="entry", validate="one_to_one")


def adaptation_table(some: Sequence[World]) -> Table:
    """Does any adaptation beat scaling and ridge? One row per world."""
    rows = []
    for world in some:
        every = _against_ridge(world)
        own = every[every["adapts"]]
        if own.empty:
            continue
        best = own.loc[own["windows_points"].idxmax()]
        better = own["windows_low_points"] > 0
        rows.append(
            {
                "world": world.label,
                "adapting": len(own),
                "above": int(better.sum()),
                "below": int((own["windows_high_points"] < 0).sum()),
                "significant": int((better & own["windows_p_holm"].lt(LEVEL)).sum()),
                "best": best["entry"],
                **{name: best[name] for name in ("windows_points", "windows_low_points", "windows_high_points")},
            }
        )
    columns = [
        *keys(world="world"),
        *column_group({"adapting": "methods that adapt", "above": "interval above 0", "below": "interval below 0"}),
        *column_group({"significant": f"above 0, p (Holm) < {LEVEL}"}),
        *keys(best="best of them"),
        interval_cell("windows", "points", "best minus ridge (points)"),
    ]
    note = (
        "Paired differences to ridge (features scaled within each subject's session, then ridge regression on the "
        "classes), window-level accuracy; intervals (95 %) are Student's over subjects, p by sign flips of the "
        "subjects' means, adjusted (Holm) for all methods of a world. The best method is selected after the fact: its "
        "difference is biased upwards, and its interval does not correct for that."
    )
    return _table("adaptation", pd.DataFrame(rows), columns, some, "Adaptation beside scaling and ridge", note)


def _in_columns(some: Sequence[World], parts: dict[str, pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """One row per method in the order of its mean rank over worlds; the named columns of every world's part."""
    order = pd.concat([world.ranks for world in some], axis=1).mean(axis=1).sort_values(kind="stable")
    adapts = pd.concat([world.scores for world in some]).drop_duplicates("entry").set_index("entry")["adapts"]
    frame = pd.DataFrame({"adapts": adapts.map({True: "yes", False: "no"})}, index=order.index)
    for key, part in parts.items():
        indexed = part.set_index("entry")
        frame = frame.assign(**{f"{key}_{name}": indexed[name] for name in names})
    return frame.rename_axis("entry").reset_index()


def against_ridge_table(some: Sequence[World]) -> Table:
    """The paired difference of every method to ridge in every world."""
    names = [f"windows{end}_points" for end in ("", "_low", "_high")]
    frame = _in_columns(some, {world.key: _against_ridge(world) for world in some}, [*names, "windows_p_holm"])
    frame = frame[frame["entry"].ne(RIDGE)]
    columns = [Column("entry", "method", "key"), Column("adapts", "adapts", "measured")]
    columns += [
        interval_cell(f"{world.key}_windows", "points", world.label, group="minus ridge (points)") for world in some
    ]
    note = (
        "Paired over subjects, window-level accuracy; intervals (95 %) are Student's over subjects. Adapts: the method "
        "reads more of the target than the scaling of its features does. Order: the mean rank over worlds."
    )
    return _table("against_ridge", frame, columns, some, "Every method beside ridge", note)


def accuracy_table(some: Sequence[World]) -> Table:
    """Accuracy of every method in every world with its rank."""
    parts = {}
    for world in some:
        means = with_sources(accuracy_intervals(world.scores, ["entry"]), world.scores, ["entry"])
        parts[world.key] = means.assign(rank=means["entry"].map(world.ranks))
    frame = _in_columns(some, parts, [*_WINDOWS, "rank"])
    columns = [Column("entry", "method", "key")]
    columns += [
        interval_cell(f"{world.key}_windows", "percent", world.label, group="window-level accuracy (%)")
        for world in some
    ]
    columns += [Column(f"{world.key}_rank", world.label, "measured", "rank", 1, only_in_file=True) for world in some]
    note = "Intervals (95 %) are Student's over subjects. Order: the mean rank over worlds."
    return _table("accuracy", frame, columns, some, "Every method in every world", note)


# --- figure ---------------------------------------------------------------------------------------------

_LOOKS = {
    UFAMA: (style.method_colour(UFAMA), "o", "-"),
    NETWORK: (style.method_colour(UFAMA), "o", ":"),
    RIDGE: (style.method_colour(RIDGE), "s", "-"),
}
_NAME_SHARE = 0.24  # of the figure's width, for the names at either side
_SHORT = {NETWORK: f"{UFAMA}'s network"}


@figure
def rank_figure(some: Sequence[World]) -> Figure:
    """The rank of every method in every world, the worlds side by side.

    Alt: Slope chart with one column for each world, simulated ones first, and ranks from the best at the top to the
    worst at the bottom: a line joins the ranks of each method, red for UF-AMA, dotted red for its network without
    adaptation, blue for ridge and grey for all others; names stand at the left and right.
    """
    ranks = pd.concat({world.key: world.ranks for world in some}, axis=1)
    drawn, axes = plt.subplots(figsize=(style.WIDTH, 1.5 + 0.27 * len(ranks)))
    place = np.arange(len(some))
    for entry, row in ranks.iterrows():
        colour, marker, line = _LOOKS.get(str(entry), (style.PALE_INK, ".", "-"))
        is_marked = entry in _LOOKS
        look = {"linewidth": 2.4 if is_marked else 1.0, "zorder": 3 if is_marked else 2}
        axes.plot(place, row, line, marker=marker, color=colour, **look)
    for column, side, shift in ((0, "right", -0.08), (len(some) - 1, "left", 0.08)):
        placed = ranks.iloc[:, column].dropna().sort_values(kind="stable")
        for at, entry in enumerate(placed.index, start=1):  # tied ranks side by side
            colour = _LOOKS.get(str(entry), (style.INK, "", ""))[0]
            axes.annotate(
                _SHORT.get(entry, entry), (place[column] + shift, at), ha=side, va="center", fontsize=9, color=colour
            )
    axes.set_xticks(place, [textwrap.fill(world.label, 11) for world in some], fontsize=10)
    margin = _NAME_SHARE / (1 - 2 * _NAME_SHARE) * max(1, len(some) - 1)
    axes.set(ylim=(len(ranks) + 0.6, 0.4), xlim=(-margin, len(some) - 1 + margin), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False)
    headline(drawn, f"The ranks of {len(ranks)} methods in {number_word(len(some))} worlds")
    return drawn


# --- sentences ------------------------------------------------------------------------------------------


def findings(some: Sequence[World]) -> list[str]:
    """What the tables say, in sentences; every number is a cell of one of them."""
    return [
        *_simulated_pair(some),
        *_agreement_range(some),
        *_adaptation_sentences(some),
        *_ufama_sentences(some),
    ]


def _simulated_pair(some: Sequence[World]) -> list[str]:
    """How far two simulated worlds agree, and each with itself."""
    simulated = [world for world in some if world.simulated]
    if len(simulated) != 2:
        return []
    first, second = (world.label for world in simulated)
    table, about = agreement_table(some), worlds_table(some)
    pair = {"first": first, "second": second}
    own = " and ".join(f"{shown(about, 'halves', world=label)} in {label}" for label in (first, second))
    low, high = value(table, "low", **pair), value(table, "high", **pair)
    return [
        f"Between {first} and {second} the ranks of {shown(table, 'methods', **pair)} methods correlate by "
        f"{shown(table, 'correlation', **pair)}; {of_interval(low, high)}. Two halves of one world's subjects agree by "
        f"{own}."
    ]


def _agreement_range(some: Sequence[World]) -> list[str]:
    """Over all pairs of worlds."""
    frame = agreement_table(some).frame
    if len(frame) < 2:
        return []
    lowest, highest = (frame.loc[place] for place in (frame["correlation"].idxmin(), frame["correlation"].idxmax()))
    above = int((frame["low"] > 0).sum())
    return [
        f"Over {number_word(len(frame))} pairs of worlds the rank correlation runs from {_pair(lowest)} to "
        f"{_pair(highest)}; the interval lies above zero in {number_word(above, none=True)} of them."
    ]


def _pair(row: pd.Series) -> str:
    return f"{row['correlation']:.2f} ({row['first']} and {row['second']})"


def _adaptation_sentences(some: Sequence[World]) -> list[str]:
    """Does any adaptation beat scaling and ridge, in which world, with which interval."""
    table = adaptation_table(some)
    if table.frame.empty:
        return []
    winners = table.frame.loc[table.frame["significant"].gt(0), "world"].tolist()
    answer = f"in {' and '.join(winners)}" if winners else "in no world"
    clauses = [
        f"{number_word(int(above), none=True)} of {adapting} in {label} (best: {best}, "
        f"{shown(table, 'windows_points', world=label)})"
        for label, adapting, above, best in table.frame[["world", "adapting", "above", "best"]].itertuples(index=False)
    ]
    return [
        f"A method that adapts beats scaling and ridge, after Holm's correction, {answer}. Methods whose interval lies "
        f"above zero: {'; '.join(clauses)}."
    ]


def _ufama_sentences(some: Sequence[World]) -> list[str]:
    """UF-AMA, and its network without adaptation, beside ridge."""
    table = against_ridge_table(some)
    if UFAMA not in set(table.frame["entry"]):
        return []
    names = [entry for entry in (UFAMA, NETWORK) if entry in set(table.frame["entry"])]
    parts = [
        f"{entry}: "
        + ", ".join(f"{shown(table, f'{world.key}_windows_points', entry=entry)} in {world.label}" for world in some)
        for entry in names
    ]
    return [f"Difference to ridge in points of accuracy, {'; '.join(parts)}."]
