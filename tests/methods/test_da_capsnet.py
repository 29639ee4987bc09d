"""DA-CapsNet-like: capsules see their own band and place, and lengths are the probabilities."""

import pytest
import torch

from tests.methods.electrodes import named
from tests.methods.steps import first_batch, initialised, normal, trainer
from ufama.core.random import DropoutIds
from ufama.methods.da_capsnet import METHOD, CapsuleConfig, PrimaryCapsules, lengths, margin_loss, route, squash


def test_primary_capsules_see_their_third_of_the_map():
    """A change in the map's middle third, away from its rim, reaches the capsules of that place only."""
    config = CapsuleConfig(windows=2, maps=3, capsules=2, primary_width=4)
    primary = initialised(PrimaryCapsules(2, config, DropoutIds()))
    maps = normal(2, 3, 2, 9, 9, seed=1)
    changed = maps.clone()
    changed[..., 4, 7] += 1  # row 1, column 2 of the 3 x 3 places
    before, after = primary(maps, None), primary(changed, None)
    assert before.shape == (2, 3, 18, 4)
    moved = (before != after).any(-1).flatten(0, 1).any(0).nonzero()[:, 0].tolist()
    assert moved == [10, 11]
    assert (before.norm(dim=-1) < 1).all()


def test_a_band_moves_its_own_capsules_alone(small):
    made = trainer(METHOD, named(small))
    source, _ = first_batch(made)
    other = source.eeg.clone()
    other[..., 1] += 1
    with torch.no_grad():
        one, two = made.network(source.eeg, source.eye), made.network(other, source.eye)
    same = (one.primary == two.primary).flatten(0, 1).all(0).view(3, -1)
    assert same[0].all()
    assert same[2].all()
    assert not same[1].all()


def test_probabilities_are_lengths_in_proportion(small):
    made = trainer(METHOD, named(small))
    source, _ = first_batch(made)
    with torch.no_grad():
        outputs = made.network(source.eeg, source.eye)
    found = METHOD.predict(outputs)
    length = outputs.fused.unflatten(-1, (3, -1)).norm(dim=-1)
    assert torch.allclose(found[:, :, 2], length / length.sum(-1, keepdim=True))
    assert found[:, :, :2].isnan().all()


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
    votes = normal(2, 3, 5, 4, 6, seed=1)
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


def test_margins_by_hand():
    length = torch.tensor([[[0.95, 0.3, 0.05], [0.2, 0.9, 0.6]]], dtype=torch.float64)
    expected = torch.tensor([[0.5 * 0.04, 0.5 * 0.64 + 0.3**2 + 0.5 * 0.01]], dtype=torch.float64)
    assert torch.allclose(margin_loss(length, torch.tensor([[0, 2]])), expected)
