"""Variance components: planted values come back, balanced moments are the analysis of variance, mixed models agree."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import mixedlm

from ufama.analysis.variance import variance_components


def planted(people, sessions, seeds, sds, seed=0) -> pd.DataFrame:
    """Scores with SDs of subject, session within subject, seed and residual; 12 x 3 x 5 is the five-seed design."""
    rng = np.random.default_rng(seed)
    shape = (people, sessions, seeds)
    parts = [(people, 1, 1), (people, sessions, 1), (1, 1, seeds), shape]
    values = 0.7 + sum(sd * rng.normal(size=part) for sd, part in zip(sds, parts, strict=True))
    subject, session, run = np.indices(shape).reshape(3, -1)
    return pd.DataFrame(
        {"subject": subject + 1, "session": session + 1, "seed": run, "accuracy_trials": values.ravel()}
    )


def test_balanced_moments_are_the_analysis_of_variance():
    table = planted(12, 3, 5, (0.05, 0.04, 0.03, 0.02))
    y = table["accuracy_trials"].to_numpy().reshape(12, 3, 5)
    people, cells, seeds = y.mean((1, 2)), y.mean(2), y.mean((0, 1))
    square_people = 15 * people.var(ddof=1)
    square_cells = 5 * ((cells - people[:, None]) ** 2).sum() / 24
    square_seeds = 36 * seeds.var(ddof=1)
    left = y - cells[..., None] - seeds + y.mean()
    square_left = (left**2).sum() / (35 * 4)
    found = variance_components(table).set_index("component")["variance"]
    assert found["residual"] == pytest.approx(square_left)
    assert found["session within subject"] == pytest.approx((square_cells - square_left) / 5)
    assert found["subject"] == pytest.approx((square_people - square_cells) / 15)
    assert found["seed"] == pytest.approx((square_seeds - square_left) / 36)


def test_mixed_model_agrees_where_the_table_is_balanced_and_no_estimate_is_negative():
    table = planted(12, 3, 5, (0.05, 0.04, 0.03, 0.02), seed=1)
    moments = variance_components(table).set_index("component")["variance"]
    assert (moments > 0).all()
    scale = table["accuracy_trials"].std()  # the optimiser stops by absolute tolerances
    fitted = mixedlm(
        "accuracy_trials ~ 1",
        table.assign(accuracy_trials=table["accuracy_trials"] / scale),
        groups=np.zeros(len(table)),
        vc_formula={"subject": "0 + C(subject)", "cell": "0 + C(subject):C(session)", "seed": "0 + C(seed)"},
    ).fit(reml=True)
    found = dict(zip(fitted.model.exog_vc.names, fitted.vcomp, strict=True))
    reml = [found["subject"], found["cell"], found["seed"], fitted.scale]
    expected = moments[["subject", "session within subject", "seed", "residual"]].to_numpy()
    assert np.array(reml) * scale**2 == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize("kept", [1.0, 0.7])
def test_planted_components_come_back_on_average_from_balanced_and_unbalanced_tables(kept):
    sds = np.array([0.05, 0.04, 0.03, 0.02])
    names = ["subject", "session within subject", "seed", "residual"]
    found = []
    for k in range(60):
        table = planted(12, 3, 5, sds, seed=k).sample(frac=kept, random_state=k)
        found.append(variance_components(table).set_index("component").loc[names, "variance"].to_numpy())
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - sds**2) < 4 * error).all()


def test_shares_add_up_scale_cancels_and_order_is_nothing():
    table = planted(8, 3, 4, (0.05, 0.04, 0.03, 0.02))
    found = variance_components(table)
    assert found["share"].sum() == pytest.approx(1)
    moved = table.assign(accuracy_trials=100 * table["accuracy_trials"] + 3).sample(frac=1, random_state=2)
    other = variance_components(moved)
    assert other["share"].to_numpy() == pytest.approx(found["share"].to_numpy())
    assert other["sd"].to_numpy() == pytest.approx(100 * found["sd"].to_numpy())


def test_a_negative_estimate_stays_visible_and_counts_as_nothing():
    table = pd.DataFrame({"subject": [1, 1, 2, 2], "session": [1, 2, 1, 2], "accuracy_trials": [0.2, 0.8, 0.3, 0.7]})
    found = variance_components(table, factors=("subject",)).set_index("component")
    assert found.loc["subject", "variance"] == pytest.approx((0 - (0.36 / 2 + 0.16 / 2) / 2) / 2)
    assert found["share"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("changed", "choices", "message"),
    [
        (lambda t: t[t["seed"] == 0], {}, "seed has one level"),
        (lambda t: t[t["seed"] == 0], {"factors": ("subject", "session")}, "cannot be told from the residual"),
        (lambda t: pd.concat([t, t]), {}, "occurs twice"),
        (lambda t: t, {"value": "accuracy_windows"}, "no column accuracy_windows"),
        (lambda t: t, {"factors": ("fold",)}, "some of subject, session, seed"),
    ],
)
def test_what_cannot_be_split_is_said(changed, choices, message):
    with pytest.raises(ValueError, match=message):
        variance_components(changed(planted(4, 2, 3, (1, 1, 1, 1))), **choices)
