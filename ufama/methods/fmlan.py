"""FMLAN-like: a sub-network for every source recording, one for all of them together, learning from each other.

From the abstract (doi:10.1016/j.bspc.2024.106912) and its description in arXiv:2606.00170; no code is public:
separate sub-networks, each adapted from one source domain to the target, a joint sub-network adapted from all, mutual
learning between the separate ones and the joint one, and an alignment that minds category and decision boundary. Own
decisions: a common first layer, a class-wise MMD in which target windows near the decision boundary count less, the
symmetric Kullback-Leibler divergence, its schedule, the mean of both kinds of prediction, and all sizes. As published
it reads EEG alone; with ``reads="eeg_and_eye"`` the eye features stand beside it.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import Penalty
from ufama.core import losses
from ufama.core.layers import StackedLinear, initialise
from ufama.core.objective import Terms
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import NetworkConfig, NetworkMethod, search_space, weighted_terms
from ufama.methods.parts.adversarial import dann_schedule
from ufama.methods.parts.certainty import certain_classes
from ufama.methods.parts.fine_grained_alignment import symmetric_divergence, weighted_class_mmd
from ufama.methods.parts.outputs import fusion_only
from ufama.methods.parts.perceptron import Perceptron
from ufama.methods.parts.source_recordings import BranchLinear, branch_of_recording, membership


@dataclass(frozen=True, kw_only=True)
class FmlanConfig(NetworkConfig):
    """Settings of FMLAN-like."""

    reads: Literal["eeg", "eeg_and_eye"] = "eeg"
    alignment_weight: Annotated[float, Penalty] = 1.0
    mutual_weight: Annotated[float, Penalty] = 1.0


class FmlanOutputs(NamedTuple):
    """What the sub-networks return: one for each of S source recordings, and the joint one."""

    embedding: Tensor  # (R, N, S, D)
    logits: Tensor  # (R, N, S, C)
    fused: Tensor  # (R, N, D) of the joint sub-network
    joint_logits: Tensor  # (R, N, C)


class FmlanNetwork(nn.Module):
    """A common layer, one sub-network for each source recording and a joint one.

    forward: eeg (R, N, T, F), eye (R, N, Fy), noise (None: evaluation) -> FmlanOutputs.
    """

    def __init__(self, config: FmlanConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers = len(seeds), DropoutIds()
        recordings, classes = problem.source_domains, problem.classes
        self.reads_eye = config.reads == "eeg_and_eye"
        features = problem.eeg_inputs + (problem.eye_inputs if self.reads_eye else 0)
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


class Fmlan(NetworkMethod[FmlanConfig, FmlanOutputs]):
    """Fine-grained alignment of every source with the target, and mutual learning."""

    name = "fmlan"
    title = "FMLAN-like"
    source = "doi:10.1016/j.bspc.2024.106912 (abstract)"
    inputs = "eeg"
    checked_against = "slow twins of the class-wise MMD, torch's KL divergence"
    network_class = FmlanNetwork
    defaults = FmlanConfig()
    search = search_space(alignment_weight=(0.1, 0.5, 1.0))

    def predict(self, outputs: FmlanOutputs) -> Tensor:
        """The mean of the joint sub-network's probabilities and of the mean of the others'."""
        return fusion_only((outputs.joint_logits.softmax(-1) + outputs.logits.softmax(-1).mean(2)) / 2)

    def terms(self, config: FmlanConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        source, target = step.source, step.target
        branch_logits = branch_of_recording(source.logits.transpose(1, 2), step.source_domain)
        joint = losses.cross_entropy(source.joint_logits, step.source_label).mean(-1)
        separate = losses.cross_entropy(branch_logits, step.source_label).mean(-1)
        on_target = symmetric_divergence(target.logits, target.joint_logits[:, :, None]).mean((1, 2))
        on_source = symmetric_divergence(branch_logits, source.joint_logits).mean(-1)
        later = dann_schedule(step.progress)
        return weighted_terms(
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
            certain_classes(target.logits).permute(0, 2, 3, 1).flatten(0, 1),
        ).unflatten(0, member.shape[:2])
        seen = member.any(-1)
        separate = (pairs * seen).sum(-1) / seen.sum(-1)
        together = weighted_class_mmd(
            source.fused, target.fused, true, certain_classes(target.joint_logits).transpose(1, 2)
        )
        return (separate + together) / 2


METHOD = Fmlan()
