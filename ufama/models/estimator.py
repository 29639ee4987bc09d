"""A model as an estimator of scikit-learn, with the domains of skada."""

import copy
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from ufama.config import TrainingConfig
from ufama.data.layout import DataError
from ufama.data.windows import Windows
from ufama.methods import UnlabelledWindows
from ufama.methods import method as named_method
from ufama.models.array_inputs import (
    EegShape,
    LabelledInput,
    Modalities,
    check_eeg_shape,
    domains,
    is_dictionary,
    labelled_input,
    modalities,
    unlabelled_windows,
)
from ufama.models.fit_adapt import FitPlan, adapt_model, fit_plans, plan_of_rows
from ufama.models.folder import load_model, save_model
from ufama.models.inference import ModelOutputs, outputs, scaled_recording
from ufama.models.jobs import fit_settings
from ufama.models.model import Model, ModelError
from ufama.training.scores import predicted_class


class Adapter(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClassifierMixin, BaseEstimator):
    """A method of the harness that learns from labelled people and adapts to the unlabelled windows of a new one.

    ``X`` is one of three forms: a dictionary ``{"eeg": (n, tokens, features), "eye": (n, features)}``; a
    `ufama.data.windows.Windows`; or one array (n, columns), whose first columns are the EEG's.

    Parameters
    ----------
    method
        one of ``ufama methods``, or your own as "module:METHOD"
    preset, variant
        of the method; variant None: the whole method
    scale
        how long, and how wide a network: "smoke", "quick", "paper"; every window is used at each of them. None:
        configuration and training are taken as they are
    seeds
        one network is trained for each; their mean probability counts
    rule
        which epoch's weights are kept: "last", or "source_validation", the best on subjects held out of the source
    changes
        switches of the method's configuration, such as ``{"trusted_share": 0.3}``
    training
        a `ufama.TrainingConfig`; None: its defaults
    eeg_shape
        (tokens, features) of the EEG, whose columns come first in an array, token after token; the second modality has
        the rest. None: all columns are the EEG, one token. A second modality without a column is one constant
    held_out
        "people": train also with every source person left out in turn, so that probabilities are calibrated and
        ``model_.source["score"]`` is an honest accuracy; "all": with every recording; "none"
    device
        where networks are trained

    Attributes
    ----------
    classes_
        (C,) the labels; of `Windows` with their own labels, all classes of their card
    model_
        the `ufama.models.model.Model`
    source_
        the labelled windows, for `adapt`; None in an estimator that was loaded
    n_features_in_
        columns of both modalities; not there in an estimator that was loaded

    Notes
    -----
    Domains are skada's. ``sample_domain`` above 0 marks windows of the source and below 0 those of the target, whose
    labels are never read; absolute values name recordings. Without it, windows labelled -1 (in text "-1") are the
    target. A fit without a target sees nobody new; `adapt` and the target of `fit` are transductive: the windows to be
    predicted are seen, without labels.

    By default every recording is scaled by its own windows (`TrainingConfig.scaling`), in prediction too: an array to
    be predicted is one recording unless ``sample_domain`` says otherwise, and what is predicted for a window depends on
    the others. ``TrainingConfig(scaling="source_zscore")`` has no such dependence.

    With the rule "last" a source of few subjects holds out as many for validation as it can, and never all.

    References
    ----------
    The methods' publications; the convention of skada 0.6.

    Examples
    --------
    >>> adapter = ufama.Adapter(scale="quick").fit(X, y, sample_domain=person)  # doctest: +SKIP
    >>> adapter.adapt(X_new).predict(X_new)  # doctest: +SKIP
    """

    model_: Model
    classes_: np.ndarray
    source_: Windows | None

    def __init__(
        self,
        method: str = "ufama",
        *,
        preset: str = "paper",
        variant: str | None = None,
        scale: str | None = "quick",
        seeds: tuple[int, ...] = (0,),
        rule: str = "last",
        changes: Mapping[str, Any] | None = None,
        training: TrainingConfig | None = None,
        eeg_shape: EegShape = None,
        held_out: str = "none",
        device: str = "cpu",
    ):
        self.method = method
        self.preset = preset
        self.variant = variant
        self.scale = scale
        self.seeds = seeds
        self.rule = rule
        self.changes = changes
        self.training = training
        self.eeg_shape = eeg_shape
        self.held_out = held_out
        self.device = device

    def fit(self, X, y=None, sample_domain=None) -> "Adapter":
        """Learn from the source's labels; where there is a target, adapt to its windows.

        Parameters
        ----------
        X
            n windows, in one of the three forms
        y
            (n,) labels; those of the target are not read. None only for `Windows`, whose own labels count
        sample_domain
            (n,) whole numbers; None: derived from y == -1

        Raises
        ------
        ValueError
            for inputs of other shapes, too few windows or classes, and settings that do not exist; the message says
            what was expected
        """
        given = self.labelled_input(X, y, sample_domain)
        plan = self.plan(given.windows, given.source, given.target)
        (model,) = fit_plans([plan], held_out=self.held_out, device=self.device, notify=_warn)  # type: ignore[arg-type]
        return self.take(model, given.windows.select(given.source), given.classes)

    def labelled_input(self, X, y, sample_domain) -> LabelledInput:
        """What `fit` is given, checked, as windows."""
        check_eeg_shape(self.eeg_shape)
        if isinstance(X, Windows) or is_dictionary(X):
            X = self._two_modalities(X)
            self.n_features_in_ = _columns(X)
            if y is not None:
                y = _labels_of(y, len(X.eeg))
            elif not isinstance(X, Windows):
                raise DataError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        else:
            X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
            X, y = modalities(X, self.eeg_shape), _labels_of(y, len(X))
        return labelled_input(X, y, sample_domain)

    def plan(self, windows: Windows, source: np.ndarray, target: np.ndarray | None) -> FitPlan:
        """What is trained on rows of windows."""
        settings = fit_settings(
            windows.card.name,
            **{name: getattr(self, name) for name in _SETTINGS},
        )
        return plan_of_rows(windows, source, target, settings)

    def take(self, model: Model, source: Windows | None, classes: np.ndarray) -> "Adapter":
        """Be what a model is; returns the estimator."""
        self.model_ = model.replace(labels=tuple(classes.tolist()))
        self.source_ = source
        self.classes_ = classes
        return self

    def adapt(self, X, sample_domain=None) -> "Adapter":
        """An estimator for the next person, adapted to his unlabelled windows; this one stays as it is.

        With the source at hand it is retrained from the start; a loaded estimator has no source and is adapted by
        another method, SHOT (`ufama.models.source_free`), which ``model_.adapted_to`` names.

        Parameters
        ----------
        X
            windows of one or several recordings
        sample_domain
            names the recordings by absolute values; None: arrays are one recording

        Raises
        ------
        ModelError
            for fewer than 2 windows, and a loaded method that cannot be adapted without its source
        """
        check_is_fitted(self)
        target = self._unlabelled(X, sample_domain)
        adapted = copy.copy(self)
        adapted.model_ = adapt_model(self.model_, target, source=self.source_, device=self.device)
        return adapted

    def predict(self, X, sample_domain=None, allow_source: bool = False) -> np.ndarray:
        """(n,) the most probable class of each window."""
        check_is_fitted(self)
        return self.classes_[predicted_class(self.predict_proba(X, sample_domain, allow_source))]

    def predict_proba(self, X, sample_domain=None, allow_source: bool = False) -> np.ndarray:
        """(n, C) probabilities of the fused branch: the mean over seeds, calibrated where people were held out.

        ``sample_domain`` names the recordings by absolute values; windows of the source, above 0, are refused unless
        ``allow_source``.
        """
        from ufama.models.recording_trust import calibrated

        mean = self._outputs(X, sample_domain, allow_source).mean()
        if self.model_.trust is not None:
            mean = calibrated(self.model_.trust, self.model_.mode, mean)
        return mean[:, -1]

    def transform(self, X, sample_domain=None, allow_source: bool = False) -> np.ndarray:
        """(n, S D) fused features of the S seeds side by side."""
        check_is_fitted(self)
        if self.model_.network is None:
            raise ModelError(f"{self.method} has no fused features: choose a method with a network, or use predict.")
        return np.concatenate(self._outputs(X, sample_domain, allow_source).fused, axis=1)

    def save(self, folder: str | Path) -> Path:
        """Write the model as a folder, see `ufama.models.folder.save_model`; the source is not kept."""
        check_is_fitted(self)
        return save_model(self.model_, folder)

    @classmethod
    def load(cls, folder: str | Path, *, method: str | None = None) -> "Adapter":
        """The estimator of a model's folder, see `ufama.models.folder.load_model`. It has no source."""
        return cls.of_model(load_model(folder, method=method))

    @classmethod
    def of_model(cls, model: Model) -> "Adapter":
        """The estimator of a model."""
        usual = named_method(model.method).preset(model.preset, dataset=model.card.name, variant=model.variant)
        changes = {name: value for name, value in vars(model.config).items() if value != getattr(usual, name)}
        adapter = cls(
            model.method,
            preset=model.preset,
            variant=model.variant,
            scale=None,
            seeds=model.seeds,
            rule=model.rule,
            changes=changes or None,
            training=model.training,
            eeg_shape=(len(model.card.eeg_tokens), len(model.card.eeg_features)),
        )
        return adapter.take(model, None, np.array(model.labels or model.class_names))

    def _outputs(self, X, sample_domain, allow_source: bool) -> ModelOutputs:
        check_is_fitted(self)
        if sample_domain is not None and not allow_source and (np.asarray(sample_domain) > 0).any():
            raise DataError(
                "sample_domain names windows of the source (above 0): expected those of the target, or "
                "allow_source=True."
            )
        return outputs(self.model_, scaled_recording(self.model_, self._unlabelled(X, sample_domain)))

    def _unlabelled(self, X, sample_domain) -> UnlabelledWindows:
        if not isinstance(X, Windows) and not is_dictionary(X):
            X = modalities(validate_data(self, X, dtype=(np.float64, np.float32), reset=False), self.eeg_shape)
        X = self._two_modalities(X)
        card = self.model_.card
        expected = (len(card.eeg_tokens), len(card.eeg_features)), (len(card.eye_features),)
        if (X.eeg.shape[1:], X.eye.shape[1:]) != expected:
            raise DataError(
                f"X has windows of the shapes {X.eeg.shape[1:]} and {X.eye.shape[1:]}: expected {expected[0]} and "
                f"{expected[1]}, as in fit."
            )
        if not len(X.eeg):
            raise DataError("X has no windows: expected at least one.")
        return unlabelled_windows(X, domains(sample_domain, None, len(X.eeg)))

    def _two_modalities(self, X) -> Windows | Modalities:
        return modalities(X, self.eeg_shape) if is_dictionary(X) else X

    @property
    def _n_features_out(self) -> int:
        return len(self.model_.seeds) * self.model_.statistics.fused_mean.shape[1]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]  # networks compute in it
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")


_SETTINGS = ("method", "preset", "variant", "scale", "seeds", "rule", "changes", "training")
"""Parameters that `fit_settings` resolves."""


def _labels_of(y: Any, n: int) -> np.ndarray:
    """(n,) labels of classes, those that are masked among them."""
    y = column_or_1d(y, warn=True)
    if len(y) != n:
        raise DataError(f"y has {len(y)} labels for {n} windows: expected one for each.")
    check_classification_targets(y.astype(str) if y.dtype == object else y)
    return y


def _columns(X: Windows | Modalities) -> int:
    """Of both modalities."""
    return int(np.prod(X.eeg.shape[1:])) + X.eye.shape[1]


def _warn(line: str) -> None:
    warnings.warn(line, stacklevel=4)
