"""LGDAAN-Nets-like: an opponent for either kind of features, and one for both."""

import pytest
import torch

from tests.methods.electrodes import named
from tests.methods.steps import first_batch, first_outputs, trainer
from ufama.methods.lgdaan_nets import METHOD

SMALL = {"hidden": 12, "width": 8, "maps": 2}


def test_each_opponent_is_shown_its_own_features(small):
    made = trainer(METHOD, named(small), dropout=0.0, **SMALL)
    source, target, s, t = first_outputs(made)
    with torch.no_grad():
        expected = {}
        for name, features in (("temporal", "temporal"), ("spectral", "spectral"), ("global", "fused")):
            opponent = getattr(made.network, f"{name}_opponent")
            score = [opponent(getattr(z, features), None)[0, :, 0].sigmoid() for z in (s, t)]
            expected[f"{name}_domain"] = -(1 - score[0]).log().mean() - score[1].log().mean()
    terms = made.step(source, target, torch.tensor(1.0, dtype=torch.float64))
    for name, value in expected.items():
        assert terms.losses[name].item() == pytest.approx(value.item())


def test_the_spectral_branch_reads_the_window_itself_alone(small):
    made = trainer(METHOD, named(small), **SMALL)
    source, _ = first_batch(made)
    earlier = source.eeg.clone()
    earlier[:, :, :-1] += 1
    with torch.no_grad():
        one, other = made.network(source.eeg, source.eye), made.network(earlier, source.eye)
    assert torch.equal(one.spectral, other.spectral)
    assert not torch.allclose(one.temporal, other.temporal)
