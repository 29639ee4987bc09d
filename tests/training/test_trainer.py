"""Whose windows a layer sees together in training: source and target in one pass, or each in its own."""

import pytest
import torch

from tests.methods.steps import first_batch, trainer
from ufama.core.random import CounterRNG
from ufama.methods import is_fitted, method, methods
from ufama.methods.hadua.method import METHOD as HADUA

SMALL = {"width": 8, "fusion_width": 16, "attention_head_width": 4, "head_hidden": 6, "sequence_windows": 3}
QUIET = SMALL | {"attention_dropout": 0.0, "head_dropout": 0.0}
BY_DOMAIN = {"c2pci_net", "cfda_csf", "hadua", "mmda", "rhpr_net"}


def outputs(made, source, target):
    noise = CounterRNG(made.noise_seeds, made.steps_done)
    with torch.no_grad():
        return made.training_outputs(source, target, noise)


@pytest.mark.parametrize("statistics", ["joint", "by_domain"])
def test_a_shifted_target_changes_the_source_only_where_they_are_normalised_together(small, statistics):
    made = trainer(HADUA, small, **QUIET | {"batch_statistics": statistics})
    source, target = first_batch(made)
    before, _ = outputs(made, source, target)
    after, _ = outputs(made, source, target._replace(eeg=3 * target.eeg + 1))
    assert torch.equal(before.fused, after.fused) is (statistics == "by_domain")


def test_by_domain_each_extractor_sees_the_source_and_then_the_target(small):
    """The first layer's running mean moves to the source's mean, then from there to the target's."""
    made = trainer(HADUA, small, **QUIET)
    source, target = first_batch(made)
    linear, norm = made.network.eye_extractor.linear[0], made.network.eye_extractor.norm[0]
    with torch.no_grad():
        means = [linear(batch.eye.flatten(1, 2)).mean(1) for batch in (source, target)]
    outputs(made, source, target)
    torch.testing.assert_close(norm.running_mean, 0.9 * 0.1 * means[0] + 0.1 * means[1])


def test_by_domain_either_pass_draws_for_itself(small):
    """The same windows as source and as target; their dropout differs, and it follows the run's seed and the step."""
    made = trainer(HADUA, small, (0, 1), (0, 1), **SMALL)
    source, target = first_batch(made)
    same = target._replace(eeg=source.eeg, eye=source.eye)
    s, t = outputs(made, source, same)
    assert not torch.equal(s.fused, t.fused)
    again = outputs(made, source, same)
    assert torch.equal(s.fused, again[0].fused) and torch.equal(t.fused, again[1].fused)
    alone = trainer(HADUA, small, (1,), (1,), **SMALL)
    _, other = outputs(alone, *first_batch(alone))
    torch.testing.assert_close(outputs(made, source, target)[1].fused[1:], other.fused)
    made.steps_done += 1
    assert not torch.equal(outputs(made, source, same)[1].fused, t.fused)


def test_by_domain_is_one_pass_each_and_no_more(small, monkeypatch):
    made = trainer(HADUA, small, **SMALL)
    seen = []
    passed = made.network.forward
    monkeypatch.setattr(made.network, "forward", lambda eeg, eye, noise: seen.append(eeg) or passed(eeg, eye, noise))
    source, target = first_batch(made)
    made.step(source, target, torch.tensor(0.0, dtype=torch.float64))
    assert [torch.equal(eeg, batch.eeg) for eeg, batch in zip(seen, (source, target), strict=True)] == [True, True]


def test_which_methods_separate_the_domains():
    configured = {
        name: known.preset(preset, dataset="seed", variant=known.variants[-1])
        for name, known in methods().items()
        if not is_fitted(method(name))
        for preset in known.presets
    }
    separate = {name for name, config in configured.items() if getattr(config, "batch_statistics", "") == "by_domain"}
    assert separate == BY_DOMAIN
