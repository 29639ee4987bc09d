"""Routing and margins equal loops and hand-made examples in float64."""

import pytest
import torch

from ufama.methods.parts.capsules import lengths, margin_loss, route, squash


def slow_squash(v):
    length = v.norm()
    return v / length * length**2 / (1 + length**2)


def test_squash_by_hand():
    assert torch.allclose(
        squash(torch.tensor([3.0, 4.0], dtype=torch.float64)) * 26 / 25, torch.tensor([0.6, 0.8]).double()
    )
    zero = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    (squash(zero).sum() + lengths(zero)).backward()
    assert torch.isfinite(zero.grad).all()


@pytest.mark.parametrize("rounds", [1, 3])
def test_routing_equals_a_loop(rounds):
    votes = torch.randn(2, 3, 5, 4, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = route(votes, rounds)
    for run in range(2):
        for n in range(3):
            b = torch.zeros(5, 4, dtype=torch.float64)
            for _ in range(rounds):
                c = b.softmax(1)
                classes = [slow_squash(sum(c[i, k] * votes[run, n, i, k] for i in range(5))) for k in range(4)]
                for i in range(5):
                    for k in range(4):
                        b[i, k] += votes[run, n, i, k] @ classes[k]
            assert torch.allclose(found[run, n], torch.stack(classes), rtol=1e-9, atol=1e-11)


def test_agreeing_votes_win():
    votes = 0.1 * torch.randn(1, 1, 9, 3, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    votes[:, :, :, 1] += 1.0
    assert lengths(route(votes)).argmax(-1).item() == 1
    assert lengths(route(votes, 3))[0, 0, 1] > lengths(route(votes, 1))[0, 0, 1]


def test_margins_by_hand():
    length = torch.tensor([[[0.95, 0.3, 0.05], [0.2, 0.9, 0.6]]], dtype=torch.float64)
    expected = torch.tensor([[0.5 * 0.04, 0.5 * 0.64 + 0.3**2 + 0.5 * 0.01]], dtype=torch.float64)
    assert torch.allclose(margin_loss(length, torch.tensor([[0, 2]])), expected)
