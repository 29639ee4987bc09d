"""Whose windows a layer sees together in training: source and target in one pass, or each in its own."""

import pytest
import torch

from tests.methods.electrodes import named
from tests.methods.steps import TRAINING, first_batch, trainer
from ufama.core.random import CounterRNG
from ufama.methods import is_fitted, method, methods
from ufama.methods.hadua.method import METHOD as HADUA
from ufama.training import trainer as module

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


NETWORKS = [name for name, known in methods().items() if not is_fitted(known)]


@pytest.mark.parametrize("precision", ["float64", "bf16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_stack_in_parts_trains_as_the_whole_stack(small, monkeypatch, name, precision):
    """Two parts of three runs, of which one has a fold of its own. A network that keeps more than parameters is not
    divided."""

    def trained(at_once):
        monkeypatch.setattr(module, "RUNS_AT_ONCE", at_once)
        made = trainer(method(name), named(small), (0, 1, 2), (0, 0, 1), TRAINING.replace(precision=precision))
        means = [made.train_epoch(epoch) for epoch in range(2)]
        return made, means

    (whole, expected), (divided, means) = trained(3), trained(2)
    is_divided = not list(divided.network.buffers())
    assert [len(made.optimiser.parts) for made in (whole, divided)] == [1, 2 if is_divided else 1]
    close = {"rtol": 1e-9, "atol": 1e-12} if precision == "float64" else {"rtol": 2e-2, "atol": 2e-3}
    for one, other in zip(expected, means, strict=True):
        torch.testing.assert_close(other, one, **close)
    for key, value in divided.tensors().items():
        torch.testing.assert_close(value, whole.tensors()[key], **close)


def test_parts_of_runs_are_equal_and_none_is_larger_than_said(small, monkeypatch):
    monkeypatch.setattr(module, "RUNS_AT_ONCE", 2)
    made = trainer(method("ufama"), small, (0, 1, 2, 3, 4), (0,) * 5)
    sizes = [len(range(5)[part.runs]) for part in made.optimiser.parts]
    assert sorted(sizes) == [1, 2, 2] and sum(sizes) == 5
