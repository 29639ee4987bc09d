"""DAN (Long et al. 2015, arXiv:1502.02791): multi-kernel MMD between the domains in every task-specific layer."""

from dataclasses import dataclass
from typing import Annotated

from ufama.config import Range
from ufama.core.mmd import mmd_quadratic
from ufama.methods import Step
from ufama.methods.bases.network import AdaptationWeight, LossTerms, search_space
from ufama.methods.bases.plain import PlainConfig, PlainMethod


@dataclass(frozen=True, kw_only=True)
class DanConfig(PlainConfig):
    """``kernels`` Gaussians, each twice as wide as the one before, around the batch's mean squared distance."""

    mmd_weight: Annotated[float, AdaptationWeight] = 1.0
    kernels: Annotated[int, Range(1, 32)] = 5


class Dan(PlainMethod[DanConfig]):
    """The MMDs of the fused features and of the logits, added.

    The kernels' weights are equal and sum to 1, and the estimate is quadratic in the batch; the paper learns the
    weights, which sum to 1 too, by a quadratic program and estimates in linear time.
    """

    name = "dan"
    title = "DAN"
    source = "arXiv:1502.02791"
    checked_against = "scikit-learn's kernels in the estimator of skada 0.6.0"
    defaults = DanConfig()
    search = search_space(learning_rate=(3e-4, 1e-3, 3e-3), mmd_weight=(0.1, 0.3, 1.0))

    def adaptation(self, config: DanConfig, step: Step) -> LossTerms:
        source, target = step.source, step.target
        of_fused, of_logits = (
            mmd_quadratic(getattr(source, layer), getattr(target, layer), config.kernels, combination="mean")
            for layer in ("fused", "logits")
        )
        return {"mmd": (of_fused + of_logits, config.mmd_weight)}


METHOD = Dan()
