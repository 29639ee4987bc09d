"""MS-MDA (arXiv:2107.07740): common features, then one branch and one classifier per source recording.

Followed from the paper and its public code (VoiceBeer/MS-MDA), which differ in what the branches are to agree on
(`MsMdaConfig.agree_on`). What this harness does differently: the paper's EEG features have the eye features beside them
in one input; one batch of 32 mixes all source recordings and is one step, where each had a batch and a step of its own,
so that a branch sees few labelled windows at a time and its MMD is estimated without bias; batch normalisation in the
branches is over the whole step instead of one recording's batch and the target's for themselves; Adam keeps its moments
from step to step, where the code starts a new one in every iteration.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import ValidatedConfig
from ufama.core import losses
from ufama.core.layers import CounterRNG, StackedBatchNorm, initialise
from ufama.core.network import DropoutIds
from ufama.core.objective import Terms
from ufama.methods import ProblemSpec, Step, checked_names
from ufama.methods.bases.plain import PlainMethod
from ufama.methods.parts.adversarial import dann_schedule
from ufama.methods.parts.branches import branch_discrepancy, branch_mean_distance
from ufama.methods.parts.perceptron import Perceptron, fusion_only
from ufama.methods.parts.source_recordings import BranchLinear, own_branch

SLOPE = 0.01  # of the leaky ReLU below zero


@dataclass(frozen=True, kw_only=True)
class MsMdaConfig(ValidatedConfig):
    """MS-MDA's settings; the default is preset `paper`."""

    common_hidden: int = 256
    common_second: int = 128
    width: int = 64  # of the common features
    branch_width: int = 32
    agree_on: Literal["classes", "features"] = "classes"  # the softmax of what about the target
    mmd_weight: float = 1.0  # at the end of training; it grows as DANN's strength does
    discrepancy_weight: float = 0.01  # likewise
    learning_rate: float = 1e-3
    weight_decay: float = 0.0

    def ranges(self):
        return [
            ("common_hidden", 1, 1 << 16),
            ("common_second", 1, 1 << 16),
            ("width", 1, 1 << 16),
            ("branch_width", 1, 1 << 16),
            ("mmd_weight", 0, 1e6),
            ("discrepancy_weight", 0, 1e6),
            ("learning_rate", 0, 10),
            ("weight_decay", 0, 10),
        ]


class BranchOutputs(NamedTuple):
    """What every branch says of N windows."""

    fused: Tensor  # (R, N, width) the common features
    features: Tensor  # (R, N, S, branch_width)
    logits: Tensor  # (R, N, S, C)

    def split(self, first: int) -> tuple["BranchOutputs", "BranchOutputs"]:
        return BranchOutputs(*[z[:, :first] for z in self]), BranchOutputs(*[z[:, first:] for z in self])


class BranchNetwork(nn.Module):
    """A common perceptron on both modalities side by side; per source recording a layer and a classifier."""

    def __init__(self, config: MsMdaConfig, inputs: int, branches: int, classes: int, seeds: list[int]):
        super().__init__()
        runs, numbers = len(seeds), DropoutIds()
        widths = (inputs, config.common_hidden, config.common_second, config.width)
        self.common = Perceptron(runs, widths, numbers, slope=SLOPE)
        self.branch = BranchLinear(runs, branches, config.width, config.branch_width)
        self.norm = StackedBatchNorm(runs, branches * config.branch_width)
        self.classifier = BranchLinear(runs, branches, config.branch_width, classes)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> BranchOutputs:
        common = self.common(torch.cat([eeg.flatten(2), eye], dim=-1), noise)
        of_branch = self.branch(common).transpose(1, 2)  # (R, N, S, D)
        normed = self.norm(of_branch.flatten(2), noise).view_as(of_branch)
        features = functional.leaky_relu(normed, SLOPE)
        return BranchOutputs(common, features, self.classifier(features.transpose(1, 2)).transpose(1, 2))


class MsMda(PlainMethod):
    """Each source recording is classified and aligned in its own branch; the branches vote on the target."""

    name = "ms_mda"
    title = "MS-MDA"
    source = "arXiv:2107.07740"
    inputs = "eeg + eye, side by side (the paper: eeg)"
    presets = ("paper", "released")
    checked_against = "slow twins of every loss, by-hand examples"
    search: ClassVar[Mapping[str, tuple]] = {
        "learning_rate": (3e-4, 1e-3, 3e-3, 1e-2),
        "mmd_weight": (0.1, 1.0),
    }

    def preset(self, name: str, *, dataset: str, variant: str) -> MsMdaConfig:
        checked_names(self, name, variant)
        return MsMdaConfig(agree_on="classes" if name == "paper" else "features")

    def build(self, config: MsMdaConfig, task: ProblemSpec, seeds: list[int]) -> BranchNetwork:
        card = task.card
        inputs = len(card.eeg_tokens) * len(card.eeg_features) + len(card.eye_features)
        return BranchNetwork(config, inputs, task.source_domains, len(card.class_names), seeds)

    def predict(self, outputs: BranchOutputs) -> Tensor:
        return fusion_only(outputs.logits.softmax(-1).mean(2))

    def terms(self, config: MsMdaConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        source, target = step.source, step.target
        own_logits = own_branch(source.logits.transpose(1, 2), step.source_domain)
        said = target.logits if config.agree_on == "classes" else target.features
        values = {
            "classification": losses.cross_entropy(own_logits, step.source_label).mean(-1),
            "mmd": branch_mean_distance(source.features, step.source_domain, target.features),
            "discrepancy": branch_discrepancy(said.softmax(-1)),
        }
        one = torch.ones_like(values["mmd"])
        grown = dann_schedule(step.progress) * one
        weights = {
            "classification": one,
            "mmd": config.mmd_weight * grown,
            "discrepancy": config.discrepancy_weight * grown,
        }
        return Terms(values, weights, {}, state)


METHOD = MsMda()
