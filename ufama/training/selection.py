"""Which epoch counts: named rules that watch the same training. Three keep their choice's predictions; all of them,
the label-free criteria too, can be applied to a run's history afterwards."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ufama.config import RULES
from ufama.training.criteria import CRITERIA

WATCHED = {
    "oracle": "target_accuracy",
    "last": "epoch",
    "source_validation": "validation_accuracy",
    **{name: name for name in CRITERIA},
}
"""The column of the history that each rule maximises over the evaluated epochs."""


@dataclass
class Selector:
    """What one rule has chosen in one run so far."""

    rule: str
    score: float = -np.inf
    epoch: int = -1
    probabilities: np.ndarray | None = field(default=None, repr=False)

    def update(self, epoch: int, score: float, probabilities: np.ndarray | None = None) -> None:
        """Take the epoch if the rule prefers it.

        oracle       the first epoch of the highest target accuracy: reads test labels (published convention)
        any other    the newest epoch of the highest score: last of the epoch number, source_validation of the accuracy
                     on held-out source subjects, a criterion of itself
        """
        better = score > self.score if self.rule == "oracle" else score >= self.score
        if better:
            self.score, self.epoch, self.probabilities = score, epoch, probabilities


def selectors(*, has_oracle: bool, has_validation: bool) -> dict[str, Selector]:
    """A fresh selector for every rule that can be applied."""
    possible = {"oracle": has_oracle, "last": True, "source_validation": has_validation}
    return {rule: Selector(rule) for rule in RULES if possible[rule]}


def chosen_epochs(history: pd.DataFrame) -> pd.DataFrame:
    """The epoch that each rule chooses in each run: digest, rule, epoch.

    ``history`` are the runs' epochs as in `ufama.campaigns.results.Results`; a rule is left out of runs that did not
    log its column (no held-out subjects, no criteria).
    """
    rows = []
    evaluated = history[history["target_accuracy"].notna()]
    for digest, epochs in evaluated.groupby("digest", sort=False):
        for rule, column in WATCHED.items():
            if column not in epochs:
                continue
            selector = Selector(rule)
            for epoch, score in zip(epochs["epoch"], epochs[column], strict=True):
                if not np.isnan(score):
                    selector.update(int(epoch), float(score))
            if selector.epoch >= 0:
                rows.append((digest, rule, selector.epoch))
    return pd.DataFrame(rows, columns=["digest", "rule", "epoch"])
