"""Class centroids move by hand-checked steps; their distance is an angle's."""

import pytest
import torch

from ufama.methods.parts.centroids import centroid_distance, moved_centroids


def test_one_class_moves_and_one_without_windows_stays():
    memory = torch.tensor([[[1.0, 1.0], [4.0, 0.0]]], dtype=torch.float64)
    features = torch.tensor([[[2.0, 0.0], [4.0, 6.0]]], dtype=torch.float64)
    found = moved_centroids(memory, features, torch.tensor([[[1, 1], [0, 0]]]), share=0.9)
    assert torch.allclose(found, torch.tensor([[[2.8, 2.8], [4.0, 0.0]]], dtype=torch.float64))


def test_recordings_have_centroids_of_their_own():
    draw = torch.Generator().manual_seed(1)
    memory = torch.randn(2, 3, 2, 4, generator=draw, dtype=torch.float64)
    features = torch.randn(2, 5, 4, generator=draw, dtype=torch.float64)
    member = torch.randint(2, (2, 3, 2, 5), generator=draw)
    found = moved_centroids(memory, features, member, share=0.7)
    for run in range(2):
        for recording in range(3):
            for number in range(2):
                own = features[run, member[run, recording, number].bool()]
                old = memory[run, recording, number]
                expected = 0.3 * old + 0.7 * own.mean(0) if len(own) else old
                assert torch.allclose(found[run, recording, number], expected)


def test_distance_counts_angles_and_one_for_a_class_not_seen():
    source = torch.tensor([[[2.0, 0.0], [1.0, 1.0], [0.0, 0.0]]])
    target = torch.tensor([[[0.5, 0.0], [-3.0, -3.0], [1.0, 0.0]]])
    assert centroid_distance(source, target).item() == pytest.approx(0 + 2 + 1, abs=1e-6)
    assert centroid_distance(torch.stack([source, -source], 1), target[:, None])[0].tolist() == pytest.approx(
        [3, 3], abs=1e-6
    )
