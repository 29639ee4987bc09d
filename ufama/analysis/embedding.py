"""Learned features in two dimensions."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ufama.analysis.titles import VARIANT_TITLES
from ufama.campaigns.results import Results
from ufama.threads import one_thread


def tsne_points(results: Results, class_names: Sequence[str]) -> pd.DataFrame:
    """t-SNE places of every run's kept fused features, source and target together, as `figures.tsne_panels` draws them.

    One row per window: protocol, panel (the model), x, y, domain, label (class name, categorical in the order of
    ``class_names``). Perplexity 30, of fewer than 91 windows a third of the others;
    initialised by principal components, seed 0. Raises ValueError when a run's features were not kept.
    """
    from sklearn.manifold import TSNE

    panels = []
    for run, own, features in _kept_features(results):
        with one_thread():  # so few points lose more to waiting threads than they gain from them
            perplexity = min(30, (len(features) - 1) / 3)
            places = TSNE(perplexity=perplexity, random_state=0, init="pca").fit_transform(features.to_numpy(float))
        panels.append(
            pd.DataFrame(
                {
                    "protocol": run.protocol,
                    "panel": VARIANT_TITLES[run.variant],
                    "x": places[:, 0],
                    "y": places[:, 1],
                    "domain": own.domain.to_numpy(),
                    "label": pd.Categorical.from_codes(own.label, class_names),
                }
            )
        )
    return pd.concat(panels, ignore_index=True)


def nearest(results: Results) -> pd.DataFrame:
    """Whom a target window's fused features lie beside, in the features themselves and not in their t-SNE places.

    One row per run: protocol, variant, same_trial (share of kept target windows whose nearest other target window is of
    the same trial), same_class (share whose nearest source window has the same label), windows (how many they are).
    Distances are Euclidean. Raises ValueError when a run's features were not kept.
    """
    from scipy.spatial.distance import cdist

    rows = []
    for run, own, features in _kept_features(results):
        source, target = (own[own.domain == name] for name in ("source", "target"))
        within = cdist(features.loc[target.index], features.loc[target.index])
        np.fill_diagonal(within, np.inf)
        beside = target.iloc[within.argmin(axis=1)]
        of_source = source.iloc[cdist(features.loc[target.index], features.loc[source.index]).argmin(axis=1)]
        coordinates = ["subject", "session", "trial"]
        rows.append(
            {
                "protocol": run.protocol,
                "variant": run.variant,
                "same_trial": (beside[coordinates].to_numpy() == target[coordinates].to_numpy()).all(axis=1).mean(),
                "same_class": (of_source.label.to_numpy() == target.label.to_numpy()).mean(),
                "windows": len(target),
            }
        )
    return pd.DataFrame(rows)


def _kept_features(results: Results) -> Iterator[tuple[Any, pd.DataFrame, pd.DataFrame]]:
    """Each run with its kept windows and their fused features. Raises ValueError when those of a run were not kept."""
    for run in results.runs.itertuples():
        own = results.embeddings[results.embeddings.digest == run.digest]
        if own.empty:
            raise ValueError(f"run {run.digest} ({run.variant}, {run.fold}) has no stored features: train it again.")
        yield run, own, own[[column for column in own if column.startswith("z")]].dropna(axis=1)
