"""Where the seconds of a training go: its phases, measured while it runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

PHASES = ("draws", "step", "evaluation", "scores", "criteria", "checkpoint", "other")
"""Of a training's time in `ufama.training.loop.train`.

- draws: choosing an epoch's batches and bringing them to the device
- step: the optimisation steps
- evaluation: the network's predictions for target, held-out subjects and samples
- scores: hits, accuracies, and what the selection rules choose
- criteria: the label-free criteria, or waiting for them
- checkpoint: what the caller does after an epoch
- other: the rest of the loop
"""


class Phases:
    """Seconds by phase of one training, in the thread that trains: `Trainer.phases`.

    A GPU works on while the processor continues, so that a phase's seconds are those until its work was issued. With
    ``synchronised`` set, every change of phase waits for the device: the profile is exact, the training slower.

    Attributes
    ----------
    seconds
        by name of `PHASES`, summed since the trainer was made; they add up to the time spent in `train`
    clock
        seconds; `time.perf_counter`, unless another is set before the training

    Examples
    --------
    Seconds of each epoch of a training::

        trainer.phases.synchronised = True
        epochs = []
        train(trainer, label, oracle_label=label, after_epoch=lambda state: epochs.append(dict(trainer.phases.seconds)))
    """

    def __init__(self, device: torch.device):
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.synchronised = False
        self.clock = time.perf_counter
        self._device = device
        self._current: str | None = None
        self._since = 0.0

    @contextmanager
    def during(self, phase: str) -> Iterator[None]:
        """Count the time inside to ``phase``, but for that of phases within it."""
        outer = self._change(phase)
        try:
            yield
        finally:
            self._change(outer)

    def _change(self, phase: str | None) -> str | None:
        """Begin a phase; the one before it, None where nothing was measured."""
        if self.synchronised and self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = self.clock()
        before = self._current
        if before is not None:
            self.seconds[before] += now - self._since
        self._current, self._since = phase, now
        return before
