"""A model as one ONNX file, which runs without this package and without PyTorch."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ufama.core import fast
from ufama.methods import BRANCHES, is_fitted, method
from ufama.models.inference import rounded_copy
from ufama.models.model import Model, ModelError
from ufama.outputs import FileOutput
from ufama.storage import PathError

OUTPUT = FileOutput("ufama export")

OPSET = 18


class Exported(nn.Module):
    """Scaled windows -> calibrated mean probabilities of every branch, and fused features.

    eeg (n, T, F), eye (n, Fy) -> probabilities of eeg, eye and fusion, (n, C) each; fused (n, S D), the seeds' side by
    side. A method with a context of L windows has inputs (n, L, T, F) and (n, L, Fy).
    """

    def __init__(self, model: Model):
        super().__init__()
        chosen = method(model.method)
        assert model.network is not None and not is_fitted(chosen)
        self.network, self.runs, self.predict = model.network, len(model.seeds), chosen.predict
        self.temperatures = {branch: temperature(model, branch) for branch in BRANCHES}

    def forward(self, eeg: Tensor, eye: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        outputs = self.network(*(x.expand(self.runs, *x.shape) for x in (eeg, eye)), None)
        mean = self.predict(outputs).mean(0)
        branches = [
            (mean[:, place].clamp(min=1e-12).log() / self.temperatures[branch]).softmax(-1)
            for place, branch in enumerate(BRANCHES)
        ]
        return *branches, outputs.fused.flatten(2).transpose(0, 1).flatten(1)


def temperature(model: Model, branch: str) -> float:
    """Of a branch's probabilities; 1 where nobody was held out."""
    known = None if model.trust is None else model.trust.of(model.mode, branch)
    return 1.0 if known is None else known.temperature


def export_onnx(model: Model, path: str | Path, *, inputs: Collection[str | Path] = ()) -> Path:
    """Write a model's networks as an ONNX file, and a JSON file of the same name that describes it.

    Inputs ``eeg`` (n, T, F) and ``eye`` (n, Fy), float32, any n, are scaled by the rule in the description; outputs are
    calibrated probabilities ``eeg_probability``, ``eye_probability`` and ``fusion_probability``, (n, C) each, and
    ``fused``. A branch that the method lacks is NaN. Channels, features, classes, scaling and recipe are in the
    description and in the file's own metadata.

    Parameters
    ----------
    path
        ends in .onnx
    inputs
        what the caller has read, which is not to be written over

    Raises
    ------
    ModelError
        where ONNX is not installed, for a method without a network, and one that ONNX cannot express
    PathError
        where the file cannot be written
    """
    path = check_onnx_output(path, inputs=inputs)
    chosen = method(model.method)
    if model.network is None or is_fitted(chosen):
        raise ModelError(f"{model.method} is fitted at once and has no network: choose a method with one to export.")
    content = onnx_bytes(model)
    return OUTPUT.write(path, content, description(model), inputs=inputs)


def check_onnx_output(path: str | Path, *, inputs: Collection[str | Path] = ()) -> Path:
    """The place of an ONNX file to be written. Raises PathError where it may not or cannot be written."""
    if Path(path).suffix != ".onnx":
        raise PathError(f"{path} has no known ending: expected one that ends in .onnx.")
    return OUTPUT.check(path, inputs=inputs)


def onnx_bytes(model: Model) -> bytes:
    """The content of the file."""
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ModelError(
            f"{error.name} is not installed, which the export needs: install it with pip install 'ufama[export]'."
        ) from None
    if model.training.precision == "bf16":
        model = model.replace(network=rounded_copy(model.network).float())  # type: ignore[arg-type]
    width = torch.float64 if model.training.precision == "float64" else torch.float32
    example = [torch.zeros(2, *shape, dtype=width) for shape in input_shapes(model)]
    rows = torch.export.Dim("windows")
    try:
        with fast.using(None), _quiet(), torch.no_grad():
            program = torch.onnx.export(
                Exported(model).eval(),
                tuple(example),
                input_names=["eeg", "eye"],
                output_names=[*(f"{branch}_probability" for branch in BRANCHES), "fused"],
                dynamic_shapes=({0: rows}, {0: rows}),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"the network of {model.method} has a part that ONNX cannot express ({reason}). Choose another method."
        ) from None
    assert program is not None
    proto = program.model_proto
    properties = {entry.key: entry.value for entry in proto.metadata_props}
    properties |= {f"ufama.{name}": json.dumps(value) for name, value in description(model).items()}
    onnx.helper.set_model_props(proto, properties)
    return proto.SerializeToString()


def input_shapes(model: Model) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of one window, or of the L windows of a method with a context: (T, F) and (Fy,), or (L, T, F) and (L, Fy)."""
    card, context = model.card, method(model.method).context(model.config)
    before = () if context == 1 else (context,)
    return (*before, len(card.eeg_tokens), len(card.eeg_features)), (*before, len(card.eye_features))


def description(model: Model) -> dict[str, Any]:
    """What has to be known to use the file, in plain types."""
    card, statistics, scaling = model.card, model.statistics, model.training.scaling
    facts: dict[str, Any] = {
        "method": model.method,
        "variant": model.variant,
        "simulated": card.simulated,
        "source": model.source["name"],
        "licence": card.licence,
        "class_names": list(card.class_names),
        "eeg_tokens": list(card.eeg_tokens),
        "eeg_features": list(card.eeg_features),
        "eye_features": list(card.eye_features),
        "window_seconds": card.window_seconds,
        "context": method(model.method).context(model.config),
        "scaling": scaling,
        "recipe": None if model.recipe is None else model.recipe.to_json(),
        "mode": model.mode,
        "temperature": {branch: temperature(model, branch) for branch in BRANCHES},
        "score": model.source["score"],
    }
    if scaling == "source_zscore":
        names = ("eeg_mean", "eeg_sd", "eye_mean", "eye_sd")
        facts |= {name: np.asarray(getattr(statistics, name)).tolist() for name in names}
    return facts


@contextlib.contextmanager
def _quiet():
    """Without what the exporter prints about itself."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
