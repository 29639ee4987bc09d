"""PR-PL: what a step is made of, and which prototype stands for which class."""

import pytest
import torch

from tests.methods.steps import TRAINING, check_losses, first_batch, trainer
from ufama.core.random import CounterRNG
from ufama.methods.parts.pairwise import Thresholds, class_prototypes, source_pairs, target_pairs
from ufama.methods.pr_pl import METHOD

QUIET = {"discriminator_dropout": 0.0, "feature_noise": 0.0}


def test_terms_are_those_of_two_separate_passes(small):
    made = trainer(METHOD, small, training=TRAINING.replace(epochs=8), **QUIET)
    source, target = first_batch(made)
    with torch.no_grad():
        s, t = made.network(source.eeg, source.eye).fused, made.network(target.eeg, target.eye).fused
        prototypes = class_prototypes(s, source.label, 3)
        u, v = made.network.of_features.weight[0], made.network.of_prototypes.weight[0]
        scores = [(features @ u) @ (prototypes @ v).transpose(1, 2) for features in (s, t)]
        shown = [made.network.discriminator(x, None)[..., 0] for x in (s, t)]
    terms = made.step(source, target, torch.tensor(4.0, dtype=torch.float64))
    distance = 0.4 * (1 - 2 / 8) ** 3  # every epoch but the first two begins with less of it
    thresholds = Thresholds(torch.tensor(0.7 + distance / 2).double(), torch.tensor(0.7 - distance / 2).double())
    told_apart = -(1 - shown[0].sigmoid()).log().mean() - shown[1].sigmoid().log().mean()
    expected = {
        "source_pairs": source_pairs(scores[0].softmax(-1), source.label),
        "target_pairs": target_pairs(scores[1].softmax(-1), thresholds),
        "domain": told_apart,
        "orthogonality": torch.linalg.norm(prototypes[0].T @ prototypes[0] - torch.eye(64)),
    }
    check_losses(terms, expected)
    assert [weight.item() for weight in terms.weights.values()] == pytest.approx([1, 2 * 0.5, 0.5, 0.01])
    assert torch.allclose(made.network.prototypes, prototypes)


def test_clusters_are_named_by_the_source_s_majority(small):
    """Cluster 0 met class 2 most, 1 met 0, 2 nobody: its probability goes to class 0 as well."""
    made = trainer(METHOD, small)
    network = made.network
    network.prototypes.copy_(torch.randn(network.prototypes.shape, generator=torch.Generator().manual_seed(1)))
    counts = [[1.0, 0.0, 5.0], [3.0, 2.0, 0.0], [0.0, 0.0, 0.0]]
    network.cluster_counts.copy_(torch.tensor([counts]))
    eeg, eye = made.batches.eeg[None, :4], made.batches.eye[None, :4]
    with torch.no_grad():
        outputs = network(eeg, eye)
        of_cluster = network.scores(outputs.fused, network.prototypes).softmax(-1)
    expected = torch.stack([of_cluster[..., 1] + of_cluster[..., 2], 0 * of_cluster[..., 0], of_cluster[..., 0]], -1)
    assert torch.allclose(METHOD.predict(outputs)[:, :, 2], expected)


def test_counts_of_clusters_fade(small):
    made = trainer(METHOD, small)
    scores = torch.tensor([[[9.0, 0, 0], [9.0, 0, 0], [0, 0, 9.0]]], dtype=torch.float64)
    for label in ([1, 1, 0], [2, 1, 0]):
        made.network.update_clusters(made.network.prototypes.clone(), scores, torch.tensor([label]))
    expected = [[0, 1.9 + 1, 1], [0, 0, 0], [1.95, 0, 0]]
    assert torch.allclose(made.network.cluster_counts, torch.tensor([expected], dtype=torch.float64))


def test_the_discriminator_s_features_are_blurred_by_normal_noise(small):
    made = trainer(METHOD, small)
    noise = CounterRNG(torch.tensor([4]), torch.tensor(0))
    blur = made.network.jitter(torch.zeros(1, 300, 64, dtype=torch.float64), noise)
    assert blur.std().item() == pytest.approx(0.005, rel=0.03)
