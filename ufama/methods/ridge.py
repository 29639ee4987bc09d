"""A ridge classifier on the features of both modalities, without adaptation but for their scaling."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from ufama.config import Range, ValidatedConfig
from ufama.methods.bases.fitted import ScoringClassifier


@dataclass(frozen=True, kw_only=True)
class RidgeConfig(ValidatedConfig):
    """``penalty`` on the squared weights (scikit-learn's alpha)."""

    penalty: Annotated[float, Range(1e-9, 1e9)] = 1.0


class Ridge(ScoringClassifier[RidgeConfig]):
    """Least squares to -1 and 1 for each class, in closed form."""

    name = "ridge"
    title = "Ridge"
    source = "DOI 10.1080/00401706.1970.10488634"
    checked_against = "the normal equations"
    defaults = RidgeConfig()
    search: ClassVar[Mapping[str, tuple]] = {"penalty": (1e-1, 1.0, 10.0, 100.0, 1000.0)}

    def classifier(self, config: RidgeConfig, seed: int):
        from sklearn.linear_model import RidgeClassifier

        return RidgeClassifier(alpha=config.penalty)


METHOD = Ridge()
