"""What a campaign uses of its machine depends on what was measured, and is cache."""

import pytest

from ufama import config
from ufama.campaigns import plans
from ufama.campaigns.experiments import DataRequest, Experiment, resolve, stacks
from ufama.campaigns.plans import ExecutionPlan, PlanCache, cpu_plan, cpu_stack_size
from ufama.config import TrainingConfig


@pytest.fixture
def missing(small_table, monkeypatch):
    monkeypatch.setitem(config.SCALES, "smoke", config.scale("smoke").replace(window_stride=2, steps_per_epoch=1))
    asked = Experiment(data=DataRequest(dataset=str(small_table)), scale="smoke", training=TrainingConfig(batch_size=8))
    return stacks(resolve([asked]), 4)


USUAL = ExecutionPlan(workers=2, threads=1, stack_size=4)


@pytest.mark.parametrize(
    "runs, processes, size",
    [(66, 2, 12), (66, 4, 8), (66, 16, 4), (10, 1, 5), (1, 1, 4)],
    ids=["as many as are usual", "two stacks each", "not fewer than are usual", "one process", "one run"],
)
def test_a_cpu_s_stacks_are_as_large_as_keeps_every_process_at_work(runs, processes, size):
    assert cpu_stack_size(runs, processes) == size


def test_a_short_campaign_is_not_calibrated(missing, tmp_path):
    lines = []
    assert cpu_plan(missing, USUAL, PlanCache(tmp_path), lines.append) == USUAL
    assert not lines


def test_the_fastest_plan_is_taken_told_and_remembered(missing, tmp_path, monkeypatch):
    seconds = {(4, 1): 0.05, (1, 1): 0.08, (12, 1): 0.04, (12, 2): 0.03}  # (runs, threads) -> of a step and run
    timed = []

    def measured(job, runs, threads):
        timed.append((runs, threads))
        return seconds[runs, threads]

    monkeypatch.setattr(plans, "_seconds_per_run_step", measured)
    monkeypatch.setattr(plans, "LONG_SECONDS", 0.0)
    lines = []
    # two processes halve their time, so 0.04 / 2 is less than the 0.03 of one process with both cores
    assert cpu_plan(missing, USUAL, PlanCache(tmp_path), lines.append) == ExecutionPlan(2, 1, 12)
    assert lines == [
        "calibrated: 2 processes of 1 threads with stacks of 12 take 20.0 ms per step and run; "
        "the slowest of 4 plans, 40.0"
    ]
    assert sorted(timed) == sorted(seconds)
    assert cpu_plan(missing, USUAL, PlanCache(tmp_path), lines.append) == ExecutionPlan(2, 1, 12)
    assert len(timed) == 4 and len(lines) == 1


def test_the_usual_stacks_are_timed_once(missing, tmp_path, monkeypatch):
    timed = []
    monkeypatch.setattr(plans, "_seconds_per_run_step", lambda job, *how: timed.append(how) or 1.0)
    monkeypatch.setattr(plans, "LONG_SECONDS", 0.0)
    cpu_plan(missing, USUAL._replace(stack_size=12), PlanCache(tmp_path), lambda line: None)
    assert sorted(timed) == [(1, 1), (4, 1), (12, 1), (12, 2)]


def test_a_real_calibration_times_a_step(missing):
    assert 0 < plans._seconds_per_run_step(missing[0].jobs[0], 2, 1) < 60


def test_what_is_remembered_survives_a_damaged_file(tmp_path):
    cache = PlanCache(tmp_path / "new")
    assert cache.get("any") is None
    cache.set("any", [1, 2])
    cache.set("other", 3)
    assert (cache.get("any"), cache.get("other")) == ([1, 2], 3)
    (tmp_path / "new" / "plan").write_text("{")
    assert cache.get("any") is None
    cache.set("any", 4)
    assert cache.get("any") == 4


@pytest.mark.parametrize("free_gib, size", [(1, 29), (40, 450), (0.001, 1)])
def test_a_gpu_s_stack_fills_its_free_memory(missing, tmp_path, monkeypatch, free_gib, size):
    """20 MiB per run and 30 MiB once: 60 % of the free memory holds (0.6 free - 30) / 20 runs."""
    monkeypatch.setattr(plans, "_peak_bytes", lambda job, runs, device: (30 + 20 * runs) * 2**20)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: "a GPU")
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (int(free_gib * 2**30), 0))
    lines, first = [], missing[0].jobs[0]
    assert plans.gpu_stack_size(first, device="cuda", cache=PlanCache(tmp_path), notify=lines.append) == size
    assert size == max(1, min(450, int((0.6 * free_gib * 1024 - 30) / 20)))
    assert len(lines) == 1 and lines[0].startswith("a GPU: 20 MiB per run of ufama")


@pytest.mark.parametrize("content", ["[1]", "null", "5", "{", ""])
def test_a_damaged_cache_is_made_anew(tmp_path, content):
    (tmp_path / "plan").write_text(content)
    cache = PlanCache(tmp_path)
    assert cache.get("key") is None
    cache.set("key", 3)
    assert cache.get("key") == 3
