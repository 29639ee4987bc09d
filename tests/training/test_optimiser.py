"""All parameters in one tensor: Adam moves them as it moves each alone, and the rounded copy follows."""

import pytest
import torch
from torch import nn

from ufama.core.layers import StackedLinear, initialise
from ufama.methods.parts.batch_norm import StackedBatchNorm
from ufama.training import optimiser as module
from ufama.training.optimiser import LINE, FlatAdam

RATE = 0.01


class Network(nn.Module):
    """Two maps with a norm between, and one that is not used."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = StackedLinear(2, 3, 5), StackedBatchNorm(2, 5)
        self.second, self.unused = StackedLinear(2, 5, 4), StackedLinear(2, 3, 2, bias=False)
        initialise(self, [1, 2])

    def forward(self, x):
        return self.second(self.norm(self.first(x).relu(), True))


def made(dtype=torch.float64):
    network = Network().to(dtype)
    return network, torch.linspace(-1, 1, 2 * 6 * 3, dtype=dtype).view(2, 6, 3)


def grouped(network):
    """As a method gives them: two groups of settings of their own; the second map's bias is frozen."""
    return [
        {"params": list(network.first.parameters()), "lr": 0.03, "weight_decay": 0.1},
        {"params": [*network.norm.parameters(), network.second.weight]},
    ]


@pytest.mark.parametrize("chunk", [2**21, 32, 7])
def test_adam_moves_all_at_once_as_it_moves_each_alone(monkeypatch, chunk):
    """Whatever number of them is moved at a time: chunks may end in the middle of a parameter."""
    monkeypatch.setattr(module, "CHUNK", chunk)
    ours, x = made()
    theirs, _ = made()
    packed = FlatAdam(ours, grouped(ours), RATE, rounded=False)
    adam = torch.optim.Adam(grouped(theirs), lr=RATE)
    for _ in range(5):
        packed.step([packed.network(x).square().sum()])
        adam.zero_grad()
        theirs(x).square().sum().backward()
        adam.step()
    start = Network().double().state_dict()
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=1e-12, atol=1e-14, msg=name)
        frozen = name.startswith("unused") or name == "second.bias"
        assert torch.equal(value, start[name]) == frozen, name


def test_every_parameter_is_a_view_that_starts_at_a_line():
    network, _ = made()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    packed = FlatAdam(network, list(network.parameters()), RATE, rounded=False)
    values = packed._values
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, before[name])
        assert parameter.untyped_storage().data_ptr() == values.untyped_storage().data_ptr()
        assert parameter.storage_offset() % LINE == 0


def test_a_parameter_that_the_loss_does_not_need_stays():
    network, x = made()
    packed = FlatAdam(network, list(network.parameters()), RATE, rounded=False)
    before = network.unused.weight.detach().clone()
    packed.step([packed.network(x).square().sum()])
    assert torch.equal(network.unused.weight, before)


def test_a_rounded_copy_is_trained_in_place_of_the_exact_numbers():
    """The gradient is that at the rounded numbers; it moves the exact ones, and the copy follows."""
    network, x = made(torch.float32)
    twin = Network().bfloat16()
    packed = FlatAdam(network, list(network.parameters()), RATE, rounded=True)
    exact = list(Network().parameters())
    adam = torch.optim.Adam(exact, lr=RATE)
    for _ in range(3):
        packed.step([packed.network(x.bfloat16()).float().square().sum()])
        loss = twin(x.bfloat16()).float().square().sum()
        for parameter, gradient in zip(
            exact, torch.autograd.grad(loss, twin.parameters(), allow_unused=True), strict=True
        ):
            parameter.grad = None if gradient is None else gradient.float()
        adam.step()
        with torch.no_grad():
            for rounded, parameter in zip(twin.parameters(), exact, strict=True):
                rounded.copy_(parameter)
        for ours, theirs, copied in zip(network.parameters(), exact, packed.network.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)
            assert ours.dtype == torch.float32
            assert torch.equal(copied, ours.bfloat16())


def test_what_is_no_parameter_is_one_and_the_same_in_the_copy():
    network, _ = made(torch.float32)
    packed = FlatAdam(network, list(network.parameters()), RATE, rounded=True)
    for name, buffer in network.named_buffers():
        assert dict(packed.network.named_buffers())[name] is buffer


def test_a_loss_may_depend_on_the_copy_and_on_the_exact_numbers():
    """As where an opponent reads the outputs: its own numbers are not rounded."""
    network, _ = made(torch.float32)
    packed = FlatAdam(network, list(network.parameters()), RATE, rounded=True)
    before = [network.second.weight.detach().clone(), network.unused.weight.detach().clone()]
    towards = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(3)).bfloat16()
    copied = packed.network.second.weight
    # the first loss alone would move it one way, the second, stronger, moves it the other
    packed.step([(copied * towards).float().sum() - 3 * (network.second.weight * towards.float()).sum()])
    assert torch.equal((network.second.weight - before[0]).sign(), towards.float().sign())
    assert torch.equal(network.unused.weight, before[1])


def test_numbers_written_from_outside_reach_the_copy():
    network, _ = made(torch.float32)
    packed = FlatAdam(network, grouped(network), RATE, rounded=True)
    with torch.no_grad():
        network.first.weight.fill_(0.3)
        network.second.bias.fill_(0.7)  # which is not trained
    packed.sync_copy()
    assert torch.equal(packed.network.first.weight, network.first.weight.bfloat16())
    assert torch.equal(packed.network.second.bias, network.second.bias.bfloat16())


def test_a_parameter_given_twice_or_from_elsewhere_is_refused():
    network, _ = made()
    for trained in ([network.first.weight] * 2, [nn.Parameter(torch.zeros(2, 3))]):
        with pytest.raises(ValueError, match="own network, each of them once"):
            FlatAdam(network, trained, RATE, rounded=False)
