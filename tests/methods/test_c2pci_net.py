"""C2PCI-Net-like: two steps of cross-attention, and a first stage whose weight falls."""

import pytest
import torch

from tests.methods.electrodes import named
from tests.methods.steps import (
    TRAINING,
    attention_by_heads,
    check_losses,
    first_batch,
    initialised,
    normal,
    outputs_in_training,
    trainer,
)
from ufama.core import losses
from ufama.core.random import DropoutIds
from ufama.methods.c2pci_net import METHOD, C2pciConfig, HierarchicalFusion

SMALL = {"width": 8, "ffn_width": 8, "fusion_width": 8}
TOKENS = {"map": 4, "eeg": 6, "eye": 3}


def test_fusion_joins_map_and_eeg_first_and_then_eeg_and_eyes():
    fusion = initialised(HierarchicalFusion(2, TOKENS, C2pciConfig(**SMALL), DropoutIds()))
    tokens = {name: normal(2, 5, count, 8, seed=count) for name, count in TOKENS.items()}
    found = fusion(tokens, None)
    assert found.shape == (2, 5, 24)

    def attended(direction, receiver, giver, run):
        return receiver + attention_by_heads(receiver, giver, fusion.attend[direction].attention, run)

    for run in range(2):
        entered = {}
        for name, x in tokens.items():
            normed = torch.nn.functional.layer_norm(x[run], (8,))
            entered[name] = normed @ fusion.enter[name].weight[run] + fusion.enter[name].bias[run, 0]
        maps = attended("eeg_to_map", entered["map"], entered["eeg"], run)
        eeg = attended("map_to_eeg", entered["eeg"], entered["map"], run)
        eeg, eye = attended("eye_to_eeg", eeg, entered["eye"], run), attended("eeg_to_eye", entered["eye"], eeg, run)
        expected = [
            x.flatten(1) @ fusion.leave[name].weight[run] + fusion.leave[name].bias[run, 0]
            for name, x in {"map": maps, "eeg": eeg, "eye": eye}.items()
        ]
        torch.testing.assert_close(found[run], torch.cat(expected, dim=-1), rtol=1e-9, atol=1e-12)


def test_the_first_stage_classifies_clips_of_the_source_with_a_falling_weight(small):
    made = trainer(METHOD, named(small), training=TRAINING.replace(epochs=8), dropout=0.0, **SMALL)
    source, target = first_batch(made)
    s, _ = outputs_in_training(made, source, target)
    expected = {
        "classification": losses.cross_entropy(s.logits, source.label).mean(),
        "clips": losses.cross_entropy(s.clip_logits, source.clip).mean(),
    }
    terms = made.step(source, target, torch.tensor(2.0, dtype=torch.float64))
    check_losses(terms, expected)
    assert [weight.item() for weight in terms.weights.values()] == pytest.approx([1, 0.1 * 6 / 8])


def test_clips_are_numbered_alike_for_all_subjects(small):
    made = trainer(METHOD, named(small), **SMALL)
    source, _ = first_batch(made)
    clips = torch.as_tensor(small.clip)
    assert made.batches.clips == len(clips.unique()) == made.network.clip_head.weight.shape[-1]
    expected, numbers = clips[made.batches._epoch_rows[0][0, 0]], source.clip[0]
    assert torch.equal(numbers[:, None] == numbers, expected[:, None] == expected)
