"""The total objective: its terms, their weights, and when each counts (section 2.5)."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Terms(NamedTuple):
    """One step's loss terms of every run, by name, before weighting, with their weights; and what to log.

    Each value and weight is (R,). ``state`` is what the method carries to the next step.
    """

    losses: dict[str, Tensor]
    weights: dict[str, Tensor]
    diagnostics: dict[str, Tensor]
    state: dict[str, Tensor]

    def total(self) -> Tensor:
        """(R,) the weighted sum of the terms, Eq. (14) when the method is UF-AMA."""
        return torch.stack([self.weights[name] * loss for name, loss in self.losses.items()]).sum(0)


def joined(parts: Sequence[Terms]) -> Terms:
    """The terms of all runs, from those of the parts of a stack in their order."""
    fields = zip(*parts, strict=True)
    return Terms(*[{name: torch.cat([own[name] for own in field]) for name in field[0]} for field in fields])


def branches_as_runs(eeg: Tensor, eye: Tensor, fusion: Tensor) -> Tensor:
    """(R, N, D) of each branch -> (3 R, N, D), so that a loss looks at all three at once.

    Narrower features are filled up with zeros, which change no distance and no angle.
    """
    branches = (eeg, eye, fusion)
    width = max(z.shape[-1] for z in branches)
    filled = [functional.pad(z, (0, width - z.shape[-1])) if z.shape[-1] < width else z for z in branches]
    return torch.cat(filled)


def branch_mean(of_branches: Tensor) -> Tensor:
    """Weigh the branches eeg 1/4, eye 1/4, fusion 1/2: (3 R,) -> (R,)."""
    eeg, eye, fusion = of_branches.unflatten(0, (3, -1))
    return eeg / 4 + eye / 4 + fusion / 2


def mmd_weight(epoch: Tensor, schedule: str = "released") -> Tensor:
    """The paper's delta by epoch (from 0); it states no values, these are the released code's (ledger row 13).

    1 up to epoch 10; 2 / (1 + exp(-10)) - 1.5 = 0.49991 up to 40; exp(-0.6 epoch) up to 85; then 0.
    The schedule "constant" is 1 throughout.
    """
    if schedule == "constant":
        return torch.ones_like(epoch)
    later = torch.where(epoch <= 85, torch.exp(-0.6 * epoch), 0.0)
    middle = torch.where(epoch <= 40, 2 / (1 + math.exp(-10)) - 1.5, later)
    return torch.where(epoch <= 10, 1.0, middle)


def consistency_weight(classification_loss: Tensor, schedule: str = "adaptive") -> Tensor:
    """The paper's theta: 0.5 once the classification loss is <= 0.1, 0.2 below 0.2, else 0.1, Eq. (15): (R,) -> (R,).

    The schedule "constant" is 0.5 throughout.
    """
    loss = classification_loss.detach()
    if schedule == "constant":
        return torch.full_like(loss, 0.5)
    early = torch.full_like(loss, 0.1)
    return torch.where(loss <= 0.1, 0.5, torch.where(loss < 0.2, 0.2, early))
