"""What goes beyond chance in an audited table, in sentences: arithmetic, and nothing about why."""

from typing import NamedTuple

import pandas as pd

ALL = "all"
"""The session of what was computed over a method's whole row."""


class Finding(NamedTuple):
    """One statement of the audit. ``p_value`` is None for plain arithmetic."""

    kind: str
    text: str
    p_value: float | None


def findings(
    fits: pd.DataFrame, search: pd.DataFrame, trials: pd.DataFrame, means: pd.DataFrame, pairs: pd.DataFrame, *,
    sessions: list[str], level: float, tolerance: float,
) -> tuple[Finding, ...]:  # fmt: skip
    """The statements that an `AuditReport`'s frames support: p at most ``level`` over the number of tests of a kind."""
    return (
        *_granularity_findings(fits, level),
        *_search_findings(search, fits, sessions, level),
        *_trial_findings(trials, level),
        *_mean_findings(means),
        *_pair_findings(pairs, level, tolerance),
    )


def _granularity_findings(rows: pd.DataFrame, level: float):
    for best in rows[~rows.duplicated("method")].itertuples() if len(rows) else ():
        if best.p_value <= level / len(rows):
            yield Finding(
                "granularity",
                f"{best.method}: {best.matches} of the {best.tested} accuracies that are not 0 or 100 are k/n with n = "
                f"{best.windows} ({best.rounding}); {best.expected:.1f} would be by chance (p = {best.p_value:.1g}).",
                float(best.p_value),
            )


def _search_findings(rows: pd.DataFrame, fits: pd.DataFrame, sessions: list[str], level: float):
    """The row's own n, else those of its sessions; a multiple of the n that a candidate showed says nothing new."""
    expected = {
        (best.method, session): n
        for best in (fits[~fits.duplicated("method")].itertuples() if len(fits) else ())
        if best.p_value <= level / len(fits)
        for session, n in zip([ALL, *sessions], _expanded(best.windows, len(sessions)), strict=True)
    }
    whole_row = set()
    for row in rows[rows["windows"].notna() & (rows["expected"] <= level / len(rows))].itertuples():
        shown = expected.get((row.method, row.session), row.windows)
        if row.method in whole_row or (row.windows != shown and row.windows % shown == 0):
            continue
        whole_row |= {row.method} if row.session == ALL else set()
        where = row.method if row.session == ALL else f"{row.method}, session {row.session}"
        more = f" (its multiples {', '.join(map(str, row.multiples))} fit too)" if row.multiples else ""
        yield Finding(
            "search",
            f"{where}: n = {row.windows} is the smallest that fits every accuracy{more}; {row.expected:.1g} n up to it "
            "would by chance.",
            float(row.expected),
        )


def _expanded(windows: str, n_sessions: int) -> list[int]:
    """'851, 832' as the n of the whole row (1 where it has several: of which every n is a multiple) and of each."""
    counts = [int(n) for n in windows.split(", ")]
    return [counts[0] if len(counts) == 1 else 1, *(counts * n_sessions if len(counts) == 1 else counts)]


def _trial_findings(rows: pd.DataFrame, level: float):
    for row in rows.itertuples():
        if row.p_value <= level / len(rows):
            yield Finding(
                "trials",
                f"{row.method}: the wrong windows of {row.whole} of {row.distinct} distinct accuracies are sums of "
                f"whole trials; {row.expected:.1f} would be by chance (p = {row.p_value:.1g}).",
                float(row.p_value),
            )


def _mean_findings(rows: pd.DataFrame):
    for row in rows[rows["mean_fits"].eq(False)].itertuples():
        where = row.method if row.session == ALL else f"{row.method}, session {row.session}"
        yield Finding("mean", f"{where}: the printed mean is {row.printed_mean:.2f}, the values' {row.mean:.2f}.", None)
    with_sd = rows[rows["kinds"].notna()]
    for (method, kinds), part in with_sd.groupby(["method", with_sd["kinds"].map(tuple)], sort=False):
        where = ", ".join("over all" if session == ALL else f"session {session}" for session in part["session"])
        if kinds:
            yield Finding("sd", f"{method}: the printed SD is the {' or the '.join(kinds)} ({where}).", None)
            continue
        for row in part.itertuples():
            where = "over all" if row.session == ALL else f"session {row.session}"
            yield Finding(
                "sd",
                f"{method}: the printed SD {row.printed_sd:.2f} ({where}) is none of the kinds tested; of the values: "
                f"{row.population_sd:.2f} (population), {row.sample_sd:.2f} (sample).",
                None,
            )


def _pair_findings(rows: pd.DataFrame, level: float, tolerance: float):
    for row in rows.itertuples():
        if row.p_value <= level / len(rows):
            where = "" if row.session == ALL else f", session {row.session}"
            yield Finding(
                "proportional",
                f"{row.row_b}{where}: {row.followed} of {row.n} values are {row.constant:.4f} times those of "
                f"{row.row_a} (cut at 100, within {tolerance:g}), {row.informative} of them below 100; "
                f"{row.expected:.1f} would be by chance (p = {row.p_value:.1g}).",
                float(row.p_value),
            )
