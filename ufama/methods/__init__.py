"""The compared methods: one file each, registered by its ``METHOD``.

A new method is one new file in this folder that ends in ``METHOD = MyMethod()``. `ufama.methods.bases` has classes to
inherit from, `ufama.methods.parts` what several methods use. Most methods are networks that train step by step
(`Method`); a control or a classifier with a closed form is fitted at once (`Fitted`).
"""

import importlib
import pkgutil
from functools import lru_cache
from typing import TYPE_CHECKING

from ufama.config import ConfigError
from ufama.methods.contract import (
    BRANCHES,
    FitData,
    Fitted,
    Method,
    MethodInfo,
    Outputs,
    Predictor,
    ProblemSpec,
    Step,
    UnlabelledWindows,
    split_windows,
)

if TYPE_CHECKING:
    from typing_extensions import TypeIs

__all__ = [
    "BRANCHES",
    "FitData",
    "Fitted",
    "Method",
    "MethodInfo",
    "Outputs",
    "Predictor",
    "ProblemSpec",
    "Step",
    "UnlabelledWindows",
    "is_fitted",
    "method",
    "methods",
    "split_windows",
]


def is_fitted(chosen: Method | Fitted) -> "TypeIs[Fitted]":
    """Whether the method is fitted at once instead of trained step by step."""
    return hasattr(chosen, "fit")


@lru_cache(maxsize=1)
def method_modules() -> tuple[str, ...]:
    """The modules of this folder that have a ``METHOD``, by their full names; looked for once."""
    others = ("bases", "contract", "parts")
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    return tuple(f"{__name__}.{name}" for name in names if not name.startswith("_") and name not in others)


def methods() -> dict[str, Method | Fitted]:
    """Every method of this folder, by name."""
    chosen = [importlib.import_module(module).METHOD for module in method_modules()]
    return {method.name: method for method in chosen}


def method(name: str) -> Method | Fitted:
    """The named method, or one from elsewhere, named by its module and attribute: "my_module:METHOD".

    Raises
    ------
    ConfigError
        for an unknown name, with the known ones; for a module that cannot be imported or lacks the attribute
    """
    if ":" in name:
        return _from_elsewhere(name)
    registered = methods()
    if name not in registered:
        raise ConfigError(
            f"method {name!r} is not known; choose one of {', '.join(sorted(registered))}, or name your own as "
            "'module:METHOD'."
        )
    return registered[name]


def _from_elsewhere(name: str) -> Method | Fitted:
    module, _, attribute = name.partition(":")
    try:
        chosen = getattr(importlib.import_module(module), attribute)
        if missing := [part for part in ("name", "presets", "version", "preset") if not hasattr(chosen, part)]:
            raise AttributeError(f"it has no {', '.join(missing)}")
        return chosen
    except (ImportError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"method {name!r} cannot be had: {error}. Expected an importable module and the name of the method in it, "
            "such as 'my_module:METHOD'."
        ) from None
