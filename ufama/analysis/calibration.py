"""Are confidences calibrated: of the windows predicted with confidence 0.8, are 80 % right?"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ufama.analysis.evaluation import BRANCHES, of_rule, probabilities, window_outcomes
from ufama.campaigns.results import Results
from ufama.models.calibration import BINS, binned, calibration_error


def confidences(results: Results, *, rule: str, branches: Sequence[str] = BRANCHES) -> pd.DataFrame:
    """One row per branch and target window under one rule: branch, digest, subject, session, confidence, right, brier.

    confidence is the largest class probability, right whether its class is the true one, brier the window's squared
    distance between its probabilities and the true class, summed over classes (0 to 2; Brier 1950). Raises ValueError
    for a rule whose predictions are not stored.
    """
    own = of_rule(results.predictions, rule).reset_index(drop=True)
    chosen = replace(results, predictions=own)
    parts = []
    for branch in branches:
        outcomes = window_outcomes(chosen, branch)
        shares = np.nan_to_num(probabilities(own[own["digest"].isin(outcomes["digest"].unique())], branch))
        truth = outcomes["label"].to_numpy()[:, None] == np.arange(shares.shape[1])
        parts.append(
            outcomes[["digest", "subject", "session"]].assign(
                branch=branch,
                confidence=shares.max(axis=1),
                right=(outcomes["predicted"] == outcomes["label"]).to_numpy(),
                brier=((shares - truth) ** 2).sum(axis=1),
            )
        )
    return pd.concat(parts, ignore_index=True)


def branch_scores(
    windows: pd.DataFrame, *, bins: int = BINS, resamples: int = 1000, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What `confidences` gave, as scores per branch and as bins per branch, both with 95 % intervals.

    scores   branch, accuracy, confidence (means), calibration_error, brier, each with _low and _high; windows,
             recordings
    curve    branch, bin, confidence, accuracy, accuracy_low, accuracy_high, n

    An interval is the middle 95 % over ``resamples`` draws of whole subject-sessions with replacement, because windows
    of one recording are nearly copies. The seeds of a recording stay together.
    """
    scores, curves = [], []
    for branch, own in windows.groupby("branch", sort=False):
        values = own[["confidence", "right", "brier"]].to_numpy(float)
        recording = own.groupby(["subject", "session"], sort=True).ngroup().to_numpy()
        rows_of = [np.flatnonzero(recording == index) for index in range(recording.max() + 1)]
        draw = np.random.default_rng(seed)
        drawn_scores, drawn_curves = [], []
        for _ in range(resamples):
            rows = np.concatenate([rows_of[index] for index in draw.integers(0, len(rows_of), len(rows_of))])
            groups = binned(values[rows, 0], values[rows, 1], bins)
            drawn_scores.append(_scores_of(values[rows], groups))
            drawn_curves.append(groups["accuracy"])
        low, high = np.quantile(drawn_scores, [0.025, 0.975], axis=0)
        row = {"branch": branch}
        groups = binned(values[:, 0], values[:, 1], bins)
        for name, value, bottom, top in zip(_SCORES, _scores_of(values, groups), low, high, strict=True):
            row |= {name: value, f"{name}_low": bottom, f"{name}_high": top}
        scores.append(row | {"windows": len(own), "recordings": len(rows_of)})
        curve = pd.DataFrame(groups)
        curve["accuracy_low"], curve["accuracy_high"] = np.quantile(drawn_curves, [0.025, 0.975], axis=0)
        curves.append(curve.rename_axis("bin").reset_index().assign(branch=branch))
    return pd.DataFrame(scores), pd.concat(curves, ignore_index=True)


_SCORES = ("accuracy", "confidence", "calibration_error", "brier")


def _scores_of(values: np.ndarray, groups: dict[str, np.ndarray]) -> tuple[float, float, float, float]:
    confidence, right, brier = values.mean(axis=0)
    return right, confidence, calibration_error(groups), brier
