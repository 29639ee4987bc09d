"""Fast forms: functions that replace the definitions in `ufama.core`, chosen by device.

A module's ``forward`` is the definition. Where it is decorated with `replaced_by` and the device's form has a function
of that name, this function is called instead, with the same arguments and the same results up to rounding, values and
gradients alike (tests/core/test_reference.py).

Private operators of PyTorch are used in this folder only, and tests/core/test_fast.py names them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import ModuleType
from typing import Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor

import ufama.core.fast.cpu as cpu
import ufama.core.fast.gpu as gpu

P = ParamSpec("P")
ModuleT = TypeVar("ModuleT")
ResultT = TypeVar("ResultT")

_forms: dict[str, ModuleType] = {"cpu": cpu, "cuda": gpu}


def choose(device: torch.device) -> ModuleType | None:
    """The module with the fast forms for a device; None where the definitions run as they are written."""
    return _forms.get(device.type)


def replaced_by(
    name: str,
) -> Callable[
    [Callable[Concatenate[ModuleT, Tensor, P], ResultT]],
    Callable[Concatenate[ModuleT, Tensor, P], ResultT],
]:
    """Decorate a definition ``forward(module, x, ...)``; ``name`` is its fast form, looked up for the device of x."""

    def decorate(
        definition: Callable[Concatenate[ModuleT, Tensor, P], ResultT],
    ) -> Callable[Concatenate[ModuleT, Tensor, P], ResultT]:
        @wraps(definition)
        def forward(module: ModuleT, x: Tensor, *args: P.args, **kwargs: P.kwargs) -> ResultT:
            function = getattr(choose(x.device), name, definition)
            return function(module, x, *args, **kwargs)

        return forward

    return decorate


@contextmanager
def using(form: ModuleType | None) -> Iterator[None]:
    """Let ``form`` replace the definitions on every device; None: run every definition as it is written."""
    global _forms
    before, _forms = _forms, {} if form is None else dict.fromkeys(_forms, form)
    try:
        yield
    finally:
        _forms = before
