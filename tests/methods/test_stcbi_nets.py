"""STCBI-Nets-like: every region hears the others, and the gate weighs space against time."""

import pytest
import torch

from tests.methods.electrodes import NAMES, named
from tests.methods.steps import trainer
from ufama.core.layers import initialise
from ufama.core.network import DropoutIds
from ufama.methods.parts.class_relations import centre_distance, same_class_contrast
from ufama.methods.parts.fine_grained_alignment import certainty
from ufama.methods.stcbi_nets import METHOD, RegionInteraction, StcbiConfig

SMALL = {"hidden": 12, "width": 8}


def test_a_region_s_electrodes_reach_its_own_token_and_the_others_by_attention():
    interaction = RegionInteraction(1, NAMES, 3, StcbiConfig(**SMALL), DropoutIds())
    initialise(interaction, [0])
    interaction.double()
    x = torch.randn(1, 2, 7, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
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
    made.batches.draw_epoch(0)
    source, target = made.batches.step(0)
    with torch.no_grad():
        s, t = made.network(source.eeg, source.eye), made.network(target.eeg, target.eye)
    terms = made.step(source, target, torch.tensor(1.0, dtype=torch.float64))
    soft = t.logits.softmax(-1)
    soft = soft * certainty(soft)[..., None]
    expected = {
        "contrast": same_class_contrast(s.fused, source.label, 0.1),
        "centres": centre_distance(s.fused, source.label, t.fused, soft),
    }
    for name, value in expected.items():
        assert terms.losses[name].item() == pytest.approx(value.item())
