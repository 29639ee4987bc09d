"""Screening equals a literal, slow reading of Eq. (11) and its groups."""

import math

import torch

from ufama.core.screening import gate_open, screen, trusted_count, update_memory, whole_pool


def literal_screening(probabilities, share, draws=None):
    """One run: sort the pool as a list of entries, keep the first ceil(share * |pool|), then look at every window."""
    windows = len(probabilities)
    pool = []
    for modality in range(2):
        for window in range(windows):
            scores = probabilities[window][modality]
            best = max(range(len(scores)), key=lambda c: (scores[c], -c))
            pool.append({"window": window, "modality": modality, "confidence": scores[best], "label": best})
    if draws is not None:
        pool = [entry for _, entry in sorted(zip(draws, pool, strict=True), key=lambda pair: pair[0])]
    ordered = sorted(pool, key=lambda entry: -entry["confidence"])  # sorted() keeps ties in order
    kept = ordered[: math.ceil(share * len(pool) - 1e-9)]
    groups = []
    for window in range(windows):
        mine = {entry["modality"]: entry["label"] for entry in kept if entry["window"] == window}
        if len(mine) == 2:
            groups.append("consistent" if mine[0] == mine[1] else "conflicting")
        elif 0 in mine:
            groups.append("eeg_teaches")
        elif 1 in mine:
            groups.append("eye_teaches")
        else:
            groups.append("unused")
    return groups, kept[-1]["confidence"]


def test_screening_equals_its_literal_reading():
    """40 batches of other sizes, shares and classes, every third with many equal confidences."""
    for batch in range(40):
        generator = torch.Generator().manual_seed(batch)
        runs, windows, classes = 2, 5 + batch % 29, 3 + batch % 2
        share = (0.5, 0.07, 0.3, 0.9, 1.0)[batch % 5]
        logits = 3 * torch.randn(runs, windows, 2, classes, generator=generator, dtype=torch.float64)
        probabilities = logits.softmax(-1)
        if batch % 3 == 0:
            probabilities = (probabilities * 8).round() / 8
        draws = torch.rand(runs, 2 * windows, generator=generator) if batch % 2 else None
        screening = screen(probabilities, share, tie_draws=draws)
        for run in range(runs):
            drawn = None if draws is None else draws[run].tolist()
            groups, threshold = literal_screening(probabilities[run].tolist(), share, drawn)
            for name in ("consistent", "conflicting", "eeg_teaches", "eye_teaches"):
                assert getattr(screening, name)[run].tolist() == [group == name for group in groups], (batch, name)
            assert screening.threshold[run].item() == threshold
            assert screening.kept[run].sum() == trusted_count(share, 2 * windows)


def test_drawn_ties_prefer_no_modality_and_change_nothing_else():
    """Of 400 windows that both modalities are certain about, half of the kept entries are each modality's."""
    certain = torch.eye(3)[torch.zeros(1, 400, 2, dtype=torch.int64)]
    draws = torch.rand(1, 800, generator=torch.Generator().manual_seed(0))
    by_position = screen(certain, 0.5).kept.sum((0, 1)).tolist()
    drawn = screen(certain, 0.5, tie_draws=draws).kept.sum((0, 1)).tolist()
    assert by_position == [400, 0]
    assert sum(drawn) == 400
    assert abs(drawn[0] - 200) < 3 * 10  # a draw of 400 of 800 without replacement: standard deviation 10
    distinct = torch.randn(1, 400, 2, 3, dtype=torch.float64).softmax(-1)
    assert torch.equal(screen(distinct, 0.5, tie_draws=draws).kept, screen(distinct, 0.5).kept)


def test_a_whole_pool_keeps_all_of_its_ties():
    certain = torch.eye(3)[torch.zeros(1, 6, 2, dtype=torch.int64)]
    assert screen(certain, 0.5, whole_pool(certain)).kept.all()


def test_groups_are_disjoint_and_complete():
    screening = screen(torch.randn(3, 40, 2, 4).softmax(-1), 0.4)
    groups = torch.stack(
        [
            screening.consistent,
            screening.conflicting,
            screening.eeg_teaches,
            screening.eye_teaches,
            ~screening.kept.any(-1),
        ]
    )
    assert (groups.sum(0) == 1).all()


def test_count_is_the_ceiling_and_survives_binary_fractions():
    assert [trusted_count(0.07, 100), trusted_count(0.5, 63), trusted_count(0.1, 30)] == [7, 32, 3]


def test_a_pool_that_holds_just_the_batch_keeps_what_the_batch_keeps():
    probabilities = torch.randn(2, 17, 2, 3, dtype=torch.float64).softmax(-1)
    row = torch.arange(17).repeat(2, 1)
    memory = update_memory(torch.full((2, 30, 2), -1.0, dtype=torch.float64), row, probabilities)
    assert torch.equal(screen(probabilities, 0.5, memory.flatten(1)).kept, screen(probabilities, 0.5).kept)


def test_a_confident_window_in_the_memory_raises_the_threshold():
    probabilities = torch.tensor([[[[0.8, 0.2], [0.6, 0.4]]]], dtype=torch.float64)
    memory = torch.tensor([[[0.8, 0.6], [0.95, 0.9], [-1.0, -1.0]]], dtype=torch.float64)
    assert screen(probabilities, 0.75).kept.tolist() == [[[True, True]]]
    assert screen(probabilities, 0.5, memory.flatten(1)).kept.tolist() == [[[False, False]]]
    assert screen(probabilities, 0.75, memory.flatten(1)).kept.tolist() == [[[True, False]]]


def test_memory_keeps_the_latest_visit_of_each_window():
    memory = torch.full((1, 4, 2), -1.0)
    first = torch.tensor([[[[0.9, 0.1], [0.3, 0.7]], [[0.5, 0.5], [0.6, 0.4]]]])
    memory = update_memory(memory, torch.tensor([[2, 0]]), first)
    memory = update_memory(memory, torch.tensor([[2, 3]]), first.flip(1))
    expected = torch.tensor([[[0.5, 0.6], [-1, -1], [0.5, 0.6], [0.9, 0.7]]])
    assert torch.equal(memory, expected)


def test_the_gate_differs_at_exactly_its_threshold():
    threshold = torch.tensor([0.89, 0.9, 0.91], dtype=torch.float64)
    assert gate_open(threshold, 0.9, inclusive=True).tolist() == [False, True, True]
    assert gate_open(threshold, 0.9, inclusive=False).tolist() == [False, False, True]
