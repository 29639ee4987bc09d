"""What a trained model is: networks, and everything that a new recording has to be brought into their form by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ufama.config import TrainingConfig, ValidatedConfig
from ufama.data.windows import DataCard
from ufama.errors import UserError
from ufama.methods import Predictor, ProblemSpec

if TYPE_CHECKING:
    from torch import nn

    from ufama.data.signals.recipe import Recipe
    from ufama.models.trust import Trust

Rule = Literal["last", "source_validation"]
"""Which epoch's weights a model keeps; the rule ``oracle`` reads the target's labels and makes no model."""

Mode = Literal["unadapted", "adapted", "source_free"]
"""How a model met the recording that it predicts: not at all, by its method with the source at hand, or without."""

QUANTILES = (0.001, 0.999)
"""Of every unscaled feature, kept as the range of values that is usual."""


class ModelError(UserError, ValueError):
    """A model that cannot be fitted, adapted, written or read; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SourceStatistics:
    """What a model keeps of the features that it was trained on: no window, and no label.

    T tokens, F features, Fy eye features, P recordings (one subject in one session), D fused features.

    Attributes
    ----------
    eeg_mean, eeg_sd, eeg_low, eeg_high
        (T, F) float64 of the unscaled source: mean, SD, and the `QUANTILES`
    eye_mean, eye_sd, eye_low, eye_high
        (Fy,) likewise
    eeg_centre, eeg_spread
        (T, F) float64, means over the source recordings of what the model's scaling subtracts from a recording, and of
        what it divides by (`ufama.data.folds.centre_and_spread`): for `ufama.models.causal`
    eye_centre, eye_spread
        (Fy,) likewise
    subject, session
        (P,) int64, of each recording in the source
    fused_mean
        (P, D) mean of the fused features of each recording, scaled as the model scales it; of the first seed's network
    fused_covariance
        (D, D) covariance of the fused features within recordings, pooled over them
    class_share
        (C,) share of the source's windows in each class
    """

    eeg_mean: np.ndarray
    eeg_sd: np.ndarray
    eeg_low: np.ndarray
    eeg_high: np.ndarray
    eye_mean: np.ndarray
    eye_sd: np.ndarray
    eye_low: np.ndarray
    eye_high: np.ndarray
    eeg_centre: np.ndarray
    eeg_spread: np.ndarray
    eye_centre: np.ndarray
    eye_spread: np.ndarray
    subject: np.ndarray
    session: np.ndarray
    fused_mean: np.ndarray
    fused_covariance: np.ndarray
    class_share: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A fitted method: what `ufama.models.folder` keeps, and `ufama.models.inference` predicts with.

    Attributes
    ----------
    method, preset, variant, config, scale
        what was trained; ``scale`` names the size of ``config`` and ``training``
    training
        how long and on which batches; its ``scaling`` is also the rule by which a new recording is scaled
    card
        of the source recordings: tokens, features and classes in the networks' order, licence, fingerprint
    recipe
        how the features are computed from raw files; None: only tables of features can be predicted
    problem
        the sizes that the networks are built for
    seeds
        S of them, one network each; their mean probability is the model's
    rule
        which epoch's weights are kept
    network
        the S networks as one stack, on the CPU, in evaluation; None for a method that is fitted at once
    predictors
        of a method that is fitted at once, one per seed; such a model lives in memory alone
    statistics
        of the source's features
    trust
        what held-out people have shown about the model's probabilities; None: nobody was held out
    adapted_to
        facts of the recording that the model is adapted to, with ``mode``: "adapted" or "source_free"; None: unadapted
    source
        what the model was fitted to: ``name``, ``fingerprint``, ``subjects``, ``recordings``, ``windows``, ``steps``,
        ``versions``, and ``score``, see `ufama.models.held_out.score`, None where nobody was held out
    labels
        what the caller's labels of the classes are, in their order; None: their names on the card
    """

    method: str
    preset: str
    variant: str
    config: ValidatedConfig
    training: TrainingConfig
    scale: str
    card: DataCard
    recipe: Recipe | None = None
    problem: ProblemSpec
    seeds: tuple[int, ...]
    rule: Rule
    network: nn.Module | None
    predictors: tuple[Predictor, ...] = ()
    statistics: SourceStatistics
    trust: Trust | None = None
    adapted_to: dict[str, Any] | None = None
    source: dict[str, Any]
    labels: tuple[int | float | str | bool, ...] | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.card.class_names

    @property
    def mode(self) -> Mode:
        """How the model met the recording that it is adapted to."""
        return "unadapted" if self.adapted_to is None else self.adapted_to["mode"]

    def replace(self, **changes: Any) -> Model:
        """A copy with some fields changed."""
        return replace(self, **changes)
