"""Two-dimensional places keep every window's identity and its neighbours."""

import numpy as np
import pandas as pd
import pytest

from ufama.analysis.embedding import tsne_points
from ufama.campaigns.results import Results


@pytest.fixture(scope="module")
def clustered():
    """Two runs; in each, two classes far apart in 6 dimensions. Run b has narrower features than run a."""
    draw = np.random.default_rng(0)
    tables = []
    for digest, width in (("a", 6), ("b", 4)):
        label = np.repeat([0, 1], 40)
        features = draw.normal(size=(80, width)) + 20 * label[:, None]
        table = pd.DataFrame(features, columns=[f"z{i}" for i in range(width)])
        tables.append(table.assign(digest=digest, domain=["source", "target"] * 40, label=label))
    runs = pd.DataFrame(
        {"digest": ["a", "b"], "variant": ["M1", "M6"], "protocol": ["cross_subject", "cross_session"], "fold": "f"}
    )
    return Results(runs=runs, history=runs, predictions=runs, embeddings=pd.concat(tables, ignore_index=True))


def test_windows_keep_their_class_domain_and_model(clustered):
    points = tsne_points(clustered, ("sad", "fear"))
    assert len(points) == 160
    assert points.panel.value_counts().to_dict() == {"M1: network": 80, "M6: + distillation (UF-AMA)": 80}
    assert points.label.tolist() == (["sad"] * 40 + ["fear"] * 40) * 2
    assert points.domain.tolist() == ["source", "target"] * 80


def test_far_clusters_stay_apart(clustered):
    for _, panel in tsne_points(clustered, ("sad", "fear")).groupby("panel"):
        centres = panel.groupby("label")[["x", "y"]].mean()
        spread = panel.groupby("label")[["x", "y"]].std().to_numpy().max()
        assert np.linalg.norm(centres.loc["sad"] - centres.loc["fear"]) > 2 * spread


def test_a_run_without_features_is_named(clustered):
    emptied = Results(
        clustered.runs, clustered.history, clustered.predictions, clustered.embeddings.query("digest == 'a'")
    )
    with pytest.raises(ValueError, match=r"run b \(M6, f\) has no stored features"):
        tsne_points(emptied, ("sad", "fear"))
