"""JAN (Long et al. 2017, arXiv:1605.06636): MMD between the joint distributions of features and predictions."""

from dataclasses import dataclass
from typing import Annotated

from ufama.config import Range
from ufama.methods import Step
from ufama.methods.bases.network import AdaptationWeight, LossTerms, search_space
from ufama.methods.bases.plain import PlainConfig, PlainMethod
from ufama.methods.parts.adversarial import dann_schedule
from ufama.methods.parts.alignment import joint_mmd


@dataclass(frozen=True, kw_only=True)
class JanConfig(PlainConfig):
    """``kernels`` Gaussians on the features, one of the fixed ``prediction_bandwidth`` on the probabilities."""

    mmd_weight: Annotated[float, AdaptationWeight] = 1.0  # at the end of its schedule
    kernels: Annotated[int, Range(1, 32)] = 5
    prediction_bandwidth: Annotated[float, Range(1e-6, 1e6)] = 1.68  # b of exp(-d^2 / b), d^2 up to 2


class Jan(PlainMethod[JanConfig]):
    """The joint MMD of the fused features and the head's probabilities, quadratic in the batch; its weight grows."""

    name = "jan"
    title = "JAN"
    source = "arXiv:1605.06636"
    checked_against = "a slow twin with scikit-learn's kernels"
    defaults = JanConfig()
    search = search_space(learning_rate=(3e-4, 1e-3, 3e-3), mmd_weight=(0.1, 0.3, 1.0))

    def adaptation(self, config: JanConfig, step: Step) -> LossTerms:
        joint = joint_mmd(
            (step.source.fused, step.source.logits.softmax(-1)),
            (step.target.fused, step.target.logits.softmax(-1)),
            (None, config.prediction_bandwidth),
            config.kernels,
        )
        return {"mmd": (joint, config.mmd_weight * dann_schedule(step.progress))}


METHOD = Jan()
