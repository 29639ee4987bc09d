"""MMDA-like: every recording is aligned for itself, and weights and centroids are remembered."""

import math

import pytest
import torch
from torch.nn import functional

from tests.methods.steps import outputs_in_training, trainer
from ufama.methods.mmda import METHOD, DirectionHead, centroid_distance, softmin_weights, updated_centroids
from ufama.methods.parts.moments import moment_discrepancy

NARROW = {"hidden": 24, "width": 10}


def test_two_steps_equal_a_loop_over_recordings(small):
    """The second step with recording 0 taken out of the batch: it costs nothing and keeps what is remembered of it."""
    made = trainer(METHOD, small, dropout=0.0, **NARROW)
    made.batches.draw_epoch(0)
    recordings = made.batches.source_domains
    ours, theirs = torch.zeros(recordings, 3, 20).double(), torch.zeros(3, 20).double()
    near, alike = torch.ones(recordings).double(), torch.ones(recordings).double()
    for number in range(2):
        source, target = made.batches.step(number)
        if number:
            source = source._replace(domain=torch.where(source.domain == 0, 1, source.domain))
        s, t = outputs_in_training(made, source, target)
        terms = made.step(source, target, torch.tensor(0.0, dtype=torch.float64))
        assert torch.allclose(s.fused.norm(dim=-1), torch.tensor(10.0).double())

        pseudo, label, domain = t.logits[0].argmax(-1), source.label[0], source.domain[0]
        for k in range(3):
            if (pseudo == k).any():
                theirs[k] = 0.1 * theirs[k] + 0.9 * t.fused[0, pseudo == k].mean(0)
        marginal, centroid = {}, {}
        for one in domain.unique().tolist():
            marginal[one] = moment_discrepancy(s.fused[:, domain == one], t.fused).item()
            for k in range(3):
                rows = (domain == one) & (label == k)
                if rows.any():
                    ours[one, k] = 0.1 * ours[one, k] + 0.9 * s.fused[0, rows].mean(0)
            centroid[one] = sum(
                1 - functional.cosine_similarity(ours[one, k], theirs[k], dim=0).item() for k in range(3)
            )
        if number:
            assert 0 not in marginal
        for remembered, loss, name in ((near, marginal, "marginal"), (alike, centroid, "centroids")):
            share = (1 / torch.tensor(list(loss.values())).double()).softmax(0)
            for one, value in zip(loss, share, strict=True):
                remembered[one] = 0.1 * remembered[one] + 0.9 * value
            expected = sum(remembered[one] * value for one, value in loss.items())
            assert terms.losses[name].item() == pytest.approx(expected.item(), rel=1e-8)
        assert torch.allclose(made.state["source_centroids"][0], ours)
        assert torch.allclose(made.state["target_centroids"][0], theirs)
        assert torch.allclose(made.state["marginal_weights"][0], near)
        assert torch.allclose(made.state["centroid_weights"][0], alike)
    spread = -(t.logits.softmax(-1) * t.logits.log_softmax(-1)).sum(-1).mean()
    assert terms.losses["conditional_entropy"].item() == pytest.approx(spread.item(), rel=1e-9)
    assert [w.item() for w in terms.weights.values()] == pytest.approx([1, 0.5, 0.5, 0.1])


def test_the_head_reads_directions():
    head = DirectionHead(1, 2, 2, radius=10.0).double()
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[[3.0, 0.0], [4.0, -2.0]]]))
        head.bias.copy_(torch.tensor([[[0.0, 100.0]]]))
    assert head(torch.tensor([[[6.0, 8.0]]]).double())[0, 0].tolist() == pytest.approx([10.0, -8.0 + 10.0])


def test_one_class_moves_and_one_without_windows_stays():
    memory = torch.tensor([[[1.0, 1.0], [4.0, 0.0]]], dtype=torch.float64)
    features = torch.tensor([[[2.0, 0.0], [4.0, 6.0]]], dtype=torch.float64)
    found = updated_centroids(memory, features, torch.tensor([[[1, 1], [0, 0]]]), share=0.9)
    assert torch.allclose(found, torch.tensor([[[2.8, 2.8], [4.0, 0.0]]], dtype=torch.float64))


def test_distance_counts_angles_and_one_for_a_class_not_seen():
    source = torch.tensor([[[2.0, 0.0], [1.0, 1.0], [0.0, 0.0]]])
    target = torch.tensor([[[0.5, 0.0], [-3.0, -3.0], [1.0, 0.0]]])
    assert centroid_distance(source, target).item() == pytest.approx(0 + 2 + 1, abs=1e-6)
    assert centroid_distance(torch.stack([source, -source], 1), target[:, None])[0].tolist() == pytest.approx(
        [3, 3], abs=1e-6
    )


def test_the_nearest_source_counts_most_and_one_that_is_absent_not_at_all():
    loss = torch.tensor([[0.5, 0.25, 9.0, 1.0]], dtype=torch.float64)
    found = softmin_weights(loss, torch.tensor([[True, True, False, True]]))[0]
    total = math.exp(2) + math.exp(4) + math.exp(1)
    assert found.tolist() == pytest.approx([math.exp(2) / total, math.exp(4) / total, 0, math.exp(1) / total])
