"""An estimator measured on every person in turn, all folds trained together."""

from typing import Any

import numpy as np
from sklearn.base import clone

from ufama.data.layout import DataError
from ufama.data.windows import Windows
from ufama.models.estimator import Adapter
from ufama.models.fit_adapt import FitPlan, fit_plans


def cross_validate(
    estimator: Adapter,
    X: Any,
    y: Any = None,
    groups: Any = None,
    *,
    transductive: bool = False,
    return_estimator: bool = False,
) -> dict[str, Any]:
    """Leave every group out in turn: what a loop over ``LeaveOneGroupOut`` gives, in as few stacks as possible.

    Parameters
    ----------
    estimator
        not fitted; it is cloned
    X, y
        as of `Adapter.fit`, all windows labelled
    groups
        (n,) the person, or recording, of each window; None only for `Windows`: their subjects. Arrays are scaled group
        by group
    transductive
        False: a fold sees nothing of its group before it predicts it, as scikit-learn has it. True: each fold is
        adapted to its group's windows without their labels, as the field's protocols do
    return_estimator
        also keep the fitted estimators

    Returns
    -------
    dict
        ``test_score``, (groups,) accuracies; ``group``, (groups,) in ascending order; ``prediction`` (n,) and
        ``probability`` (n, C) of every window by the fold that left it out; ``estimator``, a list

    Notes
    -----
    Equal bit by bit to the loop ::

        scikit_learn.model_selection.cross_validate(
            estimator, X, y, groups=groups, cv=LeaveOneGroupOut(), params={"sample_domain": domain}
        )

    with ``domain`` the position of each window's group among all, from 1; with ``transductive``, to fits on all windows
    with a negative domain for the group that is left out. Methods that read the stimulus train a fold by itself where
    it lacks some of the stimuli.
    """
    if isinstance(X, Windows) and groups is None:
        groups = X.subject
    if groups is None:
        raise DataError("groups is missing: expected the person of each window.")
    names, number = np.unique(np.asarray(groups), return_inverse=True)
    number = number.reshape(-1)
    if len(names) < 2:
        raise DataError(f"groups names {len(names)} person: expected at least 2, each left out in turn.")
    everyone = clone(estimator).labelled_input(X, y, number + 1)
    if len(number) != len(everyone.windows):
        raise DataError(f"groups has {len(number)} entries for {len(everyone.windows)} windows: expected one for each.")
    folds, plans = [], []
    for place in range(len(names)):
        fold = clone(estimator)
        tested = number == place
        folds.append(fold)
        plans.append(_plan(fold, everyone.windows, np.flatnonzero(~tested), np.flatnonzero(tested), transductive))
    models = fit_plans(plans, held_out=estimator.held_out, device=estimator.device)  # type: ignore[arg-type]
    classes = everyone.classes
    scores, prediction = np.empty(len(names)), np.empty(len(number), dtype=classes.dtype)
    probability = np.empty((len(number), len(classes)))
    for place, (fold, plan, model) in enumerate(zip(folds, plans, models, strict=True)):
        rows = np.flatnonzero(number == place)
        fold.take(model, plan.windows.select(plan.source), classes)
        tested = everyone.windows.select(rows)
        probability[rows] = fold.predict_proba(tested)
        prediction[rows] = fold.predict(tested)
        scores[place] = float((prediction[rows] == classes[tested.label]).mean())
    results = {"test_score": scores, "group": names, "prediction": prediction, "probability": probability}
    return results | ({"estimator": folds} if return_estimator else {})


def _plan(estimator: Adapter, windows: Windows, source: np.ndarray, tested: np.ndarray, transductive: bool) -> FitPlan:
    """The trainings of one fold, on rows of all windows."""
    shown = np.sort(np.concatenate([source, tested])) if transductive else source
    if set(windows.clip[shown].tolist()) != set(windows.clip.tolist()):
        source, tested, windows = np.searchsorted(shown, source), np.searchsorted(shown, tested), windows.select(shown)
    return estimator.plan(windows, source, tested if transductive else None)
