"""A model as a folder: ``config.json``, ``model.safetensors`` and ``README.md``. Nothing in it is ever run.

``config.json`` is typed and has a format number; it holds the SHA-256 of the other files and a digest of itself.
``model.safetensors`` holds numbers alone: the networks' weights, and the statistics of the source. What is read is
checked before it is used; whatever is wrong is one `ModelError`.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NoReturn, get_args

import numpy as np
import torch
from torch import Tensor

from ufama.config import TrainingConfig, ValidatedConfig
from ufama.data.windows import DataCard
from ufama.errors import UserError
from ufama.methods import Method, ProblemSpec, is_fitted
from ufama.methods import method as named_method
from ufama.models.inference import WIDTHS, built_network, stacked_shapes
from ufama.models.model import Model, ModelError, Rule, SourceStatistics
from ufama.models.model_card import model_card
from ufama.outputs import FolderOutput
from ufama.storage import digest_of, expanded

FORMAT = 1
"""Raised when an earlier version could not read what this one writes."""

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
FILES = (CONFIG, WEIGHTS, CARD)

OUTPUT = FolderOutput("ufama model", note=CONFIG)

MOST_CONFIG_BYTES = 16 * 2**20
MOST_SEEDS = 1024
MOST_RECORDINGS = 100_000
"""Beyond which a folder is taken for damaged."""

_STATISTICS = "statistics."
_NETWORK = "network."
_NUMBERS = (int, float)


def check_model_output(folder: str | Path, *, inputs: Collection[str | Path] = ()) -> Path:
    """The place of a model to be written. Raises PathError where it may not or cannot be written."""
    return OUTPUT.check(folder, inputs=inputs)


def save_model(model: Model, folder: str | Path, *, inputs: Collection[str | Path] = ()) -> Path:
    """Write a model as a folder, whole or not at all. Returns its place.

    Parameters
    ----------
    folder
        new, empty, or one that holds a model that was written here and has not been changed: that is replaced
    inputs
        what the caller has read, which is not to be written over

    Raises
    ------
    ModelError
        for a method without a network, and for a network that has diverged
    PathError
        where the folder holds anything else or cannot be written; then nothing has changed
    """
    if model.network is None:
        raise ModelError(
            f"{model.method} is fitted at once by scikit-learn or in closed form, and cannot be kept as a folder of "
            "plain numbers. Fit it again where it is needed, or choose a method with a network."
        )
    from safetensors.torch import save_file

    tensors = _tensors(model)
    for name, value in tensors.items():
        if not torch.isfinite(value).all():
            raise ModelError(
                f"the training has diverged: {name} holds numbers that are not finite. Fit the model again with a "
                "smaller learning rate; nothing was written."
            )
    description = _description(model)

    def fill(building: Path) -> Mapping[str, Any]:
        save_file(tensors, building / WEIGHTS, metadata={"format": "pt"})
        (building / CARD).write_text(model_card(model), encoding="utf-8")
        return description

    return OUTPUT.write(folder, fill, inputs=inputs)


def _tensors(model: Model) -> dict[str, Tensor]:
    chosen = named_method(model.method)
    assert model.network is not None and not is_fitted(chosen)
    state = model.network.state_dict()
    names = stacked_shapes(chosen, model.config, model.problem, len(model.seeds))
    weights = {f"{_NETWORK}{name}": state[name].detach().clone().contiguous() for name in names}
    numbers = {field.name: getattr(model.statistics, field.name) for field in fields(SourceStatistics)}
    return weights | {
        f"{_STATISTICS}{name}": torch.from_numpy(np.ascontiguousarray(value)) for name, value in numbers.items()
    }


def _description(model: Model) -> dict[str, Any]:
    problem = model.problem
    return {
        "format": FORMAT,
        "method": model.method,
        "method_version": named_method(model.method).version,
        "preset": model.preset,
        "variant": model.variant,
        "scale": model.scale,
        "rule": model.rule,
        "seeds": list(model.seeds),
        "config": asdict(model.config),
        "training": asdict(model.training),
        "problem": {name: getattr(problem, name) for name in ("source_domains", "target_windows", "clips")},
        "card": asdict(model.card),
        "labels": None if model.labels is None else list(model.labels),
        "recipe": None if model.recipe is None else model.recipe.to_json(),
        "adapted_to": model.adapted_to,
        "source": model.source,
        "trust": None if model.trust is None else model.trust.to_json(),
    }


def load_model(folder: str | Path, *, method: str | None = None) -> Model:
    """The model that `save_model` wrote, checked entry by entry.

    Parameters
    ----------
    folder
        with the three files, and no others
    method
        the method's name, for a method of your own, ``"module:METHOD"``: its module is imported only if you name it

    Raises
    ------
    ModelError
        for anything that is not a whole and unchanged model of this format; nothing of it was run

    Examples
    --------
    >>> model = ufama.load_model("model")  # doctest: +SKIP
    """
    folder = expanded(folder)
    try:
        _check_files(folder)
        content = _config(folder / CONFIG)
        _check_digests(folder, content)
        return _model(folder, content, method)
    except ModelError:
        raise
    except _DamageError as damage:
        raise ModelError(
            f"{folder} is no model that can be read: {damage}. Expected a folder as `ufama fit` writes it; fetch it "
            "or fit it again."
        ) from None
    except UserError as error:
        raise ModelError(f"{folder} cannot be read as a model: {error}") from None
    except OSError as error:
        raise ModelError(f"{folder} cannot be read: {error.strerror or error}.") from None
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, RuntimeError) as error:
        raise ModelError(
            f"{folder} is no model that can be read: an entry has an unexpected form ({_shown(str(error))}). Expected "
            "a folder as `ufama fit` writes it; fetch it or fit it again."
        ) from error


class _DamageError(ValueError):
    """What is wrong with a folder, as the middle of a sentence."""


def _check_files(folder: Path) -> None:
    if not folder.exists():
        raise ModelError(f"{folder} does not exist: expected the folder of a model, as `ufama fit` writes it.")
    if not folder.is_dir():
        raise ModelError(f"{folder} is a file: expected the folder of a model, as `ufama fit` writes it.")
    there = sorted(path.name for path in folder.iterdir())
    for name in FILES:
        path = folder / name
        if name not in there:
            raise _DamageError(f"{name} is missing")
        if path.is_symlink() or not path.is_file():
            raise _DamageError(f"{name} is a link or a folder instead of a file")
    if extra := [name for name in there if name not in FILES]:
        raise _DamageError(f"it also holds {extra[0]}, which is no part of a model")


def _config(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MOST_CONFIG_BYTES:
        raise _DamageError(f"{CONFIG} has more than {MOST_CONFIG_BYTES // 2**20} MiB")
    try:
        content = json.loads(
            path.read_bytes().decode("utf-8"), object_pairs_hook=_without_repetition, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else f"is no JSON ({error})"
        raise _DamageError(f"{CONFIG} {reason}") from None
    if not isinstance(content, dict) or content.get("written_by") != OUTPUT.written_by:
        raise _DamageError(f"{CONFIG} does not describe a model")
    number = content.get("format")
    if type(number) is not int or number < 1:
        raise _DamageError(f"the format number in {CONFIG} is {_shown(number)}")
    if number > FORMAT:
        raise ModelError(
            f"{path.parent} has format {number} of a later version of ufama; this one reads up to {FORMAT}. Install "
            "the later version."
        )
    return content


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("an entry occurs twice")
    return content


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _check_digests(folder: Path, content: dict[str, Any]) -> None:
    without = {name: value for name, value in content.items() if name != "digest"}
    if content.get("digest") != digest_of(without):
        raise _DamageError(f"{CONFIG} has been changed since it was written")
    files = content.get("files")
    expected = files.get(WEIGHTS) if isinstance(files, dict) else None
    with (folder / WEIGHTS).open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != expected:
            raise _DamageError(f"{WEIGHTS} is not the file that {CONFIG} was written with")


# config.json ------------------------------------------------------------------------------------------

_ENTRIES: dict[str, tuple[type, ...]] = {
    "format": (int,),
    "method": (str,),
    "method_version": (int,),
    "preset": (str,),
    "variant": (str,),
    "scale": (str,),
    "rule": (str,),
    "seeds": (list,),
    "config": (dict,),
    "training": (dict,),
    "problem": (dict,),
    "card": (dict,),
    "labels": (list, type(None)),
    "recipe": (dict, type(None)),
    "adapted_to": (dict, type(None)),
    "source": (dict,),
    "trust": (dict, type(None)),
    "written_by": (str,),
    "files": (dict,),
    "digest": (str,),
}

_CARD_ENTRIES: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "simulated": (bool,),
    "fingerprint": (str,),
    "window_seconds": _NUMBERS,
    "eeg_tokens": (list,),
    "eeg_features": (list,),
    "eye_features": (list,),
    "class_names": (list,),
    "licence": (str,),
    "notes": (list,),
    "constant_eye_features": (list,),
}

_PROBLEM_ENTRIES: dict[str, tuple[type, ...]] = dict.fromkeys(("source_domains", "target_windows", "clips"), (int,))

_SOURCE_ENTRIES: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "fingerprint": (str,),
    **dict.fromkeys(("subjects", "recordings", "windows", "validation_subjects", "batch_size", "steps"), (int,)),
    "kept_epochs": (list,),
    "versions": (dict,),
    "score": (dict, type(None)),
}

_SCORE_ENTRIES: dict[str, tuple[type, ...]] = {
    "protocol": (str,),
    "level": _NUMBERS,
    "largest_class": _NUMBERS,
    "modes": (dict,),
}

_MODE_ENTRIES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("accuracy", "sd", "low", "high"), _NUMBERS),
    "people": (int,),
}

_ADAPTED_ENTRIES: dict[str, tuple[type, ...]] = {
    "mode": (str,),
    "by": (str,),
    **dict.fromkeys(("windows", "recordings", "trials"), (int,)),
}


def _checked(content: Any, where: str, entries: Mapping[str, tuple[type, ...]], *, more: bool = False) -> dict:
    """A dictionary with exactly these entries of these types, or with ``more`` of plain types."""
    if not isinstance(content, dict):
        raise _DamageError(f"{where} is {_shown(content)} instead of a dictionary")
    for name, kinds in entries.items():
        if name not in content:
            raise _DamageError(f"{where} has no entry {name}")
        value = content[name]
        if type(value) not in kinds:  # a bool is no number
            raise _DamageError(f"{name} of {where} is {_shown(value)}")
    if unknown := [name for name in content if name not in entries]:
        for name in unknown:
            if not more or not isinstance(content[name], (str, int, float, bool, type(None))):
                raise _DamageError(f"{where} has an entry {_shown(name)} without meaning")
    return content


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _names(content: dict, name: str, *, least: int = 1, distinct: bool = True) -> tuple[str, ...]:
    values = content[name]
    if not all(isinstance(value, str) for value in values) or len(values) < least:
        raise _DamageError(f"{name} is no list of {least} or more names")
    if distinct and len(set(values)) < len(values):
        raise _DamageError(f"{name} has a name twice")
    return tuple(values)


def _number(content: dict, name: str, low: float, high: float) -> Any:
    value = content[name]
    if not low <= value <= high:
        raise _DamageError(f"{name} is {_shown(value)}, not a number from {low:g} to {high:g}")
    return value


def _model(folder: Path, content: dict[str, Any], trusted: str | None) -> Model:
    content = _checked(content, CONFIG, _ENTRIES)
    chosen = _method(content, trusted)
    card = _data_card(content["card"])
    config = _rebuilt(
        chosen.preset(content["preset"], dataset=card.name, variant=content["variant"]), content["config"]
    )
    training = _rebuilt(TrainingConfig(), content["training"])
    seeds = _seeds(content["seeds"])
    if content["rule"] not in get_args(Rule):
        raise _DamageError(f"rule is {_shown(content['rule'])}")
    sizes = _checked(content["problem"], "problem", _PROBLEM_ENTRIES)
    problem = ProblemSpec(
        card,
        source_domains=_number(sizes, "source_domains", 1, MOST_RECORDINGS),
        target_windows=_number(sizes, "target_windows", 1, 1e9),
        clips=_number(sizes, "clips", 1, 1e6),
    )
    source = _source(content["source"])
    adapted_to = content["adapted_to"]
    if adapted_to is not None:
        _checked(adapted_to, "adapted_to", _ADAPTED_ENTRIES, more=True)
        if adapted_to["mode"] not in ("adapted", "source_free"):
            raise _DamageError(f"mode of adapted_to is {_shown(adapted_to['mode'])}")
    weights, statistics = _read_tensors(folder / WEIGHTS, chosen, config, training, problem, len(seeds), source)
    return Model(
        method=content["method"],
        preset=content["preset"],
        variant=content["variant"],
        config=config,
        training=training,
        scale=content["scale"],
        card=card,
        recipe=_recipe(content["recipe"]),
        problem=problem,
        seeds=seeds,
        rule=content["rule"],
        network=built_network(chosen, config, problem, seeds, weights, training.precision),
        statistics=statistics,
        trust=_trust(content["trust"]),
        adapted_to=adapted_to,
        source=source,
        labels=_labels(content["labels"], len(card.class_names)),
    )


def _method(content: dict[str, Any], trusted: str | None) -> Method:
    name = content["method"]
    if trusted is not None and trusted != name:
        raise _DamageError(f"its method is {_shown(name)}, not {trusted!r}")
    if ":" in name and trusted is None:
        raise ModelError(
            f"the model's method is {_shown(name)}, and reading it would import that module. If you trust it, name it: "
            f"load_model(folder, method={name!r})."
        )
    chosen = named_method(name)
    if is_fitted(chosen):
        raise _DamageError(f"its method {name} has no network")
    if content["method_version"] != chosen.version:
        raise _DamageError(
            f"it was trained with version {_shown(content['method_version'])} of {name}, and this is version "
            f"{chosen.version}"
        )
    return chosen


def _rebuilt(usual: Any, content: dict[str, Any]) -> Any:
    known = {field.name for field in fields(usual)}
    if content.keys() != known:
        odd = sorted(content.keys() ^ known)[0]
        raise _DamageError(f"the settings of {type(usual).__name__} lack or add {_shown(odd)}")
    rebuilt: ValidatedConfig = usual.replace(**content)
    return rebuilt


def _data_card(content: Any) -> DataCard:
    _checked(content, "card", _CARD_ENTRIES)
    _number(content, "window_seconds", 0, 1e6)
    names = ("eeg_tokens", "eeg_features", "eye_features", "class_names")
    lists = {name: _names(content, name, least=2 if name == "class_names" else 1) for name in names}
    lists |= {name: _names(content, name, least=0, distinct=False) for name in ("notes", "constant_eye_features")}
    return DataCard(**content | lists)


def _seeds(content: list[Any]) -> tuple[int, ...]:
    if not 1 <= len(content) <= MOST_SEEDS or not all(type(seed) is int and 0 <= seed < 2**63 for seed in content):
        raise _DamageError(f"seeds is {_shown(content)}, not a list of whole numbers")
    return tuple(content)


def _source(content: Any) -> dict[str, Any]:
    _checked(content, "source", _SOURCE_ENTRIES, more=True)
    for name in ("subjects", "recordings", "windows"):
        _number(content, name, 1, 1e12)
    for name, values, kind in (
        ("kept_epochs", content["kept_epochs"], int),
        ("versions", content["versions"].values(), str),
    ):
        if not all(type(value) is kind for value in values):
            raise _DamageError(f"{name} of source is {_shown(content[name])}")
    if content["score"] is not None:
        _checked(content["score"], "score", _SCORE_ENTRIES)
        for name in ("level", "largest_class"):
            _number(content["score"], name, 0, 1)
        for mode, values in content["score"]["modes"].items():
            _checked(values, f"score of {_shown(mode)}", _MODE_ENTRIES)
            for name in ("accuracy", "sd", "low", "high"):
                _number(values, name, 0, 1)
    return content


def _labels(content: list[Any] | None, classes: int) -> tuple[Any, ...] | None:
    if content is None:
        return None
    are_plain = {type(label) for label in content} <= {str, int, float, bool}
    if not are_plain or len(content) != classes or len(set(content)) != classes:
        raise _DamageError(f"labels is {_shown(content)}, not one label for each of {classes} classes")
    return tuple(content)


def _recipe(content: dict[str, Any] | None):
    if content is None:
        return None
    from ufama.data.signals.recipe import Recipe

    return Recipe.from_json(content)


def _trust(content: dict[str, Any] | None):
    if content is None:
        return None
    from ufama.models.trust import Trust

    return Trust.from_json(content)


# model.safetensors ------------------------------------------------------------------------------------


def _read_tensors(
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
                raise _DamageError(f"{WEIGHTS} lacks or adds {_shown(odd)}")
            for name, (shape, kind) in expected.items():
                part = file.get_slice(name)
                if tuple(part.get_shape()) != shape or part.get_dtype() != _DTYPES[kind]:
                    raise _DamageError(
                        f"{name} in {WEIGHTS} has shape {_shown(tuple(part.get_shape()))} and type "
                        f"{part.get_dtype()} instead of {shape} and {_DTYPES[kind]}"
                    )
            tensors = {name: file.get_tensor(name) for name in expected}
    except SafetensorError as error:
        raise _DamageError(f"{WEIGHTS} is damaged or no such file ({error})") from None
    for name, value in tensors.items():
        if not torch.isfinite(value).all():
            raise _DamageError(f"{name} in {WEIGHTS} holds numbers that are not finite")
    numbers = {
        name.removeprefix(_STATISTICS): value.numpy() for name, value in tensors.items() if name.startswith(_STATISTICS)
    }
    for name, values in numbers.items():
        if (name.endswith(("_sd", "_spread")) or name == "class_share") and (values < 0).any():
            raise _DamageError(f"{name} in {WEIGHTS} is negative")
    return {name: tensors[f"{_NETWORK}{name}"] for name in weights}, SourceStatistics(**numbers)


_DTYPES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64"}


def _free_sizes(file: Any, there: set[str], source: dict[str, Any]) -> tuple[int, int]:
    """Source recordings, and fused features: the two sizes that only the statistics tell."""
    name = f"{_STATISTICS}fused_mean"
    shape: list[int] = file.get_slice(name).get_shape() if name in there else []
    if len(shape) != 2 or shape[0] != source["recordings"]:
        raise _DamageError(f"{name} in {WEIGHTS} is not of {source['recordings']} recordings")
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
