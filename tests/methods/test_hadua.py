"""HADUA: its attention, what a step trains and reads, its variants, and what separates its presets."""

from dataclasses import fields

import pytest
import torch
from torch.nn import functional

from tests.methods.steps import first_batch, gradients, initialised, normal, one_step, trainer
from ufama.core.losses import cross_entropy
from ufama.core.mmd import mmd_quadratic
from ufama.core.random import StackedDropout
from ufama.methods import Step, split_windows
from ufama.methods.hadua.confidence import initial_statistics, weight_pseudo_labels
from ufama.methods.hadua.config import PAPER, RELEASED, HaduaConfig
from ufama.methods.hadua.method import METHOD
from ufama.methods.hadua.network import WideningAttention, lag_code
from ufama.methods.parts.conditional_mmd import conditional_mmd
from ufama.methods.parts.outputs import SingleHeadOutputs

SMALL = {"width": 8, "fusion_width": 16, "attention_head_width": 4, "head_hidden": 6, "sequence_windows": 3}
SHARP = SMALL | {"conditional_schedule": "constant"}  # the conditional term counts from the first step
DIFFERENT = {
    field.name: getattr(RELEASED, field.name)
    for field in fields(HaduaConfig)
    if getattr(PAPER, field.name) != getattr(RELEASED, field.name)
}
AS_RELEASED = SMALL | DIFFERENT


def attention(runs=2, inputs=6, width=8, head_width=4, dropout=0.0):
    return initialised(WideningAttention(runs, inputs, width, head_width, StackedDropout(1, dropout)), range(runs))


def test_attention_is_torchs_scaled_dot_product_head_by_head():
    made, query, context = attention(), normal(2, 5, 2, 6, seed=4), normal(2, 5, 3, 6, seed=5)
    attended, weights = made(query, context, None)
    for run in range(2):
        q, k, v = (
            (x[run] @ layer.weight[run]).unflatten(-1, (2, 4)).transpose(1, 2)
            for x, layer in ((query, made.query), (context, made.key), (context, made.value))
        )
        expected = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2) @ made.output.weight[run]
        torch.testing.assert_close(attended[run], expected)
    assert weights.shape == (2, 5, 2, 2, 3)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 5, 2, 2, dtype=torch.float64))


def test_attention_to_a_single_window_is_a_linear_map_that_ignores_the_query():
    made, context = attention(), normal(2, 5, 1, 6, seed=4)
    for seed in (1, 2):
        attended, weights = made(normal(2, 5, 1, 6, seed=seed), context, None)
        assert (weights == 1).all()
        torch.testing.assert_close(attended, made.output(made.value(context)))


def test_the_lag_code_of_the_present_is_zero_lag_and_all_lags_differ():
    code = lag_code(8, 6)
    assert code[-1].tolist() == [0, 1, 0, 1, 0, 1]
    assert code[-2, :2].tolist() == pytest.approx([0.8414709848, 0.5403023059])  # sin 1, cos 1: one window ago
    assert (torch.cdist(code, code) + torch.eye(8) > 0.1).all()
    assert lag_code(3, 5).shape == (3, 5)


@pytest.mark.parametrize(("window_position", "differs"), [("lag", True), ("none", False)])
def test_the_order_of_past_windows_matters_with_a_lag_code_only(small, window_position, differs):
    made = trainer(METHOD, small, **SMALL | {"window_position": window_position})
    source, _ = first_batch(made)
    assert source.eeg.shape[:3] == (1, 16, 3)
    swapped = torch.tensor([1, 0, 2])
    ours = made.network(source.eeg, source.eye).logits
    theirs = made.network(source.eeg[:, :, swapped], source.eye[:, :, swapped]).logits
    assert torch.allclose(ours, theirs, rtol=1e-9) is not differs


def test_the_presents_query_sees_the_sequence_and_levels_stack(small):
    """By hand, from the layers: level two reads level one in `stacked`, the extractors' features in `parallel`."""
    eeg, eye = normal(1, 4, 3, 7, 3, seed=4), normal(1, 4, 3, 5, seed=9)
    for hierarchy, features in (("stacked", 16), ("parallel", 8)):
        made = trainer(METHOD, small, **SMALL | {"hierarchy": hierarchy}).network
        parts = made.attention
        x, y = (
            extractor(z.flatten(1, 2), None).unflatten(1, (4, 3)) + lag_code(3, 8)
            for extractor, z in ((made.eeg_extractor, eeg.flatten(3)), (made.eye_extractor, eye))
        )
        own_x, own_y = parts.within_eeg(x, x, None)[0], parts.within_eye(y, y, None)[0]
        if hierarchy == "stacked":
            x, y = own_x, own_y
        assert x.shape[-1] == features
        crossed = parts.eeg_queries_eye(x, y, None)[0], parts.eye_queries_eeg(y, x, None)[0]
        expected = torch.cat([z[:, :, -1] for z in (own_x, own_y, *crossed)], dim=-1)
        torch.testing.assert_close(made(eeg, eye).fused, expected)
        assert made.attend(eeg, eye).weights["within_eeg"].shape == (1, 4, 4, 3)


def test_exactly_the_head_stays_still_in_preset_released(small):
    _, moved, everything = one_step(trainer(METHOD, small, **AS_RELEASED))
    still = everything - moved
    queries = {name for name in everything if name.endswith(("query.weight", "key.weight"))}
    assert still - queries == {name for name in everything if name.startswith("head.")}


def test_with_one_window_queries_and_keys_get_no_gradient_and_only_decay(small):
    """Their weights shrink by weight decay alone: whom a window attends to is nothing that could be learned."""
    found = gradients(trainer(METHOD, small, **AS_RELEASED))
    for name in (name for name in found if name.startswith("attention.")):
        reached = found[name].abs().max().item() > 1e-14
        assert reached == (not name.endswith(("query.weight", "key.weight"))), name


def given_step(made, epoch=6.0):
    """A step of outputs drawn at random: surer than an untrained network, and fond of class 0."""
    draw = normal(1, 32, 3 + 20, seed=8)
    outputs = SingleHeadOutputs(draw[..., 3:].contiguous(), 2 * draw[..., :3] + torch.tensor([2.0, 0.0, 0.0]))
    label = (draw[:, :16, 3] > 0).long() + (draw[:, :16, 4] > 0).long()
    source, target = split_windows(outputs, 16)
    epoch = torch.tensor(epoch, dtype=torch.float64)
    return Step(made.network, None, source, label, None, None, target, None, epoch, epoch / 16, None)


def test_terms_are_the_equations_applied_to_the_outputs(small):
    made = trainer(METHOD, small, **SHARP | {"momentum": 0.5})
    step = given_step(made)
    state = {name: value.clone() for name, value in made.state.items()}
    terms = METHOD.terms(made.config, step, state)
    cross = cross_entropy(step.source.logits, step.source_label).mean(-1)
    torch.testing.assert_close(terms.losses["classification"], cross)
    torch.testing.assert_close(terms.losses["mmd"], mmd_quadratic(step.source.fused, step.target.fused, 5))
    pseudo = weight_pseudo_labels(
        step.target.logits.softmax(-1),
        initial_statistics(1, 3, cross),
        step.epoch,
        momentum=0.5,
        aligned=True,
        weighted=True,
    )
    assert pseudo.weight.min() < 0.99  # so that leaving the weights out would show
    share = pseudo.weight[..., None] * pseudo.soft_label
    one_hot = functional.one_hot(step.source_label, 3).double()
    expected = conditional_mmd(step.source.fused, step.target.fused, one_hot, share, 5, 0.0, "class")
    torch.testing.assert_close(terms.losses["conditional"], expected)
    torch.testing.assert_close(terms.total(), cross + terms.losses["mmd"] + terms.losses["conditional"])
    assert set(terms.state) == {"mean", "sd", "classes"}
    torch.testing.assert_close(terms.state["mean"], 0.25 + 0.5 * pseudo.confidence.mean(1))
    assert all(value.shape == (1,) for value in (terms.diagnostics | terms.weights).values())


def test_the_conditional_term_reaches_the_targets_labels_and_can_read_the_raw_ones(small):
    """Soft labels have a gradient, aligned or raw; raw ones still count by the confidence of the aligned."""
    found = {}
    for labels in ("aligned", "raw"):
        made = trainer(METHOD, small, **SHARP | {"momentum": 0.5, "conditional_labels": labels})
        step = given_step(made)
        logits = step.target.logits.requires_grad_()
        conditional = METHOD.terms(made.config, step, dict(made.state)).losses["conditional"]
        (gradient,) = torch.autograd.grad(conditional.sum(), logits)
        assert gradient.abs().max() > 1e-4
        found[labels] = conditional.item()
    probabilities = logits.detach().softmax(-1)
    statistics = initial_statistics(1, 3, probabilities)
    pseudo = weight_pseudo_labels(probabilities, statistics, step.epoch, momentum=0.5, aligned=True, weighted=True)
    one_hot = functional.one_hot(step.source_label, 3).double()
    for labels, soft in (("aligned", pseudo.soft_label), ("raw", probabilities)):
        expected = conditional_mmd(step.source.fused, step.target.fused, one_hot, pseudo.weight[..., None] * soft)
        assert found[labels] == pytest.approx(expected.item(), rel=1e-10)
    assert found["raw"] != pytest.approx(found["aligned"], rel=1e-3)


def test_statistics_of_each_batch_forget_the_ones_before(small):
    made = trainer(METHOD, small, **SHARP | {"statistics": "per_batch"})
    assert made.state == {}
    step = given_step(made)
    first, second = (METHOD.terms(made.config, step, {}).diagnostics["confidence_mean"].item() for _ in range(2))
    assert first == second
    assert METHOD.terms(made.config, step, {}).state == {}
    kept = trainer(METHOD, small, **SHARP)
    after = METHOD.terms(kept.config, step, kept.state)
    assert after.diagnostics["confidence_mean"].item() == pytest.approx(first)
    again = METHOD.terms(kept.config, step, after.state)
    assert again.diagnostics["confidence_mean"].item() > first


@pytest.mark.parametrize(
    ("name", "terms", "aligned", "weighted"),
    [
        ("H1", ["classification"], False, False),
        ("H2", ["classification", "mmd"], False, False),
        ("H3", ["classification", "mmd", "conditional"], False, False),
        ("H4", ["classification", "mmd", "conditional"], True, False),
        ("H5", ["classification", "mmd", "conditional"], True, True),
    ],
)
def test_each_variant_adds_one_part(small, name, terms, aligned, weighted):
    config = METHOD.preset("paper", dataset="seed", variant=name)
    made = trainer(METHOD, small, **SMALL)
    config = config.replace(**SMALL, conditional_schedule="constant", momentum=0.5)
    found = METHOD.terms(config, given_step(made), dict(made.state))
    assert list(found.losses) == terms
    if "conditional" in terms:
        told = found.diagnostics
        even = told["largest_class_share_aligned"] < told["largest_class_share"] - 1e-3
        assert bool(even) is aligned
        assert bool(told["smallest_target_weight"] < 1) is weighted
    assert METHOD.preset("paper", dataset="seed", variant="H5") == PAPER


def test_in_released_the_variants_after_marginal_mmd_train_alike(small):
    found = [
        METHOD.terms(
            METHOD.preset("released", dataset="seed", variant=name), given_step(trainer(METHOD, small, **SMALL)), {}
        )
        for name in ("H2", "H3", "H4", "H5")
    ]
    assert all(list(terms.losses) == ["classification", "mmd"] and not terms.diagnostics for terms in found)
    assert len({terms.total().item() for terms in found}) == 1


def test_the_gate_closes_the_conditional_term(small):
    terms, *_ = one_step(trainer(METHOD, small, **SMALL))
    assert terms.losses["classification"].item() > 0.15
    assert terms.weights["conditional"].item() == 0 < terms.losses["conditional"].item()


def test_the_optimisers_groups_have_their_rates(small):
    made = trainer(METHOD, small, **SMALL)
    extractors, rest = METHOD.trained(made.config, made.network)
    assert (extractors["lr"], rest["lr"]) == pytest.approx((0.002, 0.02))
    released = METHOD.trained(RELEASED, made.network)
    assert [group["lr"] for group in released] == pytest.approx([0.005, 0.05])
    assert all(group["weight_decay"] == 1e-3 for group in (extractors, rest, *released))
    heads = {id(parameter) for parameter in made.network.head.parameters()}
    assert heads <= {id(parameter) for parameter in rest["params"]}
    assert not heads & {id(parameter) for group in released for parameter in group["params"]}
