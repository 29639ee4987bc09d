"""DA-CapsNet-like: capsules see their own band and place, and lengths are the probabilities."""

import torch

from tests.methods.electrodes import named
from tests.methods.steps import trainer
from ufama.core.layers import initialise
from ufama.core.network import DropoutIds
from ufama.methods.da_capsnet import METHOD, CapsuleConfig, PrimaryCapsules


def test_primary_capsules_see_their_third_of_the_map():
    """A change in the map's middle third, away from its rim, reaches the capsules of that place only."""
    config = CapsuleConfig(windows=2, maps=3, capsules=2, primary_width=4)
    primary = PrimaryCapsules(2, config, DropoutIds())
    initialise(primary, [0, 1])
    primary.double()
    maps = torch.randn(2, 3, 2, 9, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    changed = maps.clone()
    changed[..., 4, 7] += 1  # row 1, column 2 of the 3 x 3 places
    before, after = primary(maps, None), primary(changed, None)
    assert before.shape == (2, 3, 18, 4)
    moved = (before != after).any(-1).flatten(0, 1).any(0).nonzero()[:, 0].tolist()
    assert moved == [10, 11]
    assert (before.norm(dim=-1) < 1).all()


def test_a_band_moves_its_own_capsules_alone(small):
    made = trainer(METHOD, named(small))
    made.batches.draw_epoch(0)
    source, _ = made.batches.step(0)
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
    made.batches.draw_epoch(0)
    source, _ = made.batches.step(0)
    with torch.no_grad():
        outputs = made.network(source.eeg, source.eye)
    found = METHOD.predict(outputs)
    length = outputs.fused.unflatten(-1, (3, -1)).norm(dim=-1)
    assert torch.allclose(found[:, :, 2], length / length.sum(-1, keepdim=True))
    assert found[:, :, :2].isnan().all()
