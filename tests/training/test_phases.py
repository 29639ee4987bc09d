"""Where the seconds of a training go: every second is counted once, to the innermost phase."""

import pytest
import torch

from ufama.training import phases as module
from ufama.training.phases import PHASES, Phases


@pytest.fixture
def clock(monkeypatch):
    """A clock that shows what it is set to."""

    class Clock:
        now = 0.0

    monkeypatch.setattr(module.time, "perf_counter", lambda: Clock.now)
    return Clock


def test_a_phase_within_another_is_not_counted_twice(clock):
    phases = Phases(torch.device("cpu"))
    clock.now = 5
    with phases.during("other"):
        clock.now = 6
        with pytest.raises(ValueError, match="stopped"), phases.during("step"):
            clock.now = 8
            raise ValueError("stopped")
        clock.now = 12
    clock.now = 20
    assert phases.seconds == dict.fromkeys(PHASES, 0.0) | {"other": 5, "step": 2}
