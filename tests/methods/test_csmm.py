"""CSMM-like: sources that look like the target count more, and windows find their other modality."""

import pytest
import torch

from tests.methods.steps import check_every_parameter_moves, check_stack_equals_single_runs, trainer
from ufama.config import ConfigError
from ufama.core.losses import cross_entropy
from ufama.methods.csmm import METHOD, CsmmConfig, recording_weights, remembered_likeness
from ufama.methods.parts.contrastive import cross_view_contrast, relation_contrast

SMALL = {"width": 8}


def test_one_step_moves_every_parameter(small):
    check_every_parameter_moves(METHOD, small, **SMALL)


def test_a_stack_equals_single_runs(small):
    check_stack_equals_single_runs(METHOD, small, **SMALL)


def test_weights_by_hand():
    likeness = torch.tensor([[0.5, 0.5, 0.5], [0.2, 0.2 + 0.1 * 0.6931471805599453, 0.2]], dtype=torch.float64)
    expected = torch.tensor([[1.0, 1.0, 1.0], [0.75, 1.5, 0.75]], dtype=torch.float64)
    assert torch.allclose(recording_weights(likeness, 0.1), expected)


def test_likeness_remembers_recordings_that_are_not_in_the_batch():
    before = torch.tensor([[0.5, 0.4, 0.3]], dtype=torch.float64)
    score = torch.logit(torch.tensor([[0.9, 0.7, 0.1]], dtype=torch.float64))
    found = remembered_likeness(before, score, torch.tensor([[0, 0, 2]]), 0.9)
    assert torch.allclose(found, torch.tensor([[0.53, 0.4, 0.28]], dtype=torch.float64))


def test_terms_are_weighted_by_the_remembered_likeness(small):
    made = trainer(METHOD, small, dropout=0.0, **SMALL)
    made.batches.draw_epoch(0)
    source, target = made.batches.step(0)
    likeness = torch.linspace(0.3, 0.7, made.batches.source_domains, dtype=torch.float64)[None]
    made.state = {"target_likeness": likeness.clone()}
    with torch.no_grad():
        s, t = made.network(source.eeg, source.eye), made.network(target.eeg, target.eye)
        score = [made.network.discriminator(z.fused, None)[..., 0] for z in (s, t)]
    terms = made.step(source, target, torch.tensor(1.0, dtype=torch.float64))
    weight = recording_weights(likeness, 0.1)[0][source.domain[0]]
    expected = (weight * cross_entropy(s.logits, source.label)[0]).mean()
    assert terms.losses["classification"].item() == pytest.approx(expected.item())
    domain = -(weight * (1 - score[0][0].sigmoid()).log()).mean() - score[1].sigmoid().log().mean()
    assert terms.losses["domain"].item() == pytest.approx(domain.item())
    views = [torch.cat([getattr(s, n), getattr(t, n)], dim=1) for n in ("eeg_embedding", "eye_embedding")]
    assert terms.losses["feature_contrast"].item() == pytest.approx(cross_view_contrast(*views, 0.1).item())
    assert terms.losses["relation_contrast"].item() == pytest.approx(relation_contrast(*views, 0.1).item())
    remembered = remembered_likeness(likeness, score[0], source.domain, 0.9)
    assert torch.allclose(terms.state["target_likeness"], remembered)


def test_the_modalities_attend_to_each_other(small):
    """Each embedding depends on the other modality's features."""
    made = trainer(METHOD, small, **SMALL)
    eeg, eye = made.batches.eeg[None, :5], made.batches.eye[None, :5]
    with torch.no_grad():
        before, other_eye, other_eeg = (made.network(a, b) for a, b in ((eeg, eye), (eeg, eye + 1), (eeg * 2, eye)))
    assert not torch.allclose(before.eeg_embedding, other_eye.eeg_embedding)
    assert not torch.allclose(before.eye_embedding, other_eeg.eye_embedding)


def test_a_width_that_the_heads_do_not_divide_is_an_error():
    with pytest.raises(ConfigError, match=r"CsmmConfig.width = 9 does not divide into attention_heads = 2"):
        CsmmConfig(width=9)
