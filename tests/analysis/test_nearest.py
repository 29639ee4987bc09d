"""Whom a target window lies beside, counted by hand on a line."""

from types import SimpleNamespace

import pandas as pd
import pytest

from ufama.analysis.embedding import nearest


def results_of(rows):
    runs = pd.DataFrame({"digest": ["a"], "protocol": ["cross_subject"], "variant": ["M6"], "fold": ["f"]})
    names = ["domain", "z0", "trial", "label"]
    embeddings = pd.DataFrame(rows, columns=names).assign(digest="a", subject=1, session=1, z1=0.0, z2=float("nan"))
    return SimpleNamespace(runs=runs, embeddings=embeddings)


def test_a_window_is_not_its_own_neighbour_and_classes_are_those_of_the_source():
    rows = [
        ("target", 0.0, 1, 0),
        ("target", 0.1, 1, 0),
        ("target", 1.0, 2, 1),
        ("target", 5.0, 3, 1),
        ("target", 5.1, 2, 1),
        ("source", 0.4, 9, 0),
        ("source", 4.0, 9, 2),
    ]
    (row,) = nearest(results_of(rows)).to_dict("records")
    assert row["same_trial"] == pytest.approx(2 / 5)  # the two of trial 1; 1.0 lies beside trial 1, 5.0 and 5.1 differ
    assert row["same_class"] == pytest.approx(2 / 5)  # the source at 4.0 is of a class that no target window has
    assert row["windows"] == 5


def test_features_that_were_not_kept_are_an_error():
    made = results_of([("target", 0.0, 1, 0)])
    made.embeddings = made.embeddings.iloc[:0]
    with pytest.raises(ValueError, match="no stored features: train it again"):
        nearest(made)
