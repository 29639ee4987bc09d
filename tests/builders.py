"""What tests are given: windows of an irregular data set, and results of many runs without a training."""

import itertools
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from ufama.config import TrainingConfig, scale
from ufama.data.windows import DataCard, Windows
from ufama.methods import method

CLASSES = {"seed": ("negative", "neutral", "positive"), "seed_iv": ("neutral", "sad", "fear", "happy")}
SUBJECTS = {"seed": (1, 2, 5, 8, 9), "seed_iv": (1, 2, 3, 4)}
TITLES = {"seed": "SEED", "seed_iv": "SEED-IV"}
SESSIONS = (1, 2, 3)
VARIANTS = ("M1", "M2", "M3", "M4", "M5", "M6")
RULES = {"oracle": 7, "last": 11, "source_validation": 4}
EPOCHS = 12
CRITERIA = ("entropy", "information_maximisation", "bnm", "snd", "dev", "cluster_agreement")
HELD_OUT_TRIALS = [2, 5]


@dataclass(frozen=True)
class MadeUpResults:
    """The three tables of the run store's Results."""

    runs: pd.DataFrame
    history: pd.DataFrame
    predictions: pd.DataFrame

    def select(self, digests):
        return MadeUpResults(
            *(table[table["digest"].isin(digests)] for table in (self.runs, self.history, self.predictions))
        )


def results_of(predictions: pd.DataFrame, class_names=("negative", "neutral", "positive"), **run) -> MadeUpResults:
    """Results around hand-written predictions: one run per digest; ``run`` overrides the columns of its row."""
    digests = list(dict.fromkeys(predictions["digest"]))
    rows = [
        {
            "digest": digest, "method": "ufama", "preset": "paper", "variant": "M6", "dataset": "seed",
            "protocol": "cross_subject", "fold": f"fold{place}", "subject": pd.NA, "session": pd.NA, "seed": 0,
            "scale": "quick", "simulated": True, "data_title": "simulated SEED", "class_names": class_names,
            "device": "cpu", "threads": 1, "torch": "0", "commit": "c0ffee", "wall_seconds": 1.0, "epochs": 1,
        } | run
        for place, digest in enumerate(digests)
    ]  # fmt: skip
    return MadeUpResults(pd.DataFrame(rows), pd.DataFrame({"digest": digests, "epoch": 0}), predictions)


def hand_written(rows, digest="a", rule="last") -> pd.DataFrame:
    """Predictions from (trial, window, label, fusion probabilities): one person, one session."""
    return pd.DataFrame([
        {"digest": digest, "rule": rule, "epoch": 3, "subject": 1, "session": 1, "trial": trial, "window": window,
         "label": label} | {f"{branch}_{k}": value for branch in ("eeg", "eye", "fusion")
                            for k, value in enumerate(shares)}
        for trial, window, label, shares in rows
    ])  # fmt: skip


def _folds(dataset, protocol):
    if protocol == "cross_session":
        return [(f"session{s}", pd.NA, s, SUBJECTS[dataset], (s,)) for s in SESSIONS]
    return [(f"session{s}-subject{p:02d}", p, s, (p,), (s,)) for s in SESSIONS for p in SUBJECTS[dataset]]


def _predictions(rng, dataset, skill, subjects, sessions):
    classes = len(CLASSES[dataset])
    trials = [(p, s, t, (t * t + s) % classes) for p in subjects for s in sessions for t in range(1, 8)]
    sizes = rng.integers(3, 9, size=len(trials))
    place = np.repeat(np.arange(len(trials)), sizes)
    columns = np.array(trials)[place].T
    table = dict(zip(["subject", "session", "trial", "label"], columns, strict=True))
    table["window"] = np.concatenate([np.arange(size) for size in sizes])
    shared = rng.normal(size=(len(trials), classes))
    for branch, noise in (("eeg", 1.0), ("eye", 1.3), ("fusion", 0.8)):
        logits = shared[place] * noise + 0.3 * rng.normal(size=(len(place), classes))
        logits[np.arange(len(place)), table["label"]] += skill
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        for k in range(classes):
            table[f"{branch}_{k}"] = shares[:, k].astype(np.float32)
    return pd.DataFrame(table)


def _history(rng, step):
    epoch = np.arange(EPOCHS)
    settle = np.exp(-epoch / 4)
    classification = 1.1 * settle + 0.03 + 0.02 * rng.random(EPOCHS)
    consistent = 4 + 1.6 * epoch + rng.random(EPOCHS)
    partly = 12 - 0.6 * epoch + rng.random(EPOCHS)
    conflicting = 4 * settle + rng.random(EPOCHS)
    after = [("compactness", 1), ("mmd", 2), ("consistency", 3), ("distillation", 5)]
    terms = {name: (0.7 * settle + 0.1 + 0.05 * rng.random(EPOCHS)) * (step >= first) for name, first in after}
    return pd.DataFrame({
        "epoch": epoch, "classification": classification, **terms,
        "mmd_weight": np.where(epoch <= 5, 1.0, 0.5),
        "consistency_weight": np.where(classification <= 0.1, 0.5, np.where(classification < 0.2, 0.2, 0.1)),
        "distillation_weight": 1e-5, "gate_open": np.clip(epoch / 9 - 0.2 + 0.1 * rng.random(EPOCHS), 0, 1),
        "consistent": consistent, "conflicting": conflicting, "partly_low": partly,
        "unused": 32 - consistent - conflicting - partly,
        "consistent_right": 0.6 + 0.02 * epoch, "teacher_right": 0.5 + 0.02 * epoch,
        "target_accuracy": 0.8 - 0.4 * settle + 0.05 * rng.random(EPOCHS),
        "validation_accuracy": 0.85 - 0.4 * settle + 0.05 * rng.random(EPOCHS),
    })  # fmt: skip


def _criteria(rng, history):
    """Columns of the evaluation chapter: criteria that follow the target accuracy more and more loosely."""
    target = history["target_accuracy"]
    loose = {name: target + 0.05 * place * rng.normal(size=EPOCHS) for place, name in enumerate(CRITERIA)}
    return history.assign(
        target_trial_accuracy=np.round(target * 7) / 7, conflicting_right=0.4 + 0.02 * history["epoch"], **loose
    )


def make_results(
    datasets=("seed", "seed_iv"), variants=("M6",), seeds=(0, 1), simulated=True, blocks=({},)
) -> MadeUpResults:
    """``blocks``: every run once per block, with the block's columns, such as ``{"control": "eye_noise"}``."""
    rng, own_rng = np.random.default_rng(20), np.random.default_rng(21)
    runs, history, predictions = [], [], []
    for dataset in datasets:
        for variant in variants:
            step = VARIANTS.index(variant)
            protocols = ("cross_subject", "cross_session") if variant == "M6" else ("cross_subject",)
            for protocol in protocols:
                for fold, subject, session, subjects, sessions in _folds(dataset, protocol):
                    for seed, block in itertools.product(seeds, blocks):
                        digest = "-".join(map(str, [dataset, variant, protocol, fold, seed, *block.values()]))
                        runs.append({
                            "digest": digest, "method": "ufama", "preset": "paper", "variant": variant,
                            "dataset": dataset, "protocol": protocol, "fold": fold, "subject": subject,
                            "session": session, "seed": seed, "scale": "quick", "simulated": simulated,
                            "data_title": f"simulated {TITLES[dataset]}" if simulated else TITLES[dataset],
                            "class_names": CLASSES[dataset], "device": "cpu", "threads": 1, "torch": "2.13.0",
                            "commit": "c0ffee", "wall_seconds": 3.5, "epochs": EPOCHS, "steps": EPOCHS * 26,
                            "changes": "", "control": "", "target_access": "whole",
                            "held_out_trials": HELD_OUT_TRIALS,
                        } | block)  # fmt: skip
                        history.append(_criteria(own_rng, _history(rng, step)).assign(digest=digest))
                        for rule, epoch in RULES.items():
                            skill = 1.0 + 0.2 * step + (0.4 if rule == "oracle" else 0)
                            table = _predictions(rng, dataset, skill, subjects, sessions)
                            predictions.append(
                                table.assign(digest=digest, rule=rule, epoch=epoch + int(rng.integers(-3, 1)))
                            )
    return MadeUpResults(
        pd.DataFrame(runs), pd.concat(history, ignore_index=True), pd.concat(predictions, ignore_index=True)
    )


def with_settings(made: MadeUpResults, **training) -> MadeUpResults:
    """With what a record keeps of its settings: the configuration and training of its scale, and a data card."""
    ufama, rows = method("ufama"), []
    for run in made.runs.itertuples():
        preset = ufama.preset(run.preset, dataset=run.dataset, variant=run.variant)
        config, trained = scale(run.scale).apply(preset, TrainingConfig(**training))
        card = made_windows().card
        card = replace(card, name=run.dataset, simulated=run.simulated, class_names=tuple(CLASSES[run.dataset]))
        rows.append({"config": asdict(config), "training": asdict(trained), "data_card": asdict(card)})
    return replace(made, runs=made.runs.assign(**{name: [row[name] for row in rows] for name in rows[0]}))


def made_windows(*, subjects=4, sessions=2, trials=5, classes=3, seed=0) -> Windows:
    """People with their own offset, clips with a class pattern, trials of 9 to 14 windows."""
    draw = np.random.default_rng(seed)
    pattern_eeg, pattern_eye = draw.normal(size=(classes, 7, 3)), draw.normal(size=(classes, 5))
    columns = {name: [] for name in ("eeg", "eye", "label", "subject", "session", "trial", "clip", "window")}
    for subject in range(1, subjects + 1):
        shift_eeg, shift_eye = draw.normal(size=(7, 3)), draw.normal(size=5)
        for session in range(1, sessions + 1):
            for trial in range(1, trials + 1):
                label, n = (2 * trial + session) % classes, 9 + (3 * trial + session) % 6
                columns["eeg"].append(pattern_eeg[label] + shift_eeg + 0.5 * draw.normal(size=(n, 7, 3)))
                columns["eye"].append(pattern_eye[label] + shift_eye + 0.5 * draw.normal(size=(n, 5)))
                clip = (session - 1) * trials + trial
                for name, value in (
                    ("label", label),
                    ("subject", subject),
                    ("session", session),
                    ("trial", trial),
                    ("clip", clip),
                ):
                    columns[name].append(np.full(n, value))
                columns["window"].append(np.arange(n))
    arrays = {name: np.concatenate(parts) for name, parts in columns.items()}
    for name in ("eeg", "eye"):
        arrays[name] = arrays[name].astype(np.float32)
    card = DataCard(
        name="made",
        simulated=True,
        fingerprint=f"made-{subjects}-{sessions}-{trials}-{classes}-{seed}",
        window_seconds=4.0,
        eeg_tokens=tuple(f"E{i}" for i in range(7)),
        eeg_features=("low", "middle", "high"),
        eye_features=tuple(f"eye_{i}" for i in range(5)),
        class_names=tuple(f"class {i}" for i in range(classes)),
        licence="made up for tests",
    )
    return Windows(card=card, **arrays)


def history_of(curves, **criteria):
    """History of one run per curve of target accuracies; criteria as lists of equal shape."""
    rows = []
    for run, curve in enumerate(curves):
        for epoch, value in enumerate(curve):
            own = {name: values[run][epoch] for name, values in criteria.items()}
            rows.append({"digest": f"run{run}", "epoch": epoch, "target_accuracy": value,
                         "target_trial_accuracy": value / 2} | own)  # fmt: skip
    return pd.DataFrame(rows)


def hadua_results(variants, blocks, keep=lambda runs: runs["digest"].notna()):
    """Results of HADUA: the shared ones with its names, and a conditional term that is open half of the time in H3."""
    found = make_results(datasets=("seed",), variants=variants, seeds=(0,), blocks=blocks)
    runs = found.runs.assign(method="hadua", variant=found.runs["variant"].str.replace("M", "H"))
    kept = runs[keep(runs) & runs["protocol"].eq("cross_subject")]
    third = kept["digest"][kept["variant"].eq("H3")]
    weight = pd.Series(np.where(found.history["epoch"] % 2 == 0, 1.0, 0.0), index=found.history.index)
    history = found.history.assign(conditional_weight=weight.where(found.history["digest"].isin(third)))
    return replace(found, runs=runs, history=history).select(kept["digest"])
