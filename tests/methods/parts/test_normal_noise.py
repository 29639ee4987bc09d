"""Normal noise in a network: its distribution, its numbers, and nothing in evaluation."""

import pytest
import torch

from tests.methods.parts.test_perceptron import noise
from ufama.core.random import DropoutIds
from ufama.methods.parts.normal_noise import NormalNoise


def test_it_is_normal_with_the_given_sd_and_anew_in_every_layer_run_and_step():
    numbers, zeros = DropoutIds(), torch.zeros(2, 400, 100, dtype=torch.float64)
    first, second = NormalNoise(numbers, 2.0), NormalNoise(numbers, 2.0)
    drawn = [first(zeros, noise([3, 4])), second(zeros, noise([3, 4])), first(zeros, noise([3, 4], 1))]
    values = torch.stack([drawn[0][0], drawn[0][1], drawn[1][0], drawn[2][0]]).flatten(1) / 2
    n = values.shape[1]
    assert values.mean(1).abs().max() < 4 / n**0.5
    assert values.std(1).tolist() == pytest.approx([1] * 4, abs=4 / (2 * n) ** 0.5)
    assert (values.abs() < 1).double().mean(1).tolist() == pytest.approx([0.6827] * 4, abs=0.01)
    assert (torch.corrcoef(values) - torch.eye(4, dtype=torch.float64)).abs().max() < 5 / n**0.5
    assert torch.equal(drawn[0][1:], first(zeros[:1], noise([4])))


def test_its_draws_are_those_of_no_dropout_layer():
    numbers = DropoutIds()
    before, layer, after = numbers.dropout(0.5), NormalNoise(numbers, 1.0), numbers.dropout(0.5)
    assert {before.layer, *layer.layers, after.layer} == {1, 2, 3, 4}


@pytest.mark.parametrize(("scale", "given"), [(1.0, None), (0.0, noise([3]))])
def test_evaluation_and_no_noise_leave_the_features(scale, given):
    x = torch.linspace(0, 1, 12).view(1, 4, 3)
    assert torch.equal(NormalNoise(DropoutIds(), scale)(x, given), x)
