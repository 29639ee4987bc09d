"""A campaign with a time limit ends in time, stores what is finished, and loses nothing of the rest."""

import os
import random
import signal
import subprocess
import sys

import pandas as pd
import pytest

from ufama import config
from ufama.campaigns import worker
from ufama.campaigns.experiments import DataRequest, Experiment, resolve, stacks
from ufama.campaigns.pace import EpochTimer, KindPace, Pace, affordable_runs, duration
from ufama.campaigns.results import TABLES, RunStore
from ufama.campaigns.run import results
from ufama.campaigns.schedule import Schedule
from ufama.campaigns.time_limits import SLURM_END, OutOfTimeError, TimeLimit, seconds_of
from ufama.config import ConfigError, TrainingConfig
from ufama.training.trainer import Trainer

EPOCHS = 14


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def asked(small_table, tmp_path, monkeypatch):
    """Eight runs, of which no run is bound to another."""
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("UFAMA_PUBLISHED", "none")
    monkeypatch.delenv(SLURM_END, raising=False)
    small = config.scale("smoke").replace(window_stride=2, steps_per_epoch=1, epochs=EPOCHS, evaluate_every=7)
    monkeypatch.setitem(config.SCALES, "smoke", small)
    training = TrainingConfig(batch_size=8, criteria="none")
    return Experiment(data=DataRequest(dataset=str(small_table)), scale="smoke", training=training)


@pytest.fixture
def clock(monkeypatch):
    """Moves by a second for each run of an epoch, and by 5 for each stack's first epoch in a process."""
    clock, train_epoch = Clock(), Trainer.train_epoch

    def slow(trainer, epoch):
        clock.now += len(trainer.batches.splits) + (0 if hasattr(trainer, "has_begun") else 5)
        trainer.has_begun = True
        return train_epoch(trainer, epoch)

    monkeypatch.setattr(Trainer, "train_epoch", slow)
    return clock


def assert_same_records(actual, expected):
    for table in TABLES:
        ours, theirs = getattr(actual, table), getattr(expected.select(actual.runs.digest), table)
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


@pytest.mark.parametrize(
    "text, seconds",
    [
        *(("9m", 540), ("90s", 90), ("1h30m", 5400), ("2:00:00", 7200)),
        *(("0:00:45", 45), ("540", 540), (" 1D ", 86400), ("1.5", 1.5)),
    ],
)
def test_a_duration_is_read_as_it_is_written(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "-5", "9 min", "m", "2:00", "1:60:00", "30m1h", "nan", "1e3", "9m9"])
def test_what_is_no_duration_is_one_clear_message(text):
    with pytest.raises(ConfigError, match="expected a duration such as 9m, 90s, 1h30m, 2:00:00, or seconds"):
        seconds_of(text)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "9m", True])
def test_in_python_a_limit_is_seconds(asked, seconds):
    with pytest.raises(ConfigError, match="expected seconds above 0"):
        results([asked], time_limit=seconds)


def test_durations_are_shown_as_they_are_read():
    shown = {-1: "0 s", 45.4: "45 s", 89: "89 s", 540: "9 min", 5400: "1 h 30 min", 7500: "2 h 5 min"}
    assert {seconds: duration(seconds) for seconds in shown} == shown


def test_start_up_is_counted_apart_from_epochs():
    clock = Clock()
    timer = EpochTimer(clock)
    clock.now += 7  # a network is built
    for passed in (12.0, 2.0, 3.0, 1.0):
        timer.begin_epoch()
        clock.now += passed
        timer.end_epoch()
        clock.now += 100  # of a checkpoint
        if passed == 12:
            assert timer.pace(4) == Pace(4, 7.0, 12.0, 12.0)
    assert timer.pace(4) == Pace(4, 7.0 + 10.0, 2.0, 3.0)


def test_a_pace_between_measured_sizes_is_interpolated():
    pace = KindPace({4: Pace(4, 10.0, 2.0, 3.0), 8: Pace(8, 20.0, 3.0, 5.0)})
    assert pace.of(4) == (4, 10.0, 2.0, 3.0)
    assert pace.of(2) == (2, 10.0, 1.0, 1.5)
    assert pace.of(6) == (6, 15.0, 2.5, 4.0)
    assert pace.of(16) == (16, 20.0, 6.0, 10.0)
    assert pace.seconds(6, 100) == 15 + 250


@pytest.mark.parametrize(
    "left, runs",
    [
        (1000, 8),  # all 8 take 90 s
        (100, 4),  # 4 take 50 s, half of what is left
        (49, 1),
        (30, 1),  # 20 s of more than 15
        (19, 6),  # not to be finished: as many as 70 s, half of the whole limit, hold
    ],
)
def test_as_many_runs_are_begun_as_finish_in_half_of_what_is_left(left, runs):
    pace = KindPace({4: Pace(4, 10.0, 4.0, 4.0)})
    assert affordable_runs(pace, most=8, epochs=10, left=left, whole=140) == runs


def test_a_kind_that_was_never_trained_begins_with_a_small_stack_and_its_pace_sizes_the_next(asked, clock):
    """Eight runs fit the memory. Three take 3 s to start and 1 s per epoch and run, so four take 59 s."""
    store = RunStore()

    def schedule(seconds, begun=()):
        return Schedule(
            stacks(resolve([asked]), 8),
            begun=begun,
            store=store,
            is_finished=lambda digest: False,
            limit=TimeLimit.after(seconds, clock),
            machine="a GPU",
            first_size=3,
        )

    first = schedule(200)
    taken = first.take()
    assert len(taken.jobs) == 3
    first.learn(taken, Pace(3, 3.0, 3.0, 3.0))
    assert len(first.take().jobs) == 5 and first.take() is None  # 73 of 200 s
    first.put_back(taken)
    assert len(first.open) == 8 and first.seconds_left() == (3 + 14 * 3.0, 0)
    assert [len(schedule(seconds).take().jobs) for seconds in (240, 119, 50, 30)] == [8, 4, 1, 1]  # in equal parts
    assert schedule(3).take() is None  # not even three epochs fit
    begun = stacks(resolve([asked]), 6)[:1]
    assert schedule(35, begun).take() == begun[0]


def test_a_campaign_too_long_for_its_limit_ends_within_it_and_goes_on(asked, clock, trained):
    """A run takes 14 s and 5 s once, a stack of four 61 s, of 70 s; 3.4 s are kept for reading the records."""
    store = RunStore()
    limit = TimeLimit.after(70, clock)
    with pytest.raises(OutOfTimeError, match=r"[23] of 8 runs are finished and stored, [56] remain, which take") as out:
        results([asked], workers=1, time_limit=limit)
    assert clock.now <= limit.ends - 3.4
    assert len(store.digests()) == len(out.value.results.runs) == 8 - out.value.remaining >= 2
    assert [len(digests) for digests in trained[:3]] == [4, 1, 1]  # two epochs showed that four do not finish
    assert list(store.unfinished.glob("*.safetensors"))  # of runs that could not finish any more, but be begun
    starts = 1
    while True:
        starts, limit = starts + 1, TimeLimit.after(70, clock)
        try:
            last = results([asked], workers=1, time_limit=limit)
            break
        except OutOfTimeError as error:
            assert clock.now <= limit.ends - 3.4 and error.remaining < 8
    assert starts <= 4  # 8 x 14 s, 5 s for each of the stacks, and what was lost at the first look: 12 s
    assert not list(store.unfinished.glob("*.safetensors")) and not list(store.unfinished.glob("*.json"))
    whole = results([asked], store=RunStore(store.folder.parent / "whole"), workers=1)
    assert_same_records(last, whole)
    assert_same_records(out.value.results, whole)


def test_begun_stacks_stay_as_they_are_and_the_rest_is_divided_anew(asked, clock, trained):
    """The second start has another stack size and no limit."""
    limit = TimeLimit.after(30, clock)
    with pytest.raises(OutOfTimeError, match=r"0 of 8 runs .* 8 remain, which take about") as out:
        results([asked], workers=1, stack_size=3, time_limit=limit)
    assert out.value.results is None
    assert clock.now <= limit.ends
    first = trained.pop()
    assert 0 < len(first) < 4
    trained.clear()
    again = results([asked], workers=1, stack_size=8)
    assert trained[0] == first and [len(digests) for digests in trained[1:]] == [8 - len(first)]
    assert_same_records(again, results([asked], store=RunStore(RunStore().folder.parent / "whole"), workers=1))


def test_a_limit_that_is_long_enough_changes_nothing(asked, clock, trained):
    lines = []
    whole = results([asked], workers=1, time_limit=TimeLimit.after(1000, clock), notify=lines.append)
    assert [len(digests) for digests in trained] == [4, 4] and len(whole.runs) == 8
    assert lines[0].startswith("Time limit: 17 min of training, then 3 s for reading")


def test_slurm_s_own_limit_is_read_where_none_is_named(asked, monkeypatch):
    lines = []
    monkeypatch.setenv(SLURM_END, "1700000000")  # long ago
    with pytest.raises(OutOfTimeError, match="0 of 8 runs are finished"):
        results([asked], workers=1, notify=lines.append)
    assert lines[0] == "SLURM ends this job in 0 s: the campaign stops before that."
    monkeypatch.setenv(SLURM_END, "99999999999")
    assert len(results([asked], workers=1).runs) == 8
    monkeypatch.setenv(SLURM_END, "noon")
    with pytest.raises(ConfigError, match=f"{SLURM_END} is 'noon': expected seconds since 1970"):
        results([asked], workers=1)


def test_a_named_limit_comes_before_slurm_s(asked, clock, monkeypatch):
    monkeypatch.setenv(SLURM_END, "1700000000")
    assert len(results([asked], workers=1, time_limit=TimeLimit.after(1000, clock)).runs) == 8


def test_methods_without_steps_are_begun_only_if_they_finish(asked, clock, monkeypatch):
    """A fit takes 10 s; of 47 s, 3.4 are kept."""
    fitted = Experiment(data=asked.data, scale="smoke", training=asked.training, method="svm")
    train_fitted = worker.train_fitted

    def ten_seconds(*rest, **more):
        clock.now += 10
        result = train_fitted(*rest, **more)
        object.__setattr__(result, "wall_seconds", 10.0)
        return result

    monkeypatch.setattr(worker, "train_fitted", ten_seconds)
    limit = TimeLimit.after(47, clock)
    with pytest.raises(OutOfTimeError, match="4 of 8 runs are finished and stored, 4 remain, which take about 40 s"):
        results([fitted], workers=1, time_limit=limit)
    assert clock.now == limit.ends - 7


CHILD = """
import os, signal, sys
from ufama import config
from ufama.campaigns.experiments import DataRequest, Experiment
from ufama.campaigns.run import results
from ufama.campaigns.time_limits import OutOfTimeError, TimeLimit
from ufama.config import TrainingConfig
from ufama.training.trainer import Trainer

table, epochs, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
small = config.scale("smoke").replace(window_stride=2, steps_per_epoch=1, epochs=14, evaluate_every=7)
config.SCALES["smoke"] = small
now, train_epoch, trained = [0.0], Trainer.train_epoch, [0]

def watched(trainer, epoch):
    trained[0] += 1
    if trained[0] > epochs:
        os.kill(os.getpid(), signal.SIGKILL)
    now[0] += len(trainer.batches.splits)
    return train_epoch(trainer, epoch)

Trainer.train_epoch = watched
training = TrainingConfig(batch_size=8, criteria="none")
asked = Experiment(data=DataRequest(dataset=table), scale="smoke", training=training)
try:
    results([asked], workers=1, time_limit=TimeLimit.after(seconds, lambda: now[0]))
except OutOfTimeError as error:
    sys.exit(3)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])
def test_killed_at_random_moments_and_limited_differently_it_ends_with_the_same_records(asked, tmp_path, seed):
    """SIGKILL after a random number of epochs, while checkpoints are written after each; a new limit each time."""
    draw, store, outcomes = random.Random(seed), RunStore(), []
    environment = os.environ | {"UFAMA_CHECKPOINT_SECONDS": "0", "OMP_NUM_THREADS": "1"}
    for _ in range(5):
        kept = set(store.digests())
        words = [asked.data.dataset, str(draw.randint(3, 50)), str(draw.choice([12, 30]))]
        done = subprocess.run([sys.executable, "-c", CHILD, *words], env=environment, check=False)
        outcomes.append(done.returncode)
        assert kept <= set(store.digests())
    assert set(outcomes) <= {0, 3, -signal.SIGKILL} and -signal.SIGKILL in outcomes
    again = results([asked], workers=1)
    assert_same_records(again, results([asked], store=RunStore(tmp_path / "whole"), workers=1))
