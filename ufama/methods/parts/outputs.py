"""Outputs of networks with one head, and the probabilities that such a head gives.

Shapes: R runs, N windows, D features, C classes. Logits have not been through a softmax.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class SingleHeadOutputs(NamedTuple):
    """What a network with one head returns."""

    fused: Tensor  # (R, N, D) the head's input
    logits: Tensor  # (R, N, C)


class PlainOutputs(NamedTuple):
    """What a network with an embedding of each modality and one head returns."""

    eeg_embedding: Tensor  # (R, N, D) of EEG alone, unless the modalities attend to each other
    eye_embedding: Tensor  # (R, N, D) likewise of eye movement
    fused: Tensor  # (R, N, ...) the head's input
    logits: Tensor  # (R, N, C)


def fusion_only(probabilities: Tensor) -> Tensor:
    """(R, N, C) of one head -> (R, N, 3, C) of the branches eeg, eye, fusion; the first two do not exist: NaN."""
    none = torch.full_like(probabilities, torch.nan)
    return torch.stack([none, none, probabilities], dim=2)
