"""The numbers of a model's ``model.safetensors``: the networks' weights, and the statistics of the source."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ufama.config import TrainingConfig, ValidatedConfig
from ufama.methods import Method, ProblemSpec, is_fitted
from ufama.methods import method as named_method
from ufama.models.folder_entries import DamageError, shown
from ufama.models.inference import WIDTHS, stacked_shapes
from ufama.models.model import Model, SourceStatistics

WEIGHTS = "model.safetensors"

_STATISTICS = "statistics."
_NETWORK = "network."
_DTYPES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64"}


def tensors_of(model: Model) -> dict[str, Tensor]:
    """What the file holds, by name."""
    chosen = named_method(model.method)
    assert model.network is not None and not is_fitted(chosen)
    state = model.network.state_dict()
    names = stacked_shapes(chosen, model.config, model.problem, len(model.seeds))
    weights = {f"{_NETWORK}{name}": state[name].detach().clone().contiguous() for name in names}
    numbers = {field.name: getattr(model.statistics, field.name) for field in fields(SourceStatistics)}
    return weights | {
        f"{_STATISTICS}{name}": torch.from_numpy(np.ascontiguousarray(value)) for name, value in numbers.items()
    }


def read_tensors(
    path: Path,
    chosen: Method,
    config: ValidatedConfig,
    training: TrainingConfig,
    problem: ProblemSpec,
    runs: int,
    source: dict[str, Any],
) -> tuple[dict[str, Tensor], SourceStatistics]:
    """Weights and statistics, whose names, shapes and types are compared with what is expected before any is read."""
    from safetensors import SafetensorError, safe_open

    width = WIDTHS.get(training.precision, torch.float32)
    weights = stacked_shapes(chosen, config, problem, runs)
    expected = {f"{_NETWORK}{name}": (shape, width) for name, shape in weights.items()}
    try:
        with safe_open(path, framework="pt") as file:
            there = set(file.keys())
            recordings, fused = _free_sizes(file, there, source)
            expected |= _statistics_shapes(problem, recordings, fused)
            if there != expected.keys():
                odd = sorted(there ^ expected.keys())[0]
                raise DamageError(f"{WEIGHTS} lacks or adds {shown(odd)}")
            for name, (shape, kind) in expected.items():
                part = file.get_slice(name)
                if tuple(part.get_shape()) != shape or part.get_dtype() != _DTYPES[kind]:
                    raise DamageError(
                        f"{name} in {WEIGHTS} has shape {shown(tuple(part.get_shape()))} and type "
                        f"{part.get_dtype()} instead of {shape} and {_DTYPES[kind]}"
                    )
            tensors = {name: file.get_tensor(name) for name in expected}
    except SafetensorError as error:
        raise DamageError(f"{WEIGHTS} is damaged or no such file ({error})") from None
    for name, value in tensors.items():
        if not torch.isfinite(value).all():
            raise DamageError(f"{name} in {WEIGHTS} holds numbers that are not finite")
    numbers = {
        name.removeprefix(_STATISTICS): value.numpy() for name, value in tensors.items() if name.startswith(_STATISTICS)
    }
    for name, values in numbers.items():
        if (name.endswith(("_sd", "_spread")) or name == "class_share") and (values < 0).any():
            raise DamageError(f"{name} in {WEIGHTS} is negative")
    return {name: tensors[f"{_NETWORK}{name}"] for name in weights}, SourceStatistics(**numbers)


def _free_sizes(file: Any, there: set[str], source: dict[str, Any]) -> tuple[int, int]:
    """Source recordings, and fused features: the two sizes that only the statistics tell."""
    name = f"{_STATISTICS}fused_mean"
    shape: list[int] = file.get_slice(name).get_shape() if name in there else []
    if len(shape) != 2 or shape[0] != source["recordings"]:
        raise DamageError(f"{name} in {WEIGHTS} is not of {source['recordings']} recordings")
    return shape[0], shape[1]


def _statistics_shapes(
    problem: ProblemSpec, recordings: int, fused: int
) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    card = problem.card
    eeg, eye = (len(card.eeg_tokens), len(card.eeg_features)), (len(card.eye_features),)
    shapes: dict[str, tuple[tuple[int, ...], torch.dtype]] = {
        f"{_STATISTICS}{name}_{what}": (shape, torch.float64)
        for name, shape in (("eeg", eeg), ("eye", eye))
        for what in ("mean", "sd", "low", "high", "centre", "spread")
    }
    return shapes | {
        f"{_STATISTICS}subject": ((recordings,), torch.int64),
        f"{_STATISTICS}session": ((recordings,), torch.int64),
        f"{_STATISTICS}fused_mean": ((recordings, fused), torch.float64),
        f"{_STATISTICS}fused_covariance": ((fused, fused), torch.float64),
        f"{_STATISTICS}class_share": ((problem.classes,), torch.float64),
    }
