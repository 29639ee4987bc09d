"""MS-MDA (Chen et al. 2021, arXiv:2107.07740): common features, then a branch and a classifier per source recording.

Followed from the paper and its public code (VoiceBeer/MS-MDA), which differ in what the branches are to agree on
(`MsMdaConfig.agree_on`). What this harness does differently: the paper's EEG features have the eye features beside them
in one input; one batch of 32 mixes all source recordings and is one step, where each had a batch and a step of its own,
so that a branch sees few labelled windows at a time and its MMD is estimated without bias; batch normalisation in the
branches is over the whole step instead of one recording's batch and the target's for themselves; Adam keeps its moments
from step to step, where the code starts a new one in every iteration. The code's learning rate, 0.01, is that of preset
`released`; preset `paper` starts from this harness's 0.001, since a step here sees few windows of each recording.

Shapes: R runs, S source recordings and branches, N windows, D features, C classes.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ufama.config import Penalty
from ufama.core import losses
from ufama.core.layers import initialise
from ufama.core.objective import Terms
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec, Step
from ufama.methods.bases.network import LayerWidth, NetworkMethod, OptimiserConfig, search_space, weighted_terms
from ufama.methods.parts.adversarial import dann_schedule
from ufama.methods.parts.batch_norm import StackedBatchNorm
from ufama.methods.parts.outputs import fusion_only
from ufama.methods.parts.perceptron import Perceptron
from ufama.methods.parts.source_recordings import BranchLinear, branch_of_recording, membership

SLOPE = 0.01  # of the leaky ReLU below zero


@dataclass(frozen=True, kw_only=True)
class MsMdaConfig(OptimiserConfig):
    """MS-MDA's settings; the defaults are preset `paper`, `RELEASED` is the code's side."""

    common_hidden: Annotated[int, LayerWidth] = 256
    common_second: Annotated[int, LayerWidth] = 128
    width: Annotated[int, LayerWidth] = 64  # of the common features
    branch_width: Annotated[int, LayerWidth] = 32
    agree_on: Literal["classes", "features"] = "classes"  # whose softmax the branches compare
    mmd_weight: Annotated[float, Penalty] = 1.0  # at the end of training; it grows as DANN's strength does
    discrepancy_weight: Annotated[float, Penalty] = 0.01  # likewise


PAPER = MsMdaConfig()
RELEASED = PAPER.replace(agree_on="features", learning_rate=0.01)


class BranchOutputs(NamedTuple):
    """What the network returns."""

    fused: Tensor  # (R, N, width) the common features
    features: Tensor  # (R, N, S, branch_width)
    logits: Tensor  # (R, N, S, C)


class BranchNetwork(nn.Module):
    """A common perceptron on both modalities side by side; per source recording a layer and a classifier."""

    def __init__(self, config: MsMdaConfig, problem: ProblemSpec, seeds: list[int]):
        super().__init__()
        runs, numbers, branches = len(seeds), DropoutIds(), problem.source_domains
        widths = (problem.eeg_inputs + problem.eye_inputs, config.common_hidden, config.common_second, config.width)
        self.common = Perceptron(runs, widths, numbers, slope=SLOPE)
        self.branch = BranchLinear(runs, branches, config.width, config.branch_width)
        self.norm = StackedBatchNorm(runs, branches * config.branch_width)
        self.classifier = BranchLinear(runs, branches, config.branch_width, problem.classes)
        initialise(self, seeds)

    def forward(self, eeg: Tensor, eye: Tensor, noise: CounterRNG | None = None) -> BranchOutputs:
        common = self.common(torch.cat([eeg.flatten(2), eye], dim=-1), noise)
        of_branch = self.branch(common).transpose(1, 2)  # (R, N, S, D)
        normed = self.norm(of_branch.flatten(2), noise).view_as(of_branch)
        features = functional.leaky_relu(normed, SLOPE)
        return BranchOutputs(common, features, self.classifier(features.transpose(1, 2)).transpose(1, 2))


def branch_mean_distance(source: Tensor, domain: Tensor, target: Tensor) -> Tensor:
    """MMD with the linear kernel, branch by branch: |mean of its recording's windows - mean of the target's|^2, mean
    over the branches with at least two windows in the batch.

    Estimated without bias: the squared norm of a mean of n windows is the mean of their n (n - 1) inner products
    x_i'x_j, i != j. With the i = j among them, as in the published code, few windows would add their variance over n,
    and less of it would look like alignment. The estimate may be below zero.

    source (R, N, S, D) and target (R, M, S, D), every window in every branch; domain (R, N) int64 -> (R,).
    """
    member = membership(domain, source.shape[2]).to(source.dtype)  # (R, S, N)
    count = member.sum(-1)
    total = torch.einsum("rsn,rnsd->rsd", member, source)
    squares = torch.einsum("rsn,rnsd->rs", member, source.square())
    within_source = (total.square().sum(-1) - squares) / (count * (count - 1)).clamp(min=1)
    windows, target_total = target.shape[1], target.sum(1)
    within_target = (target_total.square().sum(-1) - target.square().sum((1, 3))) / (windows * (windows - 1))
    across = (total * target_total).sum(-1) / (count.clamp(min=1) * windows)
    return losses.masked_mean(within_source + within_target - 2 * across, count > 1)


def branch_discrepancy(shares: Tensor) -> Tensor:
    """How far the branches differ on the same windows: (R, N, S, C) shares -> (R,).

    For each branch the sum over the others of the mean absolute difference; then the mean over branches.

    Over sorted values: sum_{i<j} |a_i - a_j| = sum_k (2 k - S + 1) a_(k), k from 0.
    """
    branches = shares.shape[2]
    factor = 2 * torch.arange(branches, dtype=shares.dtype, device=shares.device) - (branches - 1)
    pairs = (factor[:, None] * shares.sort(dim=2).values).sum(2)  # (R, N, C)
    return 2 / branches * pairs.mean((1, 2))


class MsMda(NetworkMethod[MsMdaConfig, BranchOutputs]):
    """Each source recording is classified and aligned in its own branch; the branches vote on the target."""

    name = "ms_mda"
    title = "MS-MDA"
    source = "arXiv:2107.07740"
    inputs = "eeg + eye, side by side (the paper: eeg)"
    presets = ("paper", "released")
    checked_against = "slow twins of every loss, by-hand examples"
    network_class = BranchNetwork
    search = search_space(mmd_weight=(0.1, 1.0))

    def preset(self, name: str, *, dataset: str, variant: str) -> MsMdaConfig:
        self.check_names(name, variant)
        return PAPER if name == "paper" else RELEASED

    def predict(self, outputs: BranchOutputs) -> Tensor:
        return fusion_only(outputs.logits.softmax(-1).mean(2))

    def terms(self, config: MsMdaConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        source, target = step.source, step.target
        logits = branch_of_recording(source.logits.transpose(1, 2), step.source_domain)
        compared = target.logits if config.agree_on == "classes" else target.features
        later = dann_schedule(step.progress)
        return weighted_terms(
            state,
            classification=(losses.cross_entropy(logits, step.source_label).mean(-1), 1.0),
            mmd=(branch_mean_distance(source.features, step.source_domain, target.features), config.mmd_weight * later),
            discrepancy=(branch_discrepancy(compared.softmax(-1)), config.discrepancy_weight * later),
        )


METHOD = MsMda()
