"""Fast forms: functions that replace the definitions in `ufama.core`, chosen by device.

A module's ``forward`` is the definition. Where it is decorated with `replaced_by`, the function of that name is called
instead, with the same arguments and the same results up to rounding, values and gradients alike
(tests/core/test_reference.py).

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

P = ParamSpec("P")
ModuleT = TypeVar("ModuleT")
ResultT = TypeVar("ResultT")

_FORMS: dict[str, ModuleType] = {"cpu": cpu, "cuda": cpu}
_definitions_alone = False


def choose(device: torch.device) -> ModuleType | None:
    """The module with the fast forms for a device; None where the definitions run as they are written."""
    return None if _definitions_alone else _FORMS.get(device.type)


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
            form = choose(x.device)
            function = definition if form is None else getattr(form, name)
            return function(module, x, *args, **kwargs)

        return forward

    return decorate


@contextmanager
def definitions_alone() -> Iterator[None]:
    """Run every definition as it is written, without its fast form."""
    global _definitions_alone
    before, _definitions_alone = _definitions_alone, True
    try:
        yield
    finally:
        _definitions_alone = before
