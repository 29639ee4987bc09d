"""The benchmark's plain reference computes what the stack computes: terms, and parameters after a step of Adam."""

import importlib.util
from pathlib import Path

import pytest
import torch

from ufama.config import TrainingConfig, preset
from ufama.data.folds import folds, scaled
from ufama.methods.ufama import METHOD
from ufama.training.batches import part
from ufama.training.trainer import Trainer

SMALL = {"width": 8, "ffn_width": 12, "fusion_width": 16, "modality_head_width": 6, "fusion_head_width": 10}
STILL = {"head_dropout": 0.0, "encoder_dropout": 0.0}
TRAINING = TrainingConfig(batch_size=16, epochs=2, precision="float64", learning_rate=0.005)
SEEDS = [0, 5, 3]


@pytest.fixture(scope="module")
def plain():
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "reference.py"
    spec = importlib.util.spec_from_file_location("plain_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def both(plain, windows, config):
    """A stack of three runs, and the reference with the weights of its first."""
    every = folds(windows, "cross_subject")
    parts = [part(windows, every[fold], TRAINING, seed) for fold, seed in zip((2, 0, 1), SEEDS, strict=True)]
    stack = Trainer(METHOD, config, TRAINING, scaled(windows, TRAINING.scaling), parts, SEEDS)
    card = windows.card
    reference = plain.Reference(
        config,
        eeg_tokens=len(card.eeg_tokens),
        eeg_features=len(card.eeg_features),
        eye_features=len(card.eye_features),
        classes=len(card.class_names),
        target_windows=len(parts[0].target),
        learning_rate=TRAINING.learning_rate,
        dtype=torch.float64,
    )
    plain.load_run(reference, stack.network, 0)
    return stack, reference


def advance(stack, reference, step, epoch):
    """The same batch through both: the stack's terms of run 0, and the reference's."""
    source, target = stack.batches.step(step)
    theirs = reference.step(
        (source.eeg[0], source.eye[0]), source.label[0], (target.eeg[0], target.eye[0]), target.row[0], epoch
    )
    ours = stack.step(source, target, torch.tensor(float(epoch), dtype=torch.float64))
    return {name: value[0].item() for name, value in ours.losses.items()}, theirs, ours


def config_of(name, **changes):
    return preset(name, dataset="seed_iv").replace(**SMALL, **STILL, **changes)


@pytest.mark.parametrize("epoch", [0, 11, 41, 86])
@pytest.mark.parametrize("name", ["paper", "released"])
def test_terms_and_the_parameters_after_steps_are_the_stacks(plain, small, name, epoch):
    stack, reference = both(plain, small, config_of(name, gate_confidence=0.4))
    stack.batches.draw_epoch(0)
    for step in range(2):
        ours, theirs, _ = advance(stack, reference, step, epoch)
        assert set(ours) == set(theirs)
        for term, value in ours.items():
            assert theirs[term] == pytest.approx(value, abs=1e-9), term
    after = parameters(plain, reference)
    plain.load_run(reference, stack.network, 0)
    for own, stacked in zip(after, parameters(plain, reference), strict=True):
        torch.testing.assert_close(own, stacked, rtol=0, atol=1e-9)


def parameters(plain, reference):
    modules = (reference.eeg, reference.eye, reference.fusion)
    return [parameter.detach().clone() for module in modules for parameter in module.parameters()]


@pytest.mark.parametrize("name", ["paper", "released"])
def test_consistency_and_distillation_agree_once_they_are_at_work(plain, small, name):
    """Once the modalities have parted, both terms and the gate come up, and stay equal."""
    changes = {"gate_confidence": 0.35, "trusted_share": 0.7, "distillation_weight": 0.1}
    stack, reference = both(plain, small, config_of(name, **changes))
    at_work = {"consistency": 0, "distillation": 0}
    for epoch in range(11, 14):
        stack.batches.draw_epoch(epoch)
        for step in range(stack.batches.steps):
            ours, theirs, terms = advance(stack, reference, step, epoch)
            assert theirs == pytest.approx(ours, abs=1e-9)
            for term in at_work:
                at_work[term] += ours[term] > 0 and terms.weights[term][0].item() > 0
    assert min(at_work.values()) >= 2


def test_the_optimiser_has_a_group_per_module_and_released_leaves_the_heads_out(plain, small):
    for name, with_heads in (("paper", True), ("released", False)):
        _, reference = both(plain, small, config_of(name))
        assert len(reference.optimiser.param_groups) == 3
        given = {id(parameter) for group in reference.optimiser.param_groups for parameter in group["params"]}
        heads = [p for module in (reference.eeg, reference.eye, reference.fusion) for p in module.head.parameters()]
        assert all((id(parameter) in given) == with_heads for parameter in heads)


def test_another_weight_is_noticed(plain, small):
    """Red once, always: a reference with one changed layer does not agree."""
    stack, reference = both(plain, small, config_of("paper"))
    stack.batches.draw_epoch(0)
    with torch.no_grad():
        reference.eye.embed.weight[0] += 0.1
    ours, theirs, _ = advance(stack, reference, 0, 0)
    assert abs(ours["mmd"] - theirs["mmd"]) > 1e-9
