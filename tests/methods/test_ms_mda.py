"""MS-MDA: each recording trains and aligns its own branch; the branches vote."""

import math

import pytest
import torch
from torch.nn import functional

from tests.methods.steps import TRAINING, check_every_parameter_moves, check_stack_equals_single_runs, trainer
from ufama.core.layers import CounterRNG
from ufama.methods.ms_mda import METHOD

SLIM = {"common_hidden": 20, "common_second": 14, "width": 12, "branch_width": 9}


def test_one_step_moves_every_parameter(small):
    check_every_parameter_moves(METHOD, small, **SLIM)


def test_a_stack_equals_single_runs(small):
    check_stack_equals_single_runs(METHOD, small, **SLIM)


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
    s, t = both.split(TRAINING.batch_size)
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
