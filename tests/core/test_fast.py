"""Fast forms: maps that are joined, norms that are folded, attention with its derivatives written out; and the seam."""

import re
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from ufama.config import PAPER, RELEASED
from ufama.core import fast
from ufama.core.attention import StackedAttention
from ufama.core.fast.attention import MOST_PADDED, NARROW, VECTOR, attend, cross_attention_pair
from ufama.core.fast.maps import (
    Affine,
    LinearMap,
    concat_outputs,
    norm_and_residual,
    norm_with_constant,
    normalised,
)
from ufama.core.layers import StackedLayerNorm, StackedLinear
from ufama.core.network import EncoderBlock, Fusion
from ufama.core.random import CounterRNG, DropoutIds

RUNS, WINDOWS, HEADS, WIDTH = 2, 3, 2, 8
KEEP_RATE = 0.75
PRIVATE_OPERATORS = (
    "_softmax_backward_data",
    "native_layer_norm",
    "ops.aten.native_layer_norm_backward",
    "utils._python_dispatch",  # PyTorch documents what this module is used for, under "Extending PyTorch"
)
PRIVATE_NAME = re.compile(r"\btorch\.((?:ops\.|_(?!_))[\w.]+|native_\w+|(?:\w+\.)+_(?!_)\w+)")


@pytest.mark.parametrize("name", PRIVATE_OPERATORS)
def test_pytorch_still_has_the_private_operator(name):
    operator = torch
    for part in name.split("."):
        operator = getattr(operator, part, None)
    assert operator is not None, (
        f"PyTorch {torch.__version__} has no torch.{name}: rewrite what uses it in ufama/core/fast; until then let "
        "ufama.core.fast.choose return None, so that the definitions run."
    )


def test_private_operators_are_used_in_the_fast_forms_alone():
    package = Path(fast.__file__).parents[2]
    used = {
        path.relative_to(package).as_posix(): {match[1] for match in PRIVATE_NAME.finditer(path.read_text("utf-8"))}
        for path in package.rglob("*.py")
    }
    elsewhere = {path: names for path, names in used.items() if names and not path.startswith("core/fast/")}
    assert not elsewhere, f"private names of torch outside ufama/core/fast: {elsewhere}"
    assert set.union(*used.values()) == set(PRIVATE_OPERATORS)


def modules(config):
    """Every module with a fast form, and its arguments behind the generator."""
    ids, z = DropoutIds(), torch.randn(RUNS, WINDOWS, 5, 8, dtype=torch.float64)
    eye = torch.randn(RUNS, WINDOWS, 3, 8, dtype=torch.float64)
    attention = StackedAttention(RUNS, 8, HEADS, config.attention_bias, ids.dropout(config.encoder_dropout))
    return {
        "linear": (StackedLinear(RUNS, 8, 6), (z,)),
        "column": (StackedLinear(RUNS, 1, 6), (z[..., :1],)),
        "layer_norm": (StackedLayerNorm(RUNS, 8), (z,)),
        "self_attention": (attention, (z, z)),
        "cross_attention": (attention, (z, eye)),
        "encoder_block": (EncoderBlock(RUNS, config, ids), (z,)),
        "fusion": (Fusion(RUNS, 5, 3, config, ids), (z, eye)),
    }


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("config", [PAPER, RELEASED], ids=["paper", "released"])
@pytest.mark.parametrize("name", modules(PAPER))
@pytest.mark.parametrize("form", [fast.cpu, fast.gpu], ids=["cpu", "gpu"])
def test_a_fast_form_is_its_definition(form, name, config, training):
    torch.manual_seed(1)
    changes = {"width": 8, "ffn_width": 12, "fusion_width": 16, "encoder_dropout": 0.2 if training else 0.0}
    module, inputs = modules(config.replace(**changes))[name]
    module.double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    rng = [CounterRNG(torch.tensor([3, 4]), torch.tensor(0)) if training else None] * (name in WITH_DROPOUT)
    with fast.using(None):
        expected = module(*inputs, *rng)
        towards = torch.randn_like(expected)
        expected_gradients = torch.autograd.grad(expected, list(module.parameters()), towards)
    with fast.using(form):
        result = module(*inputs, *rng)
    torch.testing.assert_close(result, expected, rtol=1e-10, atol=1e-10)
    gradients = torch.autograd.grad(result, list(module.parameters()), towards)
    torch.testing.assert_close(gradients, expected_gradients, rtol=1e-10, atol=1e-10)


WITH_DROPOUT = ("self_attention", "cross_attention", "encoder_block", "fusion")


def test_the_fast_form_is_chosen_by_device_and_can_be_switched_off(monkeypatch):
    norm, x = StackedLayerNorm(1, 4), torch.randn(1, 2, 3, 4)
    monkeypatch.setattr(fast.cpu, "layer_norm", lambda norm, x: "fast")
    assert norm(x) == "fast"
    with fast.using(None):
        torch.testing.assert_close(norm(x), functional.layer_norm(x, (4,)))
    assert norm(x) == "fast"
    assert fast.choose(torch.device("meta")) is None
    assert fast.choose(torch.device("cuda")) is fast.gpu
    assert norm.to("meta")(x.to("meta")).shape == x.shape


def plain_attention(query, key, value, keep=None):
    """Softmax attention of heads side by side, for two or more leading axes."""
    q, k, v = (z.unflatten(-1, (HEADS, -1)).transpose(2, 3) for z in (query, key, value))
    weights = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1)
    if keep is not None:
        weights = weights * keep.permute(1, 2, 0, 3, 4) / KEEP_RATE
    return (weights @ v).transpose(2, 3).flatten(3)


@pytest.mark.parametrize("head_width", [1, NARROW - 1, NARROW])
def test_attention_of_narrow_and_wide_heads_is_softmax_attention(head_width):
    """Values and gradients, on both sides of the width from which products are not transposed."""
    torch.manual_seed(2)
    width = HEADS * head_width
    query = torch.randn(RUNS, WINDOWS, 5, width, dtype=torch.float64, requires_grad=True)
    key_value = torch.randn(RUNS, WINDOWS, 7, 2 * width, dtype=torch.float64, requires_grad=True)
    keep = torch.rand(HEADS, RUNS, WINDOWS, 5, 7) < KEEP_RATE
    result = attend([query, key_value], HEADS, keep, KEEP_RATE)
    expected = plain_attention(query, *key_value.chunk(2, -1), keep)
    torch.testing.assert_close(result, expected, rtol=1e-10, atol=1e-10)
    towards = torch.randn_like(expected)
    gradients, expected_gradients = (
        torch.autograd.grad(heads, [query, key_value], towards) for heads in (result, expected)
    )
    torch.testing.assert_close(gradients, expected_gradients, rtol=1e-10, atol=1e-10)


def random_projections(*shapes):
    """bfloat16 tensors of (tokens, width), and the same rounded numbers in float64."""
    generator = torch.Generator().manual_seed(len(shapes) + shapes[0][0] + 100 * shapes[-1][0])
    exact = [torch.randn(RUNS, WINDOWS, *shape, generator=generator, dtype=torch.float64) for shape in shapes]
    rounded = [z.bfloat16().requires_grad_() for z in exact]
    return rounded, [z.detach().double().requires_grad_() for z in rounded]


def assert_near(results, exact_results, inputs, exact_inputs):
    """Values and gradients of a bfloat16 result are those of the exact one, to the precision of bfloat16."""
    towards = [torch.randn(z.shape, dtype=torch.bfloat16) for z in results]
    for result, exact in zip(results, exact_results, strict=True):
        assert result.dtype == torch.bfloat16
        torch.testing.assert_close(result.double(), exact, rtol=0.03, atol=0.03)
    gradients = torch.autograd.grad(results, inputs, towards)
    exact_gradients = torch.autograd.grad(exact_results, exact_inputs, [z.double() for z in towards])
    for gradient, exact in zip(gradients, exact_gradients, strict=True):
        assert (gradient.double() - exact).norm() < 0.02 * exact.norm()


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize(
    "keys", [VECTOR + more for more in (-MOST_PADDED - 1, -MOST_PADDED, -1, 0, 1, VECTOR - MOST_PADDED)]
)
def test_keys_padded_to_a_vector_leave_no_trace(keys, dropout):
    """On both sides of the sizes that are padded."""
    rounded, exact = random_projections((7, WIDTH), (keys, 2 * WIDTH))
    keep = torch.rand(HEADS, RUNS, WINDOWS, 7, keys) < KEEP_RATE if dropout else None
    expected = plain_attention(exact[0], *exact[1].chunk(2, -1), keep)
    assert_near([attend(rounded, HEADS, keep, KEEP_RATE)], [expected], rounded, exact)


@pytest.mark.parametrize("others", [VECTOR - MOST_PADDED, VECTOR + 1])
def test_a_cross_attention_pair_in_bfloat16_is_near_the_exact_one(others):
    rounded, exact = random_projections((7, 3 * WIDTH), (others, 3 * WIDTH))
    (q, k, v), (other_q, other_k, other_v) = (z.chunk(3, -1) for z in exact)
    expected = [plain_attention(q, other_k, other_v), plain_attention(other_q, k, v)]
    assert_near(cross_attention_pair(*rounded, HEADS), expected, rounded, exact)


def test_normalised_rows_and_their_gradient_are_the_librarys():
    torch.manual_seed(5)
    x = torch.randn(2, 3, 5, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(normalised, x)
    assert torch.equal(normalised(x), functional.layer_norm(x, (8,)))


@pytest.mark.parametrize("width", [8, 48, 64])
def test_rows_with_the_constant_all_have_the_same_sum(width):
    torch.manual_seed(5)
    x = torch.randn(2, 3, 5, width, dtype=torch.float64)
    difference = norm_with_constant(x) - normalised(x)
    torch.testing.assert_close(difference, difference[0, 0, 0, 0].expand_as(difference))
    assert 0.5 < difference[0, 0, 0].norm() < 2
    rounded = difference[0, 0, 0, 0].bfloat16()
    torch.testing.assert_close(norm_with_constant(x).sum(-1), (width * rounded.double()).expand(2, 3, 5))


def test_a_norm_with_its_residual_has_the_gradient_of_both():
    torch.manual_seed(5)
    x = torch.randn(2, 3, 5, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(norm_and_residual, x)
    rows, residual = norm_and_residual(x)
    assert torch.equal(rows, norm_with_constant(x))
    assert torch.equal(residual, x)
    (of_residual_alone,) = torch.autograd.grad(residual.sum(), x)
    assert torch.equal(of_residual_alone, torch.ones_like(x))


def random_map(inputs, outputs, bias=True):
    weight = torch.randn(3, inputs, outputs, dtype=torch.float64)
    return LinearMap(weight, torch.randn(3, 1, outputs, dtype=torch.float64) if bias else None)


@pytest.mark.parametrize("first_bias", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_joined_maps_are_the_maps_one_by_one(bias, first_bias):
    torch.manual_seed(3)
    x, first, then = torch.randn(3, 4, 2, 5, dtype=torch.float64), random_map(5, 6, first_bias), random_map(6, 7, bias)
    y = first(x)
    torch.testing.assert_close(then.compose(first)(x), then(y))
    for maps in ([then, random_map(6, 2, first_bias), then], [random_map(6, 2, first_bias), then]):
        torch.testing.assert_close(concat_outputs(*maps)(y), torch.cat([linear(y) for linear in maps], -1))


@pytest.mark.parametrize("bias", [True, False])
def test_a_folded_norm_needs_no_bias_and_has_the_gradients_of_norm_and_map(bias):
    torch.manual_seed(3)
    x, then = torch.randn(3, 4, 2, 6, dtype=torch.float64), random_map(6, 7, bias)
    affine = Affine(*torch.randn(2, 3, 6, dtype=torch.float64))
    folded = then.fold_layer_norm(affine)
    assert folded.bias is None
    torch.testing.assert_close(folded(norm_with_constant(x)), then(affine(normalised(x))))
    parameters = [part.requires_grad_() for part in (*affine, *then) if part is not None]

    def weights(norm_weight, norm_bias, weight, *rest):
        return LinearMap(weight, *rest or [None]).fold_layer_norm(Affine(norm_weight, norm_bias)).weight

    assert torch.autograd.gradcheck(weights, parameters)


def test_a_bias_in_bfloat16_weights_is_as_exact_as_the_weights():
    """Of many rows and as many features as the paper's tokens have; the exact map has the same rounded parts."""
    torch.manual_seed(5)
    x = torch.randn(1, 200, 64, dtype=torch.float64)
    parts = torch.randn(1, 64), torch.randn(1, 64), torch.randn(1, 64, 48) / 8, torch.randn(1, 1, 48)
    norm_weight, norm_bias, weight, bias = (part.bfloat16() for part in parts)
    folded = LinearMap(weight, bias).fold_layer_norm(Affine(norm_weight, norm_bias))
    result = folded(norm_with_constant(x.bfloat16())).double()
    affine = Affine(norm_weight.double(), norm_bias.double())
    exact = LinearMap(weight.double(), bias.double())(affine(normalised(x)))
    assert (result - exact).norm() < 0.01 * exact.norm()
