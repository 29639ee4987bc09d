"""What HADUA's Gaussian weights rest on: whether low confidence finds wrong labels, and whether the training held."""

import numpy as np
import pandas as pd

from ufama.analysis.calibration import confidences
from ufama.campaigns.results import Results


def right_by_confidence(results: Results, *, rule: str = "last") -> pd.DataFrame:
    """The windows of each run, split at the mean of their own confidences.

    One row per run: digest, its columns method, preset, variant, subject, fold, seed; confidence, the mean;
    above, the share of windows at or above it; right_above and right_below, the shares of either whose label is
    right, and difference, the first minus the second (NaN where a side is empty);
    running_mean, below_running: the running mean of HADUA's weights after the last epoch, and the share of windows
    below it (NaN where there are no running statistics);
    failed: whether the classification loss of the last epoch is above log C, that of equal probabilities.
    """
    last = results.history.sort_values("epoch").groupby("digest").last()
    rows = []
    for digest, windows in confidences(results, rule=rule, branches=("fusion",)).groupby("digest", sort=False):
        confidence, right = windows["confidence"].to_numpy(), windows["right"].to_numpy()
        above = confidence >= confidence.mean() - 1e-12
        right_above, right_below = (right[side].mean() if side.any() else np.nan for side in (above, ~above))
        running = last["confidence_mean"].get(digest, np.nan) if "confidence_mean" in last else np.nan
        rows.append(
            {
                "digest": digest,
                "confidence": confidence.mean(),
                "above": above.mean(),
                "right_above": right_above,
                "right_below": right_below,
                "difference": right_above - right_below,
                "running_mean": running,
                "below_running": np.nan if np.isnan(running) else (confidence < running).mean(),
            }
        )
    about = results.runs[["digest", "method", "preset", "variant", "subject", "fold", "seed", "class_names"]]
    table = about.merge(pd.DataFrame(rows), on="digest", validate="one_to_one")
    loss = table["digest"].map(last["classification"])
    table["failed"] = loss > np.log(table.pop("class_names").map(len))
    return table
