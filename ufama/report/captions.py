"""What measured tables have in common: the caption that names their runs, their provenance, columns of accuracies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from ufama.analysis import paper
from ufama.analysis.comparisons import smallest_p
from ufama.analysis.differences import FEWEST, count_subjects
from ufama.analysis.evaluation import UNITS, sources, summary
from ufama.analysis.titles import (
    CRITERION_MEANING,
    CRITERION_TITLES,
    PROTOCOL_TITLES,
    RULE_MEANINGS,
    RULE_TITLES,
    SPREAD_MEANING,
)
from ufama.report.table import SOURCE, Column, Origin, Table

LABEL_FREE_RULES = ("last", "source_validation")
"""The rules that read no label of the target."""
LEVEL = 0.05
"""Of a test after Holm's correction."""


# --- the table of measured runs --------------------------------------------------------------------------------------


def measured_table(
    name: str,
    frame: pd.DataFrame,
    columns: Sequence[Column],
    runs: pd.DataFrame,
    title: str,
    *,
    rules: Sequence[str] = (),
    published: Sequence[str] | None = None,
    stated: Mapping[str, str] | None = None,
    **choices,
) -> Table:
    """A `Table` of what ``runs`` gave: its caption is that of `caption`, its provenance that of `provenance`.

    Parameters
    ----------
    name, frame, columns
        as of `Table`
    runs
        rows of ``results.runs``: one dataset, scale and kind of recordings
    title
        what the table shows, the beginning of its caption
    rules
        the selection rules behind its numbers
    published
        names of the paper's tables that stand beside the measured values, if any could
    stated
        as of `Table`
    choices
        the others of `caption`
    """
    source = {} if published is None else {"published": {"arxiv": paper.ARXIV_ID, "tables": list(published)}}
    text = caption(title, runs, rules=rules, **choices)
    return Table(name, frame, columns, text, source | provenance(runs, rules), stated or {})


def caption(
    title: str,
    runs: pd.DataFrame,
    *,
    detail: str = "",
    rules: Sequence[str] = (),
    no_rule: str = "",
    by: Sequence[str] = (),
    each: str = "",
    preset: bool = True,
    spread: bool = False,
    interval: pd.DataFrame | None = None,
    note: str = "",
) -> str:
    """The caption of a table of runs: what it shows, on which data, by which rule, of how many runs.

    Parameters
    ----------
    title
        the first sentence, without its stop
    runs
        rows of ``results.runs``
    detail
        what follows after "Measured on ..., scale ..., preset ..."
    rules
        the selection rules; their meanings are stated
    no_rule
        what is stated in their place
    by
        columns of ``runs`` whose groups are counted one by one
    each
        what one of these groups is: "row", "model"
    preset
        whether all runs share a preset, to be named
    spread
        whether both SDs are among the columns
    interval
        the rows that intervals are over, grouped as ``by``: usually ``runs``
    note
        further sentences
    """
    sentences = [
        f"{title}.",
        f"{measured_on(runs, preset=preset)}{detail}.",
        no_rule or (f"Selection rule: {rule_meanings(rules)}." if rules else ""),
        f"{counted(runs, by)}{f' per {each}' if each else ''}.",
        f"{SPREAD_MEANING}." if spread else "",
        "" if interval is None else interval_meaning(interval, by),
        note,
    ]
    return " ".join(filter(None, sentences))


def provenance(runs: pd.DataFrame, rules: Iterable[str] = ()) -> dict:
    """Where a table's numbers are from, for the file beside its CSV."""
    distinct = {
        name: sorted(map(str, runs[name].dropna().unique()))
        for name in ("data_title", "scale", "preset", "protocol", "commit", "device", "torch")
        if name in runs
    }
    return {
        "simulated": bool(unique_value(runs, "simulated")),
        "rules": list(rules),
        "seeds": sorted(runs["seed"].unique().tolist()),
        **distinct,
        "runs": sorted(runs["digest"]),
    }


# --- parts of a caption ----------------------------------------------------------------------------------------------


def rule_meanings(rules: Iterable[str]) -> str:
    """One clause per rule that reads labels or none; the label-free criteria share one clause."""
    rules = list(rules)
    clauses = [RULE_MEANINGS[rule] for rule in rules if rule in RULE_MEANINGS]
    if any(rule in CRITERION_TITLES for rule in rules):
        clauses.append(CRITERION_MEANING)
    return "; ".join(clauses)


def unique_value(runs: pd.DataFrame, column: str):
    """The value that all runs share. Raises ValueError when they do not: a table shows one of each."""
    values = runs[column].drop_duplicates().tolist()
    if len(values) != 1:
        raise ValueError(
            f"this shows one {column} at a time, and the runs hold {', '.join(map(str, values)) or 'none'}: "
            "select(results, ...) one of them."
        )
    return values[0]


def measured_on(runs: pd.DataFrame, *, preset: bool = True) -> str:
    """'Measured on simulated SEED, scale quick, preset paper'; real recordings are called real."""
    data = recordings_of(unique_value(runs, "data_title"), simulated=unique_value(runs, "simulated"))
    return f"Measured on {data}, scale {unique_value(runs, 'scale')}" + (
        f", preset {unique_value(runs, 'preset')}" if preset else ""
    )


def recordings_of(title: str, *, simulated: bool) -> str:
    """'simulated SEED' or 'real EEGMAT recordings', by the title of a `DataCard`."""
    return title if simulated else f"real {title} recordings"


def counted(runs: pd.DataFrame, by: Iterable[str] = ()) -> str:
    """'n = 45 runs (9 folds × 5 seeds); seeds 0, 1, 2, 3, 4', of each group of ``by``: every different count once."""
    counts = dict.fromkeys(
        f"{_plural(len(group), 'run')} ({_plural(group['fold'].nunique(), 'fold')} × "
        f"{_plural(group['seed'].nunique(), 'seed')})"
        for group in _groups(runs, by)
    )
    seeds = sorted(runs["seed"].unique().tolist())
    return f"n = {' or '.join(counts)}; {'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}"


def interval_meaning(table: pd.DataFrame, by: Iterable[str] = ()) -> str:
    """What the 95 % intervals are over, for the groups ``by`` of ``table`` (which has subject and fold)."""
    over, without, dependent = {}, {}, {}
    for group in _groups(table, by):
        subjects, folds = count_subjects(group), group["fold"].nunique()
        if subjects >= FEWEST:
            over[f"{subjects} subjects"] = True
        elif folds >= FEWEST:
            over[f"{folds} folds"] = True
            if subjects:
                sentence = f"The {folds} folds are of {subjects} subjects, and one subject's folds are not independent."
                dependent[sentence] = True
        else:
            without[f"{folds} folds"] = True
    sentences = list(dependent)
    if without:
        sentences.insert(0, f"None is given for {' or '.join(without)}.")
    if over:
        sentences.insert(0, f"Intervals (95 %) are Student's over {' or '.join(over)}, whose accuracies are averaged.")
    return " ".join(sentences)


def smallest_p_meaning(units: int, comparisons: int, *, of: str = "subjects") -> str:
    """The smallest p by sign flips that a table can show, adjusted by Holm, and whether anything can be significant."""
    least = smallest_p(units, comparisons)
    meaning = (
        f"The smallest p that sign flips of {units} {of} can give is {smallest_p(units):.2g}, after Holm's correction "
        f"for {_plural(comparisons, 'comparison')} {least:.2g}."
    )
    if least > LEVEL:
        meaning += f" That is above {LEVEL}: no difference here can be significant, however large it is."
    return meaning


def effects_p_meaning(effects: pd.DataFrame) -> str:
    """The same for a table of `ufama.analysis.effects.effects`, whose p are adjusted for all rows of a rule."""
    tested = effects.dropna(subset="windows_p_holm")
    if tested.empty:
        return f"No p is given for fewer than {FEWEST} subjects or folds."
    comparisons = int(tested.groupby("rule").size().max())
    return "p by sign flips of the same means, adjusted (Holm) for all rows of a rule. " + smallest_p_meaning(
        int(tested["n_units"].min()), comparisons, of="means"
    )


def n_runs(count: int, *, each: bool = False, of: str = "run") -> str:
    """'(n = 36 runs)' for a figure's title, held together by no-break spaces."""
    return f"(n = {_plural(count, of)}{' each' if each else ''})".replace(" ", "\N{NO-BREAK SPACE}")


def _groups(table: pd.DataFrame, by: Iterable[str]) -> list[pd.DataFrame]:
    by = list(by)
    return [group for _, group in table.groupby(by, sort=False, dropna=False)] if by else [table]


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")


# --- columns ---------------------------------------------------------------------------------------------------------


def column_group(
    titles: Mapping[str, str], group: str = "", decimals: int = 0, origin: Origin = "measured"
) -> list[Column]:
    """Columns below one heading, or none, with equal decimals: ``titles`` by column name."""
    return [Column(name, title, origin, group, decimals) for name, title in titles.items()]


def keys(**titles: str) -> list[Column]:
    """Columns that name the rows: their headings by column name."""
    return [Column(name, title, "key") for name, title in titles.items()]


PROTOCOL = Column("protocol", "protocol", "key", titles=PROTOCOL_TITLES)
RULE = Column("rule", "selection rule", "key", titles=RULE_TITLES)


def printed_column(prefix: str, title: str, group: str = "") -> Column:
    """A published mean and SD, as printed: {prefix}_mean_percent ± {prefix}_sd_percent."""
    return Column(f"{prefix}_mean_percent", title, "published", group, 2, spread=f"{prefix}_sd_percent")


def spread_columns(unit: str) -> list[Column]:
    """The columns of `spreads` for windows or trials, for the file: what is shown is the mean with its interval."""
    names = ("mean", "sd_population", "sd_sample")
    titles = {f"{unit}_{name}_percent": f"{name.replace('_', ' ')} over runs" for name in names}
    columns = column_group(titles, f"accuracy over {unit} (%)", 1)
    return [replace(column, only_in_file=True) for column in columns]


def interval_cell(prefix: str, kind: str, title: str, decimals: int = 1, group: str = "") -> Column:
    """A mean and its 95 % interval in one cell: the columns {prefix}_{kind}, {prefix}_low_{kind}, .._high_.."""
    ends = (f"{prefix}_low_{kind}", f"{prefix}_high_{kind}")
    return Column(f"{prefix}_{kind}", title, "measured", group, decimals, interval=ends)


def effect_columns(unit: str, title: str) -> list[Column]:
    """The columns of `effects.effects` for windows or trials, below ``title``: mean, interval, p adjusted by Holm."""
    return [
        interval_cell(unit, "points", "mean", group=title),
        Column(f"{unit}_p_holm", "p (Holm)", "measured", title, 3),
    ]


def spreads(scores: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean and both SDs of accuracy, in percent, over the rows of each group of ``by``, and n, how many they are."""
    by = list(by)
    table = scores[by].drop_duplicates()
    for unit in UNITS:
        over = summary(scores, by, unit=unit)
        percent = {
            f"{unit}_{name}_percent": over[f"accuracy_{name}"] * 100 for name in ("mean", "sd_population", "sd_sample")
        }
        percent[f"{unit}_mean_percent{SOURCE}"] = over["source"]
        table = table.merge(over[by].assign(**percent), on=by)
    return table.merge(over[[*by, "n"]], on=by)


def with_sources(
    frame: pd.DataFrame, scores: pd.DataFrame, by: Sequence[str], kind: str = "percent", *, counted: str = ""
) -> pd.DataFrame:
    """``frame`` with the sources of its columns {unit}_{kind}: means over subjects of ``scores``, by groups ``by``."""
    for unit in UNITS:
        found = sources(scores, by, unit, over_subjects=True, counted=counted)
        frame = frame.merge(found.rename(columns={"source": f"{unit}_{kind}{SOURCE}"}), on=list(by), how="left")
    return frame


def in_order(scores: pd.DataFrame, column: str, titles: Mapping[str, str]) -> pd.DataFrame:
    """Rows in the order in which ``titles`` names the values of ``column``; others come last."""
    places = {value: place for place, value in enumerate(titles)}
    return scores.sort_values(column, key=lambda values: values.map(places), kind="stable", na_position="last")
