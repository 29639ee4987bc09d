"""LGDAAN-Nets-like: an opponent for either kind of features, and one for both."""

import pytest
import torch

from tests.methods.electrodes import named
from tests.methods.steps import gradients, trainer
from ufama.methods.lgdaan_nets import METHOD

SMALL = {"hidden": 12, "width": 8, "maps": 2}


def test_each_opponent_is_shown_its_own_features(small):
    made = trainer(METHOD, named(small), dropout=0.0, **SMALL)
    made.batches.draw_epoch(0)
    source, target = made.batches.step(0)
    with torch.no_grad():
        s, t = made.network(source.eeg, source.eye), made.network(target.eeg, target.eye)
        expected = {}
        for name, features in (("temporal", "temporal"), ("spectral", "spectral"), ("global", "fused")):
            opponent = getattr(made.network, f"{name}_opponent")
            score = [opponent(getattr(z, features), None)[0, :, 0].sigmoid() for z in (s, t)]
            expected[f"{name}_domain"] = -(1 - score[0]).log().mean() - score[1].log().mean()
    terms = made.step(source, target, torch.tensor(1.0, dtype=torch.float64))
    for name, value in expected.items():
        assert terms.losses[name].item() == pytest.approx(value.item())


@pytest.mark.parametrize(("weight", "branch"), [("local_weight", "temporal"), ("global_weight", "attention")])
def test_reversed_gradients_reach_what_their_opponent_sees(small, weight, branch):
    found = []
    for strength in (0.0, 5.0):
        none = {"local_weight": 0.0, "global_weight": 0.0}
        made = trainer(METHOD, named(small), dropout=0.0, **SMALL, **(none | {weight: strength}))
        found.append(gradients(made))
    changed = {name.split(".")[0] for name in found[0] if not torch.equal(found[0][name], found[1][name])}
    assert branch in changed
    assert ("attention" in changed) == (weight == "global_weight")
    assert not changed & {"head", "temporal_opponent", "spectral_opponent", "global_opponent"}


def test_the_spectral_branch_reads_the_window_itself_alone(small):
    made = trainer(METHOD, named(small), **SMALL)
    made.batches.draw_epoch(0)
    source, _ = made.batches.step(0)
    earlier = source.eeg.clone()
    earlier[:, :, :-1] += 1
    with torch.no_grad():
        one, other = made.network(source.eeg, source.eye), made.network(earlier, source.eye)
    assert torch.equal(one.spectral, other.spectral)
    assert not torch.allclose(one.temporal, other.temporal)
