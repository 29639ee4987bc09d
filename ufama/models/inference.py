"""What a model's networks make of windows: probabilities of the three branches, and fused features."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ufama.config import ValidatedConfig
from ufama.core.fast.bfloat16 import bfloat16_products
from ufama.data.folds import scaled, standardised
from ufama.data.windows import DataCard, Windows
from ufama.methods import Method, ProblemSpec, UnlabelledWindows, is_fitted, method
from ufama.models.model import Model
from ufama.training.batches import context_rows

CHUNK = 64
"""Windows in one pass, as in the evaluations of a training."""

WIDTHS = {"float64": torch.float64}
"""Of a network's numbers, by the precision that it was trained in, where it is not float32."""


class ModelOutputs(NamedTuple):
    """Of n windows, S seeds, C classes and D fused features."""

    probabilities: np.ndarray  # (S, n, 3, C) of the branches eeg, eye, fusion; NaN for a branch that does not exist
    fused: np.ndarray  # (S, n, D); D is 0 for a method that has no network

    def mean(self) -> np.ndarray:
        """(n, 3, C) mean probabilities of the seeds."""
        return self.probabilities.mean(axis=0)


def outputs(model: Model, windows: UnlabelledWindows) -> ModelOutputs:
    """Probabilities and fused features of n windows that are scaled.

    On one thread of a CPU, so that they are the same bit by bit whenever and wherever they are computed.

    Parameters
    ----------
    model
        of S seeds
    windows
        scaled as `scaled_recording` does, channels and features in the model's order
    """
    if model.network is None:
        probabilities = np.stack([predict(windows) for predict in model.predictors])
        return ModelOutputs(probabilities, np.empty((*probabilities.shape[:2], 0)))
    chosen = method(model.method)
    assert not is_fitted(chosen)
    with repeatable():
        return evaluated(chosen, model.config, model.network, len(model.seeds), windows, model.training.precision)


@torch.no_grad()
def evaluated(
    chosen: Method,
    config: ValidatedConfig,
    network: nn.Module,
    runs: int,
    windows: UnlabelledWindows,
    precision: str = "float32",
) -> ModelOutputs:
    """What a stack of networks computes for the same windows, without dropout."""
    eeg, eye = inputs(chosen, config, windows, precision)
    shown = rounded_copy(network) if precision == "bf16" else network
    chunks = []
    for start in range(0, len(windows.eeg), CHUNK):
        chunk = [as_stack(values[start : start + CHUNK], runs) for values in (eeg, eye)]
        with bfloat16_products(precision, eeg.device):
            result = shown(*chunk, None)
        if precision == "bf16":
            result = type(result)(*[value.float() for value in result])
        chunks.append((chosen.predict(result), result.fused.flatten(2)))
    if not chunks:
        raise ValueError("there are no windows to predict: expected at least one.")
    return ModelOutputs(*(torch.cat(parts, dim=1).numpy() for parts in zip(*chunks, strict=True)))


def inputs(
    chosen: Method, config: ValidatedConfig, windows: UnlabelledWindows, precision: str
) -> tuple[Tensor, Tensor]:
    """(n, T, F) and (n, Fy), or (n, L, T, F) and (n, L, Fy) of a method whose input is L windows."""
    width = torch.bfloat16 if precision == "bf16" else WIDTHS.get(precision, torch.float32)
    eeg, eye = (torch.as_tensor(values).to(width) for values in (windows.eeg, windows.eye))
    context = chosen.context(config)
    if context == 1:
        return eeg, eye
    rows = torch.as_tensor(context_rows(_with_blank_labels(windows), context))
    return eeg[rows], eye[rows]


def as_stack(values: Tensor, runs: int) -> Tensor:
    """The same windows for every run: (n, ...) -> (R, n, ...)."""
    return values.expand(runs, *values.shape).contiguous()


def rounded_copy(network: nn.Module) -> nn.Module:
    """The network with parameters in bfloat16, as a training at precision bf16 evaluates it; buffers stay as they are.

    See `ufama.training.optimiser.FlatAdam`.
    """
    memo: dict[int, Any] = {id(value): nn.Parameter(value.detach().bfloat16()) for value in network.parameters()}
    return copy.deepcopy(network, memo | {id(buffer): buffer for buffer in network.buffers()})


def built_network(
    chosen: Method,
    config: ValidatedConfig,
    problem: ProblemSpec,
    seeds: tuple[int, ...],
    values: Mapping[str, Tensor],
    precision: str = "float32",
) -> nn.Module:
    """The networks of S seeds with trained values (S, ...), by the names of `stacked_shapes`; on the CPU."""
    network = chosen.build(config, problem, list(seeds)).to(WIDTHS.get(precision, torch.float32)).eval()
    state = network.state_dict()
    with torch.no_grad():
        for name, value in values.items():
            state[name].copy_(value)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network


def stacked_shapes(
    chosen: Method, config: ValidatedConfig, problem: ProblemSpec, runs: int
) -> dict[str, tuple[int, ...]]:
    """Name -> (R, ...) of every number that training changes; no memory is needed for it.

    A buffer without a runs axis is a constant of the method.
    """
    with torch.device("meta"):
        shapes, wider = (
            {name: tuple(value.shape) for name, value in chosen.build(config, problem, seeds).state_dict().items()}
            for seeds in (list(range(runs)), list(range(runs + 1)))
        )
    return {name: shape for name, shape in shapes.items() if shape != wider[name]}


def scaled_recording(model: Model, windows: UnlabelledWindows) -> UnlabelledWindows:
    """The windows of a new recording, scaled by the model's rule.

    Each subject's session by its own windows, as in training, or by mean and SD of the source; see
    `ufama.data.folds.scaled`.
    """
    scaling = model.training.scaling
    if scaling == "source_zscore":
        statistics = model.statistics
        return windows._replace(
            eeg=standardised(windows.eeg, statistics.eeg_mean, statistics.eeg_sd),
            eye=standardised(windows.eye, statistics.eye_mean, statistics.eye_sd),
        )
    if not len(windows.eeg):
        return windows
    whole = scaled(_with_blank_labels(windows), scaling)
    return windows._replace(eeg=whole.eeg, eye=whole.eye)


def unlabelled(windows: Windows, rows: np.ndarray | slice = slice(None)) -> UnlabelledWindows:
    """Rows of labelled windows without their labels."""
    return UnlabelledWindows(*[getattr(windows, name)[rows] for name in UnlabelledWindows._fields])


def labelled_blank(windows: UnlabelledWindows, card: DataCard, clip: int = 0) -> Windows:
    """The same windows in the form that trainings take, every label 0 and every clip the same: nobody reads them."""
    label = np.zeros(len(windows.eeg), dtype=np.int64)
    return Windows(**windows._asdict(), label=label, clip=np.full_like(label, clip), card=card)


def _with_blank_labels(windows: UnlabelledWindows) -> Windows:
    return labelled_blank(windows, _ANY_CARD)


_ANY_CARD = DataCard(
    name="",
    simulated=False,
    fingerprint="",
    window_seconds=0.0,
    eeg_tokens=(),
    eeg_features=(),
    eye_features=(),
    class_names=("",),
    licence="",
)


@contextmanager
def repeatable(device: str | torch.device = "cpu") -> Iterator[None]:
    """Compute as trainings do: with float32 as the default, and on one thread of a CPU, so that bits repeat."""
    threads, width = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    if torch.device(device).type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(width)
