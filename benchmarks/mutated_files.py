"""Read files that were damaged in every kind of way, and count what comes of it.

    python benchmarks/mutated_files.py --count 500 --format all --seed 0

Each read happens in a process of its own with a limit on memory and time. One line per format: how many mutations were
refused with one clear error, how many were read correctly, and how many failed (a traceback, a hang, a request for the
memory that a file merely declares, a command that was run); then every failure. Ends with 1 if there was any.
"""

import argparse
import importlib.util
import os
import sys
import tempfile
import time
from pathlib import Path

PATH = Path(__file__).resolve().parent.parent / "tests" / "data" / "mutations.py"


def main() -> int:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    spec = importlib.util.spec_from_file_location("mutations", PATH)
    mutations = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mutations)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500, help="mutations of each format")
    parser.add_argument("--format", default="all", help=f"all, or one of: {', '.join(mutations.FORMATS)}")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    names = list(mutations.FORMATS) if chosen.format == "all" else [chosen.format]
    if unknown := [name for name in names if name not in mutations.FORMATS]:
        parser.error(f"format {unknown[0]!r} is not known: choose all or one of {', '.join(mutations.FORMATS)}")
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        mutations.write_healthy(Path(folder))
        for name in names:
            start = time.perf_counter()
            counts, failures = mutations.outcomes(name, Path(folder), chosen.count, chosen.seed)
            print(
                f"{name:22} {chosen.count} mutations: {counts['clear error']} clear errors, {counts['read']} read "
                f"correctly, {counts['failure']} failures ({time.perf_counter() - start:.0f} s)",
                flush=True,
            )
            failed += failures
    print("\n".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
