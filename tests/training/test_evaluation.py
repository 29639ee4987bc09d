"""Predictions in chunks: what is cut, filled up and recorded is what one pass gives."""

from types import SimpleNamespace

import pytest
import torch

from ufama.training import evaluation as module
from ufama.training.evaluation import CPU_CHUNK, Evaluator, StackPredictions, equal_chunk

RUNS, WINDOWS = 2, 150


@pytest.fixture
def rows():
    return torch.stack([torch.arange(WINDOWS), torch.arange(WINDOWS).flip(0)])


def forward(rows):
    """Numbers that tell the rows and their run."""
    run = torch.arange(len(rows))[:, None] * 1000
    value = (rows + run).double()
    return value[..., None, None].expand(-1, -1, 3, 2).clone(), torch.stack([value, -value], -1)


@pytest.fixture
def evaluator():
    def of(network=forward, notify=pytest.fail):
        return Evaluator(network, torch.device("cpu"), compiled=False, is_recorded=True, notify=notify)

    return of


def test_on_a_cpu_predictions_come_in_chunks_and_features_where_they_are_wanted(rows, evaluator):
    assert CPU_CHUNK < WINDOWS
    expected = forward(rows)
    made = evaluator()(rows, with_features=True)
    assert torch.equal(made.probabilities, expected[0]) and torch.equal(made.fused, expected[1])
    without = evaluator()(rows, with_features=False)
    assert torch.equal(without.probabilities, expected[0]) and without.fused is None


def test_a_recorded_chunk_reads_new_rows_and_its_results_are_copied(rows, evaluator, monkeypatch):
    """A graph writes to the same memory every time: here, by a network that does."""
    size = equal_chunk(WINDOWS, 64)
    memory = forward(rows[:, :size])

    def in_place(rows):
        for part, value in zip(memory, forward(rows), strict=True):
            part.copy_(value)
        return memory

    monkeypatch.setattr(module, "recorded", lambda work, device: work() or work)
    recording = evaluator(in_place)
    chunk = recording._chunk_of(rows[:, :size])
    made = module._in_chunks(chunk, rows, size, with_features=True, padded=True)
    expected = forward(rows)
    assert WINDOWS % size == 0 and torch.equal(made.probabilities, expected[0]) and torch.equal(made.fused, expected[1])
    fewer = module._in_chunks(chunk, rows[:, :70], size, with_features=False, padded=True)
    assert torch.equal(fewer.probabilities, expected[0][:, :70])


def test_a_chunk_that_cannot_be_recorded_runs_and_says_so(rows, evaluator):
    lines = []
    chunk = evaluator(notify=lines.append)._chunk_of(rows)
    assert torch.equal(chunk(rows)[1], forward(rows)[1])
    assert lines == ["the evaluation cannot be captured as a CUDA graph and runs eagerly (cpu is no GPU)."]


@pytest.mark.parametrize(
    ("rows_in_all", "largest", "size"), [(100, 1000, 100), (100, 99, 50), (100, 34, 34), (7, 3, 3), (5, 0, 1)]
)
def test_chunks_are_few_and_equal(rows_in_all, largest, size):
    assert equal_chunk(rows_in_all, largest) == size


def test_a_chunk_on_a_gpu_takes_a_quarter_of_the_memory_that_is_free(rows, monkeypatch):
    """A GPU of which 1000 bytes are free and 200 more are kept for tensors; a window takes 3."""
    allocated = {"now": 100, "most": 100}

    def network(rows):
        allocated["most"] = allocated["now"] + 3 * rows.shape[1]
        return forward(rows)

    numbers = {"memory_allocated": lambda: 100, "memory_reserved": lambda: 300, "mem_get_info": lambda: (1000, 9999)}
    numbers |= {"max_memory_allocated": lambda: allocated["most"], "synchronize": int, "reset_peak_memory_stats": int}
    for name, number in numbers.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, number=number: number())
    monkeypatch.setattr(module, "FEW", 120)
    gpu = SimpleNamespace(type="cuda")
    evaluated = Evaluator(network, gpu, compiled=False, is_recorded=False, notify=pytest.fail)
    few = evaluated(rows[:, :120], with_features=True)
    assert evaluated.size is None and torch.equal(few.fused, forward(rows[:, :120])[1])
    many = evaluated(rows, with_features=True)
    assert evaluated.size == 75  # 100 fit: 150 windows are two equal chunks
    assert torch.equal(many.fused, forward(rows)[1])


def test_predictions_are_split_as_the_rows_were_joined(rows):
    joined = StackPredictions(*forward(rows))
    first, second = joined.split([100, 50])
    assert torch.equal(second.probabilities, joined.probabilities[:, 100:])
    assert torch.equal(first.fused, joined.fused[:, :100])
    assert joined._replace(fused=None).split([100, 50])[1].fused is None


@pytest.mark.gpu
def test_on_a_gpu_large_recorded_chunks_give_what_small_ones_give():
    device = torch.device("cuda")
    weight = torch.randn(5, 6, device=device, dtype=torch.float64)

    def network(rows):
        scores = torch.sin(rows[..., None].double() * torch.arange(5, device=device)) @ weight
        return scores.unflatten(-1, (3, 2)).softmax(-1), scores

    evaluated = Evaluator(network, device, compiled=False, is_recorded=True, notify=pytest.fail)
    rows = torch.arange(2 * 1000, device=device).view(2, 1000)
    evaluated(rows, with_features=True)
    made = evaluated(rows.flip(1), with_features=True)
    assert evaluated.size is not None
    torch.testing.assert_close(made.probabilities, network(rows.flip(1))[0])
    torch.testing.assert_close(evaluated(rows[:, :500], with_features=True).fused, network(rows[:, :500])[1])
