"""Central moment discrepancy equals loops, for one domain and for each recording in a batch."""

import pytest
import torch

from ufama.methods.parts.moments import moment_discrepancy, recording_moment_discrepancy

DOMAIN = torch.tensor([[0, 2, 2, 0, 2, 0], [3, 3, 3, 1, 0, 0]])


def drawn():
    draw = torch.Generator().manual_seed(2)
    source = torch.randn(2, 6, 5, generator=draw, dtype=torch.float64)
    target = 1.5 * torch.randn(2, 4, 5, generator=draw, dtype=torch.float64) + 0.4
    return source, target


def slow(source, target, moments):
    """(n, D), (m, D) -> the discrepancy, feature by feature."""

    def moment(x, power):
        values = []
        for column in x.T.tolist():
            mean = sum(column) / len(column)
            values.append(mean if power == 1 else sum((v - mean) ** power for v in column) / len(column))
        return values

    total = 0.0
    for power in range(1, moments + 1):
        pairs = zip(moment(source, power), moment(target, power), strict=True)
        total += sum((a - b) ** 2 for a, b in pairs) ** 0.5
    return total


@pytest.mark.parametrize("moments", [1, 2, 3])
def test_of_two_domains(moments):
    source, target = drawn()
    found = moment_discrepancy(source, target, moments)
    assert found.tolist() == pytest.approx([slow(source[run], target[run], moments) for run in range(2)], rel=1e-10)


def test_of_each_recording_and_nothing_of_one_that_is_absent():
    source, target = drawn()
    found, count = recording_moment_discrepancy(source, DOMAIN, 4, target)
    assert count.tolist() == [[3, 0, 3, 0], [2, 1, 0, 3]]
    for run in range(2):
        for recording in range(4):
            own = source[run, DOMAIN[run] == recording]
            expected = slow(own, target[run], 2) if len(own) else 0.0
            assert found[run, recording].item() == pytest.approx(expected, rel=1e-10)


def test_constant_means_pull_nothing_and_cost_the_same():
    """The gradient is that of the second central moment alone."""
    source, target = (x.requires_grad_() for x in drawn())
    both = [recording_moment_discrepancy(source, DOMAIN, 4, target, constant_means=on)[0].sum() for on in (False, True)]
    assert both[0].item() == both[1].item()
    of_means = recording_moment_discrepancy(source, DOMAIN, 4, target, 1)[0].sum()
    pulls = [torch.cat(torch.autograd.grad(value, [source, target]), dim=1) for value in (*both, of_means)]
    assert pulls[2].abs().max() > 0.01
    torch.testing.assert_close(pulls[1], pulls[0] - pulls[2])
