"""MS-MDA: each recording trains and aligns its own branch; the branches vote."""

import math

import pytest
import torch
from torch.nn import functional

from tests.methods.steps import TRAINING, trainer
from ufama.core.random import CounterRNG
from ufama.methods import split_windows
from ufama.methods.ms_mda import METHOD, branch_discrepancy, branch_mean_distance

SLIM = {"common_hidden": 20, "common_second": 14, "width": 12, "branch_width": 9}


@pytest.mark.parametrize("agree_on", ["classes", "features"])
def test_terms_equal_a_loop_over_recordings(small, agree_on):
    made = trainer(METHOD, small, agree_on=agree_on, **SLIM)
    made.batches.draw_epoch(0)
    source, target = made.batches.step(0)
    with torch.no_grad():
        both = made.network(
            torch.cat([source.eeg, target.eeg], 1),
            torch.cat([source.eye, target.eye], 1),
            CounterRNG(made.noise_seeds, made.steps_done),
        )
    s, t = split_windows(both, TRAINING.batch_size)
    terms = made.step(source, target, torch.tensor(1.0, dtype=torch.float64))

    domain, label = source.domain[0], source.label[0]
    own = torch.stack([s.logits[0, n, domain[n]] for n in range(len(label))])
    distances = []
    for one in domain.unique().tolist():
        rows = s.features[0, domain == one, one]
        if len(rows) < 2:
            continue
        theirs = t.features[0, :, one]
        n, m = len(rows), len(theirs)
        within = (rows @ rows.T).sum() - rows.square().sum()
        also = (theirs @ theirs.T).sum() - theirs.square().sum()
        distances.append(within / (n * n - n) + also / (m * m - m) - 2 * (rows @ theirs.T).mean())
    said = (t.logits if agree_on == "classes" else t.features)[0].softmax(-1)
    branches = said.shape[1]
    apart = sum((said[:, i] - said[:, j]).abs().mean() for i in range(branches) for j in range(branches)) / branches
    expected = {
        "classification": functional.cross_entropy(own, label),
        "mmd": sum(distances) / len(distances),
        "discrepancy": apart,
    }
    assert list(terms.losses) == list(expected)
    for name, value in expected.items():
        assert terms.losses[name].item() == pytest.approx(value.item(), rel=1e-8), name
    grown = 2 / (1 + math.exp(-5)) - 1
    assert [w.item() for w in terms.weights.values()] == pytest.approx([1, grown, 0.01 * grown])


def test_a_recording_outside_the_batch_trains_no_branch_by_its_labels(small):
    made = trainer(METHOD, small, mmd_weight=0.0, discrepancy_weight=0.0, **SLIM)
    made.batches.draw_epoch(0)
    source, target = made.batches.step(0)
    source = source._replace(domain=torch.zeros_like(source.domain))
    total = made.terms(source, target, torch.tensor(1.0, dtype=torch.float64)).total().sum()
    (gradient,) = torch.autograd.grad(total, made.network.classifier.weight)
    gradient = gradient.unflatten(-1, (made.batches.source_domains, -1))
    assert gradient[:, :, 0].abs().sum() > 0
    assert gradient[:, :, 1:].abs().sum() == 0


def test_the_prediction_is_the_branches_mean(small):
    made = trainer(METHOD, small, **SLIM)
    with torch.no_grad():
        outputs = made.network(made.batches.eeg[None, :5], made.batches.eye[None, :5])
    votes = torch.stack([outputs.logits[:, :, k].softmax(-1) for k in range(made.batches.source_domains)])
    assert torch.allclose(METHOD.predict(outputs)[:, :, 2], votes.mean(0))


def test_presets_differ_in_what_the_branches_agree_on():
    chosen = [METHOD.preset(name, dataset="seed", variant="full").agree_on for name in METHOD.presets]
    assert chosen == ["classes", "features"]


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


def test_mean_distance_has_no_bias():
    """Of equal distributions the mean over many batches is 0, with three windows of each recording."""
    draw = torch.Generator().manual_seed(0)
    source = torch.randn(4000, 6, 2, 3, generator=draw, dtype=torch.float64)
    target = torch.randn(4000, 5, 2, 3, generator=draw, dtype=torch.float64)
    found = branch_mean_distance(source, torch.tensor([[0, 1, 0, 1, 0, 1]]).expand(4000, -1), target)
    assert abs(found.mean().item()) < 4 * found.std().item() / 4000**0.5


def test_discrepancy_equals_a_loop_over_pairs_of_branches():
    said = drawn()[1].softmax(-1)
    found = branch_discrepancy(said)
    for run in range(2):
        per_branch = [
            sum((said[run, :, i] - said[run, :, j]).abs().mean().item() for j in range(4) if j != i) for i in range(4)
        ]
        assert found[run].item() == pytest.approx(sum(per_branch) / 4, rel=1e-9)
    assert branch_discrepancy(said[:, :, :1].expand(-1, -1, 4, -1)).tolist() == pytest.approx([0, 0], abs=1e-12)
