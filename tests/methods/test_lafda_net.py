"""LAFDA-Net-like: its terms are the named distances of the fused features, and all of it trains."""

import pytest
import torch

from tests.methods.steps import check_every_parameter_moves, check_stack_equals_single_runs, gradients, trainer
from ufama.core.losses import cross_entropy
from ufama.methods.lafda_net import METHOD
from ufama.methods.parts.alignment import coral


def test_one_step_moves_every_parameter(small):
    check_every_parameter_moves(METHOD, small)


def test_a_stack_equals_single_runs(small):
    check_stack_equals_single_runs(METHOD, small)


def test_terms_are_those_of_the_fused_features(small):
    made = trainer(METHOD, small, dropout=0.0, coral_weight=3.0)
    made.batches.draw_epoch(0)
    source, target = made.batches.step(0)
    with torch.no_grad():
        s, t = made.network(source.eeg, source.eye), made.network(target.eeg, target.eye)
        score = [made.network.discriminator(z.fused, None)[0, :, 0].sigmoid() for z in (s, t)]
    terms = made.step(source, target, torch.tensor(1.0, dtype=torch.float64))
    assert terms.losses["classification"].item() == pytest.approx(cross_entropy(s.logits, source.label).mean().item())
    assert terms.losses["coral"].item() == pytest.approx(coral(s.fused, t.fused).item())
    by_hand = -(1 - score[0]).log().mean() - score[1].log().mean()
    assert terms.losses["domain"].item() == pytest.approx(by_hand.item())
    assert {name: weight.item() for name, weight in terms.weights.items()} == {
        "classification": 1.0,
        "coral": 3.0,
        "domain": 1.0,
    }


def test_features_and_discriminator_are_opponents(small):
    """With the reversal at work, features move away from where they would go without it."""
    moves = []
    for weight in (0.0, 5.0):
        made = trainer(METHOD, small, domain_weight=weight, dropout=0.0, coral_weight=0.0)
        moves.append(gradients(made))
    for name in moves[0]:
        same = torch.equal(moves[0][name], moves[1][name])
        assert same == name.startswith(("discriminator", "head")), name
