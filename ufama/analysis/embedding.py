"""Learned features in two dimensions."""

from collections.abc import Sequence

import pandas as pd

from ufama.analysis.titles import VARIANT_TITLES
from ufama.campaigns.results import Results


def tsne_points(results: Results, class_names: Sequence[str]) -> pd.DataFrame:
    """t-SNE places of every run's kept fused features, source and target together, as `figures.tsne_panels` draws them.

    One row per window: protocol, panel (the model), x, y, domain, label (class name). Perplexity 30, initialised by
    principal components, seed 0. Raises ValueError when a run's features were not kept.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    panels = []
    for run in results.runs.itertuples():
        own = results.embeddings[results.embeddings.digest == run.digest]
        if own.empty:
            raise ValueError(f"run {run.digest} ({run.variant}, {run.fold}) has no stored features: train it again.")
        features = own[[column for column in own if column.startswith("z")]].dropna(axis=1)
        with threadpool_limits(1):  # so few points lose more to waiting threads than they gain from them
            places = TSNE(perplexity=30, random_state=0, init="pca").fit_transform(features.to_numpy(float))
        panels.append(
            pd.DataFrame(
                {
                    "protocol": run.protocol,
                    "panel": VARIANT_TITLES[run.variant],
                    "x": places[:, 0],
                    "y": places[:, 1],
                    "domain": own.domain.to_numpy(),
                    "label": [class_names[label] for label in own.label],
                }
            )
        )
    return pd.concat(panels, ignore_index=True)
