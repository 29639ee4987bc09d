"""Uncertainty of the measured accuracies: intervals, their coverage, tests, power."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ufama.analysis.comparisons import (
    SEED_DESIGN,
    SEED_IV_DESIGN,
    compare,
    detectable_difference,
    paired_differences,
)
from ufama.analysis.evaluation import (
    RECORDING,
    UNITS,
    accuracy_per_recording,
    of_rule,
    select,
    source_of,
    stored_rules,
)
from ufama.analysis.paper import ARXIV_ID, published
from ufama.analysis.statistics import (
    crossed_interval,
    hierarchical_bootstrap,
    naive_interval,
    outcome_table,
)
from ufama.analysis.titles import DATASET_TITLES, VARIANT_TITLES
from ufama.campaigns.results import Results
from ufama.data.layout import LAYOUTS
from ufama.report import style
from ufama.report.captions import (
    RULE,
    column_group,
    keys,
    measured_table,
    rule_meanings,
    smallest_p_meaning,
    unique_value,
)
from ufama.report.style import figure, headline
from ufama.report.table import SOURCE, Column, Table
from ufama.studies.coverage import INTERVALS, NAIVE

DESIGNS = {"seed": SEED_DESIGN, "seed_iv": SEED_IV_DESIGN}
COUNTED = {"windows": "every window", "trials": "every trial, by the plurality of its windows"}


def _clip_columns(dataset: str) -> tuple[str, ...]:
    """The columns that name a clip: a trial's number where every session shows the same clips, as in SEED."""
    return ("trial",) if LAYOUTS[dataset].same_clips_each_session else ("session", "trial")


def _scores(results: Results, rule: str) -> pd.DataFrame:
    return of_rule(accuracy_per_recording(results), rule)


# --- intervals -------------------------------------------------------------------------------------------------------


def intervals_table(results: Results) -> Table:
    """Accuracy of one model under every rule, over windows and trials, with both SDs and three 95 % intervals.

    The interval over new clips needs to know which trials show the same one: SEED's and SEED-IV's only.
    """
    runs = results.runs
    dataset = unique_value(runs, "dataset")
    scores = accuracy_per_recording(results)
    rows = []
    rules = stored_rules(results.predictions)
    for rule in rules:
        of_this = scores[scores["rule"] == rule]
        for unit in UNITS:
            outcomes = outcome_table(results, rule=rule, unit=unit)
            people = hierarchical_bootstrap(outcomes)
            values = of_this[f"accuracy_{unit}"].to_numpy()
            shares = {"accuracy": people.estimate, "sd_population": values.std(), "sd_sample": values.std(ddof=1)}
            intervals = {"naive": naive_interval(outcomes), "people": people}
            if unit == "trials" and dataset in LAYOUTS:
                intervals["new"] = crossed_interval(outcomes, clip=_clip_columns(dataset))
            shares |= {"new": np.nan, "new_low": np.nan, "new_high": np.nan}
            for name, interval in intervals.items():
                shares |= {name: people.estimate, f"{name}_low": interval.ci_low, f"{name}_high": interval.ci_high}
            percent: dict[str, object] = {name: 100 * value for name, value in shares.items()}
            source = source_of(of_this, unit, over_subjects=True)
            percent |= {f"{name}{SOURCE}": source for name in intervals}
            rows.append({"rule": rule, "unit": COUNTED[unit]} | percent)
    kinds = {"naive": "naive", "people": "new subjects", "new": "new subjects and clips"}
    columns = [
        RULE,
        Column("unit", "what is counted", "key"),
        *(_with_ends(name, title, group="accuracy (%) [95 %]", decimals=1) for name, title in kinds.items()),
        *(
            Column(name, title, "measured", "accuracy (%)", only_in_file=True)
            for name, title in {"accuracy": "mean", "sd_population": "SD (n)", "sd_sample": "SD (n−1)"}.items()
        ),
    ]
    windows = len(results.predictions[["subject", "session", "trial", "window"]].drop_duplicates())
    return measured_table(
        "intervals",
        pd.DataFrame(rows),
        columns,
        runs,
        "Uncertainty of the accuracy",
        rules=rules,
        note=(
            f"Of {people.n_subjects} subjects in {people.n_sessions} sessions and {people.n_trials} trials, or "
            f"{windows} windows. Naive: every window (or trial) an independent draw. New subjects: bootstrap-t over "
            f"subjects and their sessions, {people.draws} draws. New subjects and clips: both crossed, over trials."
        ),
    )


def _with_ends(name: str, title: str, *, prefix: str = "", group: str = "", decimals: int = 2) -> Column:
    """A value and its 95 % interval, whose ends are {prefix}_low and {prefix}_high."""
    ends = (f"{prefix or name}_low", f"{prefix or name}_high")
    return Column(name, title, "measured", group, decimals, interval=ends)


def _how_much_wider(frame: pd.DataFrame) -> str:
    """How many times as wide as the naive one the interval over subjects is, over windows."""
    widths = frame[frame["unit"] == COUNTED["windows"]]
    times = (widths["people_high"] - widths["people_low"]) / (widths["naive_high"] - widths["naive_low"])
    low, high = f"{times.min():.1f}", f"{times.max():.1f}"
    return f"over subjects an interval is {low if low == high else f'{low} to {high}'} times as wide as the naive one"


@figure
def interval_bars(table: Table, title: str) -> Figure:
    """The intervals of `intervals_table` beside each other.

    Alt: Accuracy in percent as dots with two horizontal bars each, one row per selection rule and counted unit: the
    naive interval is short, the one over subjects several times as long.
    """
    frame = table.frame
    drawing, axes = plt.subplots(figsize=(style.WIDTH, 0.55 * len(frame) + 1.6))
    places = np.arange(len(frame))[::-1]
    for name, shift, colour in (("people", -0.14, style.BLUE), ("naive", 0.14, style.VERMILION)):
        axes.hlines(places + shift, frame[f"{name}_low"], frame[f"{name}_high"], color=colour, linewidth=5)
        axes.plot(frame["accuracy"], places + shift, "o", color="white", markeredgecolor=colour, markersize=5)
    axes.set_yticks(places, [f"{row.rule},\n{row.unit.split(',')[0]}" for row in frame.itertuples()])
    axes.set(xlabel="accuracy (%)", ylim=(-0.6, len(frame) - 0.4))
    entries = {"naive": style.VERMILION, "over subjects": style.BLUE}
    style.legend(drawing, [style.line(label, colour, linewidth=5) for label, colour in entries.items()])
    headline(drawing, f"{title}: {_how_much_wider(frame)}")
    return drawing


# --- coverage --------------------------------------------------------------------------------------------------------


def coverage_table(study: pd.DataFrame, dataset: str) -> Table:
    """How often each interval covers the true value in simulated experiments of one design.

    Columns: interval, speaks_of (with these clips, or with any), truth0, truth1, ... (coverage in percent, one column
    per set of true values of the study), width (mean, in points, under the first of them).
    """
    study = study[study["dataset"] == dataset]
    truths = list(dict.fromkeys(study["truth"]))
    names = {truth: f"truth{place}" for place, truth in enumerate(truths)}
    frame = (study.pivot(index="interval", columns="truth", values="coverage") * 100).rename(columns=names)
    frame["speaks_of"] = pd.Series(INTERVALS)
    frame["width"] = 100 * study[study["truth"] == truths[0]].set_index("interval")["width"]
    columns = [
        *keys(speaks_of="new subjects and", interval="95 % interval"),
        *column_group({name: truth for truth, name in names.items()}, "simulated: covers the true value (%)", 1),
        Column("width", "mean width, first column (points)", "measured", decimals=1),
    ]
    first = study.iloc[0]
    caption = (
        "How often a 95 % interval covers the true value, in simulated experiments of the size of "
        f"{DATASET_TITLES[dataset]}: {first.people} subjects × {first.sessions} sessions × {first.trials} trials, each "
        f"trial right or wrong as a whole. n = {first.experiments} experiments per column (Monte-Carlo error up to "
        f"{100 * study['coverage_se'].max():.1f} points), {first.draws} draws each. Nothing is trained: no rule is "
        "involved."
    )
    frame = frame.loc[list(INTERVALS)].rename_axis(columns=None).reset_index()
    frame = frame.sort_values("speaks_of", key=lambda kinds: kinds.map(list(dict.fromkeys(kinds)).index), kind="stable")
    return Table(f"coverage_{dataset}", frame, columns, caption, {"simulated": True, "source": "coverage.csv"})


@figure
def coverage_dots(study: pd.DataFrame) -> Figure:
    """Coverage of each interval, one marker per set of true values, one panel per design.

    Alt: Dot plots of the share of simulated experiments whose 95 % interval covers the true value, one row per kind of
    interval and one panel per design; a band marks 93 to 97 %. The naive intervals lie far to the left of the band,
    those by bootstrap-t over subjects and sessions within it for these clips, and to its left for new clips.
    """
    datasets = list(dict.fromkeys(study["dataset"]))
    drawing, panels = plt.subplots(1, len(datasets), figsize=(style.WIDTH, 6.2), sharey=True, squeeze=False)
    places = {name: -row for row, name in enumerate(INTERVALS)}
    truths = list(dict.fromkeys(study["truth"]))
    colours = (style.INK, style.BLUE, style.ORANGE, style.GREEN, style.PURPLE)
    looks = {truth: ("osD^v"[place], colours[place]) for place, truth in enumerate(truths)}
    for axes, dataset in zip(panels.flat, datasets, strict=True):
        of_design = study[study["dataset"] == dataset]
        axes.axvspan(93, 97, color=style.SKY, alpha=0.35, linewidth=0)
        for truth, group in of_design.groupby("truth", sort=False):
            marker, colour = looks[truth]
            axes.plot(100 * group["coverage"], group["interval"].map(places), marker, color=colour, ms=5, mfc="none")
        first = of_design.iloc[0]
        axes.set_title(f"{DATASET_TITLES[dataset]}: {first.people} × {first.sessions} × {first.trials}")
        axes.set(xlabel="coverage (%)", xlim=(0, 102), xticks=[0, 25, 50, 75, 95])
    panels.flat[0].set_yticks(list(places.values()), [name.replace("; ", ";\n") for name in places], fontsize=9)
    entries = [style.mark(truth, colour, marker, mfc="none") for truth, (marker, colour) in looks.items()]
    style.legend(drawing, entries)
    naive = 100 * study.loc[study["interval"] == NAIVE, "coverage"]
    headline(
        drawing,
        f"Simulated: intervals over windows that should cover the truth in 95 % of the experiments cover it in "
        f"{naive.min():.0f} to {naive.max():.0f} %",
    )
    return drawing


# --- paired tests ----------------------------------------------------------------------------------------------------


def _compared(results: Results, rule: str, unit: str, against: str) -> pd.DataFrame:
    """What `comparisons.compare` gives for the ablation across subjects, in the models' order, in points."""
    table = compare(_scores(results, rule), by="variant", against=against, value=f"accuracy_{unit}")
    table = table.sort_values("variant", ignore_index=True).assign(
        model=lambda rows: rows["variant"].map(VARIANT_TITLES)
    )
    table[["mean_difference", "ci_low", "ci_high", "sd_sample"]] *= 100
    return table


def _comparison_table(
    name: str,
    table: pd.DataFrame,
    columns: list[Column],
    results: Results,
    title: str,
    *,
    rule: str,
    unit: str,
    note: str,
) -> Table:
    paired = f"Paired over n = {table['n'].iloc[0]} subjects, whose sessions and seeds are averaged first."
    return measured_table(
        name,
        table,
        columns,
        results.runs,
        title,
        detail=f", over {unit}, cross-subject",
        rules=[rule],
        by=["variant"],
        each="model",
        note=f"{paired} {note}",
    )


def paired_tests_table(results: Results, *, rule: str, unit: str = "trials", against: str = "M1") -> Table:
    """Every ablation model against one, paired over subjects: mean difference, p-values, and Holm's."""
    results = select(results, protocol="cross_subject")
    table = _compared(results, rule, unit, against)
    tests = {"p_t": "paired t", "p_sign_flip": "sign flips", "p_wilcoxon": "Wilcoxon"}
    columns = [
        Column("model", "model", "key"),
        _with_ends("mean_difference", "difference [95 %, t] (points)", prefix="ci", decimals=1),
        Column("sd_sample", "SD (n−1) (points)", "measured", decimals=1),
        *column_group({f"{name}_holm": title for name, title in tests.items()}, "p, Holm", 3),
        *(Column(name, title, "measured", "p", 3, only_in_file=True) for name, title in tests.items()),
    ]
    n = int(table["n"].iloc[0])
    note = (
        f"{smallest_p_meaning(n, len(table))} The same holds for Wilcoxon's test, not for t. A dash: all differences "
        "are equal."
    )
    title = f"Each model minus {VARIANT_TITLES[against]}"
    return _comparison_table("paired_tests", table, columns, results, title, rule=rule, unit=unit, note=note)


def effect_sizes_table(results: Results, *, rule: str, unit: str = "trials", against: str = "M1") -> Table:
    """The same comparisons as `paired_tests_table`: two effect sizes that have no unit, with their intervals."""
    results = select(results, protocol="cross_subject")
    table = _compared(results, rule, unit, against)
    columns = [Column("model", "model", "key")]
    for name, title in (("dz", "Cohen's dz"), ("rank_biserial", "rank-biserial")):
        columns.append(_with_ends(name, title, group="effect size [95 %]"))
    note = (
        "dz: mean over SD (n−1) of the differences. Rank-biserial: share of the rank sum that is positive minus the "
        "share that is negative."
    )
    title = f"How large the differences from {VARIANT_TITLES[against]} are"
    return _comparison_table("effect_sizes", table, columns, results, title, rule=rule, unit=unit, note=note)


# --- what can be detected --------------------------------------------------------------------------------------------


def published_gain(dataset: str) -> tuple[float, float]:
    """Model 1's and Model 6's accuracy as published, as shares."""
    facts = published("table7_ablation")
    facts = facts[facts["dataset"] == dataset].set_index("variant")["mean_percent"] / 100
    return float(facts["M1"]), float(facts["M6"])


def chance_sd(dataset: str) -> float:
    """SD over subjects of the difference of two models that err at the published rates, each trial for itself."""
    design, rates = DESIGNS[dataset], np.array(published_gain(dataset))
    return float(np.sqrt((rates * (1 - rates)).sum() / (design.n_sessions * design.n_trials)))


def detectable_table(measured: dict[str, Results], *, rule: str, power: float = 0.8) -> Table:
    """The smallest paired difference that each set's design can find, for several SDs of the differences.

    ``measured``: for a dataset's name, the results of Models 1 and 6, whose differences give one of the SDs.
    """
    rows = []
    for dataset, results in measured.items():
        if dataset not in DESIGNS:
            raise ValueError(f"no published ablation on {dataset!r} to compare with: give {' or '.join(DESIGNS)}.")
        design = DESIGNS[dataset]
        scores = _scores(select(results, protocol="cross_subject"), rule)
        recordings = len(scores[RECORDING].drop_duplicates())
        differences = paired_differences(scores[scores["variant"] == "M1"], scores[scores["variant"] == "M6"])
        before, after = published_gain(dataset)
        needed = (after - before) / detectable_difference(1.0, design, power=power).dz
        for title, sd in (
            ("each trial errs for itself, at the published rates", chance_sd(dataset)),
            (
                f"M6 − M1 in these runs: {len(differences)} subjects, {recordings} sessions in all",
                differences.to_numpy().std(ddof=1),
            ),
            ("the largest with which the published gain is found", needed),
        ):
            detectable = detectable_difference(sd, design, power=power)
            rows.append(
                {
                    "data": DATASET_TITLES[dataset],
                    "people": design.n_subjects,
                    "gain": 100 * (after - before),
                    "source": title,
                    "sd": 100 * sd,
                    "difference": 100 * detectable.difference,
                    "per_fold": detectable.trials_per_fold,
                    "of_all": detectable.trials_of_all,
                }
            )
    columns = (
        *keys(data="data", people="subjects"),
        Column("source", "SD over subjects of the paired differences", "key"),
        Column("gain", "M6 − M1, published (points)", "published", decimals=2),
        Column("sd", "SD (n−1) (points)", "measured", decimals=1),
        *column_group({"difference": "points", "per_fold": "trials per fold"}, "smallest difference found", 1),
        Column("of_all", "trials of all", "measured", "smallest difference found", 1),
    )
    runs = pd.concat([results.runs for results in measured.values()])
    titles = " and ".join(dict.fromkeys(runs["data_title"]))
    caption = (
        "What the designs can find: the smallest mean difference that a two-sided paired t test over subjects finds "
        f"with power {power:g} at level 0.05. One trial is {100 / SEED_DESIGN.n_trials:.1f} points of a SEED fold and "
        f"{100 / SEED_IV_DESIGN.n_trials:.1f} of a SEED-IV fold. Measured SDs: {titles}, scale "
        f"{unique_value(runs, 'scale')}, preset {unique_value(runs, 'preset')}, over trials. Selection rule: "
        f"{rule_meanings([rule])}."
    )
    provenance = {"published": {"arxiv": ARXIV_ID, "tables": ["table7_ablation"]}, "runs": sorted(runs["digest"])}
    return Table("detectable", pd.DataFrame(rows), columns, caption, provenance)


@figure
def detectable_lines(power: float = 0.8) -> Figure:
    """The smallest difference found against the SD of the differences, and the published gains.

    Alt: Two rising straight lines, one per design: the smallest detectable difference in points against the standard
    deviation over subjects of the paired differences. Dashed horizontal lines mark the published gains of Model 6 over
    Model 1, and dots the standard deviations that independent trials alone would give; each dot lies above the
    dashed line of its colour.
    """
    drawing, axes = plt.subplots(figsize=style.WIDE)
    sds = np.linspace(0.1, 10, 50)
    for (dataset, design), colour in zip(DESIGNS.items(), (style.BLUE, style.ORANGE), strict=True):
        dz = detectable_difference(1.0, design, power=power).dz
        before, after = published_gain(dataset)
        title = DATASET_TITLES[dataset]
        axes.plot(sds, dz * sds, color=colour, label=f"{title}: {design.n_subjects} subjects")
        axes.axhline(
            100 * (after - before), color=colour, linestyle="--", linewidth=1.5, label=f"{title}: published gain"
        )
        chance = 100 * chance_sd(dataset)
        axes.plot(chance, dz * chance, "o", color=colour, markersize=8, label=f"{title}: independent trials")
    axes.set(xlabel="SD (n−1) of the differences over subjects (points)", ylabel="smallest difference\nfound (points)")
    axes.set(xlim=(0, 10), ylim=(0, None))
    style.legend(drawing)
    headline(drawing, f"Paired t over subjects, power {power:g}, level 0.05: what can be found")
    return drawing
