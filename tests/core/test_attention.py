"""Attention with a runs axis: equal to the library's, its written-out derivatives true, its shortcuts traceless."""

import pytest
import torch

from ufama.core.attention import FILLED, VECTOR, StackedAttention, attended, mutually_attended
from ufama.core.layers import CounterRNG, LinearMap, Rescaling, StackedDropout, lifted, normalised

RUNS, WINDOWS, HEADS, WIDTH = 2, 3, 2, 8
KEEP_RATE = 0.75


def plain(projected, heads, keep=None):
    """Softmax attention, a head, a run and a window at a time."""
    width = sum(z.shape[-1] for z in projected) // 3
    queries, keys, values = (part for z in projected for part in z.split(width, -1))
    rows = []
    for run in range(queries.shape[0]):
        for window in range(queries.shape[1]):
            mixed = []
            for head in range(heads):
                q, k, v = (z[run, window].chunk(heads, -1)[head] for z in (queries, keys, values))
                weights = torch.softmax(q @ k.T / (width / heads) ** 0.5, -1)
                if keep is not None:
                    weights = weights * keep[head, run, window] / KEEP_RATE
                mixed.append(weights @ v)
            rows.append(torch.cat(mixed, -1))
    return torch.stack(rows).unflatten(0, queries.shape[:2])


def drawn(tokens, keys, *, joint, kept, dtype=torch.float64):
    """Projections of ``tokens`` queries and ``keys`` keys, and a dropout mask."""
    generator = torch.Generator().manual_seed(tokens + 100 * keys)
    widths = [(tokens, 3 * WIDTH)] if joint else [(tokens, WIDTH), (keys, 2 * WIDTH)]
    projected = [torch.randn(RUNS, WINDOWS, *shape, generator=generator, dtype=torch.float64) for shape in widths]
    projected = [z.to(dtype).requires_grad_() for z in projected]
    shape = (HEADS, RUNS, WINDOWS, tokens, keys)
    return projected, (torch.rand(shape, generator=generator) < KEEP_RATE if kept else None)


CASES = [(5, 5, True, False), (5, 5, True, True), (4, 6, False, False), (4, 6, False, True)]


@pytest.mark.parametrize(("tokens", "keys", "joint", "kept"), CASES)
def test_attended_and_its_derivatives_equal_the_plain_loop(tokens, keys, joint, kept):
    projected, keep = drawn(tokens, keys, joint=joint, kept=kept)
    ours, theirs = attended(projected, HEADS, keep, KEEP_RATE), plain(projected, HEADS, keep)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    towards = torch.randn_like(ours)
    for mine, other in zip(
        torch.autograd.grad(ours, projected, towards), torch.autograd.grad(theirs, projected, towards), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("tokens", "keys", "joint", "kept"), CASES)
def test_the_derivatives_are_those_of_finite_differences(tokens, keys, joint, kept):
    projected, keep = drawn(tokens, keys, joint=joint, kept=kept)
    assert torch.autograd.gradcheck(lambda *given: attended(list(given), HEADS, keep, KEEP_RATE), projected)


def two_modalities(tokens, others, dtype=torch.float64):
    """Queries, keys and values of two modalities with different tokens."""
    generator = torch.Generator().manual_seed(tokens + 100 * others)
    shapes = [(RUNS, WINDOWS, count, 3 * WIDTH) for count in (tokens, others)]
    return [torch.randn(s, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for s in shapes]


def both_plain(first, second):
    """Each modality's queries with the other's keys and values."""
    return [plain([asks[..., :WIDTH], gives[..., WIDTH:]], HEADS) for asks, gives in ((first, second), (second, first))]


@pytest.mark.parametrize(("tokens", "others"), [(4, 6), (5, 3)])
def test_mutual_attention_and_its_derivatives_equal_the_plain_loop(tokens, others):
    given = two_modalities(tokens, others)
    ours, theirs = mutually_attended(*given, HEADS), both_plain(*given)
    towards = [torch.randn_like(z) for z in ours]
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)
    for mine, other in zip(
        torch.autograd.grad(ours, given, towards), torch.autograd.grad(theirs, given, towards), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-12)
    assert torch.autograd.gradcheck(lambda *z: mutually_attended(*z, HEADS), given)


@pytest.mark.parametrize("others", [VECTOR - FILLED, VECTOR + 1])
def test_mutual_attention_in_bfloat16_is_near_the_exact_one(others):
    given = two_modalities(7, others, torch.bfloat16)
    exact = [z.detach().double().requires_grad_() for z in given]
    ours, theirs = mutually_attended(*given, HEADS), both_plain(*exact)
    towards = [torch.randn(z.shape, dtype=torch.bfloat16) for z in ours]
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.double(), other, rtol=0.03, atol=0.03)
    mine = torch.autograd.grad(ours, given, towards)
    other = torch.autograd.grad(theirs, exact, [z.double() for z in towards])
    for near, true in zip(mine, other, strict=True):
        assert (near.double() - true).norm() < 0.02 * true.norm()


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("keys", [VECTOR + more for more in (-FILLED - 1, -FILLED, -1, 0, 1, VECTOR - FILLED)])
def test_rows_filled_up_to_a_vector_leave_no_trace(keys, kept):
    """bfloat16 on both sides of the sizes that are filled up; the plain loop has the same rounded inputs in float64."""
    projected, keep = drawn(7, keys, joint=False, kept=kept, dtype=torch.bfloat16)
    exact = [z.detach().double().requires_grad_() for z in projected]
    ours, theirs = attended(projected, HEADS, keep, KEEP_RATE), plain(exact, HEADS, keep)
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.double(), theirs, rtol=0.03, atol=0.03)
    towards = torch.randn(theirs.shape, dtype=torch.bfloat16)
    mine = torch.autograd.grad(ours, projected, towards)
    other = torch.autograd.grad(theirs, exact, towards.double())
    for approximate, true in zip(mine, other, strict=True):
        assert approximate.shape == true.shape
        assert (approximate.double() - true).norm() < 0.02 * true.norm()


def attention(dropout=0.0, bias=True):
    layer = StackedAttention(RUNS, WIDTH, HEADS, bias, StackedDropout(1, dropout)).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    return layer


def test_attention_equals_the_librarys_multi_head_attention():
    torch.manual_seed(1)
    layer = attention()
    query, context = (torch.randn(RUNS, WINDOWS, n, WIDTH, dtype=torch.float64) for n in (5, 4))
    for run in range(RUNS):
        reference = torch.nn.MultiheadAttention(WIDTH, HEADS, batch_first=True, dtype=torch.float64)
        parts = (layer.query, layer.key, layer.value)
        with torch.no_grad():
            reference.in_proj_weight.copy_(torch.cat([part.weight[run].T for part in parts]))
            reference.in_proj_bias.copy_(torch.cat([part.bias[run, 0] for part in parts]))
            reference.out_proj.weight.copy_(layer.output.weight[run].T)
            reference.out_proj.bias.copy_(layer.output.bias[run, 0])
        for seen in (context, query):
            expected = reference(query[run], seen[run], seen[run])[0]
            assert torch.allclose(layer(query, seen, None)[run], expected, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_the_rescaling_of_a_norm_is_applied_first(bias):
    torch.manual_seed(2)
    layer = attention(bias=bias)
    query, context = (torch.randn(RUNS, WINDOWS, n, WIDTH, dtype=torch.float64) for n in (5, 4))
    norm = Rescaling(*torch.randn(2, RUNS, WIDTH, dtype=torch.float64))
    expected = layer(norm(normalised(query)), norm(normalised(context)), None)
    torch.testing.assert_close(layer(lifted(query), lifted(context), None, norm), expected)
    rows, itself = lifted(query), norm(normalised(query))
    torch.testing.assert_close(layer(rows, rows, None, norm), layer(itself, itself, None))


def test_dropout_drops_weights_of_the_attention_in_training_only():
    torch.manual_seed(3)
    layer = attention(dropout=0.5)
    x = torch.randn(RUNS, WINDOWS, 5, WIDTH, dtype=torch.float64)
    noise = CounterRNG(torch.tensor([3, 4]), torch.tensor(0))
    keep = noise.keep(1, torch.Size([RUNS, WINDOWS, HEADS, 5, 5]), 0.5).permute(2, 0, 1, 3, 4)
    projected = LinearMap.beside(layer.query.map(), layer.key.map(), layer.value.map())(x)
    expected = layer.output(attended([projected], HEADS, keep, 0.5))
    assert torch.equal(layer(x, x, noise), expected)
    assert not torch.allclose(layer(x, x, None), expected)
