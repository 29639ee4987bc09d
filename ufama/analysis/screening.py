"""How the screening of section 2.4.1 sorts the target windows of trained networks, from stored predictions."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ufama.analysis.evaluation import probabilities
from ufama.campaigns.results import Results
from ufama.core.screening import Screening, screen, whole_pool


def modality_probabilities(predictions: pd.DataFrame) -> Tensor:
    """(1, N, 2, C) softmax of the heads EEG and eye, as `ufama.core.screening.screen` takes them."""
    return torch.as_tensor(np.stack([probabilities(predictions, branch) for branch in ("eeg", "eye")], axis=1))[None]


def group_names(screening: Screening) -> np.ndarray:
    """(N,) the group of each window of one run: consistent, conflicting, partly_low (one modality kept) or unused."""
    groups = {
        "consistent": screening.consistent,
        "conflicting": screening.conflicting,
        "partly_low": screening.eeg_teaches | screening.eye_teaches,
    }
    return np.select([mask[0].numpy() for mask in groups.values()], list(groups), "unused")


def batch_predictions(results: Results, *, size: int, seed: int = 0) -> pd.DataFrame:
    """The stored predictions of one batch of the first run's target windows, last epoch.

    All of them, where the target has fewer than ``size``.
    """
    predictions = _last_epoch(results)
    first = predictions[predictions.digest == results.runs.digest.iloc[0]].reset_index(drop=True)
    return first.iloc[np.sort(np.random.default_rng(seed).choice(len(first), min(size, len(first)), replace=False))]


def screened_batch(results: Results, trusted_share: float, *, size: int, seed: int = 0) -> tuple[pd.DataFrame, float]:
    """One batch of the first run's target windows, screened with the predictions of the last epoch.

    Returns
    -------
    pd.DataFrame
        one row per window: eeg_confidence, eye_confidence, group
    float
        the confidence at the trusted share's position
    """
    modalities = modality_probabilities(batch_predictions(results, size=size, seed=seed))
    screening = screen(modalities, trusted_share, whole_pool(modalities))
    eeg, eye = modalities[0].amax(-1).numpy().T
    batch = pd.DataFrame({"eeg_confidence": eeg, "eye_confidence": eye, "group": group_names(screening)})
    return batch, screening.threshold.item()


def screened_targets(results: Results, trusted_share: float) -> pd.DataFrame:
    """Every run's whole target, screened with the predictions of the last epoch.

    Returns
    -------
    pd.DataFrame
        one row per run and window: digest; group; right, whether the label of the kept modality is the true one (of
        the EEG where both are kept); trusted, whether any modality was kept
    """
    parts = []
    for digest, target in _last_epoch(results).groupby("digest", sort=False):
        modalities = modality_probabilities(target)
        screening = screen(modalities, trusted_share, whole_pool(modalities))
        kept, pseudo_label = screening.kept[0].numpy(), screening.pseudo_label[0].numpy()
        teacher = np.where(kept[:, 0], pseudo_label[:, 0], pseudo_label[:, 1])
        right = teacher == target.label.to_numpy()
        columns = {"digest": digest, "group": group_names(screening), "right": right, "trusted": kept.any(1)}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _last_epoch(results: Results) -> pd.DataFrame:
    return results.predictions[results.predictions.rule == "last"]
