"""Selection rules by hand: which epoch each takes, and who may look at what."""

import numpy as np
import pytest

from ufama.training.selection import selectors


@pytest.mark.parametrize(
    ("rule", "scores", "chosen"),
    [
        ("oracle", [0.5, 0.9, 0.7, 0.9], 1),  # the first of equally good epochs
        ("source_validation", [0.5, 0.9, 0.7, 0.9, 0.8], 3),  # the newest of them
        ("last", [0.0, 1.0, 2.0], 2),
    ],
)
def test_a_rule_takes_its_epoch_with_its_predictions(rule, scores, chosen):
    selector = selectors(has_oracle=True, has_validation=True)[rule]
    for epoch, score in enumerate(scores):
        selector.update(epoch, score, np.full((2, 3, 2), epoch))
    assert selector.epoch == selector.probabilities[0, 0, 0] == chosen


def test_rules_without_their_labels_are_left_out():
    assert set(selectors(has_oracle=False, has_validation=True)) == {"last", "source_validation"}
    assert set(selectors(has_oracle=True, has_validation=False)) == {"oracle", "last"}
