"""Adaptation without the source: SHOT (Liang et al. 2020, arXiv:2002.08546).

The heads, which hold what was learnt about the classes, are frozen. Everything before them is trained on the new
recording alone until the heads are confident about its windows, about different ones in turn, and agree with
pseudo-labels from the centroids of the classes:

    L = L_ent + L_div - beta mean_x log f(x)_y,    y the pseudo-label of x

A network of UF-AMA has three heads; its loss is the mean over the branches, each with its own features and centroids.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ufama.config import Count, Penalty, Range, ValidatedConfig
from ufama.core.losses import cross_entropy
from ufama.core.network import NetworkOutputs
from ufama.methods import BRANCHES, Method, UnlabelledWindows
from ufama.methods.parts.outputs import PlainOutputs, SingleHeadOutputs
from ufama.models.inference import CHUNK, as_stack, inputs, repeatable
from ufama.models.model import ModelError
from ufama.training.batches import epoch_order

TITLE = "SHOT (arXiv:2002.08546)"

_SMALLEST = 1e-12  # of a probability, so that its logarithm is finite


@dataclass(frozen=True, kw_only=True)
class SourceFreeConfig(ValidatedConfig):
    """The paper's settings; a recording with fewer windows than a batch has one batch, all of them."""

    epochs: Annotated[int, Range(1, 10000)] = 15
    batch_size: Annotated[int, Count] = 64
    learning_rate: Annotated[float, Range(0, 10)] = 1e-3  # of layers that were trained on the source
    momentum: Annotated[float, Range(0, 0.999)] = 0.9  # Nesterov's
    weight_decay: Annotated[float, Range(0, 10)] = 1e-3
    pseudo_label_weight: Annotated[float, Penalty] = 0.3  # beta

    def steps(self, windows: int) -> int:
        """Steps for a recording of so many windows."""
        return self.epochs * -(-windows // min(self.batch_size, windows))

    def rate(self, progress: float) -> float:
        """The learning rate when a share of all steps, from 0 to 1, is over."""
        return self.learning_rate * (1 + 10 * progress) ** -0.75


def mean_entropy(probabilities: Tensor) -> Tensor:
    """L_ent: (R, N, C) -> (R,) mean over windows of -sum_k p_k log p_k, in nats."""
    return -(probabilities * probabilities.clamp(min=_SMALLEST).log()).sum(-1).mean(-1)


def negative_diversity(probabilities: Tensor) -> Tensor:
    """L_div: (R, N, C) -> (R,) sum_k q_k log q_k of the mean probabilities q, in nats: least for equal classes."""
    mean = probabilities.mean(1)
    return (mean * mean.clamp(min=_SMALLEST).log()).sum(-1)


def centroid_labels(features: Tensor, probabilities: Tensor) -> Tensor:
    """Pseudo-labels: the class of the nearest centroid by cosine distance.

    The centroids are first means of the features weighted by the probabilities, then means over the windows nearest to
    these. A class without any window has no centroid the second time.

    Parameters
    ----------
    features
        (R, N, D)
    probabilities
        (R, N, C)

    Returns
    -------
    Tensor
        (R, N) int64
    """
    weight = probabilities
    for _ in range(2):
        centroids = torch.einsum("rnc,rnd->rcd", weight, features)  # a positive factor changes no cosine
        closeness = torch.einsum(
            "rnd,rcd->rnc", *(nn.functional.normalize(values, dim=-1) for values in (features, centroids))
        )
        closeness = closeness.masked_fill(weight.sum(1, keepdim=True) == 0, -torch.inf)
        label = closeness.argmax(-1)
        weight = nn.functional.one_hot(label, probabilities.shape[-1]).to(features.dtype)
    return label


class Branch(NamedTuple):
    """A head and what it is fed with."""

    features: Tensor  # (R, N, D)
    logits: Tensor  # (R, N, C)


def branch_loss(branch: Branch, label: Tensor, weight: float) -> Tensor:
    """(R,) entropy, diversity, and ``weight`` times the cross-entropy against pseudo-labels (R, N)."""
    probabilities = branch.logits.softmax(-1)
    classification = cross_entropy(branch.logits, label).mean(-1)
    return mean_entropy(probabilities) + negative_diversity(probabilities) + weight * classification


def branches_of(outputs: Any) -> dict[str, Branch]:
    """The heads of a network's outputs, by `BRANCHES`; empty for outputs of another form."""
    if isinstance(outputs, NetworkOutputs):
        features = (outputs.eeg_embedding, outputs.eye_embedding, outputs.fused)
        logits = (outputs.eeg_logits, outputs.eye_logits, outputs.fusion_logits)
        return {name: Branch(z, y) for name, z, y in zip(BRANCHES, features, logits, strict=True)}
    if isinstance(outputs, PlainOutputs | SingleHeadOutputs):
        return {"fusion": Branch(outputs.fused.flatten(2), outputs.logits)}
    return {}


def heads_of(network: Any) -> nn.Module | None:
    """The modules that stay as they are; None for a network without separate heads."""
    if callable(getattr(network, "heads", None)):
        return network.heads()
    head = getattr(network, "head", None)
    return head if isinstance(head, nn.Module) else None


def adapted_without_source(
    chosen: Method,
    config: ValidatedConfig,
    network: nn.Module,
    seeds: Sequence[int],
    windows: UnlabelledWindows,
    *,
    precision: str = "float32",
    absent: Sequence[str] = (),
    settings: SourceFreeConfig | None = None,
) -> nn.Module:
    """A copy of the networks, adapted to scaled windows without labels. No source data is needed.

    Parameters
    ----------
    network
        the stack of ``seeds``
    windows
        n of them, scaled as the networks are used to
    absent
        modalities that were not recorded: only the branch of the other is adapted
    settings
        None: the paper's

    Raises
    ------
    ModelError
        for a network whose heads cannot be told from what is before them

    Notes
    -----
    The networks compute as in evaluation: without dropout, batch normalisation by the source's statistics.
    """
    settings = settings or SourceFreeConfig()
    runs, rows = len(seeds), len(windows.eeg)
    if rows < 2:
        raise ModelError(f"{rows} windows are too few to adapt to: expected at least 2.")
    with repeatable(), torch.enable_grad():
        network = copy.deepcopy(network)
        eeg, eye = inputs(chosen, config, windows, "float32" if precision == "bf16" else precision)
        heads, names = heads_of(network), _adapted_branches(network, eeg, eye, runs, absent)
        if heads is None or not names:
            what = " of the modality that was recorded" if absent else ""
            raise ModelError(
                f"{chosen.name} cannot be adapted without its source, because its network has no separate "
                f"classification head{what} that {TITLE} could keep. Name the source, or predict unadapted."
            )
        fixed = {id(parameter) for parameter in heads.parameters()}
        trained = [parameter for parameter in network.parameters() if id(parameter) not in fixed]
        for parameter in trained:
            parameter.requires_grad_(True)
        optimiser = torch.optim.SGD(
            trained,
            lr=settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            nesterov=settings.momentum > 0,
        )
        size, steps = min(settings.batch_size, rows), settings.steps(rows)
        per_epoch = steps // settings.epochs
        for epoch in range(settings.epochs):
            label = _pseudo_labels(network, eeg, eye, names, runs)
            drawn = [epoch_order(rows, per_epoch * size, seed, "source-free", epoch) for seed in seeds]
            order = torch.as_tensor(np.stack(drawn)).view(runs, per_epoch, size)
            for step in range(per_epoch):
                batch = order[:, step]
                branches = branches_of(network(eeg[batch], eye[batch], None))
                losses = [
                    branch_loss(branches[name], label[name].gather(1, batch), settings.pseudo_label_weight)
                    for name in names
                ]
                optimiser.param_groups[0]["lr"] = settings.rate((epoch * per_epoch + step + 1) / steps)
                optimiser.zero_grad()
                torch.stack(losses).mean(0).sum().backward()
                optimiser.step()
        for parameter in network.parameters():
            parameter.requires_grad_(False)
            parameter.grad = None
    return network


@torch.no_grad()
def _adapted_branches(network: nn.Module, eeg: Tensor, eye: Tensor, runs: int, absent: Sequence[str]) -> list[str]:
    known = branches_of(network(as_stack(eeg[:2], runs), as_stack(eye[:2], runs), None))
    return [name for name in known if not absent or name not in ("fusion", *absent)]


@torch.no_grad()
def _pseudo_labels(network: nn.Module, eeg: Tensor, eye: Tensor, names: list[str], runs: int) -> dict[str, Tensor]:
    """(R, n) of every branch, from all windows of the recording."""
    parts = [
        branches_of(network(as_stack(eeg[place], runs), as_stack(eye[place], runs), None))
        for place in (slice(start, start + CHUNK) for start in range(0, len(eeg), CHUNK))
    ]
    return {
        name: centroid_labels(
            torch.cat([part[name].features for part in parts], 1),
            torch.cat([part[name].logits for part in parts], 1).softmax(-1),
        )
        for name in names
    }
