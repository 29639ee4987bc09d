"""What a stack's networks predict for many windows: in chunks, on a GPU by one recorded graph."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ufama.training.cuda_graphs import recorded

CPU_CHUNK = 64
"""Windows at a time on a CPU. Of 32 to 512, all are as fast and give the same bits; the activations of few need little
memory."""

FEW = 421
"""Windows on a GPU up to which a chunk is neither measured nor recorded."""

MEMORY_SHARE = 0.25  # of a GPU's free memory, for a chunk


class StackPredictions(NamedTuple):
    """Of n windows of every run, on the device."""

    probabilities: Tensor  # (R, n, 3, C) of the branches eeg, eye, fusion
    fused: Tensor | None  # (R, n, D) features, where they were asked for

    def split(self, sizes: list[int]) -> "list[StackPredictions]":
        """Of the first ``sizes[0]`` windows, of the next ``sizes[1]``, and so on."""
        probabilities = self.probabilities.split(sizes, 1)
        fused = [None] * len(sizes) if self.fused is None else self.fused.split(sizes, 1)
        return [StackPredictions(*of_rows) for of_rows in zip(probabilities, fused, strict=True)]


class Evaluator:
    """Predictions of a stack without dropout: rows (R, n) of the data set -> `StackPredictions`.

    Parameters
    ----------
    forward
        rows (R, c) -> probabilities (R, c, 3, C) and features (R, c, D), for any c
    device
        of the rows. On a CPU they are evaluated `CPU_CHUNK` at a time. On a GPU more than `FEW` are evaluated in the
        fewest equal chunks that fit its memory, which is measured; a chunk is recorded as a CUDA graph.
    compiled
        of chunks on a GPU: let torch.compile make them faster
    is_recorded
        record chunks on a GPU
    notify
        called with a line when a chunk cannot be recorded, and runs operation by operation instead
    """

    def __init__(
        self,
        forward: Callable[[Tensor], tuple[Tensor, Tensor]],
        device: torch.device,
        *,
        compiled: bool,
        is_recorded: bool,
        notify: Callable[[str], None],
    ):
        self._forward, self._chunk_forward = forward, forward
        if compiled and device.type == "cuda":
            self._chunk_forward = torch.compile(forward, options={"pattern_matcher": False}, dynamic=False)
        self._device, self._is_recorded, self._notify = device, is_recorded, notify
        self._chunk: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None
        self.size: int | None = None  # windows of a chunk on a GPU, once it is known

    @torch.no_grad()
    def __call__(self, rows: Tensor, *, with_features: bool) -> StackPredictions:
        """Predictions; ``fused`` is None unless ``with_features``."""
        on_gpu = self._device.type == "cuda"
        if on_gpu and rows.shape[1] > FEW:
            if self._chunk is None or self.size is None:
                self.size = self._chunk_size(rows)
                self._chunk = self._chunk_of(rows[:, : self.size])
            return _in_chunks(self._chunk, rows, self.size, with_features=with_features, padded=True)
        size = max(rows.shape[1], 1) if on_gpu else CPU_CHUNK
        return _in_chunks(self._forward, rows, size, with_features=with_features, padded=False)

    def _chunk_size(self, rows: Tensor) -> int:
        """Windows of the fewest equal chunks that fit the free memory."""
        probe = rows[:, :64].contiguous()
        self._forward(probe)  # what libraries keep is not counted
        torch.cuda.synchronize(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        before = torch.cuda.memory_allocated(self._device)
        self._forward(probe)
        per_window = (torch.cuda.max_memory_allocated(self._device) - before) / probe.shape[1]
        free, _ = torch.cuda.mem_get_info(self._device)
        free += torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        return equal_chunk(rows.shape[1], int(MEMORY_SHARE * free / max(per_window, 1)))

    def _chunk_of(self, rows: Tensor) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """A function of rows like these, whose results are to be copied before it is called again."""
        if not self._is_recorded:
            return self._chunk_forward
        index = rows.clone()
        results: list[tuple[Tensor, Tensor]] = []

        def work() -> None:
            results[:] = [self._chunk_forward(index)]

        try:
            replay = recorded(work, self._device)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            self._notify(f"the evaluation cannot be captured as a CUDA graph and runs eagerly ({reason}).")
            return self._chunk_forward

        def replayed(rows: Tensor) -> tuple[Tensor, Tensor]:
            index.copy_(rows)
            replay()
            return results[0]

        return replayed


def equal_chunk(rows: int, largest: int) -> int:
    """The size of the fewest equal chunks of at most ``largest`` rows."""
    chunks = -(-rows // max(largest, 1))
    return -(-rows // chunks)


def _in_chunks(
    forward: Callable[[Tensor], tuple[Tensor, Tensor]],
    rows: Tensor,
    size: int,
    *,
    with_features: bool,
    padded: bool,
) -> StackPredictions:
    """Predictions of ``size`` rows at a time; ``padded``: the last chunk is filled by repeating its last row."""
    runs, windows = rows.shape
    probabilities = fused = None
    for start in range(0, windows, size):
        chunk = rows[:, start : start + size]
        length = chunk.shape[1]
        if padded and length < size:
            chunk = torch.cat([chunk, chunk[:, -1:].expand(-1, size - length)], 1)
        of_chunk = forward(chunk)
        if probabilities is None:
            probabilities = of_chunk[0].new_empty(runs, windows, *of_chunk[0].shape[2:])
        probabilities[:, start : start + length] = of_chunk[0][:, :length]
        if with_features:
            if fused is None:
                fused = of_chunk[1].new_empty(runs, windows, *of_chunk[1].shape[2:])
            fused[:, start : start + length] = of_chunk[1][:, :length]
    assert probabilities is not None  # there are rows
    return StackPredictions(probabilities, fused)
