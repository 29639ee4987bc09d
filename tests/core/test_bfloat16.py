"""Products in bfloat16 on a CPU without AVX-512: computed in float32 and rounded."""

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from tests.methods.steps import TRAINING, first_batch, trainer
from ufama.core.fast.bfloat16 import PRODUCTS, WidenedProducts, bfloat16_products
from ufama.methods import method

HALF_A_STEP = 2.0**-8
"""The largest relative error of rounding to the 8 bits of bfloat16."""


class Recorded(TorchDispatchMode):
    """The products that reach PyTorch, with the types of their factors."""

    def __init__(self):
        super().__init__()
        self.types = []

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        if str(operator.overloadpacket) in PRODUCTS:
            self.types += [value.dtype for value in args if isinstance(value, torch.Tensor)]
        return operator(*args, **kwargs or {})


def numbers(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))).bfloat16()


X, Y, BIAS = numbers(3, 5, 40), numbers(3, 40, 6), numbers(3, 1, 6)
IMAGES, FILTERS = numbers(2, 3, 9, 8), numbers(4, 3, 3, 2)
CALLS = {
    "mm": (lambda x, y: x @ y, (X[0], Y[0])),
    "addmm": (lambda x, y, bias: torch.addmm(bias, x, y), (X[0], Y[0], BIAS[0])),
    "bmm": (torch.bmm, (X, Y)),
    "baddbmm": (lambda x, y, bias: torch.baddbmm(bias, x, y, beta=0.5, alpha=2), (X, Y, BIAS)),
    "linear": (lambda x, y, bias: functional.linear(x, y.T, bias[0]), (X[0], Y[0], BIAS[0])),
    "einsum": (lambda x, y: torch.einsum("rnk,rkm->rmn", x, y), (X, Y)),
    "convolution": (lambda images, filters: functional.conv2d(images, filters, padding=1), (IMAGES, FILTERS)),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_widened_product_is_the_exact_one_rounded_and_so_are_its_gradients(name):
    call, factors = CALLS[name]
    rounded = [factor.clone().requires_grad_() for factor in factors]
    exact = [factor.double().requires_grad_() for factor in factors]
    with Recorded() as recorded, WidenedProducts():
        result = call(*rounded)
        towards = torch.ones_like(result)
        gradients = torch.autograd.grad(result, rounded, towards)
    expected = call(*exact)
    expected_gradients = torch.autograd.grad(expected, exact, towards.double())
    assert set(recorded.types) == {torch.float32}
    for value, right in zip((result, *gradients), (expected, *expected_gradients), strict=True):
        assert value.dtype == torch.bfloat16
        torch.testing.assert_close(value.double(), right, rtol=1.01 * HALF_A_STEP, atol=1e-5)


def test_a_widened_product_is_written_where_it_is_asked_for():
    written = torch.zeros(3, 6, 5, dtype=torch.bfloat16)
    with WidenedProducts():
        returned = torch.bmm(X, Y, out=written.mT)
    torch.testing.assert_close(written.mT.double(), X.double() @ Y.double(), rtol=1.01 * HALF_A_STEP, atol=1e-5)
    assert returned.data_ptr() == written.data_ptr()


def test_other_numbers_and_other_operations_are_left_as_they_are():
    x, y = X.float(), Y.float()
    with WidenedProducts():
        product, total = x @ y, X + X
    assert torch.equal(product, x @ y) and torch.equal(total, X + X)


@pytest.mark.parametrize(
    ("capability", "device", "precision", "widens"),
    [
        ("AVX2", "cpu", "bf16", True),
        ("AVX2", "cpu", "float32", False),
        ("AVX512", "cpu", "bf16", False),
        ("DEFAULT", "cpu", "bf16", False),
        ("AVX2", "cuda", "bf16", False),
    ],
)
def test_products_are_widened_on_a_cpu_without_avx_512_alone(monkeypatch, capability, device, precision, widens):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert isinstance(bfloat16_products(precision, torch.device(device)), WidenedProducts) == widens


def test_a_training_in_bfloat16_computes_no_product_in_it_without_avx_512_unless_it_is_compiled(small, monkeypatch):
    """Neither in a step, forwards and backwards, nor in an evaluation."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    made = trainer(method("ufama"), small, training=TRAINING.replace(precision="bf16"))
    types = []
    for made.compiled in (False, True):
        for work in (lambda: made.step(*first_batch(made), torch.tensor(0.0)), lambda: made.evaluate([np.arange(4)])):
            with Recorded() as recorded:
                work()
            types.append(torch.bfloat16 in recorded.types)
    assert types == [False, False, True, True]
