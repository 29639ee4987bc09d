"""Losses that several methods have in common: a discriminator's, and those of each source recording's own branch."""

import math

import pytest
import torch

from tests.methods.electrodes import named
from tests.methods.steps import first_batch, trainer
from ufama.config import ConfigError
from ufama.methods import method
from ufama.methods.parts import adversarial

RAMP = math.tanh(2.5)  # halfway through training
DOMAIN_WEIGHT = ("dann", "cdan", "csmm", "da_capsnet", "lafda_net", "stcbi_nets")
OPPOSED = [
    *((name, "domain", {"domain_weight": 0.7}, 0.7 * RAMP) for name in DOMAIN_WEIGHT),
    ("lgdaan_nets", "temporal_domain", {"local_weight": 0.7}, 0.7 * RAMP),
    ("lgdaan_nets", "spectral_domain", {"local_weight": 0.7}, 0.7 * RAMP),
    ("lgdaan_nets", "global_domain", {"global_weight": 0.7}, 0.7 * RAMP),
    ("pr_pl", "domain", {}, RAMP),
    ("cfda_csf", "coarse", {}, 1.0),
]


@pytest.mark.parametrize(("name", "term", "changes", "strength"), OPPOSED)
def test_features_are_trained_against_their_discriminator_by_the_schedule(
    small, monkeypatch, name, term, changes, strength
):
    """Against its gradient without the reversal: the discriminator's is the same, all others' are turned."""

    def gradients():
        made = trainer(method(name), named(small), **changes)
        terms = made.terms(*first_batch(made), torch.tensor(1.0, dtype=torch.float64))
        parameters = dict(made.network.named_parameters())
        found = torch.autograd.grad(terms.losses[term].sum(), list(parameters.values()), allow_unused=True)
        return {key: value for key, value in zip(parameters, found, strict=True) if value is not None}

    reversed_gradients = gradients()
    monkeypatch.setattr(adversarial, "gradient_reversal", lambda x, strength: x)
    plain = gradients()
    assert plain.keys() == reversed_gradients.keys()
    opponents = {key for key in plain if "discriminator" in key or "opponent" in key}
    assert opponents and max(plain[key].abs().max() for key in plain.keys() - opponents) > 1e-6
    for key, value in plain.items():
        expected = value if key in opponents else -strength * value
        torch.testing.assert_close(reversed_gradients[key], expected, rtol=1e-6, atol=1e-12, msg=key)


@pytest.mark.parametrize(
    ("name", "head", "off"),
    [
        ("fmlan", "separate_head", {"alignment_weight": 0.0, "mutual_weight": 0.0}),
        ("ms_mda", "classifier", {"mmd_weight": 0.0, "discrepancy_weight": 0.0}),
    ],
)
def test_a_recording_outside_the_batch_trains_no_branch_by_its_labels(small, name, head, off):
    made = trainer(method(name), small, **off)
    source, target = first_batch(made)
    source = source._replace(domain=torch.zeros_like(source.domain))
    total = made.terms(source, target, torch.tensor(1.0, dtype=torch.float64)).total().sum()
    (gradient,) = torch.autograd.grad(total, getattr(made.network, head).weight)
    gradient = gradient.unflatten(-1, (made.batches.source_domains, -1))
    assert gradient[:, :, 0].abs().sum() > 0
    assert gradient[:, :, 1:].abs().sum() == 0


@pytest.mark.parametrize(
    ("name", "width", "heads"),
    [
        ("csmm", "width", "attention_heads"),
        ("lgdaan_nets", "width", "attention_heads"),
        ("stcbi_nets", "width", "attention_heads"),
        ("hadua", "fusion_width", "attention_head_width"),
    ],
)
def test_a_width_that_the_heads_do_not_divide_is_an_error(name, width, heads):
    with pytest.raises(ConfigError, match=rf"\.{width} = 9 is no multiple of {heads} = "):
        method(name).defaults.replace(**{width: 9})
