"""Is an unseen session easier than it should be? Two protocols on the same recordings, and sources of equal size."""

import pandas as pd

from ufama.analysis.differences import against_baseline, summarise
from ufama.analysis.evaluation import accuracy_per_recording, select
from ufama.analysis.titles import PROTOCOL_TITLES, RULE_TITLES
from ufama.campaigns.results import Results
from ufama.data.windows import Windows
from ufama.report.captions import LABEL_FREE_RULES, interval_cell, interval_meaning, recordings_of
from ufama.report.page_head import capitalised, signed_points
from ufama.report.table import Column, Table
from ufama.studies.stimuli import RIDGE_PENALTY, SOURCES

SAME, ONE, ALL = SOURCES
COMPARED = ("cross_subject", "cross_subject_session")


def sources_table(measured: pd.DataFrame, windows: Windows, *, stride: int = 6) -> Table:
    """`ufama.studies.stimuli.source_sessions` by source, and the paired differences to the same session."""
    means = measured.groupby("source", sort=False)
    frame = means[["recordings", "windows", "clips_seen"]].mean().reset_index()
    frame["clips_seen_percent"] = 100 * frame.pop("clips_seen")
    for unit in ("windows", "trials"):
        frame[f"{unit}_percent"] = 100 * means[f"accuracy_{unit}"].mean().to_numpy()
    changes = _against(measured, SAME).drop(columns=["n", "n_units", "windows_p", "trials_p"])
    frame = frame.rename(columns={"windows": "source_windows"}).merge(changes, on="source", how="left")
    columns = [
        Column("source", "source: other people in", "key"),
        Column("recordings", "recordings", "measured", "source"),
        Column("source_windows", "windows", "measured", "source", only_in_file=True),
        Column("clips_seen_percent", "test clips in it (%)", "measured", "source"),
    ]
    for unit in ("windows", "trials"):
        columns += [
            Column(f"{unit}_percent", "accuracy (%)", "measured", unit, 1),
            interval_cell(unit, "points", "minus the same session (points)", group=unit),
        ]
    card = windows.card
    data = recordings_of(card.title, simulated=card.simulated)
    caption = (
        "A ridge classifier on the same tested recordings, with sources of one session and of several. Measured on "
        f"{data}, every {stride}th window, penalty {RIDGE_PENALTY:,.0f}; no epoch is chosen, so no selection rule. "
        f"n = {measured['fold'].nunique()} tested recordings; one other session: the mean over those that there are. "
        f"{interval_meaning(measured)}"
    )
    provenance = {"simulated": card.simulated, "fingerprint": card.fingerprint, "stride": stride}
    return Table("source_sessions", frame, columns, caption, provenance)


def _against(measured: pd.DataFrame, source: str) -> pd.DataFrame:
    """The paired differences of the other sources to one, as `ufama.analysis.differences.summarise` gives them."""
    return summarise(against_baseline(measured, "source", source, pair=("fold",)), ["source"])


def reading(results: Results, measured: pd.DataFrame) -> str:
    """Whether both protocols can be compared, what UF-AMA shows, and what a source of equal size shows; computed.

    ``results`` hold UF-AMA's complete model under both protocols, one data set of several sessions.
    """
    runs = [select(results, protocol=name).runs for name in COMPARED]
    windows = [own["source_windows"].mean() for own in runs]
    steps = [own["epochs"].mul(own["steps"]).mean() for own in runs]
    recordings = measured.groupby("source")["recordings"].mean()
    known = 100 * measured.groupby("source")["clips_seen"].mean()
    people, sessions = (PROTOCOL_TITLES[name] for name in COMPARED)
    changes = _paired_protocols(results)
    found = "; ".join(f"{RULE_TITLES[row['rule']]} {signed_points(row, 'windows')}" for _, row in changes.iterrows())
    from_same, from_one = (_against(measured, name).set_index("source") for name in (SAME, ONE))
    larger = from_one.loc[ALL]
    verdict = "How much of the difference the larger source makes stays open."
    if larger["windows_low_points"] > 0:
        verdict = f"So the protocols are not matched: {sessions} has the larger source, and that alone helps."
    return (
        f"Both protocols are tested on the same {changes['n'].iloc[0]} recordings. The source of {people} has "
        f"{recordings[SAME]:.0f} recordings, that of {sessions} {recordings[ALL]:.0f}; once one person is put aside "
        f"for validation, UF-AMA learns from {windows[0]:,.0f} and {windows[1]:,.0f} windows, in {steps[0]:,.0f} and "
        f"{steps[1]:,.0f} steps. {capitalised(sessions)} minus {people}, UF-AMA, points of windows: "
        f"{found}. For a ridge classifier on these recordings, another session in place of the same one, a source of "
        f"the same size that knows {known[ONE]:.0f} % of the test clips, changes the accuracy by "
        f"{signed_points(from_same.loc[ONE], 'windows')} points; all other sessions in place of one of them, by "
        f"{signed_points(larger, 'windows')}. "
        f"{verdict}"
    )


def _paired_protocols(results: Results) -> pd.DataFrame:
    """`summarise` of the differences between both protocols, by rule, on recordings that both have."""
    scores = accuracy_per_recording(results)
    scores = scores[scores["rule"].isin(LABEL_FREE_RULES) & scores["protocol"].isin(COMPARED)]
    pair = ["rule", "subject", "session", "seed"]
    both = scores[scores.groupby(pair)["protocol"].transform("nunique") == len(COMPARED)]
    pairs = against_baseline(both, "protocol", COMPARED[0], by=("rule",), pair=tuple(pair[1:]))
    return summarise(pairs, ["rule"])
