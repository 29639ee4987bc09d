"""The ledger's effects as a table and a forest plot."""

import pandas as pd
import pytest

from tests.builders import make_results
from ufama.analysis.evaluation import accuracy, select
from ufama.report import ledger_effects

BLOCKS = (
    {"changes": "", "preset": "released"},
    {"changes": "", "preset": "paper"},
    {"changes": "encoder_norm='post', encoder_dropout=0.1", "preset": "paper"},
)
FRAME = pd.DataFrame(
    {
        "kind": ["released", "open", "preset"],
        "row": pd.array([8, 25, None], dtype="Int64"),
        "changes": ["train_heads=False, a=1", "scaling='subject_session_zscore'", "preset released"],
        "rule": "last",
        "n": 15,
        **{f"{unit}{end}_points": [1.0, 2.0, 3.0] for unit in ("windows", "trials") for end in ("", "_low", "_high")},
    }
)


def test_the_table_has_a_row_per_flip_and_rule_and_the_baselines_accuracy():
    flipped = select(make_results(datasets=("seed",), seeds=(0,), blocks=BLOCKS), protocol="cross_subject")
    table = ledger_effects.ledger_table(flipped)
    assert table.frame["changes"].tolist() == [BLOCKS[2]["changes"], "preset released"] * 2  # under both rules
    base = select(flipped, preset="paper", changes="")
    means = 100 * accuracy(base).query("rule == 'last'")[["accuracy_windows", "accuracy_trials"]].mean()
    assert "last epoch {:.2f} % of windows, {:.2f} % of trials".format(*means) in table.caption


def test_the_forest_names_every_row(results, monkeypatch):
    monkeypatch.setattr(ledger_effects, "ledger_effects", lambda _: FRAME)
    drawing = ledger_effects.ledger_forest(results, rule="last")
    names = [tick.get_text() for tick in drawing.axes[0].get_yticklabels()]
    assert names == ["8  train heads: False + 1", "25  scaling: subject session zscore", "preset released"]
    with pytest.raises(ValueError, match="nothing under rule 'bnm'"):
        ledger_effects.ledger_forest(results, rule="bnm")
