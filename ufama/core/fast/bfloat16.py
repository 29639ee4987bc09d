"""Products in bfloat16 on a CPU for which PyTorch has none that are fast."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

PRODUCTS = {f"aten.{name}" for name in ("mm", "addmm", "bmm", "baddbmm", "convolution", "convolution_backward")}


def bfloat16_products(
    precision: str, device: torch.device, *, compiled: bool = False
) -> AbstractContextManager[object]:
    """The context in which a network is computed, forwards and backwards: `WidenedProducts` for "bf16" on a CPU without
    AVX-512, otherwise nothing. PyTorch's compiler leaves out what runs in such a context: compiled code keeps
    PyTorch's own products."""
    is_slow = device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX2"
    return WidenedProducts() if precision == "bf16" and is_slow and not compiled else nullcontext()


class WidenedProducts(TorchDispatchMode):
    """While active, products of bfloat16 numbers are computed in float32, and their results are rounded.

    That is how a processor with such products computes them: factors of 8 bits, sums in float32. PyTorch does the same
    on one without, number by number, which takes 10 to 300 times as long.
    """

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if str(operator.overloadpacket) not in PRODUCTS or not any(map(_is_bfloat16, args)):
            return operator(*args, **kwargs)
        written = kwargs.pop("out", None)
        widened = [value.float() if _is_bfloat16(value) else value for value in args]
        result = operator.overloadpacket(*widened, **kwargs)
        if written is not None:
            return written.copy_(result)
        if isinstance(result, tuple):
            return tuple(None if value is None else value.bfloat16() for value in result)
        return result.bfloat16()


def _is_bfloat16(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.bfloat16
