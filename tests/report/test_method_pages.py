"""The figures and sentences of the pages on the method: by-hand numbers, and properties that the pages state."""

import ast
import inspect
import math
import re
import textwrap

import matplotlib as mpl
import numpy as np
import pytest
import torch

mpl.use("agg")

from ufama.config import PAPER, SCALES, TrainingConfig
from ufama.core import losses, reference
from ufama.core.mmd import mmd_quadratic
from ufama.core.screening import screen, whole_pool
from ufama.methods.ufama import Ufama
from ufama.pages.notebooks import project_folder
from ufama.report import compactness, kernels, loss_schedule, network, screening_example
from ufama.report.source import source

QUICK = SCALES["quick"].apply(PAPER, TrainingConfig())[0]


@pytest.fixture(scope="module")
def example():
    return screening_example.screened(PAPER)


@pytest.fixture(scope="module")
def schedule():
    return loss_schedule.Schedule(title="The paper", config=PAPER, epochs=400, steps=26)


# --- figures ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gallery(small, example, schedule):
    made = {
        "tokens": network.tokens(small),
        "pair_costs": compactness.pair_costs(3),
        "kernel_curves": kernels.kernel_curves(),
        "visible_differences": kernels.visible_differences(kernels.visibility(draws=20)),
        "mmd_over_shift": kernels.mmd_over_shift(kernels.shifted_samples(draws=5)),
        "pool": screening_example.pool(example),
        "timeline": loss_schedule.timeline(schedule),
    }
    for one in made.values():
        one.canvas.draw()
    return made


@pytest.mark.parametrize(
    "name", ["tokens", "pair_costs", "kernel_curves", "visible_differences", "mmd_over_shift", "pool", "timeline"]
)
def test_a_figure_fits_a_phone_and_has_an_alt_text(name, gallery):
    made = gallery[name]
    assert len(made.alt_text) > 60
    assert made.get_figwidth() <= 6.4
    texts = [text for text in made.findobj(mpl.text.Text) if text.get_text().strip() and text.get_visible()]
    assert min(text.get_fontsize() for text in texts) >= 10


def test_tokens_of_simulated_recordings_are_named_so(gallery, small):
    assert small.card.title in gallery["tokens"].get_suptitle()


# --- network ---------------------------------------------------------------------------------------------------------


def test_the_attention_example_is_what_one_computes_by_hand():
    """Scores 4, 2 and -3 over the root of 2; the weights are their exponentials over the sum."""
    table = network.attention_example().frame
    exponentials = [math.exp(score / math.sqrt(2)) for score in (4, 2, -3)]
    weights = [value / sum(exponentials) for value in exponentials]
    assert table["weight"].tolist() == pytest.approx(weights)
    assert table["share"].sum() == pytest.approx(sum(w * v for w, v in zip(weights, (10, 20, 30), strict=True)))


def test_the_blocks_do_not_know_the_order_of_the_tokens_and_the_branch_feature_does(small):
    sentence = network.order_of_tokens(small, QUICK, count=4)
    assert "return the same tokens in that order" in sentence
    assert int(re.search(r"by (\d+) % of its length", sentence).group(1)) > 5


def test_the_parts_of_the_network_are_all_of_it(small):
    counts = network.parameters(small.card, {"quick": QUICK}).frame["count_0"]
    whole = sum(p.numel() for p in network.reference_network(small.card, QUICK).parameters())
    assert counts.iloc[-1] == whole
    assert counts.iloc[:-1].gt(0).all()


def test_shapes_are_those_of_the_configuration(small):
    table = network.shapes(small.card, {"quick": QUICK}).frame.set_index("tensor")["shape_0"]
    channels, statistics = len(small.card.eeg_tokens), len(small.card.eye_features)
    assert table["EEG: embedded, and after every block"] == f"{channels} × {QUICK.width}"
    assert table["fusion: EEG to eye (Eq. 4)"] == f"{statistics} × {QUICK.fusion_width}"
    assert table["fused feature (Eq. 5)"] == str(2 * QUICK.fusion_width)


# --- alignment -------------------------------------------------------------------------------------------------------


def test_a_pair_at_a_right_angle_costs_log_2_in_both_cases():
    right = torch.tensor([90.0], dtype=torch.float64)
    for same_class in (True, False):
        assert compactness.pair_cost(right, same_class=same_class).item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("classes", [3, 4])
def test_no_features_cost_less_than_directions_at_the_widest_angle(classes):
    """One-hot vectors less their mean have the widest angle to each other; others, drawn at random, cost more."""
    label = torch.arange(classes).repeat(4)[None]
    best = torch.nn.functional.one_hot(label, classes).double() - 1 / classes
    cosine = losses.cosine(best)[0, 0, 1].item()
    assert math.degrees(math.acos(cosine)) == pytest.approx(compactness.widest_angle(classes))
    floor = losses.compactness(best, label).item()
    draw = torch.Generator().manual_seed(0)
    for _ in range(50):
        directions = torch.randn(classes, 8, dtype=torch.float64, generator=draw)
        assert losses.compactness(directions[label[0]][None], label).item() > floor


def test_the_five_widths_add_up_to_the_sum_that_the_training_uses():
    source_sample, target = torch.as_tensor(np.random.default_rng(0).normal(size=(2, 3, 8, 2)))
    parts = sum(kernels.mmd_of_width(source_sample, target + 1, exponent) for exponent in kernels.EXPONENTS)
    assert parts.tolist() == pytest.approx(mmd_quadratic(source_sample, target + 1).tolist())


def test_two_clumps_have_the_mean_and_the_variance_of_the_source():
    sample = kernels.DIFFERENCES[2].target(np.random.default_rng(0), (1, 200_000, 2))[0, :, 0]
    assert sample.mean() == pytest.approx(0, abs=0.01)
    assert sample.var() == pytest.approx(1, abs=0.01)


def test_wide_kernels_see_a_move_and_narrow_ones_a_shape():
    seen = kernels.visibility(draws=200).pivot(index="difference", columns="kernel", values="visibility")
    narrow, wide = kernels.width_titles()[0], kernels.width_titles()[-1]
    moved, _, clumps = (difference.title for difference in kernels.DIFFERENCES)
    assert seen.loc[moved, wide] > seen.loc[moved, narrow] + 0.5
    assert seen.loc[clumps, narrow] > seen.loc[clumps, wide] + 0.5


def test_the_diagonal_explains_where_the_quadratic_estimator_starts():
    values = kernels.shifted_samples(draws=200)
    start = values[(values["shift"] == 0) & values["estimator"].str.startswith("quadratic")]["mmd"].mean()
    assert kernels.diagonal_share(draws=200) == pytest.approx(start, abs=0.01)


# --- screening -------------------------------------------------------------------------------------------------------


def test_every_group_has_a_window_and_the_losses_are_those_of_a_pocket_calculator(example):
    table = screening_example.table(example).frame.set_index("window")
    assert table["group"].tolist() == [
        "consistent", "consistent", "conflicting", "one modality kept", "one modality kept", "neither kept",
        "neither kept", "neither kept",
    ]  # fmt: skip
    assert table.loc[4, "use"] == "S_dstl: EEG teaches eye positive"
    assert table.loc[5, "use"] == "dropped: fusion does not confirm eye"
    assert example.consistency == pytest.approx(-(math.log(0.97) + math.log(0.94)) / 2)
    assert example.distillation == pytest.approx(-math.log(0.55) / 2)
    assert example.opened and example.screening.threshold.item() == 0.92


def test_probabilities_of_the_example_are_probabilities():
    assert screening_example.PROBABILITIES.sum(-1).flatten().tolist() == pytest.approx([1] * 24)


def test_with_a_closed_gate_nothing_is_distilled(example):
    closed = screening_example.screened(PAPER.replace(trusted_share=0.6))
    assert "switched off" in screening_example.reading(closed)
    assert "Distillation is" not in screening_example.reading(closed)
    assert "is active" in screening_example.reading(example)


def test_a_larger_share_keeps_more_and_lowers_the_cut():
    table = screening_example.shares(PAPER).frame
    assert table["kept"].is_monotonic_increasing
    assert table["threshold"].is_monotonic_decreasing
    assert table["gate"].tolist() == ["open", "open", "closed", "closed"]


def test_with_half_of_the_entries_trusted_as_many_windows_have_both_kept_as_neither():
    """The page states it for any predictions: 2 both + one = windows, and both + one + neither = windows."""
    draw = torch.Generator().manual_seed(0)
    probabilities = torch.rand(20, 40, 2, 3, dtype=torch.float64, generator=draw).softmax(-1)
    kept = screen(probabilities, 0.5, whole_pool(probabilities)).kept
    assert (kept.all(-1).sum(1) == (~kept.any(-1)).sum(1)).all()


# --- training --------------------------------------------------------------------------------------------------------


def test_the_timeline_follows_the_schedule_of_the_training(schedule):
    assert schedule.mmd_epochs() == 41
    assert schedule.fine_grained_epochs() == 400 - PAPER.fine_grained_from
    assert schedule.consistency_weights() == [0.1, 0.2, 0.5]
    short = loss_schedule.Schedule(title="short", config=PAPER, epochs=8, steps=4)
    assert (short.mmd_epochs(), short.fine_grained_epochs()) == (8, 0)
    constant = loss_schedule.Schedule(title="c", config=PAPER.replace(mmd_schedule="constant"), epochs=90, steps=4)
    assert constant.mmd_epochs() == 90


def test_the_pseudo_code_names_the_functions_of_a_step_in_the_order_of_the_code():
    page = (project_folder() / "notebooks" / "training.py").read_text(encoding="utf-8")
    text = re.search(r"```text\n(.*?)```", page, re.S).group(1)
    named = [name for name in re.findall(r"(\w+)\(", text) if name not in ("network", "softmax", "branch_mean", "step")]
    code = inspect.getsource(Ufama.terms).replace("ESTIMATORS[config.mmd_estimator](", "mmd_quadratic(")
    places = [re.search(rf"\b_?{name}\(", code).start() for name in named]
    assert places == sorted(places)
    of_the_losses = set(re.findall(r"losses\.(\w+)\(", code)) | {"screen", "update_memory", "gate_open", "distillation"}
    assert of_the_losses <= set(named)


# --- source text -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("definition", [losses.distillation, reference.fusion, reference.Reference.step])
def test_shown_source_is_the_code_with_the_first_paragraph_of_the_docstring_and_fits_the_page(definition):
    def body(text):
        (node,) = ast.parse(textwrap.dedent(text)).body
        return ast.get_docstring(node), [ast.dump(statement) for statement in node.body[1:]]

    shown, whole = body(source(definition).text), body(inspect.getsource(definition))
    assert shown[1] == whole[1]
    assert shown[0].split() == whole[0].partition("\n\n")[0].split()
    assert max(map(len, source(definition).text.splitlines())) <= 78


def test_a_method_is_shown_from_the_left_edge_and_a_class_whole():
    assert source(reference.Reference.step).text.startswith("def step(")
    assert source(losses.same_class, losses.cosine).text.count("\ndef ") == 1
