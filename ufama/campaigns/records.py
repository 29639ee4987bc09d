"""What is written down about a finished training: configuration, circumstances, history, predictions."""

import os
import platform
import subprocess
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import ufama
from ufama.campaigns.store import RunRecord
from ufama.config import RunConfig, TrainingConfig, scale
from ufama.data.folds import Fold
from ufama.data.windows import Windows
from ufama.methods import method
from ufama.storage import project_root
from ufama.training.batches import Part
from ufama.training.loop import TrainingResult


def record_of(
    config: RunConfig,
    name: str,
    stack: tuple[str, ...],
    control: str,
    fold: Fold,
    own: Part,
    result: TrainingResult,
    windows: Windows,
    steps: int,
    device: str,
    threads: int,
) -> RunRecord:
    """The record of one run.

    name    its digest; stack: the digests of the runs that trained beside it, its own among them
    control the control its data is under, or ""
    own     its rows of ``windows``; the labels of its target are joined to the predictions here
    steps   of one epoch
    """
    card = windows.card
    about = {
        "digest": name,
        "method": config.method,
        "method_version": method(config.method).version,
        "preset": config.preset,
        "variant": config.variant,
        "changes": changes(config),
        "control": control,
        "dataset": config.dataset,
        "protocol": config.protocol,
        "fold": config.fold,
        "subject": fold.subject,
        "session": fold.session,
        "seed": config.seed,
        "scale": config.scale,
        "simulated": card.simulated,
        "data_title": card.title,
        "class_names": list(card.class_names),
        "source_windows": len(own.source),
        "target_windows": len(own.test),
        "target_access": config.training.target_access,
        "held_out_trials": list(own.held_out_trials),
        "validation_windows": len(own.validation),
        "epochs": config.training.epochs,
        "steps": steps,
        "wall_seconds": result.wall_seconds,
        "device": device_name(device),
        "threads": threads,
        "torch": torch.__version__,
        "commit": commit(),
        "versions": {"ufama": ufama.__version__, "python": platform.python_version(), "numpy": np.__version__},
        "config": asdict(config.method_config),
        "training": asdict(config.training),
        "data_card": asdict(card),
        "stack": list(stack),
    }
    history = pd.DataFrame({"epoch": np.arange(config.training.epochs)} | result.history)
    rows = own.test
    coordinates = {
        column: getattr(windows, column)[rows].astype(np.int32)
        for column in ("subject", "session", "trial", "window", "label")
    }
    predictions = []
    for rule, choice in result.choices.items():
        branches = {
            f"{branch}_{number}": choice.probabilities[:, index, number].astype(np.float32)
            for index, branch in enumerate(("eeg", "eye", "fusion"))
            for number in range(len(card.class_names))
        }
        predictions.append(pd.DataFrame({"rule": rule, "epoch": choice.epoch} | coordinates | branches))
    embeddings = []
    for domain, features in result.fused.items():
        shown = result.fused_rows[domain]
        table = pd.DataFrame(features.astype(np.float16), columns=[f"z{i}" for i in range(features.shape[1])])
        table.insert(0, "domain", domain)
        for column in ("subject", "session", "trial", "window", "label"):
            table[column] = getattr(windows, column)[shown].astype(np.int32)
        embeddings.append(table)
    return RunRecord(
        about=about,
        history=history.astype({column: np.float32 for column in result.history}),
        predictions=pd.concat(predictions, ignore_index=True),
        embeddings=pd.concat(embeddings, ignore_index=True).astype(
            {column: np.float32 for column in embeddings[0].columns if column.startswith("z")}
        ),
    )


def changes(config: RunConfig) -> str:
    """The switches of method and training that differ from the preset at this scale, such as "mmd_kernels=1"."""
    preset = method(config.method).preset(config.preset, dataset=config.dataset, variant=config.variant)
    usual = scale(config.scale).apply(preset, TrainingConfig())
    pairs = zip((config.method_config, config.training), usual, strict=True)
    return ", ".join(
        f"{name}={value!r}"
        for given, plain in pairs
        for name, value in asdict(given).items()
        if value != getattr(plain, name)
    )


def device_name(device: str) -> str:
    """The hardware's own name of a torch device."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    return _processor()


@lru_cache(maxsize=1)
def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()}, {os.cpu_count()} cores"
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"


@lru_cache(maxsize=1)
def commit() -> str | None:
    """The checkout's commit, with a + when files differ from it; None outside a checkout."""
    root = project_root()
    if root is None or not (root / ".git").exists():
        return None

    def git(*arguments: str) -> str | None:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    head = git("rev-parse", "--short=12", "HEAD")
    return head and head + ("+" if git("status", "--porcelain", "ufama") else "")
