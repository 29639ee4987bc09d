"""When a campaign has to end."""

import math
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ufama.campaigns.checkpoints import StoppedError
from ufama.campaigns.results import Results
from ufama.config import ConfigError

SLURM_END = "SLURM_JOB_END_TIME"
"""The environment variable in which SLURM writes when it ends a job, in seconds since 1970."""

ENDING_SECONDS = 3.0
"""Kept for the processes to end, and for a table of few runs."""

SECONDS_PER_RUN = 0.05
"""Kept for each run that is asked for: to read its record and to write it into the published tables."""

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_UNITS_PATTERN = re.compile("".join(rf"(?:(\d+){unit})?" for unit in _UNITS))


def seconds_of(text: str) -> float:
    """The seconds of a duration such as 9m, 90s, 1h30m, 2:00:00 or 540.

    Raises ConfigError for anything else, and for 0.
    """
    compact, seconds = text.strip().lower(), 0.0
    if re.fullmatch(r"\d+(\.\d+)?", compact):
        seconds = float(compact)
    elif clock := re.fullmatch(r"(\d+):([0-5]\d):([0-5]\d)", compact):
        seconds = sum(float(part) * unit for part, unit in zip(clock.groups(), (3600, 60, 1), strict=True))
    elif parts := _UNITS_PATTERN.fullmatch(compact):
        seconds = float(sum(int(part or 0) * unit for part, unit in zip(parts.groups(), _UNITS.values(), strict=True)))
    if not 0 < seconds < math.inf:
        raise ConfigError(f"time-limit {text!r}: expected a duration such as 9m, 90s, 1h30m, 2:00:00, or seconds.")
    return seconds


@dataclass(frozen=True, kw_only=True)
class TimeLimit:
    """The moment at which a campaign has ended, by a clock that all of its processes read."""

    whole: float  # seconds from its start
    ends: float  # by ``clock``
    reserve: float = 0.0  # seconds kept for what comes after the training
    clock: Callable[[], float] = time.time

    @classmethod
    def after(
        cls, seconds: float, clock: Callable[[], float] = time.time, *, start: float | None = None
    ) -> "TimeLimit":
        """So many seconds after ``start``, by default now. Raises ConfigError for no positive number."""
        is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if not (is_number and 0 < seconds < math.inf):
            raise ConfigError(f"time_limit = {seconds!r}: expected seconds above 0, or None.")
        return cls(whole=float(seconds), ends=(clock() if start is None else start) + seconds, clock=clock)

    @classmethod
    def of_slurm(cls, clock: Callable[[], float] = time.time) -> "TimeLimit | None":
        """That of the SLURM job which this process belongs to, None outside one.

        Raises ConfigError where the environment variable is no time.
        """
        named = os.environ.get(SLURM_END)
        if named is None:
            return None
        if not re.fullmatch(r"\d+(\.\d+)?", named.strip()):
            raise ConfigError(f"the environment variable {SLURM_END} is {named!r}: expected seconds since 1970.")
        return cls(whole=float(named) - clock(), ends=float(named), clock=clock)

    def left(self) -> float:
        """Seconds of training that are left; negative once there are none."""
        return self.ends - self.reserve - self.clock()

    def is_over(self) -> bool:
        """Whether half of the reserve has passed too: what is still in training is not waited for."""
        return self.clock() > self.ends - self.reserve / 2

    def for_runs(self, runs: int) -> "TimeLimit":
        """The same end, with a reserve for reading and publishing the records of ``runs``."""
        return replace(self, reserve=ENDING_SECONDS + SECONDS_PER_RUN * runs)


class OutOfTimeError(StoppedError):
    """The time limit was reached with runs remaining. What is finished is stored; the rest goes on when started again.

    Attributes
    ----------
    results : Results or None
        of the finished runs; None if there are none
    remaining : int
        runs that are not finished
    """

    exit_code = 3

    def __init__(self, message: str, results: Results | None, remaining: int):
        super().__init__(message)
        self.results, self.remaining = results, remaining
