"""How fast stacks train, and how many runs of one finish in the time that is left."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ufama.campaigns.experiments import Stack
from ufama.methods import is_fitted, method
from ufama.storage import digest_of

SAFETY = 1.5
"""The next epoch is allowed this many times the longest one seen."""


def duration(seconds: float) -> str:
    """A duration as it is read: '45 s', '9 min', '2 h 5 min'."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class Pace(NamedTuple):
    """How fast a stack trains, measured after its first epochs."""

    runs: int
    startup: float  # seconds until its first epoch, and beyond an epoch in it: building, capturing, compiling
    epoch: float  # mean seconds of the epochs after the first
    worst: float  # seconds of the longest of them


class EpochTimer:
    """Measures a stack's start-up, from when it is made, and its epochs, from `begin_epoch` to `end_epoch`."""

    def __init__(self, clock: Callable[[], float]):
        self._clock, self._made, self._last = clock, clock(), clock()
        self._startup: float | None = None
        self.seconds: list[float] = []

    def begin_epoch(self) -> None:
        """The next epoch begins now; the first ends the start-up."""
        self._last = self._clock()
        if self._startup is None:
            self._startup = self._last - self._made

    def end_epoch(self) -> None:
        """The epoch is done."""
        self.seconds.append(self._clock() - self._last)

    def pace(self, runs: int) -> Pace:
        """Of the epochs so far; where there is one alone it stands for all."""
        first, *later = self.seconds
        epochs = later or [first]
        mean = sum(epochs) / len(epochs)
        return Pace(runs, (self._startup or 0.0) + max(first - mean, 0.0), mean, max(epochs))


class KindPace:
    """How fast stacks of one kind train, by what was measured of their sizes."""

    def __init__(self, measured: Mapping[int, Pace]):
        self._paces = [measured[runs] for runs in sorted(measured)]

    def of(self, runs: int) -> Pace:
        """Of a stack of ``runs``: between measured sizes by interpolation, from 0 at no run; beyond them in proportion.

        That is exact where runs cost the same each, as on a CPU, and is corrected by the first small stack elsewhere.
        """
        below = [pace for pace in self._paces if pace.runs <= runs]
        above = [pace for pace in self._paces if pace.runs >= runs]
        if not above:
            last = below[-1]
            return Pace(runs, last.startup, last.epoch * runs / last.runs, last.worst * runs / last.runs)
        high, low = above[0], below[-1] if below else Pace(0, above[0].startup, 0.0, 0.0)
        share = (runs - low.runs) / (high.runs - low.runs) if high.runs > low.runs else 1.0
        return Pace(runs, *(a + share * (b - a) for a, b in zip(low[1:], high[1:], strict=True)))

    def seconds(self, runs: int, epochs: int) -> float:
        """Of a whole training."""
        pace = self.of(runs)
        return pace.startup + epochs * pace.epoch


def affordable_runs(pace: KindPace, most: int, epochs: int, left: float, whole: float) -> int:
    """How many of ``most`` runs are begun as one stack with ``left`` of ``whole`` seconds to go; from 1.

    As many as finish in half of what is left, so that something is stored well before the end and a rate that was
    measured too fast does no harm; a single run, if it finishes at all. What cannot finish any more is continued by
    a later start, so it is as large as finishes in half of the whole limit.
    """

    def fitting(seconds: float) -> int:
        return max((runs for runs in range(1, most + 1) if pace.seconds(runs, epochs) <= seconds), default=0)

    return fitting(left / 2) or (1 if pace.seconds(1, epochs) <= left else fitting(whole / 2) or 1)


def kind_of(stack: Stack, machine: str) -> str:
    """What stacks of one pace per run have in common: data set, method, settings and the machine they train on."""
    config, first = stack.config, stack.jobs[0]
    trained = (config.dataset, config.protocol, config.method, repr(config.method_config), repr(config.training))
    return digest_of([machine, *trained, first.data.control, first.steps, first.source_domains])


def epochs_of(stack: Stack) -> int:
    """Epochs of its training; 1 for a method without steps, which can neither be measured nor stopped in between."""
    return 1 if is_fitted(method(stack.config.method)) else stack.config.training.epochs
