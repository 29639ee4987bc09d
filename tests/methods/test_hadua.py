"""HADUA: its attention, what a step trains and reads, its variants, and what separates its presets."""

from dataclasses import fields, replace

import pytest
import torch
from torch.nn import functional

from tests.methods.steps import (
    gradients,
    one_step,
    trainer,
)
from ufama.config import ConfigError, scale
from ufama.config import TrainingConfig as Training
from ufama.core.layers import initialise
from ufama.core.losses import cross_entropy
from ufama.core.mmd import mmd_quadratic
from ufama.core.random import StackedDropout
from ufama.data.folds import folds
from ufama.methods import Step, method, split_windows
from ufama.methods.hadua.confidence import initial_statistics, weight_pseudo_labels
from ufama.methods.hadua.config import PAPER, RELEASED, HaduaConfig
from ufama.methods.hadua.method import METHOD
from ufama.methods.hadua.network import WideningAttention, lag_code
from ufama.methods.parts.conditional_mmd import conditional_mmd
from ufama.methods.parts.outputs import SingleHeadOutputs
from ufama.training.batches import context_rows
from ufama.training.splits import make_split
from ufama.training.trainer import Trainer

SMALL = {"width": 8, "fusion_width": 16, "attention_head_width": 4, "head_hidden": 6, "sequence_windows": 3}
SHARP = SMALL | {"conditional_schedule": "constant"}  # the conditional term counts from the first step
DIFFERENT = {
    field.name: getattr(RELEASED, field.name)
    for field in fields(HaduaConfig)
    if getattr(PAPER, field.name) != getattr(RELEASED, field.name)
}
AS_RELEASED = SMALL | DIFFERENT


def attention(runs=2, inputs=6, width=8, head_width=4, dropout=0.0):
    made = WideningAttention(runs, inputs, width, head_width, StackedDropout(1, dropout))
    initialise(made, list(range(runs)))
    return made.double()


def normal(*shape, seed=4):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_attention_is_torchs_scaled_dot_product_head_by_head():
    made, query, context = attention(), normal(2, 5, 2, 6), normal(2, 5, 3, 6, seed=5)
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
    made, context = attention(), normal(2, 5, 1, 6)
    for seed in (1, 2):
        attended, weights = made(normal(2, 5, 1, 6, seed=seed), context, None)
        assert (weights == 1).all()
        torch.testing.assert_close(attended, made.output(made.value(context)))
    double = made(context, 2 * context, None)[0]
    torch.testing.assert_close(double, 2 * made(context, context, None)[0])


def test_over_a_sequence_it_is_not_linear():
    made, context = attention(), normal(2, 5, 3, 6)
    assert not torch.allclose(made(context, 2 * context, None)[0], 2 * made(context, context, None)[0], rtol=1e-3)


def test_the_lag_code_of_the_present_is_zero_lag_and_all_lags_differ():
    code = lag_code(8, 6)
    assert code[-1].tolist() == [0, 1, 0, 1, 0, 1]
    assert code[-2, :2].tolist() == pytest.approx([0.8414709848, 0.5403023059])  # sin 1, cos 1: one window ago
    assert (torch.cdist(code, code) + torch.eye(8) > 0.1).all()
    assert lag_code(3, 5).shape == (3, 5)


@pytest.mark.parametrize(("window_position", "differs"), [("lag", True), ("none", False)])
def test_the_order_of_past_windows_matters_with_a_lag_code_only(small, window_position, differs):
    made = trainer(METHOD, small, **SMALL | {"window_position": window_position})
    made.batches.draw_epoch(0)
    source, _ = made.batches.step(0)
    assert source.eeg.shape[:3] == (1, 16, 3)
    swapped = torch.tensor([1, 0, 2])
    ours = made.network(source.eeg, source.eye).logits
    theirs = made.network(source.eeg[:, :, swapped], source.eye[:, :, swapped]).logits
    assert torch.allclose(ours, theirs, rtol=1e-9) is not differs


def test_a_sequence_is_the_window_and_those_before_it_in_its_trial(small):
    rows = context_rows(small, METHOD.context(PAPER))
    first = (small.window == 0).nonzero()[0]
    assert (rows[first] == first[:, None]).all()
    last = (small.window == 8).nonzero()[0]
    assert (small.window[rows[last]] == range(1, 9)).all()


def test_the_presents_query_sees_the_sequence_and_levels_stack(small):
    """By hand, from the layers: level two reads level one in `stacked`, the extractors' features in `parallel`."""
    eeg, eye = normal(1, 4, 3, 7, 3), normal(1, 4, 3, 5, seed=9)
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


def test_running_statistics_belong_to_their_run(small):
    seeds, fold_numbers = (3, 11), (0, 5)
    stack = trainer(METHOD, small, seeds, fold_numbers, **SHARP)
    stack.train_epoch(0)
    for run in range(2):
        single = trainer(METHOD, small, seeds[run : run + 1], fold_numbers[run : run + 1], **SHARP)
        single.train_epoch(0)
        for name, value in single.state.items():
            torch.testing.assert_close(stack.state[name][run], value[0])
    assert not torch.allclose(stack.state["mean"][0], stack.state["mean"][1], rtol=1e-6)


def given_step(made, epoch=6.0):
    """A step of outputs drawn at random: surer than an untrained network, and fond of class 0."""
    draw = normal(1, 32, 3 + 20, seed=8)
    outputs = SingleHeadOutputs(draw[..., 3:].contiguous(), 2 * draw[..., :3] + torch.tensor([2.0, 0.0, 0.0]))
    label = (draw[:, :16, 3] > 0).long() + (draw[:, :16, 4] > 0).long()
    source, target = split_windows(outputs, 16)
    epoch = torch.tensor(epoch, dtype=torch.float64)
    return Step(made.network, None, source, label, None, target, None, epoch, epoch / 16, None)


def test_terms_are_the_equations_applied_to_the_outputs(small):
    made = trainer(METHOD, small, **SHARP | {"momentum": 0.5})
    step = given_step(made)
    state = {name: value.clone() for name, value in made.state.items()}
    terms = METHOD.terms(made.config, step, state)
    cross = cross_entropy(step.source.logits, step.source_label).mean(-1)
    torch.testing.assert_close(terms.losses["classification"], cross)
    torch.testing.assert_close(terms.losses["mmd"], mmd_quadratic(step.source.fused, step.target.fused, 5, 1e-5))
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
    expected = conditional_mmd(step.source.fused, step.target.fused, one_hot, share, 5, 1e-5, "class")
    torch.testing.assert_close(terms.losses["conditional"], expected)
    torch.testing.assert_close(terms.total(), cross + terms.losses["mmd"] + terms.losses["conditional"])
    assert set(terms.state) == {"mean", "sd", "classes"}
    torch.testing.assert_close(terms.state["mean"], 0.25 + 0.5 * pseudo.confidence.mean(1))
    assert all(value.shape == (1,) for value in (terms.diagnostics | terms.weights).values())


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


def test_sizes_are_the_released_codes_at_full_scale(small):
    made = trainer(METHOD, small, sequence_windows=1, inter_modal="eeg_queries_eye").network
    assert [linear.weight.shape[1:] for linear in made.eeg_extractor.linear] == [(21, 256), (256, 128), (128, 64)]
    assert made.head.hidden.weight.shape[1:] == (384, 32)
    assert made.attention.within_eeg.query.weight.shape[1:] == (64, 128)
    assert 128 // PAPER.attention_head_width == 16
    config, _ = scale("smoke").apply(PAPER, Training())
    assert (config.width, config.fusion_width) == (8, 8)


def test_presets_differ_where_the_chapters_ledger_says():
    assert set(DIFFERENT) == {
        "sequence_windows",
        "window_position",
        "hierarchy",
        "inter_modal",
        "train_head",
        "learning_rate",
        "conditional",
        "conditional_normalisation",
        "statistics",
    }


def test_errors_name_the_field():
    with pytest.raises(ConfigError, match="fusion_width = 12 is no multiple of attention_head_width = 8"):
        HaduaConfig(fusion_width=12)
    with pytest.raises(ConfigError, match=r"hadua has no variant 'M6'; choose one of H1"):
        METHOD.preset("paper", dataset="seed", variant="M6")
    with pytest.raises(ConfigError, match="momentum = 2: expected a number from 0 to 1"):
        replace(PAPER, momentum=2)
    assert method("hadua") is METHOD


def test_probabilities_are_the_heads_and_no_modality_has_its_own(small):
    made = trainer(METHOD, small, **SMALL)
    said = METHOD.predict(SingleHeadOutputs(normal(1, 4, 20), normal(1, 4, 3)))
    assert said.shape == (1, 4, 3, 3)
    assert said[:, :, :2].isnan().all()
    torch.testing.assert_close(said[:, :, 2].sum(-1), torch.ones(1, 4, dtype=torch.float64))
    assert METHOD.audit(made.config, said[0], torch.zeros(4)) == {}


def test_adaptation_undoes_a_shift_that_the_network_alone_falls_for():
    """Four made-up people, each with an offset that nothing scales away; labels of the target are read afterwards."""
    from tests.builders import made_windows

    windows = made_windows(sessions=1, trials=9, seed=1)
    training = Training(batch_size=32, epochs=1, steps_per_epoch=2, criteria="none", scaling="none")
    people = folds(windows, "cross_subject")
    parts = [make_split(windows, fold, training, 0) for fold in people]
    accuracy = {}
    for variant in ("H1", "H5"):
        config = METHOD.preset("paper", dataset="made", variant=variant).replace(**SMALL)
        made = Trainer(METHOD, config, training, windows, parts, [0] * len(parts))
        for epoch in range(50):
            made.train_epoch(epoch)
        said = made.evaluate([own.test for own in parts])
        accuracy[variant] = sum(
            (own.probabilities[:, -1].argmax(-1) == windows.label[fold.target]).mean()
            for own, fold in zip(said, people, strict=True)
        ) / len(people)
    assert accuracy["H1"] < 0.9
    assert accuracy["H5"] > 0.97
