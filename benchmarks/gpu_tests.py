"""The tests that need a GPU, run by pytest without plug-ins: how many passed.

    python benchmarks/gpu_tests.py --add-to results.json

Only the files with the marker ``gpu`` are imported, so that a machine without the packages of the others can run them.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import pytest
import torch
from machine import Measurements, hardware, software

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = ("-o", "addopts=", "--import-mode=importlib", "-p", "no:cacheprovider", "-m", "gpu", "-v", "--durations=5")


class Outcomes:
    """A plug-in of pytest that counts tests by outcome."""

    def __init__(self):
        self.count = Counter(passed=0, failed=0, skipped=0)
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.count[report.outcome] += 1
        if report.failed:
            self.failed.append(report.nodeid)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--add-to", type=Path, metavar="FILE", help="also add the result to this JSON list")
    asked = parser.parse_args()
    files = [str(path) for path in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.gpu" in path.read_text("utf-8")]
    outcomes = Outcomes()
    status = pytest.main([*OPTIONS, "--rootdir", str(ROOT), *files], plugins=[outcomes])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    measurement = {"benchmark": "tests", **outcomes.count, "names_of_failed": outcomes.failed}
    measurement |= {"hardware": hardware(device), "software": software()}
    if asked.add_to:
        Measurements(asked.add_to).write(measurement)
    print(json.dumps(measurement))
    raise SystemExit(int(status))


if __name__ == "__main__":
    main()
