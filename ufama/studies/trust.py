"""How far the statements about trust hold: every person of a set is a new person once, and the others teach.

Each person is left out of a training in turn and predicted unadapted, adapted, and adapted without the source
(`ufama.models.held_out`). What is said about him, temperature, estimated accuracy with its interval, thresholds for
abstention, is learnt from the other held-out people alone (`ufama.models.trust.learn_branch`) and compared with his
labels. The networks of those others had him among their source; nothing that was learnt for him read his labels.

``python -m ufama.studies.trust seed seed_iv eegmat.npz cogwear.npz ceap360.npz`` measures the stored sets of
results/trust again: about fifteen minutes on one core. The last three are the tables that ``ufama data convert`` makes
of open recordings.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ufama.campaigns.results import published_folder
from ufama.campaigns.worker import commit
from ufama.config import SCALES, TrainingConfig
from ufama.data.layout import LAYOUTS, DataError
from ufama.data.windows import Windows
from ufama.datasets import open_dataset
from ufama.methods.contract import BRANCHES
from ufama.models.accuracy_estimators import LEAST_PEOPLE, risk_coverage
from ufama.models.calibration import binned, calibration_error, negative_log_likelihood, tempered
from ufama.models.causal import WARM_UP, replay, without_source
from ufama.models.fit_adapt import FitPlan, fitted_model, versions
from ufama.models.fitting import fit_networks
from ufama.models.held_out import HeldOutRecording, held_out_jobs, held_out_recordings
from ufama.models.inference import outputs, scaled_recording
from ufama.models.jobs import FitSettings, fit_settings
from ufama.models.modalities import MODALITIES, check_modalities, chosen_probabilities, used_branches, without_faults
from ufama.models.model import Model
from ufama.models.reading import recording_of
from ufama.models.recordings import Recording
from ufama.models.source_distance import feature_distance, source_distances
from ufama.models.trust import BranchTrust, LabelledProbabilities, learn_branch
from ufama.outputs import FolderOutput
from ufama.storage import digest_of, workspace
from ufama.training.scores import plurality, predicted_class

TABLES = ("recordings", "calibration", "reliability", "risk_coverage", "abstention", "conditions")
"""Of one data set; `measure` says what each holds."""

STORED = ("seed", "seed_iv", "eegmat")
FURTHER = ("cogwear", "ceap360")
"""The folders of results/trust; of the further sets, neither of which has EEG, pages show the main tables alone."""

RISKS = (0.05, 0.1, 0.2)
"""Chosen risks at which abstention is looked at."""

COVERAGES = tuple(np.round(np.arange(0.05, 1.001, 0.05), 2).tolist())
RESAMPLES = 500
"""Draws of whole people with replacement, for the intervals of calibration errors and of risks."""

DAMAGES = ("lost", "third_lost", "shuffled")
"""What is done to a modality: all its values are 0; those of the last third of the recording are; its windows change
places at random, so that every value is a usual one."""

ADAPT_EVERY = {"eegmat": 1}
"""Trials after which the causal replay adapts, by data set; else 5."""

OUTPUT = FolderOutput("ufama.studies.trust", note="provenance.json")


# --- what was said about each person, and what was true --------------------------------------------------------------


class Judged(NamedTuple):
    """A person's recording, and what the other people taught about its branch."""

    mode: str
    branch: str
    known: BranchTrust
    own: LabelledProbabilities
    trial: np.ndarray  # (n,)

    @property
    def calibrated(self) -> np.ndarray:
        """(n, C) probabilities at the temperature of the others."""
        return tempered(self.own.probabilities, self.known.temperature)

    @property
    def right(self) -> np.ndarray:
        """(n,) bool"""
        return predicted_class(self.own.probabilities) == self.own.label


def judged(recordings: Sequence[HeldOutRecording]) -> list[Judged]:
    """Every recording in every mode and branch, beside what the recordings of other people teach.

    Raises DataError for fewer than `LEAST_PEOPLE` others.
    """
    people = {recording.subject for recording in recordings}
    if len(people) <= LEAST_PEOPLE:
        raise DataError(
            f"{len(people)} people are too few to measure trust on each and learn it from the others: expected at "
            f"least {LEAST_PEOPLE + 1}."
        )
    result = []
    for mode in dict.fromkeys(recording.mode for recording in recordings):
        of_mode = [recording for recording in recordings if recording.mode == mode]
        for place, branch in enumerate(BRANCHES):
            windows = [LabelledProbabilities(r.subject, r.session, r.probabilities[:, place], r.label) for r in of_mode]
            if any(np.isnan(own.probabilities).any() for own in windows):
                continue
            for person in sorted(people):
                known = learn_branch([own for own in windows if own.subject != person])
                result += [
                    Judged(mode, branch, known, own, recording.trial)
                    for own, recording in zip(windows, of_mode, strict=True)
                    if own.subject == person
                ]
    return result


def recording_rows(statements: Sequence[Judged]) -> pd.DataFrame:
    """One row per mode, branch and recording: what was estimated and what was true.

    Columns: mode, branch, subject, session, windows; accuracy of windows and trial_accuracy; temperature; confidence
    and calibrated_confidence (means); of every estimator its value, _low and _high; best, the estimator that is
    reported; level, the intervals' nominal level; taught_by, people.
    """
    rows = []
    for one in statements:
        estimates = one.known.estimated(one.own.probabilities)
        row = {
            "mode": one.mode,
            "branch": one.branch,
            "subject": one.own.subject,
            "session": one.own.session,
            "windows": len(one.own.label),
            "accuracy": one.right.mean(),
            "trial_accuracy": _trial_accuracy(one.own.probabilities, one.own.label, one.trial),
            "temperature": one.known.temperature,
            "confidence": one.own.probabilities.max(axis=1).mean(),
            "calibrated_confidence": one.calibrated.max(axis=1).mean(),
        }
        for estimator, value in estimates.items():
            radius = one.known.radius(estimator)
            ends = {f"{estimator}_low": max(0.0, value - radius), f"{estimator}_high": min(1.0, value + radius)}
            row |= {estimator: value, **ends}
        rows.append(row | {"best": one.known.best, "level": one.known.level, "taught_by": one.known.people})
    return pd.DataFrame(rows)


def _trial_accuracy(probabilities: np.ndarray, label: np.ndarray, trial: np.ndarray) -> float:
    _, first, group = np.unique(trial, return_index=True, return_inverse=True)
    answer = plurality(group, predicted_class(probabilities), probabilities)
    return float((answer == label[first]).mean())


def calibration_rows(statements: Sequence[Judged], *, resamples: int = RESAMPLES) -> pd.DataFrame:
    """One row per mode, branch and probabilities ("network", "calibrated"), over the windows of all people.

    Columns: mode, branch, probabilities; calibration_error with _low and _high (95 %, people drawn with replacement),
    negative_log_likelihood; people, windows.
    """
    rows = []
    for (mode, branch), own in _groups(statements):
        for name in ("network", "calibrated"):
            shares = [one.own.probabilities if name == "network" else one.calibrated for one in own]
            confidence = [values.max(axis=1) for values in shares]
            draw = np.random.default_rng(0)
            drawn = [_error(confidence, own, draw.integers(0, len(own), len(own))) for _ in range(resamples)]
            low, high = np.quantile(drawn, [0.025, 0.975])
            likelihood = negative_log_likelihood(np.concatenate(shares), np.concatenate([o.own.label for o in own]))
            rows.append(
                {
                    "mode": mode,
                    "branch": branch,
                    "probabilities": name,
                    "calibration_error": _error(confidence, own, np.arange(len(own))),
                    "calibration_error_low": low,
                    "calibration_error_high": high,
                    "negative_log_likelihood": likelihood,
                    "people": len({one.own.subject for one in own}),
                    "windows": sum(len(one.own.label) for one in own),
                }
            )
    return pd.DataFrame(rows)


def _groups(statements: Sequence[Judged]) -> Iterator[tuple[tuple[str, str], list[Judged]]]:
    for key in dict.fromkeys((one.mode, one.branch) for one in statements):
        yield key, [one for one in statements if (one.mode, one.branch) == key]


def _error(confidence: list[np.ndarray], own: list[Judged], chosen: np.ndarray) -> float:
    parts = [confidence[place] for place in chosen], [own[place].right for place in chosen]
    return calibration_error(binned(*(np.concatenate(part) for part in parts)))


def reliability_rows(statements: Sequence[Judged]) -> pd.DataFrame:
    """The bins of `calibration_rows`: mode, branch, probabilities, bin, confidence, accuracy, n."""
    parts = []
    for (mode, branch), own in _groups(statements):
        right = np.concatenate([one.right for one in own])
        for name in ("network", "calibrated"):
            shares = [one.own.probabilities if name == "network" else one.calibrated for one in own]
            bins = pd.DataFrame(binned(np.concatenate([values.max(axis=1) for values in shares]), right))
            bins = bins.rename_axis("bin").reset_index()
            parts.append(bins.assign(mode=mode, branch=branch, probabilities=name))
    return pd.concat(parts, ignore_index=True)


def risk_rows(statements: Sequence[Judged], *, resamples: int = RESAMPLES) -> pd.DataFrame:
    """Risk at `COVERAGES` of all people's windows, most confident first: mode, branch, coverage, risk, _low, _high.

    Every person weighs the same; the ends are 95 %, people drawn with replacement.
    """
    rows = []
    for (mode, branch), own in _groups(statements):
        confidence = [one.calibrated.max(axis=1) for one in own]
        draw = np.random.default_rng(0)
        drawn = [_risks(confidence, own, draw.integers(0, len(own), len(own))) for _ in range(resamples)]
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        risk = _risks(confidence, own, np.arange(len(own)))
        for place, coverage in enumerate(COVERAGES):
            ends = {"risk_low": low[place], "risk_high": high[place]}
            rows.append({"mode": mode, "branch": branch, "coverage": coverage, "risk": risk[place]} | ends)
    return pd.DataFrame(rows)


def _risks(confidence: list[np.ndarray], own: list[Judged], chosen: np.ndarray) -> np.ndarray:
    weight = np.concatenate([np.full(len(confidence[place]), 1 / len(confidence[place])) for place in chosen])
    right = np.concatenate([own[place].right for place in chosen])
    curve = risk_coverage(np.concatenate([confidence[place] for place in chosen]), right, weight)
    reached = np.searchsorted(curve.coverage, np.array(COVERAGES) - 1e-9)
    return curve.risk[np.minimum(reached, len(curve.risk) - 1)]


def abstention_rows(statements: Sequence[Judged]) -> pd.DataFrame:
    """One row per mode, branch, recording and chosen risk: threshold (NaN: none reaches it), coverage, risk of answers.

    Columns: mode, branch, subject, session, chosen_risk, threshold, coverage, risk (NaN without an answer).
    """
    rows = []
    for one in statements:
        confidence = one.calibrated.max(axis=1)
        for chosen in RISKS:
            threshold = one.known.threshold_below(chosen)
            answered = np.zeros(len(confidence), bool) if threshold is None else confidence >= threshold
            rows.append(
                {
                    "mode": one.mode,
                    "branch": one.branch,
                    "subject": one.own.subject,
                    "session": one.own.session,
                    "chosen_risk": chosen,
                    "threshold": np.nan if threshold is None else threshold,
                    "coverage": answered.mean(),
                    "risk": 1 - one.right[answered].mean() if answered.any() else np.nan,
                }
            )
    return pd.DataFrame(rows)


# --- what becomes of a recording that is damaged, or still running ---------------------------------------------------


def damaged(recording: Recording, modality: str, damage: str) -> Recording:
    """The recording with one modality damaged, as of `DAMAGES`."""
    values = getattr(recording.windows, modality)
    if damage == "shuffled":
        changed = values[np.random.default_rng(0).permutation(len(values))]
    else:
        changed = values.copy()
        changed[0 if damage == "lost" else 2 * len(values) // 3 :] = 0
    return replace(recording, windows=recording.windows._replace(**{modality: changed}))


def condition_rows(model: Model, person: Windows, *, adapt_every: int) -> list[dict[str, Any]]:
    """How an unadapted model answers one recording under several conditions; its labels are read to score alone.

    Returns
    -------
    list of dict
        condition ("whole", "damaged", "causal", "causal_adapted"), damaged (a modality, or ""), damage (of `DAMAGES`,
        or ""), answer ("fusion", "eeg", "eye"; "checked": by `ufama.models.modalities`), accuracy, trial_accuracy,
        left_out (share of windows in which a modality was recognised as bad), milliseconds (median per window, of the
        replays)
    """
    order = np.lexsort((person.window, person.trial))
    person = person.select(order)
    recording = recording_of(person)

    def row(condition: str, probabilities: np.ndarray, answer: str, **more: Any) -> dict[str, Any]:
        answered = ~np.isnan(probabilities).any(axis=1)
        accuracy = (answered & (predicted_class(probabilities) == person.label)).mean()
        return {
            "condition": condition,
            "damaged": "",
            "damage": "",
            "answer": answer,
            "accuracy": accuracy,
            "trial_accuracy": _trial_accuracy(np.nan_to_num(probabilities), person.label, person.trial),
            "left_out": np.nan,
            "milliseconds": np.nan,
        } | more

    raw, checked, left_out = _answers(model, recording)
    rows = [row("whole", raw[:, BRANCHES.index(branch)], branch) for branch in BRANCHES]
    rows.append(row("whole", checked, "checked", left_out=left_out))
    for modality in MODALITIES:
        for damage in DAMAGES:
            changed = damaged(recording, modality, damage)
            raw = outputs(model, scaled_recording(model, changed.windows)).mean()
            _, checked, left_out = _answers(model, changed)
            where = {"damaged": modality, "damage": damage}
            rows.append(row("damaged", raw[:, BRANCHES.index("fusion")], "fusion", **where))
            rows.append(row("damaged", checked, "checked", left_out=left_out, **where))
    for condition, adapt in (("causal", None), ("causal_adapted", without_source)):
        passed = list(replay(model, recording, adapt=adapt, every=adapt_every))
        fusion = np.stack([window.probabilities[BRANCHES.index("fusion")] for window in passed])
        milliseconds = float(np.median([window.milliseconds for window in passed]))
        rows.append(row(condition, fusion, "fusion", milliseconds=milliseconds))
    return rows


def _answers(model: Model, recording: Recording) -> tuple[np.ndarray, np.ndarray, float]:
    """(n, 3, C) of the branches, (n, C) of the one that the check of modalities chooses, and the share left out."""
    check = check_modalities(recording, model.statistics, model.card.constant_eye_features)
    usable = without_faults(recording, check)
    raw = outputs(model, scaled_recording(model, usable.windows)).mean()
    left_out = 1 - float((check.usable("eeg") & check.usable("eye")).mean())
    try:
        chosen = chosen_probabilities(raw, used_branches(check))
    except DataError:  # a recording of which nothing is left is refused: no window of it is answered
        chosen = np.full_like(raw[:, 0], np.nan)
    return raw, chosen, left_out


def distance_rows(windows: Windows, sessions: Mapping[int, int]) -> pd.DataFrame:
    """Per held-out recording: its distance from the other people, and how many of these are as near to each other.

    Columns: subject, and of each modality {modality}_distance and {modality}_nearer (share of the others).
    """
    rows = []
    for subject, session in sessions.items():
        others = windows.select(windows.subject != subject)
        own = windows.select((windows.subject == subject) & (windows.session == session))
        row: dict[str, Any] = {"subject": subject}
        for modality in MODALITIES:
            values = others.features(modality).astype(np.float64)
            distance = feature_distance(own.features(modality), values.mean(axis=0), values.std(axis=0))
            known = np.array(source_distances(others, modality))
            row |= {f"{modality}_distance": distance, f"{modality}_nearer": (known <= distance).mean()}
        rows.append(row)
    return pd.DataFrame(rows)


# --- the study -------------------------------------------------------------------------------------------------------


class Measured(NamedTuple):
    """`TABLES` of one data set, by name, and where they are from."""

    tables: dict[str, pd.DataFrame]
    provenance: dict[str, Any]


def study_settings(windows: Windows, scale: str = "quick", seed: int = 0) -> FitSettings:
    """UF-AMA as it is fitted here: on the book's sets as everywhere, on other tables as `ufama evaluate` does."""
    is_book = windows.card.name in LAYOUTS
    training = (
        TrainingConfig(criteria="none")
        if is_book
        else TrainingConfig(criteria="none", epoch_length="source", scaling="subject_session_zscore")
    )
    return fit_settings(windows.card.name, scale=scale, seeds=(seed,), training=training)


def measure(windows: Windows, *, scale: str = "quick", seed: int = 0, adapt_every: int | None = None) -> Measured:
    """Hold every person out once and compare what is said about him with what is true.

    One recording of each person is tested, its session drawn by the seed. Of the book's sets every few windows of a
    trial are used, as ``scale`` says.

    Returns
    -------
    Measured
        tables recordings (`recording_rows` with `distance_rows`), calibration, reliability, risk_coverage, abstention
        (the functions of those names) and conditions (`condition_rows` per subject and session)
    """
    start = time.process_time()
    stride = SCALES[scale].window_stride if windows.card.name in LAYOUTS else 1
    windows = windows.subsample(stride)
    settings = study_settings(windows, scale, seed)
    everybody = np.arange(len(windows))
    planned = held_out_jobs(windows, everybody, settings, "people")
    if not planned:
        raise DataError(f"{windows.card.title} has too few people: expected at least {LEAST_PEOPLE + 1}.")
    jobs = [job for one in planned for job in one.jobs]
    runs = fit_networks(settings.method, settings.config, jobs, rule=settings.rule)
    every = adapt_every or ADAPT_EVERY.get(windows.card.name.lower(), 5)
    recordings, conditions, models = [], [], []
    for place, one in enumerate(planned):
        recordings += held_out_recordings(windows, one, runs[place : place + 1], settings)
        if one.mode != "unadapted":
            continue
        others = everybody[windows.subject != one.subject]
        model = fitted_model(FitPlan(windows, others, None, one.jobs, settings), runs[place : place + 1])
        models.append(model)
        for session, rows in one.recordings.items():
            of_person = condition_rows(model, windows.select(rows), adapt_every=every)
            conditions += [{"subject": one.subject, "session": session} | row for row in of_person]
    statements = judged(recordings)
    sessions = {one.subject: next(iter(one.recordings)) for one in planned if one.mode == "unadapted"}
    tables = {
        "recordings": recording_rows(statements).merge(distance_rows(windows, sessions), on="subject"),
        "calibration": calibration_rows(statements),
        "reliability": reliability_rows(statements),
        "risk_coverage": risk_rows(statements),
        "abstention": abstention_rows(statements),
        "conditions": pd.DataFrame(conditions),
    }
    card = windows.card
    provenance = {
        "what": "every person held out once; trust in him learnt from the other held-out people",
        "command": "python -m ufama.studies.trust seed seed_iv eegmat.npz",
        "title": card.title,
        "dataset": card.name,
        "simulated": card.simulated,
        "licence": card.licence,
        "notes": list(card.notes),
        "fingerprint": card.fingerprint,
        "people": len(sessions),
        "windows_per_recording": int(np.median([len(r.label) for r in recordings])),
        "classes": len(card.class_names),
        "method": settings.method,
        "variant": settings.variant,
        "preset": settings.preset,
        "scale": scale,
        "seed": seed,
        "rule": settings.rule,
        "scaling": settings.training.scaling,
        "stride": stride,
        "steps": {
            mode: sorted({job.split.steps(job.training) * job.training.epochs for o in planned if o.mode == mode
                          for job in o.jobs})
            for mode in ("unadapted", "adapted")
        },
        "warm_up": WARM_UP,
        "adapt_every": every,
        "resamples": RESAMPLES,
        "commit": commit(),
        "versions": versions(),
        "core_minutes": round((time.process_time() - start) / 60, 1),
    }  # fmt: skip
    return Measured(tables, provenance)


# --- storing and reading ---------------------------------------------------------------------------------------------


def store(measured: Measured, folder: Path) -> Path:
    """Write the tables as CSV files, their provenance beside them."""

    def fill(building: Path) -> Mapping[str, Any]:
        for name, table in measured.tables.items():
            table.round(5).to_csv(building / f"{name}.csv", index=False)
        return measured.provenance

    return OUTPUT.write(folder, fill)


def read(folder: Path) -> Measured:
    """What `store` wrote. Raises FileNotFoundError where it is not there, naming the command."""
    if not (folder / OUTPUT.note).is_file():
        raise FileNotFoundError(
            f"{folder.name} is not stored: run python -m ufama.studies.trust in the project's folder."
        )
    tables = {name: pd.read_csv(folder / f"{name}.csv", keep_default_na=True) for name in TABLES}
    tables["conditions"] = tables["conditions"].fillna({"damaged": "", "damage": ""})
    return Measured(tables, json.loads((folder / OUTPUT.note).read_text()))


def stored(names: Sequence[str] = STORED) -> dict[str, Measured]:
    """The named sets of those that are stored with the project."""
    folder = published_folder()
    if folder is None:
        raise FileNotFoundError("results/trust is not here: run this in the project's folder.")
    return {name: read(folder / "trust" / name) for name in names}


def measured_once(windows: Windows, scale: str = "quick") -> Measured:
    """`measure`, or what it gave for the same windows before: it is kept in the workspace."""
    folder = workspace() / "trust" / digest_of([windows.card.fingerprint, scale, versions()["ufama"]])
    if not (folder / OUTPUT.note).is_file():
        store(measure(windows, scale=scale), folder)
    return read(folder)


def main(names: Sequence[str]) -> None:
    """Measure the named sets and store them where the pages read them."""
    folder = published_folder()
    if folder is None or not names:
        sys.exit("trust: run this in the project's folder and name sets: seed, seed_iv, or a table such as eegmat.npz.")
    for name in names:
        place = OUTPUT.check(folder / "trust" / Path(name).stem)
        print(store(measure(open_dataset(name)), place))


if __name__ == "__main__":
    main(sys.argv[1:])
