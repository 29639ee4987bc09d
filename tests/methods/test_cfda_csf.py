"""CFDA-CSF-like: its five terms, and what may not mix."""

import pytest
import torch
from torch.nn import functional

from tests.methods.steps import check_losses, first_outputs, trainer
from ufama.methods.cfda_csf import METHOD

WIDE = {"width": 20, "discriminator_hidden": 12}


def test_the_correlation_weighs_more_on_seed():
    weights = [METHOD.preset("paper", dataset=name, variant="full").correlation_weight for name in ("seed", "seed_iv")]
    assert weights == [0.5, 0.1]


def test_terms_by_their_formulas(small):
    made = trainer(METHOD, small, dropout=0.0, most_entropy=1.05, **WIDE)
    source, target, s, t = first_outputs(made, training_pass=True)
    with torch.no_grad():
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
    check_losses(terms, expected)
    assert [w.item() for w in terms.weights.values()] == pytest.approx([1, 0.5, 0.5, 0.1, 0.1])
