"""A model as a folder: ``config.json``, ``model.safetensors`` and ``README.md``. Nothing in it is ever run.

``config.json`` is typed and has a format number; it holds the SHA-256 of the other files and a digest of itself.
``model.safetensors`` holds numbers alone: the networks' weights, and the statistics of the source. What is read is
checked before it is used; whatever is wrong is one `ModelError`.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn, get_args

import torch

from ufama.config import TrainingConfig
from ufama.errors import UserError
from ufama.methods import Method, is_fitted
from ufama.methods import method as named_method
from ufama.models.folder_entries import (
    CONFIG,
    DamageError,
    adaptation_facts,
    check_entries,
    data_card,
    labels_of,
    problem_of,
    seeds_of,
    settings,
    shown,
    source_facts,
)
from ufama.models.folder_tensors import WEIGHTS, read_tensors, tensors_of
from ufama.models.inference import built_network
from ufama.models.model import Model, ModelError, Rule
from ufama.models.model_card import model_card
from ufama.outputs import FolderOutput
from ufama.storage import digest_of, expanded

FORMAT = 1
"""Raised when an earlier version could not read what this one writes."""

CARD = "README.md"
FILES = (CONFIG, WEIGHTS, CARD)

MODEL = FolderOutput("ufama model", note=CONFIG)

MOST_CONFIG_BYTES = 16 * 2**20
"""Beyond which a folder is taken for damaged."""


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

    tensors = tensors_of(model)
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

    return MODEL.write(folder, fill, inputs=inputs)


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
    except DamageError as damage:
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
            f"{folder} is no model that can be read: an entry has an unexpected form ({shown(str(error))}). Expected "
            "a folder as `ufama fit` writes it; fetch it or fit it again."
        ) from error


def _check_files(folder: Path) -> None:
    if not folder.exists():
        raise ModelError(f"{folder} does not exist: expected the folder of a model, as `ufama fit` writes it.")
    if not folder.is_dir():
        raise ModelError(f"{folder} is a file: expected the folder of a model, as `ufama fit` writes it.")
    there = sorted(path.name for path in folder.iterdir())
    for name in FILES:
        path = folder / name
        if name not in there:
            raise DamageError(f"{name} is missing")
        if path.is_symlink() or not path.is_file():
            raise DamageError(f"{name} is a link or a folder instead of a file")
    if extra := [name for name in there if name not in FILES]:
        raise DamageError(f"it also holds {extra[0]}, which is no part of a model")


def _config(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MOST_CONFIG_BYTES:
        raise DamageError(f"{CONFIG} has more than {MOST_CONFIG_BYTES // 2**20} MiB")
    try:
        content = json.loads(
            path.read_bytes().decode("utf-8"), object_pairs_hook=_without_repetition, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else f"is no JSON ({error})"
        raise DamageError(f"{CONFIG} {reason}") from None
    if not isinstance(content, dict) or content.get("written_by") != MODEL.written_by:
        raise DamageError(f"{CONFIG} does not describe a model")
    version = content.get("format")
    if type(version) is not int or version < 1:
        raise DamageError(f"the format number in {CONFIG} is {shown(version)}")
    if version > FORMAT:
        raise ModelError(
            f"{path.parent} has format {version} of a later version of ufama; this one reads up to {FORMAT}. Install "
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
        raise DamageError(f"{CONFIG} has been changed since it was written")
    files = content.get("files")
    expected = files.get(WEIGHTS) if isinstance(files, dict) else None
    with (folder / WEIGHTS).open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != expected:
            raise DamageError(f"{WEIGHTS} is not the file that {CONFIG} was written with")


def _model(folder: Path, content: dict[str, Any], trusted: str | None) -> Model:
    from ufama.data.signals.recipe import Recipe
    from ufama.models.trust import Trust

    check_entries(content)
    chosen = _method(content, trusted)
    card = data_card(content["card"])
    config = settings(
        chosen.preset(content["preset"], dataset=card.name, variant=content["variant"]), content["config"]
    )
    training = settings(TrainingConfig(), content["training"])
    seeds = seeds_of(content["seeds"])
    if content["rule"] not in get_args(Rule):
        raise DamageError(f"rule is {shown(content['rule'])}")
    problem = problem_of(content["problem"], card)
    source = source_facts(content["source"])
    adapted_to = adaptation_facts(content["adapted_to"])
    recipe, trust = content["recipe"], content["trust"]
    weights, statistics = read_tensors(folder / WEIGHTS, chosen, config, training, problem, len(seeds), source)
    return Model(
        method=content["method"],
        preset=content["preset"],
        variant=content["variant"],
        config=config,
        training=training,
        scale=content["scale"],
        card=card,
        recipe=None if recipe is None else Recipe.from_json(recipe),
        problem=problem,
        seeds=seeds,
        rule=content["rule"],
        network=built_network(chosen, config, problem, seeds, weights, training.precision),
        statistics=statistics,
        trust=None if trust is None else Trust.from_json(trust),
        adapted_to=adapted_to,
        source=source,
        labels=labels_of(content["labels"], len(card.class_names)),
    )


def _method(content: dict[str, Any], trusted: str | None) -> Method:
    name = content["method"]
    if trusted is not None and trusted != name:
        raise DamageError(f"its method is {shown(name)}, not {trusted!r}")
    if ":" in name and trusted is None:
        raise ModelError(
            f"the model's method is {shown(name)}, and reading it would import that module. If you trust it, name it: "
            f"load_model(folder, method={name!r})."
        )
    chosen = named_method(name)
    if is_fitted(chosen):
        raise DamageError(f"its method {name} has no network")
    if content["method_version"] != chosen.version:
        raise DamageError(
            f"it was trained with version {shown(content['method_version'])} of {name}, and this is version "
            f"{chosen.version}"
        )
    return chosen
