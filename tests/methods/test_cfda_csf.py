"""CFDA-CSF-like: its five terms, and what may not mix."""

import pytest
import torch
from torch.nn import functional

from tests.methods.steps import TRAINING, trainer
from ufama.core.random import CounterRNG
from ufama.methods import split_windows
from ufama.methods.cfda_csf import METHOD
from ufama.methods.parts.moments import moment_discrepancy

WIDE = {"width": 20, "discriminator_hidden": 12}


def test_the_correlation_weighs_more_on_seed():
    weights = [METHOD.preset("paper", dataset=name, variant="full").correlation_weight for name in ("seed", "seed_iv")]
    assert weights == [0.5, 0.1]


def test_terms_by_their_formulas(small):
    made = trainer(METHOD, small, dropout=0.0, most_entropy=1.05, **WIDE)
    made.batches.draw_epoch(0)
    source, target = made.batches.step(0)
    with torch.no_grad():
        outputs = made.network(
            torch.cat([source.eeg, target.eeg], 1),
            torch.cat([source.eye, target.eye], 1),
            CounterRNG(made.noise_seeds, made.steps_done),
        )
        s, t = split_windows(outputs, TRAINING.batch_size)
        scores = [made.network.discriminator(x.fused, None)[0, :, 0] for x in (s, t)]
    terms = made.step(source, target, torch.tensor(1.0, dtype=torch.float64))

    assert torch.equal(s.fused, s.eeg_embedding + s.eye_embedding)
    fine = 0.0
    for name in ("eeg_embedding", "eye_embedding"):
        a, b = (functional.normalize(getattr(x, name)[0], dim=-1) for x in (s, t))
        fine += (a.mean(0) - b.mean(0)).norm() + (a.var(0, correction=0) - b.var(0, correction=0)).norm()
    correlation = sum((x.eeg_embedding[0].T.cov() - x.eye_embedding[0].T.cov()).square().sum() for x in (s, t))
    probabilities = t.logits[0].softmax(-1)
    sure = torch.distributions.Categorical(probabilities).entropy() < 1.05
    assert 0 < sure.sum() < len(sure)
    expected = {
        "classification": functional.cross_entropy(s.logits[0], source.label[0]),
        "coarse": (functional.softplus(scores[0]).mean() + functional.softplus(-scores[1]).mean()) / 2,
        "fine": fine,
        "correlation": correlation / (4 * 20**2),
        "certainty": -probabilities[sure].max(-1).values.log().mean(),
    }
    assert list(terms.losses) == list(expected)
    for name, value in expected.items():
        assert terms.losses[name].item() == pytest.approx(value.item(), rel=1e-8), name
    assert [w.item() for w in terms.weights.values()] == pytest.approx([1, 0.5, 0.5, 0.1, 0.1])


def test_features_are_trained_against_the_discriminator(small):
    gradients = {}
    for weight in (0.0, 1.0):
        made = trainer(METHOD, small, dropout=0.0, alignment_weight=weight, **WIDE)
        made.batches.draw_epoch(0)
        source, target = made.batches.step(0)
        terms = made.terms(source, target, torch.tensor(1.0, dtype=torch.float64))
        assert terms.weights["coarse"].item() == weight
        first = made.network.eye_extractor.linear[0].weight
        (gradients[weight],) = torch.autograd.grad(terms.total().sum(), first)
    fresh = trainer(METHOD, small, dropout=0.0, **WIDE)
    noise = CounterRNG(fresh.noise_seeds, fresh.steps_done)
    outputs = fresh.network(torch.cat([source.eeg, target.eeg], 1), torch.cat([source.eye, target.eye], 1), noise)
    s, t = split_windows(outputs, TRAINING.batch_size)
    scores = [fresh.network.discriminator(x.fused, None) for x in (s, t)]
    helps = (functional.softplus(scores[0]).mean() + functional.softplus(-scores[1]).mean()) / 2
    fine = moment_discrepancy(*(functional.normalize(x.eye_embedding, dim=-1) for x in (s, t))).sum()
    (direct,) = torch.autograd.grad(fine - helps, fresh.network.eye_extractor.linear[0].weight)
    assert torch.allclose(gradients[1.0] - gradients[0.0], direct, atol=1e-12)
