"""FMLAN-like: each source recording trains its own sub-network, all train the joint one."""

import pytest
import torch

from tests.methods.steps import TRAINING, first_batch, trainer
from ufama.core import losses
from ufama.methods.fmlan import METHOD
from ufama.methods.parts.certainty import certain_classes
from ufama.methods.parts.fine_grained_alignment import symmetric_divergence, weighted_class_mmd

BIG = TRAINING.replace(batch_size=32)


def test_eyes_are_read_only_when_asked_for(small):
    for reads, changes in (("eeg", False), ("eeg_and_eye", True)):
        made = trainer(METHOD, small, reads=reads)
        eeg, eye = made.batches.eeg[None, :6], made.batches.eye[None, :6]
        with torch.no_grad():
            one, other = (made.network(eeg, x).fused for x in (eye, eye + 1))
        assert torch.equal(one, other) != changes


@pytest.mark.parametrize("one_recording_alone", [False, True])
def test_terms_equal_a_loop_over_the_recordings_in_the_batch(small, one_recording_alone):
    made = trainer(METHOD, small, training=BIG, dropout=0.0)
    source, target = first_batch(made)
    if one_recording_alone:
        source = source._replace(domain=torch.ones_like(source.domain))
    with torch.no_grad():
        s, t = made.network(source.eeg, source.eye), made.network(target.eeg, target.eye)
    terms = made.step(source, target, torch.tensor(1.0, dtype=torch.float64))

    label, domain, classes = source.label[0], source.domain[0], s.joint_logits.shape[2]
    seen = domain.unique().tolist()
    own = torch.stack([s.logits[0, n, domain[n]] for n in range(len(label))])
    cross = [losses.cross_entropy(z[None], label[None]).mean() for z in (own, s.joint_logits[0])]
    assert terms.losses["classification"].item() == pytest.approx(((cross[0] + cross[1]) / 2).item())

    pairs = []
    for number in seen:
        rows = domain == number
        true = torch.eye(classes, dtype=torch.float64)[label[rows]].T[None]
        soft = certain_classes(t.logits[0, :, number]).T[None]
        pairs.append(weighted_class_mmd(s.embedding[:, rows, number], t.embedding[:, :, number], true, soft))
    true, soft = torch.eye(classes, dtype=torch.float64)[label].T[None], certain_classes(t.joint_logits[0]).T[None]
    joint = weighted_class_mmd(s.fused, t.fused, true, soft)
    expected = (sum(pairs) / len(pairs) + joint) / 2
    assert terms.losses["alignment"].item() == pytest.approx(expected.item(), rel=1e-9)

    on_target = [symmetric_divergence(t.logits[0, :, k], t.joint_logits[0]).mean() for k in range(s.logits.shape[2])]
    on_source = symmetric_divergence(own, s.joint_logits[0]).mean()
    mutual = (sum(on_target) / len(on_target) + on_source) / 2
    assert terms.losses["mutual"].item() == pytest.approx(mutual.item())
