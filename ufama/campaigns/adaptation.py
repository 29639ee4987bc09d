"""Source-only training and UF-AMA on a table of one's own: what to train, and where its results are kept."""

from pathlib import Path

import pandas as pd

from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.campaigns.results import ADAPTATION, Results, beside_published, publish, run_provenance
from ufama.config import CLIP_PROTOCOLS, PROTOCOLS, ConfigError, TrainingConfig
from ufama.data.two_modality import ENDINGS

SOURCE_ONLY, ADAPTED = "M1", "M6"
"""The network trained on the source's labels alone, and all of UF-AMA: the same network, batches and seeds."""


def adaptation(
    file: str | Path,
    *,
    protocol: str = "cross_subject",
    seeds: tuple[int, ...] = (0,),
    scale: str = "quick",
    scaling: str = "subject_session_zscore",
    batch_size: int | None = None,
    keep_windows: bool = True,
) -> Experiment:
    """Source-only and UF-AMA on every fold of a two-modality table.

    Parameters
    ----------
    file
        the table, as `ufama.datasets.open_dataset` reads it
    batch_size
        None: the paper's 32. A fold whose target has fewer windows has a batch of its own, all of them (`Experiment`)
    keep_windows
        False: keep every few windows only, as ``scale`` says; for features smoothed over time

    Raises
    ------
    ConfigError
        for an unknown protocol or a file of another ending
    DataError
        as `open_dataset` does

    Notes
    -----
    An epoch is as long as the source's (`epoch_length`), because the target of a small table holds few batches. A
    subject with too few windows (`ufama.data.folds.least_windows`) is never held out.
    """
    if not str(file).endswith(ENDINGS):
        raise ConfigError(f"{file} is not a two-modality table: expected a file that ends in {' or '.join(ENDINGS)}.")
    if protocol not in (known := (*PROTOCOLS, *CLIP_PROTOCOLS)):
        raise ConfigError(f"protocol {protocol!r} is not known; choose one of {', '.join(known)}.")
    data = DataRequest(dataset=str(file))
    data.folds(protocol)  # raises where the protocol is not possible
    training = TrainingConfig(
        batch_size=batch_size or TrainingConfig().batch_size, epoch_length="source", criteria="none"
    ).replace(scaling=scaling)
    return Experiment(
        data=data,
        protocol=protocol,
        scale=scale,
        seeds=seeds,
        variants=(SOURCE_ONLY, ADAPTED),
        training=training,
        keep_windows=keep_windows,
    )


def publish_adaptation(results: Results, folder: str | Path) -> Results:
    """Add the results to those published in ``folder``, where pages read them; all that are there then.

    A run that is already there is left as it is. Embeddings are not kept. Raises PathError where the folder holds
    anything but results that were published so, or cannot be written.
    """
    folder = ADAPTATION.check(folder)
    with beside_published(results, folder) as together:
        publish(together, folder, embeddings_of=[], provenance=_provenance(together.runs), output=ADAPTATION)
    return together


def _provenance(runs: pd.DataFrame) -> dict:
    return {
        "runs": len(runs),
        "data": [
            {"title": card["name"], "licence": card["licence"], "notes": card["notes"]}
            for card in {card["fingerprint"]: card for card in runs.data_card}.values()
        ],
        "simulated": bool(runs.simulated.any()),
        "protocol": sorted(runs.protocol.unique().tolist()),
        **run_provenance(runs),
    }
