"""SHOT: its losses and pseudo-labels by hand, and that it needs the new recording alone."""

import math

import numpy as np
import pytest
import torch

from ufama.config import ConfigError
from ufama.core.network import NetworkOutputs
from ufama.models.fit_adapt import adapt_model, fit_model
from ufama.models.inference import outputs, scaled_recording
from ufama.models.model import ModelError
from ufama.models.source_free import (
    SourceFreeConfig,
    branch_loss,
    branches_of,
    centroid_labels,
    heads_of,
    mean_entropy,
    negative_diversity,
)

SHORT = SourceFreeConfig(epochs=2)


def run(*values):
    return torch.tensor([values], dtype=torch.float64)


# the formulas -----------------------------------------------------------------------------------------


def test_entropy_and_diversity_by_hand():
    confident_about_both = run([1.0, 0.0], [0.0, 1.0])
    assert mean_entropy(confident_about_both).item() == 0
    assert negative_diversity(confident_about_both).item() == pytest.approx(-math.log(2))
    unsure = run([0.5, 0.5], [0.5, 0.5])
    assert mean_entropy(unsure).item() == pytest.approx(math.log(2))
    assert negative_diversity(unsure).item() == pytest.approx(-math.log(2))
    one_class = run([1.0, 0.0], [1.0, 0.0])
    assert mean_entropy(one_class).item() == negative_diversity(one_class).item() == 0
    odd = run([0.9, 0.1], [0.3, 0.7])
    entropies = [-(0.9 * math.log(0.9) + 0.1 * math.log(0.1)), -(0.3 * math.log(0.3) + 0.7 * math.log(0.7))]
    assert mean_entropy(odd).item() == pytest.approx(sum(entropies) / 2)
    assert negative_diversity(odd).item() == pytest.approx(0.6 * math.log(0.6) + 0.4 * math.log(0.4))


def test_the_loss_is_their_sum_and_a_weighted_cross_entropy():
    logits, label = run([2.0, 0.0], [0.5, 1.0], [0.0, 3.0]), torch.tensor([[0, 0, 1]])
    probabilities = logits.softmax(-1)
    of_label = [probabilities[0, window, label[0, window]].item() for window in range(3)]
    expected = mean_entropy(probabilities) + negative_diversity(probabilities)
    expected -= 0.3 * sum(map(math.log, of_label)) / 3
    branch = branches_of(NetworkOutputs(*[logits] * 6))["fusion"]
    assert branch_loss(branch, label, 0.3).item() == pytest.approx(expected.item())


def test_centroids_by_hand():
    """The third window's head prefers class 0, but it points where the windows of class 1 point."""
    features = run([4.0, 0.0], [0.0, 2.0], [0.5, 3.0])
    probabilities = run([0.9, 0.1], [0.2, 0.8], [0.6, 0.4])
    centroids = [0.9 * np.array([4, 0]) + 0.2 * np.array([0, 2]) + 0.6 * np.array([0.5, 3]),
                 0.1 * np.array([4, 0]) + 0.8 * np.array([0, 2]) + 0.4 * np.array([0.5, 3])]  # fmt: skip
    cosine = [np.array([0.5, 3]) @ c / np.linalg.norm(c) for c in centroids]
    assert cosine[1] > cosine[0]
    assert centroid_labels(features, probabilities).tolist() == [[0, 1, 1]]


def test_the_second_centroids_are_of_the_labels():
    """By the first centroids window 3 is of class 0; the windows that they choose pull it to class 1."""
    draw = np.random.default_rng(3)
    features, probabilities = draw.normal(size=(40, 3)), draw.dirichlet(np.ones(4), size=40)
    first = _nearest(features, (probabilities.T @ features) / probabilities.sum(0)[:, None])
    second = _nearest(features, np.stack([features[first == k].mean(0) for k in range(4)]))
    assert (first != second).any()
    result = centroid_labels(torch.tensor(features)[None], torch.tensor(probabilities)[None])
    assert result[0].tolist() == second.tolist()


def _nearest(features, centroids):
    cosine = features @ centroids.T / np.linalg.norm(features, axis=1)[:, None] / np.linalg.norm(centroids, axis=1)
    return (1 - cosine).argmin(1)


def test_a_class_without_windows_has_no_second_centroid():
    features = run([1.0, 0.0], [-1.0, 0.1])
    assert centroid_labels(features, run([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])).tolist() == [[0, 1]]


def test_runs_do_not_mix():
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(2, 30, 4, generator=draw, dtype=torch.float64)
    probabilities = torch.randn(2, 30, 3, generator=draw, dtype=torch.float64).softmax(-1)
    together = centroid_labels(features, probabilities)
    for place in range(2):
        assert torch.equal(together[place], centroid_labels(features[[place]], probabilities[[place]])[0])


# the adaptation ---------------------------------------------------------------------------------------


def test_heads_stay_and_everything_else_moves(model, newcomer):
    adapted = adapt_model(model, newcomer, source_free=SHORT)
    fixed = {name for name, _ in model.network.named_parameters() if "_head." in name}
    before, after = model.network.state_dict(), adapted.network.state_dict()
    assert fixed and len(fixed) < len(before)
    for name in before:
        assert torch.equal(before[name], after[name]) == (name in fixed), name


def test_the_model_itself_stays_as_it_is(model, newcomer, scaled_newcomer):
    before = outputs(model, scaled_newcomer).probabilities
    adapt_model(model, newcomer, source_free=SHORT)
    assert np.array_equal(outputs(model, scaled_newcomer).probabilities, before)
    assert not any(parameter.requires_grad for parameter in model.network.parameters())


def test_it_is_named_as_what_it_is_and_says_its_steps(model, newcomer):
    adapted = adapt_model(model, newcomer)
    assert adapted.mode == "source_free" and adapted.adapted_to["by"] == "SHOT (arXiv:2002.08546)"
    assert adapted.adapted_to["steps"] == 15 * -(-len(newcomer.eeg) // 64) == 30
    assert SourceFreeConfig().steps(20) == 15 and SourceFreeConfig().steps(65) == 30
    assert SourceFreeConfig().rate(0) == 1e-3 and SourceFreeConfig().rate(1) == pytest.approx(1e-3 * 11**-0.75)


def test_a_seed_is_adapted_as_alone(small, model, newcomer, scaled_newcomer):
    alone = fit_model(small, seeds=(1,), scale="smoke", changes={"encoder_blocks": 1})
    results = [
        outputs(adapt_model(one, newcomer, source_free=SHORT), scaled_newcomer).probabilities[-1]
        for one in (model, alone)
    ]
    assert np.array_equal(*results)


def test_the_loss_falls(small, newcomer):
    trained = fit_model(small, method="source_only", scale="quick")
    adapted = adapt_model(
        trained, newcomer, source_free=SourceFreeConfig(epochs=60, learning_rate=0.3, pseudo_label_weight=0.0)
    )

    def entropy_and_diversity(one):
        probabilities = torch.as_tensor(outputs(one, scaled_recording(one, newcomer)).probabilities[:, :, 2])
        return (mean_entropy(probabilities) + negative_diversity(probabilities)).item()

    assert entropy_and_diversity(adapted) < entropy_and_diversity(trained) - 0.5


def test_an_absent_modality_is_left_alone(model, newcomer):
    blind = newcomer._replace(eye=np.zeros_like(newcomer.eye))
    adapted = adapt_model(model, blind, absent=("eye",), source_free=SHORT)
    before, after = model.network.state_dict(), adapted.network.state_dict()
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"eeg_encoder"}
    other = blind._replace(eye=np.ones_like(blind.eye))
    again = adapt_model(model, other, absent=("eye",), source_free=SHORT).network.state_dict()
    assert all(torch.equal(after[name], again[name]) for name in after)


@pytest.mark.parametrize("name", ["dann", "mcd", "hadua", "acrnn"])
def test_networks_with_one_head_are_adapted_too(small, newcomer, name):
    fitted = fit_model(small, method=name, scale="smoke")
    adapted = adapt_model(fitted, newcomer, source_free=SHORT)
    head = {id(parameter) for parameter in heads_of(adapted.network).parameters()}
    same = dict(fitted.network.named_parameters())
    for parameter_name, parameter in adapted.network.named_parameters():
        if id(parameter) in head:
            assert torch.equal(parameter, same[parameter_name])
    assert any(not torch.equal(value, same[key]) for key, value in adapted.network.named_parameters())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ms_mda", "no separate classification head that SHOT"),
        ("svm", "svm is fitted at once and has no network that could be adapted without its source"),
    ],
)
def test_other_methods_are_refused(small, newcomer, name, message):
    fitted = fit_model(small, method=name, scale="smoke")
    with pytest.raises(ModelError, match=message):
        adapt_model(fitted, newcomer)


def test_one_head_for_both_modalities_needs_both(small, newcomer):
    with pytest.raises(ModelError, match="head of the modality that was recorded"):
        adapt_model(fit_model(small, method="dann", scale="smoke"), newcomer, absent=("eye",))


def test_an_adapted_model_is_not_adapted_to_the_next_person_on_top(model, newcomer):
    adapted = adapt_model(model, newcomer, source_free=SHORT)
    with pytest.raises(ModelError, match="adapted to a recording already"):
        adapt_model(adapted, newcomer)


def test_one_window_is_too_few(model, newcomer):
    with pytest.raises(ModelError, match="1 windows are too few"):
        adapt_model(model, type(newcomer)(*[values[:1] for values in newcomer]))


def test_settings_have_ranges():
    with pytest.raises(ConfigError, match=r"SourceFreeConfig\.epochs"):
        SourceFreeConfig(epochs=0)
