"""Perceptrons and their layers equal the library's, run by run; draws and contexts are what they say."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.methods.steps import normal
from ufama.config import PAPER
from ufama.core.network import Network
from ufama.core.random import CounterRNG, DropoutIds
from ufama.methods import ProblemSpec, split_windows
from ufama.methods.bases.plain import PlainConfig, PlainNetwork, SingleHeadNetwork
from ufama.methods.parts.perceptron import Perceptron
from ufama.seeds import derived_seed
from ufama.training.batches import context_rows


def noise(seeds, step=0):
    return CounterRNG(torch.tensor([derived_seed(seed, "dropout") for seed in seeds]), torch.tensor(step))


def library_layers(perceptron, run, slope):
    """The run's perceptron in the library's layers."""
    layers = []
    for number, linear in enumerate(perceptron.linear):
        own = nn.Linear(*linear.weight.shape[1:], dtype=torch.float64)
        with torch.no_grad():
            own.weight.copy_(linear.weight[run].T)
            own.bias.copy_(linear.bias[run, 0])
        layers.append(own)
        if number < len(perceptron.dropout):
            if len(perceptron.norm):
                affine = perceptron.norm[number].weight is not None
                norm = nn.BatchNorm1d(own.out_features, affine=affine, dtype=torch.float64)
                if affine:
                    with torch.no_grad():
                        norm.weight.copy_(perceptron.norm[number].weight[run])
                        norm.bias.copy_(perceptron.norm[number].bias[run])
                layers.append(norm)
            layers.append(nn.LeakyReLU(slope))
    return nn.Sequential(*layers)


@pytest.mark.parametrize(
    ("slope", "norm", "affine", "last"),
    [(0.0, False, True, True), (0.2, True, True, True), (0.1, True, True, False), (0.0, True, False, True)],
)
def test_a_perceptron_equals_the_librarys_layers(slope, norm, affine, last):
    made = Perceptron(2, (5, 7, 4), DropoutIds(), slope=slope, norm=norm, affine=affine, last=last).double()
    for parameter in made.parameters():
        nn.init.normal_(parameter)
    x = normal(2, 6, 5)
    references = [library_layers(made, run, slope) for run in range(2)]
    for given in (noise([1, 2]), noise([1, 2]), None):  # training, then evaluation with the statistics that it left
        said = made(x, given)
        for run, reference in enumerate(references):
            reference.train(given is not None)
            torch.testing.assert_close(said[run], reference(x[run]))


def test_a_bare_last_layer_has_neither_activation_nor_dropout():
    made = Perceptron(1, (3, 4), DropoutIds(), dropout=0.9, last=False).double()
    for parameter in made.parameters():
        nn.init.normal_(parameter)
    x = normal(1, 50, 3)
    assert torch.equal(made(x, noise([1])), made(x, None))
    assert made(x, None).min() < 0


def test_uniform_draws_fill_their_interval_and_follow_seed_layer_and_step():
    n = 200_000
    draw = noise([3, 4], 2).uniform(1, torch.Size([2, n]))
    assert draw.dtype == torch.float32
    assert 0 < draw.min() < 1e-4 and 1 - 1e-4 < draw.max() < 1
    assert (draw.double().mean(1) - 0.5).abs().max() < 5 / (12 * n) ** 0.5
    share = torch.histc(draw[0], 20, 0, 1) / n
    assert (share - 0.05).abs().max() < 5 * (0.05 * 0.95 / n) ** 0.5
    others = [noise([3, 4], 2).uniform(2, draw.shape)[0], noise([3, 4], 3).uniform(1, draw.shape)[0], draw[1]]
    correlation = torch.corrcoef(torch.stack([draw[0], *others]).double()) - torch.eye(4, dtype=torch.float64)
    assert correlation.abs().max() < 5 / n**0.5
    assert torch.equal(noise([9, 4], 2).uniform(1, draw.shape)[1], draw[1])


def test_the_largest_and_smallest_draw_stay_inside_the_interval(monkeypatch):
    ends = torch.tensor([[-(2**31), 2**31 - 1]], dtype=torch.int32)
    monkeypatch.setattr(CounterRNG, "_draw", lambda self, layer, shape: ends)
    draw = noise([0]).uniform(0, torch.Size([1, 2]))
    assert draw[0, 0] > 0 and draw[0, 1] < 1


CONFIG = PlainConfig(hidden=6, width=4, ffn_width=6, fusion_width=4)


def test_a_plain_network_is_two_extractors_and_a_head(small):
    network = PlainNetwork(CONFIG, ProblemSpec(small.card, 3, 7), [1, 2]).double()
    eeg, eye = normal(2, 9, 7, 3), normal(2, 9, 5, seed=1)
    outputs = network(eeg, eye)
    torch.testing.assert_close(outputs.eeg_embedding, network.eeg_extractor(eeg.reshape(2, 9, 21), None))
    assert torch.equal(outputs.fused, torch.cat([outputs.eeg_embedding, outputs.eye_embedding], -1))
    first, rest = split_windows(outputs, 4)
    assert torch.equal(torch.cat([first.logits, rest.logits], 1), outputs.logits)


def test_one_head_on_ufamas_network_has_its_fusion(small):
    """From the same seeds its encoders and fusion start as UF-AMA's, and with its head it says the same."""
    problem, settings = ProblemSpec(small.card, 3, 7), PAPER.replace(width=4, ffn_width=6, fusion_width=4)
    whole = Network(settings, eeg_tokens=7, eeg_features=3, eye_features=5, classes=3, seeds=[4, 8]).double()
    one = SingleHeadNetwork(CONFIG, problem, [4, 8]).double()
    eeg, eye = normal(2, 6, 7, 3), normal(2, 6, 5, seed=1)
    assert torch.equal(one(eeg, eye).fused, whole(eeg, eye).fused)
    one.head.load_state_dict(whole.fusion_head.state_dict())
    assert torch.equal(one(eeg, eye).logits, whole(eeg, eye).fusion_logits)
    assert one.fused_width == one(eeg, eye).fused.shape[-1]


def test_a_modalitys_embedding_does_not_feel_the_other(small):
    eeg, eye, other = normal(1, 6, 7, 3), normal(1, 6, 5, seed=1), normal(1, 6, 5, seed=2)
    for kind in (PlainNetwork, SingleHeadNetwork):
        network = kind(CONFIG, ProblemSpec(small.card, 3, 7), [4]).double()
        one, changed = network(eeg, eye), network(eeg, other)
        assert torch.equal(one.eeg_embedding, changed.eeg_embedding)
        assert not torch.equal(one.eye_embedding, changed.eye_embedding)


def test_contexts_end_with_the_window_and_never_leave_its_trial(small):
    mixed = small.select(np.random.default_rng(0).permutation(len(small)))
    for context in (1, 4):
        rows = context_rows(mixed, context)
        assert rows.shape == (len(mixed), context)
        for row, seen in enumerate(rows):
            own = np.flatnonzero(mixed.trial_ids() == mixed.trial_ids()[row])
            before = own[np.argsort(mixed.window[own])]
            before = before[: 1 + np.flatnonzero(before == row)[0]].tolist()
            slow = [before[0]] * context + before
            assert seen.tolist() == slow[-context:]
