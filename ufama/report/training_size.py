"""How long and how large trainings were, beside the paper's: read from the runs' records and the configuration."""

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import pandas as pd

from ufama.config import TrainingConfig, scale
from ufama.data.layout import BANDS, CHANNELS, LAYOUTS, Layout
from ufama.data.windows import DataCard
from ufama.methods import ProblemSpec, is_fitted, method

PAPER_DATASET = "seed"
_NETWORK = ["method", "preset", "variant", "config", "data_card"]


def network_parameters(run: pd.Series) -> int | None:
    """Trainable numbers of the network of one row of ``results.runs``, for a source of one recording; None for a method
    without a network."""
    return _parameters(
        json.dumps(run["config"]), run["method"], run["preset"], run["variant"], json.dumps(run["data_card"])
    )


@lru_cache(maxsize=256)
def _parameters(config: str, name: str, preset: str, variant: str, card: str) -> int | None:
    chosen = method(name)
    if is_fitted(chosen):
        return None
    kept: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(card).items()}
    facts = DataCard(**kept)
    settings = chosen.preset(preset, dataset=facts.name, variant=variant).replace(**json.loads(config))
    network = chosen.build(settings, ProblemSpec(facts, source_domains=1, target_windows=2), [0])
    return sum(parameter.numel() for parameter in network.parameters())


def paper_steps() -> int:
    """Steps of one training at the paper's settings: epochs of Table 2 times the whole batches of a session."""
    training = _paper_training()
    return training.epochs * (sum(LAYOUTS[PAPER_DATASET].window_counts[0]) // training.batch_size)


def paper_parameters() -> int:
    """Trainable numbers of UF-AMA at the paper's width, preset `paper`."""
    return scale_parameters("paper")


@lru_cache(maxsize=16)
def scale_parameters(name: str) -> int:
    """Trainable numbers of UF-AMA at the width of a scale, preset `paper`, for SEED's features."""
    problem = ProblemSpec(_card(LAYOUTS[PAPER_DATASET]), source_domains=1, target_windows=2)
    network = method("ufama").build(_at_scale(name)[0], problem, [0])
    return sum(parameter.numel() for parameter in network.parameters())


def _paper_training() -> TrainingConfig:
    return _at_scale("paper")[1]


def _at_scale(name: str) -> tuple[Any, TrainingConfig]:
    """Settings of UF-AMA, preset `paper`, and of its training."""
    return scale(name).apply(method("ufama").preset("paper", dataset=PAPER_DATASET, variant="M6"), TrainingConfig())


def _card(layout: Layout) -> DataCard:
    return DataCard(
        name=layout.name,
        simulated=False,
        fingerprint="",
        window_seconds=layout.window_seconds,
        eeg_tokens=CHANNELS,
        eeg_features=BANDS,
        eye_features=layout.eye_features,
        class_names=layout.class_names,
        licence=layout.licence,
    )


def size_sentences(runs: pd.DataFrame, counts: Iterable[int | None] | None = None) -> list[str]:
    """The size of training of each scale of ``runs``, one sentence each, and the paper's.

    Parameters
    ----------
    runs
        rows of ``results.runs``
    counts
        trainable numbers of the networks, where they are known; None: counted from the stored configurations
    """
    trained = runs[~runs["method"].map(_is_fitted)]
    sentences = [_of_scale(name, own, counts) for name, own in trained.groupby("scale", sort=False)]
    if len(trained) < len(runs):
        sentences.append("Methods without a network are fitted, not trained in steps.")
    return [*sentences, paper_sentence()]


def paper_sentence() -> str:
    """What the paper's training is."""
    full = _paper_training()
    return (
        f"The paper: {paper_steps():,} steps on all windows at width {scale('paper').width}, "
        f"{_million(paper_parameters())} parameters (UF-AMA on {LAYOUTS[PAPER_DATASET].title}: {full.epochs} epochs, "
        f"batches of {full.batch_size})."
    )


def size_sentence(
    name: str,
    *,
    steps: Iterable[int],
    windows: str,
    counts: Iterable[int | None],
    seeds: Iterable[int],
    precisions: Iterable[str] = (),
) -> str:
    """The size of the trainings at the scale ``name``: steps, which windows, trainable numbers, precision, seeds."""
    seeds = sorted(set(seeds))
    parts = [
        f"{_range(steps)} steps on {windows}",
        f"{_million(*filter(None, counts))} parameters",
        " and ".join(sorted(set(precisions))),
        f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}",
    ]
    return f"Size of training (scale {name}): {', '.join(filter(None, parts))}."


def _is_fitted(name: str) -> bool:
    return is_fitted(method(name))


def _of_scale(name: str, runs: pd.DataFrame, counts: Iterable[int | None] | None) -> str:
    if counts is None:
        counts = [network_parameters(run) for _, run in runs[~runs[_NETWORK].astype(str).duplicated()].iterrows()]
    training = runs["training"]
    return size_sentence(
        name,
        steps=runs["epochs"] * runs["steps"],
        windows=which_windows(one["window_stride"] for one in training),
        counts=counts,
        seeds=runs["seed"].tolist(),
        precisions=(one["precision"] for one in training),
    )


def which_windows(strides: Iterable[int]) -> str:
    """'every 6th window (17 %)'; 'all windows or every 6th window (17 %)'."""
    return " or ".join(map(_windows, sorted(set(strides))))


def _windows(stride: int) -> str:
    return "all windows" if stride == 1 else f"every {stride}{_ordinal(stride)} window ({100 / stride:.0f} %)"


def _ordinal(number: int) -> str:
    return "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _range(values: Iterable[int]) -> str:
    low, high = min(values := list(values)), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _million(*counts: int) -> str:
    """'2.31 million'; '0.15 to 0.16 million'."""
    if not counts:
        return "no"
    shown = list(dict.fromkeys(_two_digits(count / 1e6) for count in (min(counts), max(counts))))
    return f"{' to '.join(shown)} million"


def _two_digits(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
