"""The entries of a model's ``config.json``: which there are, of which type and range, and what each becomes."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ufama.config import ValidatedConfig
from ufama.data.windows import DataCard
from ufama.errors import UserError
from ufama.methods import ProblemSpec

CONFIG = "config.json"

MOST_SEEDS = 1024
MOST_RECORDINGS = 100_000
"""Beyond which a folder is taken for damaged."""

_NUMBERS = (int, float)


class DamageError(UserError, ValueError):
    """What is wrong with a folder, as the middle of a sentence: `ufama.models.folder` puts it into the whole one."""


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


def check_entries(content: Any) -> None:
    """Raise DamageError where an entry is missing, of another type or unknown; what they hold is checked apart."""
    _checked(content, CONFIG, _ENTRIES)


def _checked(content: Any, where: str, entries: Mapping[str, tuple[type, ...]], *, more: bool = False) -> dict:
    """A dictionary with exactly these entries of these types, or with ``more`` of plain types."""
    if not isinstance(content, dict):
        raise DamageError(f"{where} is {shown(content)} instead of a dictionary")
    for name, kinds in entries.items():
        if name not in content:
            raise DamageError(f"{where} has no entry {name}")
        value = content[name]
        if type(value) not in kinds:  # a bool is no number
            raise DamageError(f"{name} of {where} is {shown(value)}")
    if unknown := [name for name in content if name not in entries]:
        for name in unknown:
            if not more or not isinstance(content[name], (str, int, float, bool, type(None))):
                raise DamageError(f"{where} has an entry {shown(name)} without meaning")
    return content


def shown(value: Any) -> str:
    """A value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _names(content: dict, name: str, *, least: int = 1, distinct: bool = True) -> tuple[str, ...]:
    values = content[name]
    if not all(isinstance(value, str) for value in values) or len(values) < least:
        raise DamageError(f"{name} is no list of {least} or more names")
    if distinct and len(set(values)) < len(values):
        raise DamageError(f"{name} has a name twice")
    return tuple(values)


def _number(content: dict, name: str, low: float, high: float) -> Any:
    value = content[name]
    if not low <= value <= high:
        raise DamageError(f"{name} is {shown(value)}, not a number from {low:g} to {high:g}")
    return value


def settings(usual: Any, content: dict[str, Any]) -> Any:
    """A configuration like ``usual``, all of its fields as in the file."""
    known = {field.name for field in fields(usual)}
    if content.keys() != known:
        odd = sorted(content.keys() ^ known)[0]
        raise DamageError(f"the settings of {type(usual).__name__} lack or add {shown(odd)}")
    rebuilt: ValidatedConfig = usual.replace(**content)
    return rebuilt


def data_card(content: Any) -> DataCard:
    """The card of the source recordings."""
    _checked(content, "card", _CARD_ENTRIES)
    _number(content, "window_seconds", 0, 1e6)
    names = ("eeg_tokens", "eeg_features", "eye_features", "class_names")
    lists = {name: _names(content, name, least=2 if name == "class_names" else 1) for name in names}
    lists |= {name: _names(content, name, least=0, distinct=False) for name in ("notes", "constant_eye_features")}
    return DataCard(**content | lists)


def problem_of(content: Any, card: DataCard) -> ProblemSpec:
    """The sizes that the networks are built for."""
    _checked(content, "problem", _PROBLEM_ENTRIES)
    return ProblemSpec(
        card,
        source_domains=_number(content, "source_domains", 1, MOST_RECORDINGS),
        target_windows=_number(content, "target_windows", 1, 1e9),
        clips=_number(content, "clips", 1, 1e6),
    )


def seeds_of(content: list[Any]) -> tuple[int, ...]:
    """The seeds, at least one."""
    if not 1 <= len(content) <= MOST_SEEDS or not all(type(seed) is int and 0 <= seed < 2**63 for seed in content):
        raise DamageError(f"seeds is {shown(content)}, not a list of whole numbers")
    return tuple(content)


def source_facts(content: Any) -> dict[str, Any]:
    """What the model was fitted to, with its score."""
    _checked(content, "source", _SOURCE_ENTRIES, more=True)
    for name in ("subjects", "recordings", "windows"):
        _number(content, name, 1, 1e12)
    for name, values, kind in (
        ("kept_epochs", content["kept_epochs"], int),
        ("versions", content["versions"].values(), str),
    ):
        if not all(type(value) is kind for value in values):
            raise DamageError(f"{name} of source is {shown(content[name])}")
    if content["score"] is not None:
        _checked(content["score"], "score", _SCORE_ENTRIES)
        for name in ("level", "largest_class"):
            _number(content["score"], name, 0, 1)
        for mode, values in content["score"]["modes"].items():
            _checked(values, f"score of {shown(mode)}", _MODE_ENTRIES)
            for name in ("accuracy", "sd", "low", "high"):
                _number(values, name, 0, 1)
    return content


def adaptation_facts(content: Any) -> dict[str, Any] | None:
    """What the model is adapted to; None for nothing."""
    if content is not None:
        _checked(content, "adapted_to", _ADAPTED_ENTRIES, more=True)
        if content["mode"] not in ("adapted", "source_free"):
            raise DamageError(f"mode of adapted_to is {shown(content['mode'])}")
    return content


def labels_of(content: list[Any] | None, classes: int) -> tuple[Any, ...] | None:
    """The caller's labels of the classes; None where he has none of his own."""
    if content is None:
        return None
    are_plain = {type(label) for label in content} <= {str, int, float, bool}
    if not are_plain or len(content) != classes or len(set(content)) != classes:
        raise DamageError(f"labels is {shown(content)}, not one label for each of {classes} classes")
    return tuple(content)
