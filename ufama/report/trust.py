"""How far statements about trust hold, as tables and figures: the results of `ufama.studies.trust`."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ufama.analysis.differences import interval, share_interval
from ufama.models.accuracy_estimators import ESTIMATORS
from ufama.models.model import Model
from ufama.report import style
from ufama.report.captions import column_group, interval_cell, keys, recordings_of
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table
from ufama.report.training_size import paper_sentence, scale_parameters, size_sentence, which_windows
from ufama.studies.trust import Measured

Sets = Mapping[str, Measured]
"""What `ufama.studies.trust.stored` returns: the measured tables of each data set, by name."""

MODE_TITLES = {"unadapted": "unadapted", "adapted": "adapted (UF-AMA)", "source_free": "without the source (SHOT)"}
MODE_COLOURS = {"unadapted": style.BLUE, "adapted": style.GREEN, "source_free": style.ORANGE}
PROBABILITY_TITLES = {"network": "as the network gives them", "calibrated": "at the others' temperature"}
ESTIMATOR_TITLES = {
    "thresholded_confidence": "thresholded confidence",
    "difference_of_confidences": "difference of confidences",
    "held_out_mean": "constant guess",
}
SHOWN_ESTIMATORS = ESTIMATOR_TITLES | {"reported": "the one that is reported"}
DAMAGE_TITLES = {"lost": "all of it lost", "third_lost": "last third lost", "shuffled": "windows shuffled"}
ABOUT_PEOPLE = "In brackets: 95 % intervals, Student's over people"


def titles(sets: Sets) -> dict[str, str]:
    """The sets' names in tables: simulated ones say so."""
    return {name: one.provenance["title"] for name, one in sets.items()}


def second_title(measured: Measured) -> str:
    """What the second modality is."""
    return "ECG" if measured.provenance["dataset"] == "EEGMAT" else "eye movement"


def branch_title(measured: Measured, branch: str) -> str:
    """A branch as tables call it."""
    return {"eeg": "EEG", "eye": second_title(measured), "fusion": "fusion"}[branch]


def measured_on(sets: Sets) -> str:
    """'Measured on simulated SEED (12 people, ...) and real EEGMAT recordings (...)': data, n, training."""
    parts = []
    for one in sets.values():
        facts = one.provenance
        what = recordings_of(facts["title"], simulated=facts["simulated"])
        every = f", every {facts['stride']}th" if facts["stride"] > 1 else ""
        parts.append(
            f"{what} (n = {facts['people']} people, about {facts['windows_per_recording']} windows each{every})"
        )
    facts = next(iter(sets.values())).provenance
    scales = ", ".join(sorted({one.provenance["scale"] for one in sets.values()}))
    counts = {n for one in sets.values() for of_mode in one.provenance["steps"].values() for n in of_mode}
    steps = " or ".join(map(str, sorted(counts)))
    return (
        f"Measured on {'; '.join(parts)}; UF-AMA, variant {facts['variant']}, scale {scales} ({steps} steps), "
        f"rule {facts['rule']}, one seed; every person held out once."
    )


def size(sets: Sets) -> list[str]:
    """The size of the trainings behind the sets, and the paper's."""
    facts = [one.provenance for one in sets.values()]
    sentences = []
    for name in dict.fromkeys(own["scale"] for own in facts):
        of_scale = [own for own in facts if own["scale"] == name]
        steps = [count for own in of_scale for counts in own["steps"].values() for count in counts]
        sentence = size_sentence(
            name,
            steps=steps,
            windows=which_windows(own["stride"] for own in of_scale),
            counts=[scale_parameters(name)],
            seeds=[own["seed"] for own in of_scale],
        )
        sentences.append(sentence.replace("parameters", "parameters (for SEED's features)"))
    return [*sentences, paper_sentence()]


def provenance_of(sets: Sets) -> dict:
    """Where a table's numbers are from."""
    kept = ("title", "licence", "simulated", "people", "scale", "seed", "commit", "command", "fingerprint")
    return {
        "simulated": any(one.provenance["simulated"] for one in sets.values()),
        "sets": {name: {key: one.provenance[key] for key in kept} for name, one in sets.items()},
    }


def _table(name: str, sets: Sets, rows: list[dict], columns: Sequence[Column], title: str, note: str = "") -> Table:
    caption = " ".join(filter(None, [f"{title}.", measured_on(sets), note]))
    return Table(name, pd.DataFrame(rows), tuple(columns), caption, provenance_of(sets))


def _fusion(measured: Measured) -> pd.DataFrame:
    recordings = measured.tables["recordings"]
    return recordings[recordings["branch"] == "fusion"]


def _percent(prefix: str, ends: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip((f"{prefix}_percent", f"{prefix}_low_percent", f"{prefix}_high_percent"), ends, strict=True))


def _points(prefix: str, values: np.ndarray, *, least: float = -100.0) -> dict[str, float]:
    """Mean and interval of differences, in points; the interval ends at ``least``, 0 for absolute ones."""
    names = (f"{prefix}_points", f"{prefix}_low_points", f"{prefix}_high_points")
    mean, low, high = interval(np.asarray(values) * 100)
    return dict(zip(names, (mean, np.maximum(low, least), high), strict=True))


# tables ----------------------------------------------------------------------------------------------


def modes(sets: Sets) -> Table:
    """Unadapted, adapted and adapted without the source, side by side."""
    rows = []
    for one in sets.values():
        fusion = _fusion(one).set_index(["mode", "subject"])
        for mode in fusion.index.unique("mode"):
            own, unadapted = (fusion.loc[name].sort_index() for name in (mode, "unadapted"))
            gain = (own["accuracy"] - unadapted["accuracy"]).to_numpy()
            row = {"data": one.provenance["title"], "mode": MODE_TITLES[mode]}
            row |= _percent("windows", share_interval(own["accuracy"].to_numpy()))
            row |= _percent("trials", share_interval(own["trial_accuracy"].to_numpy()))
            row |= _points("gain", gain) if mode != "unadapted" else {}
            rows.append(row | {"chance_percent": 100 / one.provenance["classes"]})
    columns = [
        *keys(data="data", mode="model"),
        interval_cell("windows", "percent", "over windows", group="accuracy (%)"),
        interval_cell("trials", "percent", "over trials", group="accuracy (%)"),
        interval_cell("gain", "points", "windows: difference from unadapted (points)"),
        *column_group({"chance_percent": "chance (%)"}),
    ]
    return _table("trust_modes", sets, rows, columns, "Accuracy on a new person", f"{ABOUT_PEOPLE}.")


def calibration(sets: Sets) -> Table:
    """Calibration error and likelihood before and after, by mode and branch."""
    rows = []
    for one in sets.values():
        table = one.tables["calibration"].set_index(["mode", "branch", "probabilities"])
        for mode, branch in dict.fromkeys(key[:2] for key in table.index):
            row = {
                "data": one.provenance["title"],
                "mode": MODE_TITLES[mode],
                "branch": branch_title(one, branch),
            }
            for name in PROBABILITY_TITLES:
                own = table.loc[(mode, branch, name)]
                for part in ("", "_low", "_high"):
                    row[f"{name}{part}_points"] = 100 * own[f"calibration_error{part}"]
                row[f"{name}_likelihood"] = own["negative_log_likelihood"]
            rows.append(row)
    after = {"network": "before", "calibrated": "after"}
    columns = [
        *keys(data="data", mode="model", branch="branch"),
        *(interval_cell(name, "points", title, group="calibration error (points)") for name, title in after.items()),
        *column_group({f"{name}_likelihood": title for name, title in after.items()}, "−log likelihood", 3),
    ]
    note = (
        "Calibration error: mean distance between confidence and accuracy over 10 bins of equally many windows of all "
        "people. Each person is calibrated by the temperature of the others. In brackets: 95 %, people drawn with "
        "replacement."
    )
    return _table("trust_calibration", sets, rows, columns, "Calibration before and after a temperature", note)


def _reported(table: pd.DataFrame, part: str = "") -> np.ndarray:
    """The value, or end, of the estimator that is reported for each person."""
    return np.array([row[f"{row['best']}{part}"] for _, row in table.iterrows()])


def _estimates(sets: Sets) -> list[dict]:
    rows = []
    for one in sets.values():
        for mode, own in _fusion(one).groupby("mode", sort=False):
            row = {"data": one.provenance["title"], "mode": MODE_TITLES[mode]}
            truth = own["accuracy"].to_numpy()
            for name in ESTIMATORS:
                row |= _points(name, np.abs(own[name].to_numpy() - truth), least=0.0)
                if name != "held_out_mean":
                    gain = np.abs(own[name] - own["accuracy"]) - np.abs(own["held_out_mean"] - own["accuracy"])
                    row |= _points(f"{name}_gain", gain.to_numpy())
            row |= _points("reported", np.abs(_reported(own) - truth), least=0.0)
            rows.append(row | {"sd_points": 100 * truth.std(ddof=1)})
    return rows


def estimates(sets: Sets) -> Table:
    """Mean absolute error of every estimator of accuracy, and of the one that is reported."""
    columns = [
        *keys(data="data", mode="model"),
        *(interval_cell(name, "points", title) for name, title in SHOWN_ESTIMATORS.items()),
        *column_group({"sd_points": "SD of the true accuracy"}, decimals=1),
    ]
    note = (
        "Fusion, over windows. Constant guess: the mean accuracy of the other people. Reported: the estimator with the "
        f"least error on the other people. {ABOUT_PEOPLE}."
    )
    title = "Mean absolute error of the estimated accuracy (points)"
    return _table("trust_estimates", sets, _estimates(sets), columns, title, note)


def against_constant(sets: Sets) -> Table:
    """The errors of the estimators that look at a recording against that of the constant guess."""
    looking = {name: title for name, title in ESTIMATOR_TITLES.items() if name != "held_out_mean"}
    columns = [
        *keys(data="data", mode="model"),
        *(interval_cell(f"{name}_gain", "points", title) for name, title in looking.items()),
    ]
    note = f"Fusion, paired by person; below 0 where the estimator is nearer to the truth. {ABOUT_PEOPLE}."
    title = "Absolute error minus that of the constant guess (points)"
    return _table("trust_against_constant", sets, _estimates(sets), columns, title, note)


def coverage_rows(sets: Sets) -> list[dict]:
    """How many people each estimator's interval covers, and how wide it is, by data and model."""
    from statsmodels.stats.proportion import proportion_confint

    rows = []
    for one in sets.values():
        for mode, own in _fusion(one).groupby("mode", sort=False):
            truth = own["accuracy"].to_numpy()
            row = {"data": one.provenance["title"], "mode": MODE_TITLES[mode], "people": len(own)}
            row |= {"level_percent": 100 * own["level"].mean()}
            for name in SHOWN_ESTIMATORS:
                ends = [
                    _reported(own, part) if name == "reported" else own[f"{name}{part}"] for part in ("_low", "_high")
                ]
                low, high = (np.asarray(end) for end in ends)
                covered = (low <= truth + 1e-9) & (truth <= high + 1e-9)
                row[f"{name}_covered"] = int(covered.sum())
                row[f"{name}_width_points"] = 100 * (high - low).mean()
            ends = proportion_confint(row["reported_covered"], len(own), method="beta")
            shares = 100 * np.array([row["reported_covered"] / len(own), *ends])
            rows.append(row | _percent("share", tuple(shares)))
    return rows


def coverage(sets: Sets) -> Table:
    """How often the interval covers the true accuracy, against its nominal level."""
    rows = coverage_rows(sets)
    columns = [
        *keys(data="data", mode="model"),
        *column_group({f"{name}_covered": title for name, title in SHOWN_ESTIMATORS.items()}, "people covered"),
        interval_cell("share", "percent", "share covered (%)", 0, "the one that is reported"),
    ]
    levels = " or ".join(str(level) for level in sorted({round(row["level_percent"]) for row in rows}))
    note = (
        f"Nominal level {levels} %. Each interval is learnt from the other people's errors. In brackets: 95 %, "
        "Clopper-Pearson, people as independent trials."
    )
    return _table("trust_coverage", sets, rows, columns, "Coverage of the interval around the estimated accuracy", note)


def widths(sets: Sets) -> Table:
    """How wide these intervals are."""
    columns = [
        *keys(data="data", mode="model"),
        *column_group({f"{name}_width_points": title for name, title in SHOWN_ESTIMATORS.items()}),
    ]
    return _table("trust_widths", sets, coverage_rows(sets), columns, "Mean width of these intervals (points)")


def abstention(sets: Sets, mode: str = "unadapted") -> Table:
    """What became of a chosen risk."""
    rows = []
    for one in sets.values():
        table = one.tables["abstention"]
        table = table[(table["mode"] == mode) & (table["branch"] == "fusion")]
        for chosen, own in table.groupby("chosen_risk", sort=False):
            answered = own.dropna(subset="risk")
            row = {"data": one.provenance["title"], "chosen_percent": 100 * chosen}
            row |= {"with_threshold": int(own["threshold"].notna().sum()), "with_answer": len(answered)}
            row |= _percent("coverage", share_interval(own["coverage"].to_numpy()))
            risk = share_interval(answered["risk"].to_numpy()) if len(answered) else (np.nan, np.nan, np.nan)
            row |= _percent("risk", risk)
            row |= {"above": int((answered["risk"] > chosen).sum()), "worst_percent": 100 * answered["risk"].max()}
            rows.append(row)
    columns = [
        *keys(data="data"),
        Column("chosen_percent", "chosen risk (%)", "key"),
        *column_group({"with_threshold": "with a threshold", "with_answer": "with an answer"}, "people"),
        interval_cell("coverage", "percent", "windows answered (%)"),
        interval_cell("risk", "percent", "mean (%)", group="wrong among answers"),
        *column_group({"above": "people above the chosen risk"}, "wrong among answers"),
        *column_group({"worst_percent": "worst person (%)"}, "wrong among answers", 1),
    ]
    note = (
        f"Fusion, {MODE_TITLES[mode]}. The threshold is the lowest confidence at which the other people's answers stay "
        f"below the chosen risk. {ABOUT_PEOPLE}; wrong among answers, over those with any answer."
    )
    return _table(f"trust_abstention_{mode}", sets, rows, columns, "Answering below a chosen risk", note)


def modalities(sets: Sets) -> Table:
    """One modality, both, and one of them destroyed."""
    rows = []
    for one in sets.values():
        table = one.tables["conditions"]
        table = table[table["condition"].isin(["whole", "damaged"])]
        key = ["damaged", "damage", "answer"]
        reference = table[(table["condition"] == "whole") & (table["answer"] == "fusion")].set_index("subject")[
            "accuracy"
        ]
        for (broken, damage, answer), own in table.groupby(key, sort=False):
            values = own.set_index("subject")["accuracy"]
            row = {
                "data": one.provenance["title"],
                "recording": "whole" if not broken else f"{branch_title(one, broken)}: {DAMAGE_TITLES[damage]}",
                "answer": "fusion or the sound modality, by rule" if answer == "checked" else branch_title(one, answer),
                "left_out_percent": 100 * own["left_out"].mean(),
            }
            row |= _percent("accuracy", share_interval(values.to_numpy()))
            if broken or answer != "fusion":
                row |= _points("change", (values - reference).to_numpy())
            rows.append(row)
    columns = [
        *keys(data="data", recording="recording", answer="answered by"),
        interval_cell("accuracy", "percent", "accuracy over windows (%)"),
        interval_cell("change", "points", "difference from fusion, whole (points)"),
        *column_group({"left_out_percent": "windows in which a modality is recognised as bad (%)"}, decimals=1),
    ]
    note = f"Unadapted models. {ABOUT_PEOPLE}, differences paired by person."
    return _table("trust_modalities", sets, rows, columns, "One modality, both, and one of them destroyed", note)


def causal(sets: Sets) -> Table:
    """Scaling by the whole recording and by what has passed, with and without adaptation after trials."""
    names = {
        "whole": "whole recording",
        "causal": "what has passed",
        "causal_adapted": "what has passed, adapted after trials",
    }
    rows = []
    for one in sets.values():
        table = one.tables["conditions"]
        table = table[table["condition"].isin(names) & (table["answer"] == "fusion")]
        reference = table[table["condition"] == "whole"].set_index("subject")["accuracy"]
        for condition, own in table.groupby("condition", sort=False):
            values = own.set_index("subject")["accuracy"]
            row = {"data": one.provenance["title"], "condition": names[condition]}
            row |= _percent("accuracy", share_interval(values.to_numpy()))
            row |= _points("change", (values - reference).to_numpy()) if condition != "whole" else {}
            row["every"] = str(one.provenance["adapt_every"]) if condition == "causal_adapted" else None
            rows.append(row | {"milliseconds": own["milliseconds"].median()})
    columns = [
        *keys(data="data", condition="scaled by", every="adapted after trials"),
        interval_cell("accuracy", "percent", "accuracy over windows (%)"),
        interval_cell("change", "points", "difference from whole (points)"),
        *column_group({"milliseconds": "ms per window"}, decimals=1),
    ]
    facts = next(iter(sets.values())).provenance
    note = (
        f"Fusion, unadapted model; the source counts as {facts['warm_up']} windows of warm-up. Adaptation is without "
        f"the source (SHOT), to the trials so far. {ABOUT_PEOPLE}, differences paired by person. Milliseconds: median, "
        "one core of a busy computer."
    )
    return _table("trust_causal", sets, rows, columns, "While the recording runs", note)


def distances(sets: Sets) -> Table:
    """Whether the distance from the source tells of a lower accuracy, or of a wrong estimate."""
    from scipy.stats import spearmanr

    rows = []
    for one in sets.values():
        own = _fusion(one)
        own = own[own["mode"] == "unadapted"]
        for modality in ("eeg", "eye"):
            distance = own[f"{modality}_distance"].to_numpy()
            unlike = own[f"{modality}_nearer"].to_numpy() >= 1
            miss = np.abs(_reported(own) - own["accuracy"].to_numpy())
            rows.append(
                {
                    "data": one.provenance["title"],
                    "modality": branch_title(one, modality),
                    "unlike": int(unlike.sum()),
                    "accuracy_unlike_percent": 100 * own["accuracy"][unlike].mean() if unlike.any() else np.nan,
                    "accuracy_percent": 100 * own["accuracy"][~unlike].mean(),
                    "rho_accuracy": spearmanr(distance, own["accuracy"]).statistic,
                    "rho_error": spearmanr(distance, miss).statistic,
                }
            )
    columns = [
        *keys(data="data", modality="features of"),
        *column_group({"unlike": "people warned of"}),
        *column_group(
            {"accuracy_unlike_percent": "of those warned of", "accuracy_percent": "of the others"}, "accuracy (%)", 1
        ),
        *column_group({"rho_accuracy": "accuracy", "rho_error": "error of the estimate"}, "rank correlation with", 2),
    ]
    note = "Fusion, unadapted. Warned of: farther from the other people than any of these from each other."
    return _table("trust_distances", sets, rows, columns, "What the distance from the source tells", note)


# figures ---------------------------------------------------------------------------------------------


def _row(sets: Sets, height: float, **choices) -> tuple[Figure, list]:
    drawn, axes = plt.subplots(1, len(sets), figsize=(style.WIDTH, height), squeeze=False, **choices)
    return drawn, list(axes[0])


@figure
def estimated_against_true(sets: Sets, mode: str = "unadapted") -> Figure:
    """The reported estimate of every person with its interval against the true accuracy.

    Alt: One panel per data set. Each dot is a person: the estimated accuracy in percent against the true one, with a
    vertical bar for its interval; dots on the dashed diagonal are exact. Bars that miss the diagonal are orange.
    """
    drawn, axes = _row(sets, 3.2, sharex=True, sharey=True)
    lowest = 100.0
    for panel, one in zip(axes, sets.values(), strict=True):
        own = _fusion(one)
        own = own[own["mode"] == mode]
        truth, value = 100 * own["accuracy"].to_numpy(), 100 * _reported(own)
        low, high = 100 * _reported(own, "_low"), 100 * _reported(own, "_high")
        covered = (low <= truth + 1e-6) & (truth <= high + 1e-6)
        panel.plot([0, 100], [0, 100], "--", color=style.GREY, linewidth=1.2)
        for chosen, colour in ((covered, style.BLUE), (~covered, style.VERMILION)):
            panel.vlines(truth[chosen], low[chosen], high[chosen], color=colour, alpha=0.35, linewidth=1.6)
            panel.plot(truth[chosen], value[chosen], "o", color=colour, ms=4.5)
        level = own["level"].mean()
        panel.set_title(
            f"{one.provenance['title']}\n{covered.sum()} of {len(own)} covered ({100 * level:.0f} %)", fontsize=11
        )
        panel.set_aspect("equal")
        lowest = min(lowest, truth.min())
    lowest = np.floor(max(0, lowest - 10) / 10) * 10
    axes[0].set(xlim=(lowest, 102), ylim=(lowest, 102), ylabel="estimated accuracy (%)")
    axes[len(axes) // 2].set_xlabel("true accuracy over windows (%)")
    headline(drawn, f"The accuracy of a new person, estimated without labels ({MODE_TITLES[mode]})")
    return drawn


@figure
def reliability(sets: Sets, mode: str = "unadapted") -> Figure:
    """Accuracy against confidence in bins, before and after calibration.

    Alt: One panel per data set: the share of right windows in percent against their mean confidence in percent, in ten
    bins; grey as the network gives them, green at a temperature learnt from other people. Points below the dashed
    diagonal are over-confident, points above it under-confident.
    """
    drawn, axes = _row(sets, 3.3, sharex=True, sharey=True)
    colours = {"network": style.PALE_INK, "calibrated": style.GREEN}
    lowest = 100.0
    for panel, one in zip(axes, sets.values(), strict=True):
        table = one.tables["reliability"].query("mode == @mode and branch == 'fusion'")
        panel.plot([0, 100], [0, 100], "--", color=style.GREY, linewidth=1.2)
        for name, colour in colours.items():
            own = 100 * table.loc[table["probabilities"] == name, ["confidence", "accuracy"]]
            panel.plot(own["confidence"], own["accuracy"], "o-", color=colour, ms=4.5, linewidth=1.2)
            lowest = min(lowest, own.min().min())
        panel.set_title(one.provenance["title"], fontsize=11)
        panel.set_aspect("equal")
    lowest = np.floor(lowest / 10) * 10
    axes[0].set(xlim=(lowest, 102), ylim=(lowest, 102), ylabel="window-level accuracy (%)")
    axes[len(axes) // 2].set_xlabel("mean confidence (%)")
    style.legend(drawn, [style.line(PROBABILITY_TITLES[name], colour, marker="o") for name, colour in colours.items()])
    headline(drawn, f"Calibration on new people ({MODE_TITLES[mode]})")
    return drawn


@figure
def risk_against_coverage(sets: Sets) -> Figure:
    """The share of wrong answers against the share of windows that are answered, most confident first.

    Alt: One panel per data set: the percentage of wrong answers against the percentage of windows that are answered,
    one line for each kind of model, with a band for the unadapted one. A line that falls to the left means that
    confident answers are more often right.
    """
    drawn, axes = _row(sets, 3.2, sharex=True, sharey=True)
    shown = {}
    for panel, one in zip(axes, sets.values(), strict=True):
        table = one.tables["risk_coverage"].query("branch == 'fusion'")
        for mode, own in table.groupby("mode", sort=False):
            colour = MODE_COLOURS[mode]
            if mode == "unadapted":
                ends = (100 * own["risk_low"], 100 * own["risk_high"])
                panel.fill_between(100 * own["coverage"], *ends, color=colour, alpha=0.18, linewidth=0)
            panel.plot(100 * own["coverage"], 100 * own["risk"], color=colour, linewidth=1.8)
            shown[mode] = style.line(MODE_TITLES[mode], colour)
        panel.set_title(one.provenance["title"], fontsize=11)
    axes[0].set(xlim=(0, 100), ylabel="wrong among answers (%)")
    axes[0].set_ylim(bottom=0)
    axes[len(axes) // 2].set_xlabel("windows answered (%)")
    style.legend(drawn, list(shown.values()), columns=3)
    headline(drawn, "Risk against coverage on new people")
    return drawn


# a model ---------------------------------------------------------------------------------------------


def _learnt(model: Model) -> list[dict]:
    if model.trust is None:
        raise ValueError("nobody was held out when this model was fitted: there is nothing to show.")
    rows = []
    for mode, branches in model.trust.branches.items():
        for branch, known in branches.items():
            row = {"mode": MODE_TITLES[mode], "branch": {"eeg": "EEG", "eye": "eye movement"}.get(branch, branch)}
            row |= {"accuracy_percent": 100 * known.accuracy, "temperature": known.temperature}
            row |= {
                "before_points": 100 * known.calibration_error_before,
                "after_points": 100 * known.calibration_error_after,
            }
            row |= {f"{name}_points": 100 * known.mean_absolute_error(name) for name in ESTIMATORS}
            row |= {"radius_points": 100 * known.radius(known.best), "level_percent": 100 * known.level}
            rows.append(row | {"best": ESTIMATOR_TITLES[known.best], "people": known.people})
    return rows


def _learnt_table(name: str, model: Model, columns: Sequence[Column], title: str, note: str) -> Table:
    rows = _learnt(model)
    data = recordings_of(model.card.title, simulated=model.card.simulated)
    people = " or ".join(map(str, sorted({row["people"] for row in rows})))
    caption = (
        f"{title}. Measured on {data}, scale {model.scale}: each of n = {people} source people left out of the "
        f"training in turn and predicted over windows. {note}"
    )
    columns = [*keys(mode="model", branch="branch"), *columns]
    return Table(name, pd.DataFrame(rows), columns, caption, {"source": model.source})


def learnt(model: Model) -> Table:
    """What a model's held-out people have taught about each branch, by how the model met them."""
    columns = [
        *column_group({"accuracy_percent": "accuracy (%)"}, decimals=1),
        *column_group({"temperature": "temperature"}, decimals=2),
        *column_group({"before_points": "before", "after_points": "after"}, "calibration error (points)", 1),
    ]
    note = "The temperature of each person is learnt from the others."
    return _learnt_table("trust_learnt", model, columns, "What held-out people taught the model", note)


def learnt_estimates(model: Model) -> Table:
    """How far a model's estimates of the accuracy were from the truth on its held-out people."""
    columns = [
        *column_group(
            {f"{name}_points": title for name, title in ESTIMATOR_TITLES.items()},
            "mean error of the estimate (points)",
            1,
        ),
        Column("best", "reported", "key"),
        *column_group({"radius_points": "its interval (± points)"}),
        Column("level_percent", "level (%)", "measured", if_varied=True),
    ]
    levels = " or ".join(str(level) for level in sorted({round(row["level_percent"]) for row in _learnt(model)}))
    note = f"Estimates of each person are learnt from the others; nominal level of the interval {levels} %."
    return _learnt_table("trust_learnt_estimates", model, columns, "The accuracy, estimated without labels", note)
