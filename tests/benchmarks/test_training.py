"""The peak of a device is measured by products that it can do in time."""

from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def training(monkeypatch):
    """The module benchmarks/training.py."""
    monkeypatch.syspath_prepend(str(FOLDER))
    import training

    return training


@pytest.mark.parametrize(("rate", "largest"), [(1e8, 256), (1e9, 512), (1e12, 2048)])
def test_a_slow_processor_is_asked_for_small_products_only(training, monkeypatch, rate, largest):
    sizes = []

    def timed(work, device):
        sizes.append(len(work()))
        return 2 * sizes[-1] ** 3 / rate

    monkeypatch.setattr(training, "timed", timed)
    peak = training.measured_peak("cpu", torch.float32)
    assert sizes[-1] == largest
    assert peak["tflops"] == pytest.approx(rate / 1e12)
    assert peak["is"].startswith("product of ")


def test_the_best_of_the_products_is_the_peak(training, monkeypatch):
    monkeypatch.setattr(training, "timed", lambda work, device: 0.01 if len(work()) == 1024 else 0.1)
    peak = training.measured_peak("cpu", torch.float32)
    assert peak == {"tflops": 0.215, "is": "product of 1024-square matrices, measured"}
