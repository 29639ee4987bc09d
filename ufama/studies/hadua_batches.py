"""One HADUA training, looked at from inside: its history, and what the trained network does with real batches."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from ufama.campaigns.experiments import DataRequest, Experiment, resolve
from ufama.methods import method
from ufama.methods.hadua.confidence import align, alignment_strength
from ufama.training.batches import scaled_windows
from ufama.training.trainer import Trainer


class Watched(NamedTuple):
    """A training of one run and its target afterwards."""

    history: pd.DataFrame  # one row per epoch: terms, weights, diagnostics
    statistics: dict[str, np.ndarray]  # what the method remembers: mean (), sd (), classes (C,); may be empty
    attention: dict[str, np.ndarray]  # part of the network -> (n, heads, L) weights of the target's windows
    probabilities: np.ndarray  # (n, C) of the target's windows
    label: np.ndarray  # (n,) read after the training
    class_names: tuple[str, ...]
    title: str  # of the data
    steps: int  # of one epoch


def watch(
    data: DataRequest,
    *,
    preset: str,
    scale: str,
    seed: int,
    fold: str,
    epochs: int | None = None,
    device: str = "cpu",
) -> Watched:
    """Train HADUA on one fold as a run of that scale is trained, and keep what a record does not.

    ``epochs``: instead of the scale's. Not stored: some seconds at scale quick.
    """
    experiment = Experiment(data=data, method="hadua", preset=preset, scale=scale, seeds=(seed,), fold_names=(fold,))
    (job,) = resolve([experiment])
    windows, split = job.windows(), job.split()
    training = job.config.training if epochs is None else job.config.training.replace(epochs=epochs)
    scaled = scaled_windows(windows, training, split)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        trainer = Trainer(method("hadua"), job.config.method_config, training, scaled, [split], [seed], device)
        epochs_logged = [
            {name: float(value[0]) for name, value in trainer.train_epoch(epoch).items()}
            for epoch in range(training.epochs)
        ]
        with torch.no_grad():
            chunks = [trainer.network.attend(*chunk).weights for chunk in trainer.batches.chunks([split.target])]
        probabilities = trainer.evaluate([split.target])[0].probabilities[:, -1]
    finally:
        torch.set_num_threads(threads)
    return Watched(
        history=pd.DataFrame(epochs_logged).rename_axis("epoch").reset_index(),
        statistics={name: value[0].cpu().numpy() for name, value in trainer.state.items()},
        attention={name: torch.cat([chunk[name][0] for chunk in chunks]).cpu().numpy() for name in chunks[0]},
        probabilities=probabilities,
        label=windows.label[split.target],
        class_names=windows.card.class_names,
        title=windows.card.title,
        steps=trainer.batches.steps,
    )


def class_shares(watched: Watched) -> pd.DataFrame:
    """How the target's windows spread over the classes: one row per class, shares from 0 to 1.

    true        by the labels, which the training never sees
    predicted   mean class probability
    running     the same after alignment at its first epoch's strength, with the classes remembered in training
    own         with the target's own mean class probability, which long training would remember
    """
    p = torch.as_tensor(watched.probabilities, dtype=torch.float64)[None]
    strength = alignment_strength(torch.zeros((), dtype=torch.float64))
    remembered = torch.as_tensor(watched.statistics["classes"], dtype=torch.float64)[None]
    classes = len(watched.class_names)
    return pd.DataFrame(
        {
            "class": watched.class_names,
            "true": np.bincount(watched.label, minlength=classes) / len(watched.label),
            "predicted": p.mean(1)[0].numpy(),
            "running": align(p, remembered, strength).mean(1)[0].numpy(),
            "own": align(p, p.mean(1), strength).mean(1)[0].numpy(),
        }
    )
