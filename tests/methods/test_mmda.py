"""MMDA-like: every recording is aligned for itself, and weights and centroids are remembered."""

import math

import pytest
import torch
from torch.nn import functional

from tests.methods.steps import first_batch, normal, outputs_in_training, trainer
from ufama.core.random import CounterRNG
from ufama.methods.mmda import METHOD, DirectionHead, centroid_distance, softmin_weights, updated_centroids
from ufama.methods.parts.moments import moment_discrepancy

NARROW = {"hidden": 24, "width": 10}


def test_two_steps_equal_a_loop_over_recordings(small):
    """The second step with recording 0 taken out of the batch: it costs nothing and keeps what is remembered of it."""
    made = trainer(METHOD, small, **NARROW)
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
            share = (1 / torch.tensor(list(loss.values()), dtype=torch.float64)).softmax(0)
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


def batch_normalised(x):
    """Column by column by the mean and the variance of these rows, without scale and shift."""
    columns = []
    for column in x.T:
        mean = sum(column) / len(column)
        variance = sum((value - mean) ** 2 for value in column) / len(column)
        columns.append((column - mean) / torch.sqrt(variance + 1e-5))
    return torch.stack(columns, dim=1)


def test_the_first_steps_loss_and_gradient_equal_plain_loops(small):
    """Each domain passes alone; before the first step every centroid is 0 and every weight 1."""
    made = trainer(METHOD, small, dropout=0.0, noise=0.0, **NARROW)
    source, target = first_batch(made)
    terms = made.terms(source, target, torch.tensor(0.0, dtype=torch.float64))
    values = {name: p.detach()[0].clone().requires_grad_() for name, p in made.network.named_parameters()}

    def passed(batch):
        embeddings = []
        for name, x in (("eeg", batch.eeg[0].flatten(1)), ("eye", batch.eye[0])):
            for layer in ("hidden", "last"):
                weight, bias = (values[f"{name}_extractor.{layer}.linear.0.{part}"] for part in ("weight", "bias"))
                x = batch_normalised(x @ weight + bias[0]).clamp(min=0)
            embeddings.append(x)
        features = torch.cat(embeddings, dim=1)
        features = torch.stack([10 * row / torch.sqrt((row**2).sum()) for row in features])
        directions = [column / torch.sqrt((column**2).sum()) for column in values["head.weight"].T]
        logits = features @ torch.stack(directions, dim=1) + 10 * torch.tanh(values["head.bias"][0])
        return features, logits

    (s, s_logits), (t, t_logits) = passed(source), passed(target)
    label, domain, pseudo = source.label[0].tolist(), source.domain[0].tolist(), t_logits.argmax(1).tolist()
    classification = sum(torch.logsumexp(row, 0) - row[one] for row, one in zip(s_logits, label, strict=True)) / len(s)
    probabilities = torch.exp(t_logits) / torch.exp(t_logits).sum(1, keepdim=True)
    uncertain = sum(-(row * torch.log(row)).sum() for row in probabilities) / len(t)

    moments, angles = [], []
    for recording in sorted(set(domain)):
        own = torch.stack([row for row, one in zip(s, domain, strict=True) if one == recording])
        mean, target_mean = sum(own) / len(own), sum(t) / len(t)
        second = sum((own - mean) ** 2) / len(own) - sum((t - target_mean) ** 2) / len(t)
        first = (mean - target_mean).detach()
        moments.append(torch.sqrt((first**2).sum()) + torch.sqrt((second**2).sum()))
        distance = torch.zeros((), dtype=torch.float64)
        for one in range(3):
            mine = [row for row, k, d in zip(s, label, domain, strict=True) if k == one and d == recording]
            theirs = [row for row, k in zip(t, pseudo, strict=True) if k == one]
            if mine and theirs:
                a, b = 0.9 * sum(mine) / len(mine), 0.9 * sum(theirs) / len(theirs)
                distance = distance + 1 - (a @ b) / torch.sqrt((a @ a) * (b @ b))
            else:
                distance = distance + 1
        angles.append(distance)

    def weighted(losses):
        inverse = [math.exp(1 / loss.item()) for loss in losses]
        return sum((0.1 + 0.9 * share / sum(inverse)) * loss for share, loss in zip(inverse, losses, strict=True))

    total = classification + 0.5 * (weighted(moments) + weighted(angles)) + 0.1 * uncertain
    assert terms.total().item() == pytest.approx(total.item(), rel=1e-9)
    found = torch.autograd.grad(terms.total().sum(), list(made.network.parameters()))
    expected = torch.autograd.grad(total, list(values.values()))
    largest = max(gradient.abs().max().item() for gradient in expected)
    for name, ours, theirs in zip(values, found, expected, strict=True):
        torch.testing.assert_close(ours[0], theirs, rtol=1e-9, atol=1e-9 * largest, msg=name)


def test_noise_of_sd_one_enters_between_the_layers_in_training_only(small):
    layer = trainer(METHOD, small, **NARROW).network.eeg_extractor
    x = normal(1, 400, 21)
    shown = []
    layer.noise.register_forward_hook(lambda module, given, made: shown.append(made - given[0]))
    layer(x, CounterRNG(torch.tensor([3]), torch.tensor(0)))
    layer(x, None)
    assert shown[0].std().item() == pytest.approx(1, abs=0.05) and not shown[1].any()


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
