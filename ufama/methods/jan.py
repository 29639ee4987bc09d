"""JAN (arXiv:1605.06636): MMD between the joint distributions of features and predictions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ufama.core.objective import Terms
from ufama.methods import Step
from ufama.methods.bases.plain import PlainConfig, PlainMethod, classified_with
from ufama.methods.parts.adversarial import dann_schedule
from ufama.methods.parts.alignment import joint_mmd


@dataclass(frozen=True, kw_only=True)
class JanConfig(PlainConfig):
    """``kernels`` Gaussians on the features, one of the fixed ``prediction_bandwidth`` on the probabilities."""

    mmd_weight: float = 1.0  # at the end of its dann_schedule
    kernels: int = 5
    prediction_bandwidth: float = 1.68  # of exp(-d^2 / b); 0 < d^2 <= 2 between probabilities

    def ranges(self):
        return [
            *super().ranges(),
            ("mmd_weight", 0, 100),
            ("kernels", 1, 32),
            ("prediction_bandwidth", 1e-6, 1e6),
        ]


class Jan(PlainMethod):
    """The joint MMD of the fused features and the head's probabilities, quadratic in the batch; its weight ramps."""

    name = "jan"
    title = "JAN"
    source = "arXiv:1605.06636"
    checked_against = "a slow twin with scikit-learn's kernels"
    defaults = JanConfig()
    search: ClassVar[Mapping[str, tuple]] = {"learning_rate": (3e-4, 1e-3, 3e-3), "mmd_weight": (0.1, 0.3, 1.0)}

    def terms(self, config: JanConfig, step: Step, state: dict[str, Tensor]) -> Terms:
        joint = joint_mmd(
            (step.source.fused, step.source.logits.softmax(-1)),
            (step.target.fused, step.target.logits.softmax(-1)),
            (None, config.prediction_bandwidth),
            config.kernels,
        )
        return classified_with(step, state, joint, config.mmd_weight * dann_schedule(step.progress), name="mmd")


METHOD = Jan()
