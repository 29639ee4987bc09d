"""STCBI-Nets-like: every region hears the others, and the gate weighs space against time."""

import math

import pytest
import torch

from tests.methods.electrodes import NAMES, named
from tests.methods.steps import first_outputs, initialised, normal, trainer
from ufama.core.random import DropoutIds
from ufama.methods.parts.certainty import certainty
from ufama.methods.stcbi_nets import METHOD, RegionInteraction, StcbiConfig, centre_distance, same_class_contrast

SMALL = {"hidden": 12, "width": 8}


def test_a_region_s_electrodes_reach_its_own_token_and_the_others_by_attention():
    interaction = initialised(RegionInteraction(1, NAMES, 3, StcbiConfig(**SMALL), DropoutIds()), [0])
    x = normal(1, 2, 7, 3, seed=1)
    changed = x.clone()
    changed[:, :, 2] += 1  # T7, the only electrode of the second region
    with torch.no_grad():
        difference = interaction(changed, None) - interaction(x, None)  # (1, 2, 5, 8)
        assert (difference.abs().amax((0, 1, 3)) > 1e-3).all()
        interaction.attention.output.weight.zero_()
        difference = interaction(changed, None) - interaction(x, None)
        gained = interaction.embed[1].weight[0].sum(0)
    assert torch.allclose(difference[:, :, 1], gained.expand(1, 2, 8), rtol=1e-9)
    assert not difference[:, :, [0, 2, 3, 4]].any()


def test_terms_are_those_of_the_fused_features(small):
    made = trainer(METHOD, named(small), dropout=0.0, **SMALL)
    source, target, s, t = first_outputs(made)
    terms = made.step(source, target, torch.tensor(1.0, dtype=torch.float64))
    soft = t.logits.softmax(-1)
    soft = soft * certainty(soft)[..., None]
    expected = {
        "contrast": same_class_contrast(s.fused, source.label, 0.1),
        "centres": centre_distance(s.fused, source.label, t.fused, soft),
    }
    for name, value in expected.items():
        assert terms.losses[name].item() == pytest.approx(value.item())
    assert terms.weights["centres"].item() == pytest.approx(math.tanh(2.5))


def test_contrast_equals_a_loop():
    x = normal(2, 8, 4, seed=1)
    label = torch.tensor([[0, 1, 0, 2, 1, 0, 3, 1], [2, 2, 1, 0, 3, 2, 2, 1]])
    found = same_class_contrast(x, label, 0.3)
    for run in range(2):
        unit = x[run] / x[run].norm(dim=1, keepdim=True)
        values = []
        for i in range(8):
            mates = [j for j in range(8) if j != i and label[run, j] == label[run, i]]
            total = sum(math.exp((unit[i] @ unit[j]).item() / 0.3) for j in range(8) if j != i)
            if mates:
                shares = [math.log(math.exp((unit[i] @ unit[j]).item() / 0.3) / total) for j in mates]
                values.append(-sum(shares) / len(mates))
        assert found[run].item() == pytest.approx(sum(values) / len(values))


def test_nobody_of_the_same_class_costs_nothing():
    x = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)
    value = same_class_contrast(x, torch.tensor([[0, 1, 2]]), 0.3)
    value.sum().backward()
    assert value.item() == 0
    assert torch.equal(x.grad, torch.zeros_like(x))


def test_centres_by_hand():
    """Class 2 has no source window, class 1 no target weight: class 0 alone counts, with its mean weight 0.75 / 2."""
    source = torch.tensor([[[1.0, 1.0], [3.0, 5.0], [9.0, 9.0]]], dtype=torch.float64)
    target = torch.tensor([[[4.0, 0.0], [0.0, 8.0]]], dtype=torch.float64)
    weight = torch.tensor([[[0.5, 0.0, 0.5], [0.25, 0.0, 0.0]]], dtype=torch.float64)
    centre = torch.tensor([8 / 3, 8 / 3]), torch.tensor([2.0, 3.0])
    expected = (centre[0] - centre[1]).square().mean().item() * 0.375
    found = centre_distance(source, torch.tensor([[0, 0, 1]]), target, weight)
    assert found.item() == pytest.approx(expected, rel=1e-6)
