"""The audit of the UF-AMA paper's own tables: every number here is computed from its printed ones."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd

from ufama.analysis import paper
from ufama.audit.findings import ALL
from ufama.audit.granularity import TableError, TrialTest, granularity, trial_errors, trial_test
from ufama.audit.report import AuditReport, audit_table
from ufama.audit.rows import followers, headline, proportional_rows
from ufama.data.layout import layout
from ufama.report.captions import column_group
from ufama.report.table import Column, Table

COPIES = ("CFDA-CSF", "LAFDA-Net")
"""The two other methods of Tables 4 and 5, in the order in which their rows are compared."""

DISCUSSED_CONSTANTS = {"seed": (1.0275, 1.0290, None), "seed_iv": (1.0450, 1.0156, 1.0197)}
"""LAFDA-Net's row over CFDA-CSF's in sessions 1-3, to four decimals; None where no constant stands out."""

TOLERANCE = 0.06
ROUNDING_ALONE = 0.0105
"""What rounding leaves of an exact ratio near 1: half a unit of the printed entry and half a unit times the ratio."""

SOURCE = "Published numbers, transcribed from the paper."


def _checked(dataset: str) -> str:
    if dataset not in paper.SUBJECTS_TABLE:
        raise TableError(
            f"the paper has tables of {' and '.join(map(repr, paper.SUBJECTS_TABLE))}, not of {dataset!r}."
        )
    return dataset


def accuracies(dataset: str) -> pd.DataFrame:
    """Table 4 or 5: session, method, subject, accuracy_percent. Raises TableError for another data set."""
    return paper.published(paper.SUBJECTS_TABLE[_checked(dataset)])


def printed_means(dataset: str) -> pd.DataFrame:
    """What the paper prints of them: means and SDs by session (Tables 4, 5), over all (cross-subject, Tables 3, 6)."""
    summary = paper.published("table4_table5_reported_summary")
    by_session = summary[summary["dataset"] == _checked(dataset)]
    methods = paper.published(paper.METHODS_TABLE[dataset])
    over_all = methods[(methods["protocol"] == "cross_subject") & methods["method"].isin(by_session["method"])]
    columns = ["method", "session", "mean_percent", "sd_percent"]
    return pd.concat([by_session[columns], over_all.assign(session=ALL)[columns]], ignore_index=True)


@lru_cache(maxsize=2)
def paper_audit(dataset: str) -> AuditReport:
    """The whole audit of Table 4 or 5, as ``ufama audit`` does it."""
    return audit_table(
        accuracies(dataset),
        windows=(paper.IMPLIED_WINDOWS[dataset], paper.STATED_WINDOWS[dataset]),
        trials=layout(dataset).window_counts,
        printed=printed_means(dataset),
        tolerance=TOLERANCE,
    )


def _keys(*names: str) -> list[Column]:
    return [Column(name, name, "key") for name in names]


def _in_file(columns: list[Column]) -> list[Column]:
    """The same columns, not shown."""
    return [replace(column, only_in_file=True) for column in columns]


def _published(titles: Mapping[str, str], group: str = "", decimals: int = 0) -> list[Column]:
    """Columns of published numbers, or of what follows from them, by name."""
    return column_group(titles, group, decimals, "published")


def _table(name: str, frame: pd.DataFrame, columns: list[Column], caption: str) -> Table:
    provenance = {"source": f"{paper.TITLE}, arXiv:{paper.ARXIV_ID}", "kind": "computed from published numbers"}
    return Table(name, frame, columns, caption, provenance)


def _p(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.2f}" if value >= 0.01 else f"{value:.0e}".replace("e-0", "e-")


# --- window counts ---------------------------------------------------------------------------------------------------


def window_counts() -> Table:
    """How many accuracies of Tables 4 and 5 are k/n, for the counts of 4-s and of 1-s windows."""
    rows, exceptions = [], []
    for dataset in paper.SUBJECTS_TABLE:
        table, title = accuracies(dataset), layout(dataset).title
        for method in (paper.METHOD, *COPIES):
            for session in (ALL, *sorted(table["session"].unique())):
                if session != ALL and method != paper.METHOD:
                    continue
                part = table[(table["method"] == method) & ((table["session"] == session) | (session == ALL))]
                rows_of = method if session == ALL else f"{method}, session {session}"
                row = {"set": title, "rows": rows_of, "method": method, "session": str(session), "values": len(part)}
                for name, counts in (("four", paper.IMPLIED_WINDOWS), ("one", paper.STATED_WINDOWS)):
                    n = part["session"].map(dict(enumerate(counts[dataset], start=1))).to_numpy()
                    fit = granularity(part["accuracy_percent"], n)
                    row |= {"below": fit.tested, f"{name}_n": ", ".join(map(str, dict.fromkeys(n.tolist())))}
                    row |= {f"{name}_share": f"{fit.matches} of {fit.tested}"}
                    row |= {f"{name}_fit": fit.matches, f"{name}_chance": fit.expected, f"{name}_p": _p(fit.p_value)}
                    if name == "four" and method == paper.METHOD and session == ALL:
                        missed = part["accuracy_percent"].to_numpy()[~fit.values["fits"]]
                        exceptions += [f"{title}: {value:.2f}" for value in missed]
                rows.append(row)
    frame = pd.DataFrame(rows)
    columns = [
        *_keys("set"),
        Column("rows", "accuracies", "key"),
        *_in_file(_keys("method", "session")),
        *_in_file(_published({"values": "values", "below": "below 100"})),
    ]
    for name, group in (("four", "4-s windows"), ("one", "1-s windows (section 3.2)")):
        columns += _in_file(_published({f"{name}_n": "n", f"{name}_fit": "k/n"}, group))
        columns += _published({f"{name}_share": "k/n"}, group)
        columns += _published({f"{name}_chance": "by chance"}, group, 1)
        columns += _published({f"{name}_p": "p"}, group)
    counts = "; ".join(
        f"{title}, {', '.join(map(str, dict.fromkeys(paper.IMPLIED_WINDOWS[name])))} (1 s: "
        f"{', '.join(map(str, dict.fromkeys(paper.STATED_WINDOWS[name])))})"
        for name, title in ((name, layout(name).title) for name in paper.SUBJECTS_TABLE)
    )
    caption = (
        f"Accuracies below 100.00 that are k/n to two decimals. {SOURCE} To the nearest; n by session: {counts}. By "
        "chance: how many would be. 100.00 is k/n for every n and is not tested; p counts equal values once. The "
        f"only value of {paper.METHOD} that is not k/n for 4-s windows: {'; '.join(exceptions)}."
    )
    return _table("audit_window_counts", frame, columns, caption)


# --- whole trials ----------------------------------------------------------------------------------------------------


def trial_parts(dataset: str) -> list[tuple[str, pd.DataFrame, tuple[int, ...]]]:
    """Sessions with the same trials together: (sessions, trial_errors, trial windows)."""
    table = accuracies(dataset)
    table = table[table["method"] == paper.METHOD]
    groups: dict[tuple[int, ...], list[int]] = {}
    for session, trials in enumerate(layout(dataset).window_counts, start=1):
        groups.setdefault(trials, []).append(session)
    parts = []
    for trials, sessions in groups.items():
        values = table.loc[table["session"].isin(sessions), "accuracy_percent"]
        parts.append((", ".join(map(str, sessions)), trial_errors(values, trials), trials))
    return parts


def trial_sums(dataset: str) -> Table:
    """Every distinct UF-AMA accuracy below 100 as whole trials: as few as possible."""
    frame = pd.concat(
        [errors.assign(session=sessions, n=sum(trials)) for sessions, errors, trials in trial_parts(dataset)],
        ignore_index=True,
    ).query("value < 100")
    frame = frame.assign(
        example=[" + ".join(map(str, example)) or None for example in frame["example"]],
        subsets=[subsets or None for subsets in frame["subsets"]],
        chance=100 * frame["chance"],
    )
    columns = [
        Column("session", "sessions", "key"),
        Column("value", "accuracy (%)", "key", decimals=2),
        *_in_file(_published({"n": "n"})),
        *_published(
            {
                "times": "printed",
                "wrong": "wrong windows",
                "fewest": "fewest trials",
                "example": "such as",
                "subsets": "choices",
                "chance": "counts near it (%)",
            }
        ),
    ]
    caption = (
        f"{layout(dataset).title}, {paper.METHOD}: the wrong windows n - k of every distinct accuracy below 100.00 as "
        f"a sum of whole trials, as few as possible. {SOURCE} Choices: so many sets of that many trials. Last column: "
        "the share of all counts within half a mean trial that are sums of so few trials; 100 means that the "
        "decomposition says nothing."
    )
    return _table(f"audit_trials_{dataset}", frame, columns, caption)


def trials_of(dataset: str, reach: int | None = None) -> TrialTest:
    """The whole-trial test of UF-AMA's accuracies; ``reach`` as in `trial_test`."""
    return trial_test([(errors, trials) for _, errors, trials in trial_parts(dataset)], reach=reach)


def trial_tests() -> Table:
    """Both sets: how many accuracies are whole trials, how many would be by chance, with three notions of near."""
    rows = []
    for dataset in paper.SUBJECTS_TABLE:
        parts, title = trial_parts(dataset), layout(dataset).title
        trials = parts[0][2]
        mean = round(sum(trials) / len(trials))
        for near, reach in (("half a mean trial", None), ("a mean trial", mean), ("10 windows", 10)):
            rows.append({"set": title, "near": near, **trials_of(dataset, reach)._asdict()})
    frame = pd.DataFrame(rows)
    frame["p_value"] = frame["p_value"].map(_p)
    columns = [
        *_keys("set"),
        Column("near", "near means within", "key"),
        *_published({"distinct": "distinct accuracies", "whole": "sums of whole trials"}),
        *_published({"expected": "by chance"}, decimals=1),
        *_published({"p_value": "p"}),
    ]
    caption = (
        f"{paper.METHOD}: distinct accuracies per session list (k/n, below 100.00) whose wrong windows are a sum of "
        f"whole trials. {SOURCE} By chance: if each count of wrong windows were uniform near where it is. p: "
        "probability of so small a total of fewest trials then."
    )
    return _table("audit_trial_tests", frame, columns, caption)


# --- means, SDs, proportional rows -----------------------------------------------------------------------------------


def spreads() -> Table:
    """Printed means and SDs of Tables 3-6 beside both SDs of the values, and which kind the printed one is."""
    frames = []
    for dataset in paper.SUBJECTS_TABLE:
        means = paper_audit(dataset).means.copy()
        means.insert(0, "set", layout(dataset).title)
        means["kinds"] = [" or ".join(kinds) or "none of the kinds asked" for kinds in means["kinds"]]
        frames.append(means.drop(columns="mean_fits"))
    frame = pd.concat(frames, ignore_index=True)
    values = {"mean": "mean", "population_sd": "population SD", "sample_sd": "sample SD"}
    columns = [
        *_keys("set", "method", "session"),
        *_in_file(_published({"n": "n"})),
        Column("printed_mean", "printed mean ± SD", "published", decimals=2, spread="printed_sd"),
        *_published(values, "of the printed values", 2),
        *_published({"kinds": "the printed SD is the"}),
    ]
    caption = (
        f"Means and SDs in percent, printed and recomputed. {SOURCE} Session all: the cross-subject entries of Tables "
        "3 and 6, compared with all values of Tables 4 and 5, their means per subject and their means per session. "
        "An SD fits when rounding alone can make the difference (about 0.01)."
    )
    return _table("audit_spreads", frame, columns, caption)


def proportional() -> Table:
    """LAFDA-Net's row over CFDA-CSF's by session: how many entries follow one constant, and how many by chance."""
    rows = []
    for dataset in paper.SUBJECTS_TABLE:
        wide = accuracies(dataset).pivot(index=["session", "subject"], columns="method", values="accuracy_percent")
        for session, named in enumerate(DISCUSSED_CONSTANTS[dataset], start=1):
            first, second = (wide.loc[session, method] for method in COPIES)
            best = proportional_rows(first, second, tolerance=TOLERANCE)
            strict = proportional_rows(first, second, tolerance=ROUNDING_ALONE)
            agree = None if named is None else int(followers(first, second, named, tolerance=TOLERANCE).sum())
            rows.append(
                {
                    "set": layout(dataset).title,
                    "session": session,
                    "named": named,
                    "agree": agree,
                    **best._asdict(),
                    "p_value": _p(best.p_value),
                    "strict": strict.constant,
                    "strict_followed": strict.followed,
                    "strict_informative": strict.informative,
                }
            )
    frame = pd.DataFrame(rows).astype({"agree": "Int64"})
    four, best, strict = (
        "constant to 4 decimals",
        f"best within {TOLERANCE}",
        f"best within {ROUNDING_ALONE} (rounding)",
    )
    columns = [
        *_keys("set", "session"),
        *_in_file(_published({"n": "subjects"})),
        *_published({"named": "constant"}, four, 4),
        *_published({"agree": "follow"}, four),
        *_published({"constant": "constant"}, best, 4),
        *_in_file(_published({"followed": "follow"}, best)),
        *_published({"informative": "below 100 that follow"}, best),
        *_published({"expected": "by chance"}, best, 1),
        *_published({"p_value": "p"}, best),
        *_in_file(_published({"strict": "constant"}, strict, 4)),
        *_in_file(_published({"strict_followed": "follow", "strict_informative": "below 100"}, strict)),
    ]
    caption = (
        f"LAFDA-Net's accuracies as a constant times CFDA-CSF's of the same subjects, cut at 100. {SOURCE} Left: a "
        f"constant to four decimals, within {TOLERANCE}. Then the constant that most entries below 100 follow. By "
        "chance: the larger of two expectations, for shuffled rows and for entries moved by up to one point (9999 "
        f"draws each, so p is at least 1e-4). The CSV also has the constant that most follow within {ROUNDING_ALONE}, "
        "which is rounding alone. Session 3 of SEED: no constant stands out."
    )
    return _table("audit_proportional", frame, columns, caption)


def ratios(dataset: str) -> Table:
    """LAFDA-Net's accuracy over CFDA-CSF's, by subject and session."""
    wide = accuracies(dataset).pivot(index="subject", columns=["method", "session"], values="accuracy_percent")
    ratio = (wide[COPIES[1]] / wide[COPIES[0]]).rename(columns=lambda session: f"session_{session}")
    frame = ratio.reset_index()
    frame.columns.name = None
    columns = [*_keys("subject"), *_published({name: name.replace("_", " ") for name in ratio}, decimals=4)]
    caption = f"{layout(dataset).title}: LAFDA-Net's accuracy divided by CFDA-CSF's, by subject and session. {SOURCE}"
    return _table(f"audit_ratios_{dataset}", frame, columns, caption)


# --- what follows ----------------------------------------------------------------------------------------------------


def consequences() -> Table:
    """What the tables' size allows to see: trials in all, what one is worth, and the ablation's gain in trials."""
    rows = []
    ablation = paper.published("table7_ablation").set_index(["dataset", "variant"])["mean_percent"]
    for dataset in paper.SUBJECTS_TABLE:
        facts = layout(dataset)
        values = accuracies(dataset).query("method == @paper.METHOD")["accuracy_percent"]
        weights = [100 * length / sum(lengths) for lengths in facts.window_counts for length in lengths]
        trials = len(values) * len(facts.trials)
        mean = headline(values).mean
        gain = ablation[dataset, "M6"] - ablation[dataset, "M1"]
        rows.append(
            {
                "set": facts.title,
                "folds": len(values),
                "per_fold": len(facts.trials),
                "trials": trials,
                "worth": f"{min(weights):.1f} to {max(weights):.1f}",
                "mean": mean,
                "wrong": (100 - mean) / 100 * trials,
                "gain": gain,
                "gain_trials": gain / 100 * trials,
                "standard_error": np.sqrt(mean * (100 - mean) / trials),
            }
        )
    columns = [
        *_keys("set"),
        *_in_file(_published({"folds": "folds", "per_fold": "trials per fold"})),
        *_published({"trials": "trials in all"}),
        *_published({"worth": "one trial in a fold (points)"}),
        Column("mean", "mean ± standard error (%)", "published", decimals=2, spread="standard_error"),
        *_published({"wrong": "wrong, in trials"}, decimals=1),
        *_published({"gain": "M6 - M1 (points)"}, decimals=2),
        *_published({"gain_trials": "M6 - M1, in trials"}, decimals=1),
    ]
    caption = (
        f"What a difference is worth in trials. {SOURCE} M6 - M1: the gain of all parts over the network alone in "
        "Table 7. Standard error: of a share of that many independent trials; trials of one subject are not "
        "independent, so the true one is larger."
    )
    return _table("audit_consequences", pd.DataFrame(rows), columns, caption)
