"""MS-MDA: each recording trains and aligns its own branch; the branches vote."""

import math

import pytest
import torch
from torch.nn import functional

from tests.methods.steps import check_losses, first_outputs, trainer
from ufama.methods.ms_mda import METHOD, branch_discrepancy, branch_mean_distance

SLIM = {"common_hidden": 20, "common_second": 14, "width": 12, "branch_width": 9}


@pytest.mark.parametrize("agree_on", ["classes", "features"])
def test_terms_are_those_of_the_branches(small, agree_on):
    made = trainer(METHOD, small, agree_on=agree_on, **SLIM)
    source, target, s, t = first_outputs(made, training_pass=True)
    terms = made.step(source, target, torch.tensor(1.0, dtype=torch.float64))

    domain, label = source.domain[0], source.label[0]
    own = torch.stack([s.logits[0, n, domain[n]] for n in range(len(label))])
    expected = {
        "classification": functional.cross_entropy(own, label),
        "mmd": branch_mean_distance(s.features, source.domain, t.features),
        "discrepancy": branch_discrepancy((t.logits if agree_on == "classes" else t.features).softmax(-1)),
    }
    check_losses(terms, expected)
    grown = 2 / (1 + math.exp(-5)) - 1
    assert [w.item() for w in terms.weights.values()] == pytest.approx([1, grown, 0.01 * grown])


def test_the_prediction_is_the_branches_mean(small):
    made = trainer(METHOD, small, **SLIM)
    with torch.no_grad():
        outputs = made.network(made.batches.eeg[None, :5], made.batches.eye[None, :5])
    votes = torch.stack([outputs.logits[:, :, k].softmax(-1) for k in range(made.batches.source_domains)])
    assert torch.allclose(METHOD.predict(outputs)[:, :, 2], votes.mean(0))


def test_presets_differ_in_what_the_branches_agree_on_and_in_the_learning_rate():
    paper, released = (METHOD.preset(name, dataset="seed", variant="full") for name in METHOD.presets)
    assert released == paper.replace(agree_on="features", learning_rate=0.01)
    assert (paper.agree_on, paper.learning_rate) == ("classes", 1e-3)


DOMAIN = torch.tensor([[0, 2, 2, 0, 2, 0], [3, 3, 3, 1, 0, 0]])


def drawn():
    draw = torch.Generator().manual_seed(4)
    source = torch.randn(2, 6, 4, 3, generator=draw, dtype=torch.float64)
    return source, torch.randn(2, 5, 4, 3, generator=draw, dtype=torch.float64) + 0.7


def test_mean_distance_equals_a_loop_over_pairs_of_windows():
    source, target = drawn()
    found = branch_mean_distance(source, DOMAIN, target)
    for run in range(2):
        branches = []
        for branch in range(4):
            own = [x for x, number in zip(source[run, :, branch], DOMAIN[run], strict=True) if number == branch]
            theirs = list(target[run, :, branch])
            if len(own) < 2:
                continue

            def within(some):
                pairs = [float(x @ y) for i, x in enumerate(some) for j, y in enumerate(some) if i != j]
                return sum(pairs) / len(pairs)

            across = sum(float(x @ y) for x in own for y in theirs) / (len(own) * len(theirs))
            branches.append(within(own) + within(theirs) - 2 * across)
        assert found[run].item() == pytest.approx(sum(branches) / len(branches), rel=1e-9)


def test_discrepancy_equals_a_loop_over_pairs_of_branches():
    said = drawn()[1].softmax(-1)
    found = branch_discrepancy(said)
    for run in range(2):
        per_branch = [
            sum((said[run, :, i] - said[run, :, j]).abs().mean().item() for j in range(4) if j != i) for i in range(4)
        ]
        assert found[run].item() == pytest.approx(sum(per_branch) / 4, rel=1e-9)
    assert branch_discrepancy(said[:, :, :1].expand(-1, -1, 4, -1)).tolist() == pytest.approx([0, 0], abs=1e-12)
