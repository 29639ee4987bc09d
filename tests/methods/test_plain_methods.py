"""Each method on a plain network: its terms, from what they are made, and that every switch changes something."""

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import rbf_kernel

from tests.methods.steps import normal
from ufama.core.random import CounterRNG
from ufama.methods import ProblemSpec, Step, method, split_windows
from ufama.methods.bases.plain import PlainNetwork, SingleHeadNetwork
from ufama.methods.parts.adversarial import domain_loss
from ufama.methods.parts.alignment import class_confusion, coral, joint_mmd
from ufama.methods.parts.certainty import certainty_weight

ADDED = {"dann": "domain", "cdan": "domain", "dan": "mmd", "jan": "mmd", "deep_coral": "coral", "mcc": "confusion"}
SWITCHES = [
    ("dan", {"kernels": 3}),
    ("jan", {"kernels": 3}),
    ("jan", {"prediction_bandwidth": 0.5}),
    ("deep_coral", {"aligned": "fused"}),
    ("cdan", {"entropy_conditioning": False}),
    ("mcc", {"temperature": 1.0}),
]
SMALL = {"hidden": 6, "width": 4}


def step_of(name, card, progress=0.5, dropout=0.0, **changes):
    """(method, config, one step of two runs on 9 source and 7 target windows)."""
    chosen = method(name)
    config = chosen.preset("paper", dataset="made", variant=chosen.variants[-1]).replace(
        **SMALL | {"dropout": dropout} | changes
    )
    network = chosen.build(config, ProblemSpec(card, 3, 7), [1, 2]).double()
    eeg, eye = normal(2, 16, 7, 3), normal(2, 16, 5, seed=1)
    eeg[:, 9:], eye[:, 9:] = 1.5 * eeg[:, 9:] + 0.5, eye[:, 9:] - 1
    noise = CounterRNG(torch.tensor([3, 4]), torch.tensor(0))
    source, target = split_windows(network(eeg, eye, noise), 9)
    label = torch.randint(3, (2, 9), generator=torch.Generator().manual_seed(5))
    epoch = torch.tensor(40 * progress, dtype=torch.float64)
    return chosen, config, Step(
        network=network,
        noise=noise,
        source=source,
        source_label=label,
        source_domain=torch.zeros_like(label),
        source_clip=torch.zeros_like(label),
        target=target,
        target_row=torch.arange(7).expand(2, 7),
        epoch=epoch,
        progress=epoch / 40,
        evaluate_target=None,
    )  # fmt: skip


@pytest.mark.parametrize("name", [*ADDED, "source_only"])
def test_beside_the_sources_cross_entropy_stands_one_loss(small, name):
    chosen, config, step = step_of(name, small.card)
    terms = chosen.terms(config, step, {})
    added = [ADDED[name]] if name in ADDED else []
    assert list(terms.losses) == list(terms.weights) == ["classification", *added]
    for run in range(2):
        expected = torch.nn.functional.cross_entropy(step.source.logits[run], step.source_label[run])
        assert terms.losses["classification"][run].item() == pytest.approx(expected.item(), rel=1e-12)
    assert terms.weights["classification"].tolist() == [1, 1]


def test_the_added_losses_are_those_of_their_layers(small):
    said = {}
    for name in ADDED:
        chosen, config, step = step_of(name, small.card)
        said[name] = (chosen.terms(config, step, {}), step)
    terms, step = said["deep_coral"]
    torch.testing.assert_close(terms.losses["coral"], coral(step.source.logits, step.target.logits))
    terms, step = said["mcc"]
    torch.testing.assert_close(terms.losses["confusion"], class_confusion(step.target.logits, 2.5))
    terms, step = said["jan"]
    source, target = ((outputs.fused, outputs.logits.softmax(-1)) for outputs in (step.source, step.target))
    torch.testing.assert_close(terms.losses["mmd"], joint_mmd(source, target, (None, 1.68)))
    terms, step = said["dann"]
    scores = [step.network.discriminator(z.fused, None)[..., 0] for z in (step.source, step.target)]
    torch.testing.assert_close(terms.losses["domain"], domain_loss(*scores))


def test_dan_equals_skadas_estimator_with_scikit_learns_kernels(small):
    from skada.deep.losses import _maximum_mean_discrepancy

    chosen, config, step = step_of("dan", small.card)
    found = chosen.terms(config, step, {}).losses["mmd"]
    for run in range(2):
        expected = 0.0
        for layer in ("fused", "logits"):
            x, y = (getattr(outputs, layer)[run].detach() for outputs in (step.source, step.target))
            pooled = np.concatenate([x, y])
            distances = ((pooled[:, None] - pooled[None]) ** 2).sum(-1)
            middle = distances.sum() / (len(pooled) ** 2 - len(pooled))

            def kernel(a, b, middle=middle):
                values = [rbf_kernel(a, b, gamma=1 / (middle * 2.0**u)) for u in range(-2, 3)]
                return torch.from_numpy(np.mean(values, axis=0))

            expected += _maximum_mean_discrepancy(x, y, kernel).item()
        assert found[run].item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("conditioned", [True, False])
def test_cdan_shows_products_and_counts_certain_windows_more(small, conditioned):
    chosen, config, step = step_of("cdan", small.card, entropy_conditioning=conditioned)
    scores, weights = [], []
    for outputs in (step.source, step.target):
        p = outputs.logits.softmax(-1)
        shown = torch.stack([outputs.fused[..., i] * p[..., j] for i in range(8) for j in range(3)], -1)
        scores.append(step.network.discriminator(shown, None)[..., 0])
        weights.append(certainty_weight(p))
    expected = domain_loss(*scores, *(weights if conditioned else ()))
    torch.testing.assert_close(chosen.terms(config, step, {}).losses["domain"], expected)


def test_cdans_reversed_gradient_reaches_the_features_and_not_the_head(small):
    chosen, config, step = step_of("cdan", small.card)
    domain = chosen.terms(config, step, {}).losses["domain"].sum()
    own = list(step.network.head.parameters())
    assert torch.autograd.grad(domain, own, allow_unused=True, retain_graph=True) == (None,) * len(own)
    (reached,) = torch.autograd.grad(domain, step.target.fused)
    assert reached.abs().max() > 0


def test_cdans_variants_are_with_and_without_entropy():
    chosen = method("cdan")
    switches = [chosen.preset("paper", dataset="seed", variant=v).entropy_conditioning for v in ("CDAN", "CDAN+E")]
    assert switches == [False, True]


def test_jans_weight_ramps_and_dans_does_not(small):
    def weight(name, progress):
        chosen, config, step = step_of(name, small.card, progress=progress, mmd_weight=0.3)
        return chosen.terms(config, step, {}).weights["mmd"][0].item()

    assert weight("jan", 0.0) == 0
    assert weight("jan", 0.25) == pytest.approx(0.3 * (2 / (1 + np.exp(-2.5)) - 1))
    assert weight("dan", 0.0) == weight("dan", 0.9) == 0.3


def test_mcds_one_step_has_the_gradients_of_the_papers_steps(small):
    """Heads: cross-entropy minus discrepancy (its step B). Features: cross-entropy (A) plus discrepancy (C)."""
    chosen, config, step = step_of("mcd", small.card, discrepancy_weight=0.7)
    terms = chosen.terms(config, step, {})
    heads = step.network.head
    features = [*step.network.eeg_extractor.parameters(), *step.network.eye_extractor.parameters()]
    classifiers = list(heads.parameters())

    def slow():
        """Cross-entropy of both heads, and the mean absolute difference of what they say of the target."""
        cross, difference = [], []
        for run in range(2):
            said = [
                [head(z.fused, None)[run] for head in (heads.first, heads.second)] for z in (step.source, step.target)
            ]
            cross.append(sum(torch.nn.functional.cross_entropy(z, step.source_label[run]) for z in said[0]))
            difference.append((said[1][0].softmax(-1) - said[1][1].softmax(-1)).abs().mean())
        return torch.stack(cross), torch.stack(difference)

    cross, difference = slow()
    torch.testing.assert_close(terms.losses["classification"], cross)
    torch.testing.assert_close(terms.losses["discrepancy"], difference)
    for parameters, sign in ((classifiers, -1), (features, 1)):
        found = torch.autograd.grad(terms.total().sum(), parameters, retain_graph=True)
        expected = torch.autograd.grad((cross + sign * 0.7 * difference).sum(), parameters, retain_graph=True)
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_mcd_says_the_mean_of_its_heads_which_start_apart(small):
    _, _, step = step_of("mcd", small.card)
    heads = step.network.head
    said = [head(step.target.fused, None).softmax(-1) for head in (heads.first, heads.second)]
    torch.testing.assert_close(step.target.logits.softmax(-1), sum(said) / 2)
    assert (said[0] - said[1]).abs().max() > 1e-3


def test_the_backbone_is_the_one_that_is_named(small):
    for name, kind in (("perceptron", PlainNetwork), ("ufama", SingleHeadNetwork)):
        assert isinstance(step_of("dann", small.card, backbone=name)[2].network, kind)


@pytest.mark.parametrize(("name", "switch"), SWITCHES)
def test_every_switch_changes_its_loss(small, name, switch):
    values = []
    for changes in ({}, switch):
        chosen, config, step = step_of(name, small.card, **changes)
        values.append(chosen.terms(config, step, {}).losses[ADDED[name]])
    assert (values[0] - values[1]).abs().min() > 1e-6


def test_dropout_draws_its_own_mask_for_what_a_method_adds(small):
    """The discriminator's layers have numbers of their own, so its masks are not those of the extractors."""
    _, _, step = step_of("dann", small.card, dropout=0.5)
    network = step.network
    numbers = [
        layer.layer
        for part in (network.eeg_extractor, network.eye_extractor, network.discriminator)
        for layer in part.dropout
    ]
    assert len(numbers) == len(set(numbers)) == 6
