"""Selection rules by hand: which epoch each takes, and who may look at what."""

import numpy as np

from ufama.training.selection import selectors


def chosen(rule, scores):
    selector = selectors(has_oracle=True, has_validation=True)[rule]
    for epoch, score in enumerate(scores):
        selector.update(epoch, score, np.full((2, 3, 2), epoch))
    assert selector.probabilities[0, 0, 0] == selector.epoch
    return selector.epoch


def test_oracle_takes_the_first_of_equally_good_epochs():
    assert chosen("oracle", [0.5, 0.9, 0.7, 0.9]) == 1


def test_source_validation_takes_the_newest_of_equally_good_epochs():
    assert chosen("source_validation", [0.5, 0.9, 0.7, 0.9, 0.8]) == 3


def test_last_takes_the_last():
    assert chosen("last", [0.0, 1.0, 2.0]) == 2


def test_rules_without_their_labels_are_left_out():
    assert set(selectors(has_oracle=False, has_validation=True)) == {"last", "source_validation"}
    assert set(selectors(has_oracle=True, has_validation=False)) == {"oracle", "last"}
