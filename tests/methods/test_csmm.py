"""CSMM-like: sources that look like the target count more, and windows find their other modality."""

import math

import numpy as np
import pytest
import torch

from tests.methods.steps import first_batch, trainer
from ufama.core.losses import cross_entropy
from ufama.methods.csmm import (
    METHOD,
    cross_view_contrast,
    recording_weights,
    relation_contrast,
    updated_likeness,
)

SMALL = {"width": 8}


def test_weights_by_hand():
    likeness = torch.tensor([[0.5, 0.5, 0.5], [0.2, 0.2 + 0.1 * 0.6931471805599453, 0.2]], dtype=torch.float64)
    expected = torch.tensor([[1.0, 1.0, 1.0], [0.75, 1.5, 0.75]], dtype=torch.float64)
    assert torch.allclose(recording_weights(likeness, 0.1), expected)


def test_likeness_remembers_recordings_that_are_not_in_the_batch():
    before = torch.tensor([[0.5, 0.4, 0.3]], dtype=torch.float64)
    score = torch.logit(torch.tensor([[0.9, 0.7, 0.1]], dtype=torch.float64))
    found = updated_likeness(before, score, torch.tensor([[0, 0, 2]]), 0.9)
    assert torch.allclose(found, torch.tensor([[0.53, 0.4, 0.28]], dtype=torch.float64))


def test_terms_are_weighted_by_the_updated_likeness(small):
    made = trainer(METHOD, small, dropout=0.0, **SMALL)
    source, target = first_batch(made)
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
    remembered = updated_likeness(likeness, score[0], source.domain, 0.9)
    assert torch.allclose(terms.state["target_likeness"], remembered)


def test_the_modalities_attend_to_each_other(small):
    """Each embedding depends on the other modality's features."""
    made = trainer(METHOD, small, **SMALL)
    eeg, eye = made.batches.eeg[None, :5], made.batches.eye[None, :5]
    with torch.no_grad():
        before, other_eye, other_eeg = (made.network(a, b) for a, b in ((eeg, eye), (eeg, eye + 1), (eeg * 2, eye)))
    assert not torch.allclose(before.eeg_embedding, other_eye.eeg_embedding)
    assert not torch.allclose(before.eye_embedding, other_eeg.eye_embedding)


def views(seed=0, runs=2, n=7):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(runs, n, 4, generator=draw, dtype=torch.float64)
    return x, x + 0.8 * torch.randn(runs, n, 4, generator=draw, dtype=torch.float64)


def slow_cosine(a, b):
    return float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))


def slow_contrast(x, y, temperature):
    n, total = len(x), 0.0
    for i in range(n):
        own = math.exp(slow_cosine(x[i], y[i]) / temperature)
        total -= math.log(own / sum(math.exp(slow_cosine(x[i], y[j]) / temperature) for j in range(n)))
        total -= math.log(own / sum(math.exp(slow_cosine(x[j], y[i]) / temperature) for j in range(n)))
    return total / (2 * n)


def slow_relations(x):
    rows = [[slow_cosine(a, b) for b in x] for a in x]
    return [np.array(row) - sum(row) / len(row) for row in rows]


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_contrasts_equal_loops(temperature):
    x, y = views()
    for run in range(2):
        a, b = x[run].numpy(), y[run].numpy()
        assert cross_view_contrast(x, y, temperature)[run].item() == pytest.approx(slow_contrast(a, b, temperature))
        expected = slow_contrast(slow_relations(a), slow_relations(b), temperature)
        assert relation_contrast(x, y, temperature)[run].item() == pytest.approx(expected)
