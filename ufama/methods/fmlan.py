"""FMLAN-like: a sub-network for every source recording, one for all of them together, learning from each other.

From the abstract (doi:10.1016/j.bspc.2024.106912) and its description in arXiv:2606.00170; no code is public:
separate sub-networks, each adapted from one source domain to the target, a joint sub-network adapted from all, mutual
learning between the separate ones and the joint one, and an alignment that minds category and decision boundary. Own
decisions: a common first layer, a class-wise MMD in which target windows near the decision boundary count less, the
symmetric Kullback-Leibler divergence, its dann_schedule, the mean of both kinds of prediction, and all sizes. As published it
reads EEG alone; ``reads="eeg_and_eye"`` puts the eye features beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.core import losses
from ufama.core.layers import CounterRNG, StackedLinear, initialise
from ufama.core.network import DropoutIds
from ufama.core.objective import Terms
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import NetworkConfig, weighed
from ufama.methods.bases.plain import PlainMethod
from ufama.methods.parts.adversarial import dann_schedule
from ufama.methods.parts.fine_grained_alignment import certainty, symmetric_divergence, weighted_class_mmd
from ufama.methods.parts.perceptron import Perceptron, fusion_only
from ufama.methods.parts.source_recordings import BranchLinear, membership, own_branch


@dataclass(frozen=True, kw_only=True)
class FmlanConfig(NetworkConfig):
    """Settings of FMLAN-like."""

    reads: Literal["eeg", "eeg_and_eye"] = "eeg"
    alignment_weight: float = 1.0
    mutual_weight: float = 1.0

    def ranges(self):
        return [*super().ranges(), ("alignment_weight", 0, 1e6), ("mutual_weight", 0, 1e6)]


class FmlanOutputs(NamedTuple):
    """What the sub-networks say of N windows: one for each of S source recordings, and the joint one."""

    embedding: Tensor  # (R, N, S, D)
    logits: Tensor  # (R, N, S, C)
    fused: Tensor  # (R, N, D) of the joint sub-network
    joint_logits: Tensor  # (R, N, C)

    def split(self, first: int) -> tuple["FmlanOutputs", "FmlanOutputs"]:
        """The outputs of the first ``first`` windows and of the rest."""
        return FmlanOutputs(*[z[:, :first] for z in self]), FmlanOutputs(*[z[:, first:] for z in self])

    def probabilities(self) -> Tensor:
        """(R, N, 3, C): as the fusion branch half the joint sub-network's and half the mean of the others'."""
        return fusion_only((self.joint_logits.softmax(-1) + self.logits.softmax(-1).mean(2)) / 2)


class FmlanNetwork(nn.Module):
    """A common layer, one sub-network for each source recording and a joint one.

    forward: eeg (R, N, T, F), eye (R, N, Fy), noise (None: evaluation) -> FmlanOutputs.
    """

    def __init__(self, config: FmlanConfig, features: int, recordings: int, classes: int, seeds: list[int]):
        super().__init__()
        runs, numbers = len(seeds), DropoutIds()
        self.reads_eye = config.reads == "eeg_and_eye"
        self.common = Perceptron(runs, (features, config.hidden), numbers, dropout=config.dropout)
        self.separate = BranchLinear(runs, recordings, config.hidden, config.width)
        self.separate_head = BranchLinear(runs, recordings, config.width, classes)
        self.joint = StackedLinear(runs, config.hidden, config.width)
        self.joint_head = StackedLinear(runs, config.width, classes)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> FmlanOutputs:
        x = torch.cat([eeg.flatten(2), eye], dim=-1) if self.reads_eye else eeg.flatten(2)
        common = self.common(x, noise)
        separate, joint = torch.relu(self.separate(common)), torch.relu(self.joint(common))
        logits = self.separate_head(separate)
        return FmlanOutputs(separate.transpose(1, 2), logits.transpose(1, 2), joint, self.joint_head(joint))


class Fmlan(PlainMethod):
    """Fine-grained alignment of every source with the target, and mutual learning."""

    name = "fmlan"
    title = "FMLAN-like"
    source = "doi:10.1016/j.bspc.2024.106912 (abstract)"
    inputs = "eeg"
    checked_against = "slow twins of the class-wise MMD, torch's KL divergence"
    defaults = FmlanConfig()
    search: ClassVar[Mapping[str, tuple]] = {
        "learning_rate": (3e-4, 1e-3, 3e-3, 1e-2),
        "alignment_weight": (0.1, 0.5, 1.0),
    }

    def build(self, config: FmlanConfig, task: ProblemSpec, seeds: list[int]) -> FmlanNetwork:
        card = task.card
        features = len(card.eeg_tokens) * len(card.eeg_features)
        if config.reads == "eeg_and_eye":
            features += len(card.eye_features)
        return FmlanNetwork(config, features, task.source_domains, len(card.class_names), seeds)

    def terms(self, config: FmlanConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        source, target = step.source, step.target
        own_logits = own_branch(source.logits.transpose(1, 2), step.source_domain)
        joint = losses.cross_entropy(source.joint_logits, step.source_label).mean(-1)
        separate = losses.cross_entropy(own_logits, step.source_label).mean(-1)
        on_target = symmetric_divergence(target.logits, target.joint_logits[:, :, None]).mean((1, 2))
        on_source = symmetric_divergence(own_logits, source.joint_logits).mean(-1)
        later = dann_schedule(step.progress)
        return weighed(
            state,
            classification=((joint + separate) / 2, 1.0),
            alignment=(self._alignment(step), config.alignment_weight * later),
            mutual=((on_target + on_source) / 2, config.mutual_weight * later),
        )

    @staticmethod
    def _alignment(step: Step) -> Tensor:
        """The mean over recordings in the batch of each one's distance to the target in its sub-network, and the
        joint one's, half each: (R,)."""
        source, target = step.source, step.target
        recordings, classes = source.logits.shape[2], source.joint_logits.shape[2]
        member = membership(step.source_domain, recordings).to(source.logits.dtype)  # (R, S, N)
        true = functional.one_hot(step.source_label, classes).to(member.dtype).transpose(1, 2)  # (R, C, N)
        pairs = weighted_class_mmd(
            source.embedding.transpose(1, 2).flatten(0, 1),
            target.embedding.transpose(1, 2).flatten(0, 1),
            (member[:, :, None] * true[:, None]).flatten(0, 1),
            soft_classes(target.logits).permute(0, 2, 3, 1).flatten(0, 1),
        ).unflatten(0, member.shape[:2])
        seen = member.any(-1)
        separate = (pairs * seen).sum(-1) / seen.sum(-1)
        together = weighted_class_mmd(
            source.fused, target.fused, true, soft_classes(target.joint_logits).transpose(1, 2)
        )
        return (separate + together) / 2


def soft_classes(logits: Tensor) -> Tensor:
    """Predicted probabilities, less the closer to the decision boundary, held constant: (..., C) -> (..., C)."""
    probabilities = logits.detach().softmax(-1)
    return probabilities * certainty(probabilities)[..., None]


METHOD = Fmlan()
