"""What trains equals the paper's definition (`ufama.core.reference`): terms, gradients, parameters after steps.

Every form of the stack is compared, the definitions with a runs axis and the fast forms, in double precision.
"""

import math

import pytest
import torch

from ufama.config import TrainingConfig, preset
from ufama.core import fast, reference
from ufama.core.random import CounterRNG
from ufama.data.folds import folds, scaled
from ufama.methods.ufama import METHOD
from ufama.training.batches import make_split
from ufama.training.trainer import Trainer

SMALL = {"width": 8, "ffn_width": 12, "fusion_width": 16, "modality_head_width": 6, "fusion_head_width": 10}
DROPOUT = {"head_dropout": 0.3, "encoder_dropout": 0.1}
AT_WORK = {"gate_confidence": 0.35, "trusted_share": 0.7, "distillation_weight": 0.1}
TRAINING = TrainingConfig(batch_size=16, epochs=2, steps_per_epoch=3, precision="float64", learning_rate=0.005)
SEEDS = [0, 5, 3]
FOLDS = [2, 0, 5]  # of two sessions, whose trials have different numbers of windows
FORMS = {"cpu": fast.cpu, "gpu": fast.gpu, "definitions": None}


class DrawsOfRun:
    """What one run of a stack draws for some of its batch's windows."""

    def __init__(self, rng, batch, windows):
        self.rng, self.batch, self.windows = rng, batch, windows

    def bernoulli_mask(self, layer, shape, rate):
        return self.rng.bernoulli_mask(layer, torch.Size((1, self.batch, *shape[1:])), rate)[0, self.windows]


def stack_and_references(windows, name, **changes):
    """A stack of three runs, and for each of them the reference with its weights."""
    config = preset(name, dataset="seed_iv").replace(**SMALL, **DROPOUT, **changes)
    every = folds(windows, "cross_subject")
    splits = [make_split(windows, every[fold], TRAINING, seed) for fold, seed in zip(FOLDS, SEEDS, strict=True)]
    stack = Trainer(METHOD, config, TRAINING, scaled(windows, TRAINING.scaling), splits, SEEDS)
    references = [
        reference.Reference(
            config,
            network_of_run(stack.network, config, windows.card, run),
            target_windows=len(split.target),
            learning_rate=TRAINING.learning_rate,
        )
        for run, split in enumerate(splits)
    ]
    return stack, references


def network_of_run(stacked, config, card, run):
    network = reference.Network(
        config,
        eeg_tokens=len(card.eeg_tokens),
        eeg_features=len(card.eeg_features),
        eye_features=len(card.eye_features),
        classes=len(card.class_names),
    ).double()
    values = of_run(dict(stacked.named_parameters()), run)
    network.load_state_dict({name: values[name] for name in network.state_dict()})
    assert len(values) == len(network.state_dict())
    return network


def of_run(tensors, run):
    """One run's tensors by the reference's names, laid out as in torch: weights (out, in), biases (out,)."""
    values = {}
    for name, tensor in tensors.items():
        value = tensor[run].detach().clone()
        values[name.replace("to_eeg.attention", "to_eeg").replace("to_eye.attention", "to_eye")] = (
            value.flatten() if value.ndim == 1 or name.endswith("bias") else value.T
        )
    return values


def reference_step(plain, stack, run, source, target, epoch):
    """The same batch and the same draws through the reference of one run."""
    n, batch = source.label.shape[1], source.label.shape[1] + target.row.shape[1]
    rng = CounterRNG(stack.noise_seeds[run : run + 1], stack.steps_done)
    draws = DrawsOfRun(rng, batch, slice(None, n)), DrawsOfRun(rng, batch, slice(n, None))
    source_windows, target_windows = (source.eeg[run], source.eye[run]), (target.eeg[run], target.eye[run])
    return plain.step(source_windows, source.label[run], target_windows, target.row[run], epoch, draws)


def stack_gradients(stack, source, target, epoch):
    terms = stack.terms(source, target, torch.tensor(float(epoch), dtype=torch.float64))
    parameters = dict(stack.network.named_parameters())
    gradients = torch.autograd.grad(terms.total().sum(), list(parameters.values()), materialize_grads=True)
    return terms, dict(zip(parameters, gradients, strict=True))


def compare_gradients(windows, name):
    """Values and gradients of the first step of each run."""
    stack, references = stack_and_references(windows, name, **AT_WORK)
    stack.batches.draw_epoch(0)
    source, target = stack.batches.step(0)
    terms, gradients = stack_gradients(stack, source, target, epoch=12)
    for run, plain in enumerate(references):
        values = reference_step(plain, stack, run, source, target, epoch=12)
        assert {term: value[run].item() for term, value in terms.losses.items()} == pytest.approx(values, abs=1e-9)
        expected = of_run(gradients, run)
        trained = {id(p) for group in plain.optimiser.param_groups for p in group["params"]}
        for parameter_name, parameter in plain.network.named_parameters():
            if id(parameter) in trained:
                torch.testing.assert_close(parameter.grad, expected[parameter_name], rtol=0, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["paper", "released"])
def test_values_and_gradients_are_the_definitions(small, name, form):
    with fast.using(FORMS[form]):
        compare_gradients(small, name)


CHANGED_DEFINITIONS = {
    "attention": lambda query, key, value, dropout, draws: dropout(
        torch.softmax(query @ key.mT / math.sqrt(2 * key.shape[-1]), dim=-1), draws
    ) @ value,
    "encoder_block": lambda block, z, draws: reference_encoder_block(block, z, draws) - 1e-6 * z,
    "cross_attention": lambda layers, receiver, giver: 0.999 * receiver
    + reference.multi_head_attention(layers, receiver, giver, None),
    "fusion": lambda layers, eeg, eye: reference_fusion(layers, eeg, eye).roll(1, dims=1),
}  # fmt: skip
reference_encoder_block, reference_fusion = reference.encoder_block, reference.fusion


@pytest.mark.parametrize("equation", CHANGED_DEFINITIONS)
@pytest.mark.parametrize("form", FORMS)
def test_a_changed_definition_is_noticed(small, monkeypatch, form, equation):
    """The scale of attention, the residuals, the order of the fusion's halves."""
    monkeypatch.setattr(reference, equation, CHANGED_DEFINITIONS[equation])
    with fast.using(FORMS[form]), pytest.raises(AssertionError):
        compare_gradients(small, "paper")


@pytest.mark.parametrize("name", ["paper", "released"])
def test_training_equals_the_reference_step_by_step(small, name):
    """Over three epochs with every term at work, the stack's runs are so many references."""
    stack, references = stack_and_references(small, name, **AT_WORK)
    assert len({len(split.target) for split in stack.batches.splits}) > 1
    at_work = {"consistency": 0, "distillation": 0}
    for epoch in (0, 11, 12):
        stack.batches.draw_epoch(epoch)
        for number in range(stack.batches.steps):
            source, target = stack.batches.step(number)
            expected = [reference_step(r, stack, run, source, target, epoch) for run, r in enumerate(references)]
            terms = stack.step(source, target, torch.tensor(float(epoch), dtype=torch.float64))
            for run, values in enumerate(expected):
                losses = {term: value[run].item() for term, value in terms.losses.items()}
                assert losses == pytest.approx(values, abs=1e-9)
                for term in at_work:
                    at_work[term] += losses[term] > 0 and terms.weights[term][run].item() > 0
    assert min(at_work.values()) >= 2
    for run, plain in enumerate(references):
        trained = of_run(dict(stack.network.named_parameters()), run)
        for parameter_name, parameter in plain.network.named_parameters():
            torch.testing.assert_close(parameter.detach(), trained[parameter_name], rtol=0, atol=1e-9)


@pytest.mark.parametrize(("name", "heads_trained"), [("paper", True), ("released", False)])
def test_released_leaves_the_heads_out(small, name, heads_trained):
    _, (plain, *_) = stack_and_references(small, name)
    trained = {id(parameter) for group in plain.optimiser.param_groups for parameter in group["params"]}
    heads = {id(p) for key, p in plain.network.named_parameters() if "_head." in key}
    assert heads <= trained if heads_trained else not heads & trained


def librarys_attention(layers):
    width = layers.query.in_features
    library = torch.nn.MultiheadAttention(
        width, layers.heads, bias=layers.query.bias is not None, batch_first=True, dtype=torch.float64
    )
    copy_attention(layers, library)
    return library


@torch.no_grad()
def copy_attention(layers, library):
    inputs = (layers.query, layers.key, layers.value)
    library.in_proj_weight.copy_(torch.cat([linear.weight for linear in inputs]))
    if library.in_proj_bias is not None:
        library.in_proj_bias.copy_(torch.cat([linear.bias for linear in inputs]))
    library.out_proj.load_state_dict(layers.output.state_dict())


@pytest.mark.parametrize("bias", [True, False])
def test_multi_head_attention_is_the_librarys(bias):
    torch.manual_seed(1)
    layers = reference.Attention(8, 2, bias, reference.Dropout(1, 0.0)).double()
    receiver, giver = (torch.randn(3, tokens, 8, dtype=torch.float64) for tokens in (5, 4))
    expected, _ = librarys_attention(layers)(receiver, giver, giver)
    torch.testing.assert_close(reference.multi_head_attention(layers, receiver, giver, None), expected)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_an_encoder_block_is_the_librarys(norm):
    torch.manual_seed(2)
    config = preset("paper", dataset="seed").replace(encoder_norm=norm, attention_bias=True, width=8, ffn_width=12)
    block = reference.EncoderBlock(config, iter(range(4))).double()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter)
    library = torch.nn.TransformerEncoderLayer(
        8, config.attention_heads, 12, dropout=0.0, batch_first=True, norm_first=norm == "pre", dtype=torch.float64
    )
    copy_attention(block.attention, library.self_attn)
    for ours, theirs in (
        (block.feed_forward.expand, library.linear1),
        (block.feed_forward.contract, library.linear2),
        (block.attention_norm, library.norm1),
        (block.feed_forward_norm, library.norm2),
    ):
        theirs.load_state_dict(ours.state_dict())
    z = torch.randn(3, 5, 8, dtype=torch.float64)
    torch.testing.assert_close(reference.encoder_block(block, z, None), library(z))
