"""What the study of trust shows, in sentences: every number is computed from the tables of `ufama.report.trust`."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from ufama.models.predictions import Prediction
from ufama.models.reading import RecordingLabels
from ufama.report import trust
from ufama.report.lists import listed
from ufama.report.page_head import capitalised, signed_points
from ufama.report.trust import DAMAGE_TITLES, ESTIMATOR_TITLES, MODE_TITLES, Sets

UNADAPTED = MODE_TITLES["unadapted"]
BY_RULE = "fusion or the sound modality, by rule"


def _each(rows: pd.DataFrame, text: Callable[[pd.Series], str]) -> str:
    """The text of every row after the data that it is about, as one list."""
    return "; ".join(f"{row['data']} {text(row)}" for _, row in rows.iterrows())


def _beside_zero(rows: pd.DataFrame, prefix: str) -> str:
    above, below = (rows[f"{prefix}_low_points"] > 0).sum(), (rows[f"{prefix}_high_points"] < 0).sum()
    return f"{above} of {len(rows)} intervals lie above 0, {below} below"


def _unadapted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["mode"] == UNADAPTED]


# --- the main results ------------------------------------------------------------------------------------------------


def reading(sets: Sets) -> str:
    """The main results, as a Markdown list: data, adaptation, calibration, estimates, intervals, abstention."""
    return listed(
        [
            f"**Data.** {trust.measured_on(sets)} {trust.ABOUT_PEOPLE}.",
            adaptation(sets),
            calibration(sets),
            estimate(sets),
            interval(sets),
            abstention(sets),
            overconfident(sets),
        ]
    )


def adaptation(sets: Sets) -> str:
    """What adaptation changes."""
    frame = trust.modes(sets).frame.dropna(subset="gain_points")
    by_mode = ". ".join(
        f"{capitalised(mode)}: {_each(own, lambda row: signed_points(row, 'gain'))}; {_beside_zero(own, 'gain')}"
        for mode, own in frame.groupby("mode", sort=False)
    )
    return f"**Adaptation**, difference from the unadapted network in points of accuracy over windows. {by_mode}."


def calibration(sets: Sets) -> str:
    """What a temperature changes in the fusion."""
    frame = trust.calibration(sets).frame
    own = _unadapted(frame[frame["branch"] == "fusion"])
    changes = _each(own, lambda row: f"from {row['network_points']:.1f} to {row['calibrated_points']:.1f} points")
    return (
        "**Calibration.** A temperature learnt from the other people takes the calibration error of the unadapted "
        f"fusion: {changes}."
    )


def estimate(sets: Sets) -> str:
    """Whether the difference of confidences is nearer to the truth than the constant guess."""
    frame = trust.against_constant(sets).frame
    prefix = "difference_of_confidences_gain"
    changes = _each(_unadapted(frame), lambda row: signed_points(row, prefix))
    nearer = int((frame[f"{prefix}_points"] < 0).sum())
    return (
        "**Accuracy without labels.** Estimated by the difference of confidences, it is nearer to the truth than a "
        f"constant guess in {nearer} of {len(frame)} rows (data and model); {_beside_zero(frame, prefix)}. Points "
        f"of error more than the guess's, unadapted: {changes}."
    )


def interval(sets: Sets) -> str:
    """How often the reported interval covers the truth."""
    frame = _unadapted(pd.DataFrame(trust.coverage_rows(sets)))
    covered = _each(
        frame,
        lambda row: (
            f"covered for {row['reported_covered']} of {row['people']} people, mean width "
            f"{row['reported_width_points']:.0f} points"
        ),
    )
    levels = " or ".join(str(level) for level in sorted(set(frame["level_percent"].round().astype(int))))
    return f"**Its interval** (nominal level {levels} %) and the true accuracy, unadapted: {covered}."


def abstention(sets: Sets, chosen: float = 10.0) -> str:
    """What becomes of a chosen risk."""
    frame = trust.abstention(sets).frame
    risks = _each(frame[np.isclose(frame["chosen_percent"], chosen)], _met_risk)
    return f"**Answering only when confident**, at a chosen risk of {chosen:.0f} %: {risks}."


def _met_risk(row: pd.Series) -> str:
    if not row["with_answer"]:
        return "no answer"
    return (
        f"{row['risk_percent']:.1f} % of the answers wrong on average, more than chosen for {row['above']} of "
        f"{row['with_answer']} people with an answer, worst person {row['worst_percent']:.0f} %"
    )


def overconfident(sets: Sets) -> str:
    """The person whose confidence is farthest above the accuracy."""
    people = pd.concat(
        own[own["mode"].eq("unadapted") & own["branch"].eq("fusion")].assign(data=one.provenance["title"])
        for one in sets.values()
        for own in [one.tables["recordings"]]
    )
    one = people.iloc[int((people["confidence"] - people["accuracy"]).to_numpy().argmax())]
    warned = max(one["eeg_nearer"], one["eye_nearer"]) >= 1
    return (
        f"**What confidence does not show.** Subject {one['subject']} of {one['data']} is right in "
        f"{100 * one['accuracy']:.0f} % of the windows at a mean confidence of {100 * one['confidence']:.0f} %; the "
        f"reported estimate is {100 * one[one['best']]:.0f} %, and the distance from the source "
        f"{'gives a warning' if warned else 'gives no warning'}."
    )


# --- what single tables show -----------------------------------------------------------------------------------------


def calibration_in_all_rows(sets: Sets) -> str:
    """In how many rows the calibration error falls, and where it rises most."""
    frame = trust.calibration(sets).frame
    change = frame["calibrated_points"] - frame["network_points"]
    text = f"The calibration error falls in {(change < 0).sum()} of {len(frame)} rows."
    if change.max() > 0:
        row = frame.loc[change.idxmax()]
        text += (
            f" It rises most on {row['data']}, {row['branch']}, {row['mode']}: from {row['network_points']:.1f} to "
            f"{row['calibrated_points']:.1f} points."
        )
    return text


def other_estimators(sets: Sets) -> str:
    """Thresholded confidence against the constant guess, and the reported estimator against one for all."""
    gains, errors = trust.against_constant(sets).frame, trust.estimates(sets).frame
    prefix = "thresholded_confidence_gain"
    farther = gains[gains[f"{prefix}_points"] > 0]
    worse = (errors["reported_points"] > errors["difference_of_confidences_points"] + 1e-9).sum()
    return (
        f"Thresholded confidence is farther from the truth than the constant guess in {len(farther)} of {len(gains)} "
        f"rows; {_beside_zero(gains, prefix)}. The estimator that is reported has a larger error than the difference "
        f"of confidences in {worse} of {len(errors)} rows."
    )


def coverage_range(sets: Sets) -> str:
    """Which shares are compatible with the counts of covered people."""
    frame = _unadapted(trust.coverage(sets).frame)
    shares = _each(frame, lambda row: f"{row['share_low_percent']:.0f} to {row['share_high_percent']:.0f} %")
    return f"With so few people the counts for unadapted models are compatible with these coverages: {shares}."


def distances(sets: Sets) -> str:
    """Who was warned of, and whether the distance goes with accuracy."""
    frame = trust.distances(sets).frame
    warned = _each(frame, lambda row: f"{row['unlike']} by {row['modality']}")
    return (
        f"People farther from the source than anybody else: {warned}. Chance alone gives about one each. The rank "
        f"correlation of the distance with the accuracy is between {frame['rho_accuracy'].min():.2f} and "
        f"{frame['rho_accuracy'].max():.2f}, with the error of the estimate between {frame['rho_error'].min():.2f} "
        f"and {frame['rho_error'].max():.2f}."
    )


def confidence_orders_windows(sets: Sets, share: float = 0.5) -> str:
    """How many answers are wrong among the most confident, and among all."""
    parts = []
    for one in sets.values():
        curve = one.tables["risk_coverage"].query("branch == 'fusion' and mode == 'unadapted'")
        wrong = 100 * curve.set_index("coverage")["risk"]
        parts.append(f"{one.provenance['title']} {wrong.loc[share]:.0f} % instead of {wrong.iloc[-1]:.0f} %")
    return f"Wrong among the {100 * share:.0f} % most confident windows, unadapted: {'; '.join(parts)} of all windows."


def risks(sets: Sets) -> str:
    """Where no threshold keeps a risk, and how many people lie above what was chosen."""
    frame = trust.abstention(sets).frame
    parts = []
    for data, own in frame.groupby("data", sort=False):
        answered = own.dropna(subset="risk_percent")
        met = ", ".join(
            f"{row['risk_percent']:.1f} % at {row['chosen_percent']:.0f} %" for _, row in answered.iterrows()
        )
        (n,) = (one.provenance["people"] for one in sets.values() if one.provenance["title"] == data)
        first = own.sort_values("chosen_percent").iloc[0]
        parts.append(
            f"{data}: wrong among answers, {met or 'there is none at any'} chosen risk. At "
            f"{first['chosen_percent']:.0f} % a threshold "
            f"exists for {first['with_threshold']} of {n} people."
        )
    return listed(parts)


def modalities(sets: Sets) -> str:
    """One modality beside both, a lost and a shuffled one."""
    parts = []
    for data, own in trust.modalities(sets).frame.groupby("data", sort=False):
        whole = own[(own["recording"] == "whole") & ~own["answer"].isin(["fusion", BY_RULE])]
        better = whole.loc[whole["accuracy_percent"].idxmax()]
        by_rule = own[own["answer"] == BY_RULE].set_index("recording")
        fusion = own[own["answer"] == "fusion"].set_index("recording")
        damaged = [
            f"{name}, {fusion.loc[name, 'change_points']:+.1f} by fusion and "
            f"{by_rule.loc[name, 'change_points']:+.1f} by rule"
            for name in by_rule.index
            if name.endswith((DAMAGE_TITLES["lost"], DAMAGE_TITLES["shuffled"]))
        ]
        parts.append(
            f"{data}, difference from the fusion of the whole recording in points: the better modality alone "
            f"({better['answer']}), {signed_points(better, 'change')}; {'; '.join(damaged)}. On whole recordings the "
            f"rules recognise a modality as bad in {by_rule.loc['whole', 'left_out_percent']:.1f} % of the windows."
        )
    return listed(parts)


def causal(sets: Sets) -> str:
    """What scaling by what has passed costs, and whether adaptation mends it."""
    frame = trust.causal(sets).frame.dropna(subset="change_points")
    return listed(
        f"Scaled by {condition}: {_each(own, lambda row: signed_points(row, 'change'))} (points)."
        for condition, own in frame.groupby("condition", sort=False)
    )


def false_alarms(sets: Sets) -> str:
    """How often the rules take whole recordings for bad ones."""
    parts = []
    for one in sets.values():
        table = one.tables["conditions"]
        whole = table[table["condition"] == "whole"].set_index("answer")
        left_out, right = (100 * whole.loc["checked", name].mean() for name in ("left_out", "accuracy"))
        parts.append(
            f"{one.provenance['title']} {left_out:.1f} % of the windows (right by rule {right:.1f} %, by fusion "
            f"{100 * whole.loc['fusion', 'accuracy'].mean():.1f} %)"
        )
    return f"**Bad modalities.** With nothing damaged, the rules find a modality bad: {'; '.join(parts)}."


def further(sets: Sets) -> str:
    """The main results on sets of other modalities, as a Markdown list."""
    return listed([adaptation(sets), estimate(sets), interval(sets), false_alarms(sets)])


# --- one recording ---------------------------------------------------------------------------------------------------


def against_truth(name: str, prediction: Prediction, labels: RecordingLabels) -> str:
    """A recording's estimated accuracy beside the true one."""
    right = 100 * prediction.scored(labels)["accuracy"]
    reported = prediction.expected.reported
    chance = 100 / len(prediction.class_names)
    text = f"**{name}**: {right:.0f} % of {len(prediction)} windows are right ({chance:.0f} % by chance)"
    if reported is None:
        return f"{text}; no estimate."
    holds = reported.low <= right / 100 <= reported.high
    others = ", ".join(
        f"{ESTIMATOR_TITLES[one]} {100 * estimate.accuracy:.0f} %"
        for one, estimate in prediction.expected.estimates.items()
        if one != reported.estimator
    )
    return (
        f"{text}; {ESTIMATOR_TITLES[reported.estimator]}, which is reported, says {100 * reported.accuracy:.0f} % "
        f"({100 * reported.low:.0f} to {100 * reported.high:.0f}), and the truth is "
        f"{'inside' if holds else 'outside'} the interval. Other estimates: {others}."
    )
