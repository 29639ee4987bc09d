"""What is known of a GPU: measurements of this version where there are any, and those noted of an earlier one.

``benchmarks/gpu.sh`` writes JSON lists that results/cost takes as they are. Of version 0.3.0 medians were noted,
without spread: results/cost/gpu_version_0.3.0.json, whose ``benchmark`` is "earlier_gpu".
"""

from collections.abc import Sequence

import pandas as pd

from ufama.analysis.titles import DATASET_TITLES
from ufama.report.captions import column_group
from ufama.report.table import Column, Table

GPU_COMMAND = "OUT=gpu bash benchmarks/gpu.sh"


def gpu_note(measured: Sequence[dict]) -> str:
    """Which GPUs are among the measurements of any kind, and of which version, in a sentence."""
    cards = [
        f"{one['hardware']['gpu']} (torch {one['software']['torch']}, version {one['software']['ufama']})"
        for one in measured
        if "gpu" in one["hardware"]
    ]
    if cards:
        return f"Measured on a GPU: {'; '.join(dict.fromkeys(cards))}. The tables of this page hold its rows."
    return (
        f"No GPU run of this version has been made. `{GPU_COMMAND}` makes one, in at most nine minutes, and "
        "`ufama campaign paper` trains the tables there."
    )


def checks_note(tests: Sequence[dict], equality: Sequence[dict], campaigns: Sequence[dict]) -> str:
    """What the checks on a GPU gave; empty where none has been made."""
    sentences = [
        f"{one['hardware']['gpu']}: {one['passed']} tests that need a GPU passed, {one['failed']} failed."
        for one in tests
        if "gpu" in one["hardware"]
    ]
    for one in equality:
        if "gpu" in one["hardware"]:
            exact = [max(row["distance"].values()) for row in one["rows"] if row["precision"] == "float64"]
            sentences.append(
                f"In float64 the fast form differs from the definition by {max(exact):.1g} of a loss or gradient."
            )
    sentences += [
        f"A campaign with a limit of {one['time_limit_seconds']:g} s ended after {one['seconds']:g} s with "
        f"{one['runs_stored']} runs stored."
        for one in campaigns
        if "gpu" in one["hardware"]
    ]
    return " ".join(sentences)


def earlier_steps_table(earlier: dict) -> Table:
    """Milliseconds of a step on the GPU of an earlier version."""
    frame = pd.DataFrame(earlier["steps"]).assign(
        how=["compiled" if row["compiled"] else "eager" for row in earlier["steps"]]
    )
    columns = (
        Column("runs", "runs in the stack", "key"),
        Column("how", "captured step", "key"),
        *column_group({"reference_ms": "reference, ms per step"}, decimals=1),
        *column_group({"ms_per_step_and_run": "stack, ms per step and run"}, decimals=2),
        *column_group({"ratio_to_reference": "times the reference's speed"}),
        *column_group({"peak_percent": "of the peak, %"}, decimals=1),
    )
    peak = earlier["peak"]
    caption = (
        f"One training step of 32 + 32 windows on a GPU, measured with version {earlier['version']} of this project "
        f"({_made(earlier)}; shape of {DATASET_TITLES[earlier['shape']]}, preset {earlier['preset']}, "
        f"{earlier['variant']}, {earlier['precision']}); the reference, one run in float32, alternated in the same "
        f"process. Medians; n and spread were not noted. Peak: {peak['tflops']:g} TFLOP/s ({peak['is']})."
    )
    return Table("cost_gpu_earlier_steps", frame, columns, caption)


def earlier_tables_note(earlier: dict) -> str:
    """How far whole tables came on the GPU of an earlier version."""
    reached = []
    for table in earlier["tables"]:
        text = (
            f"{DATASET_TITLES[table['shape']]} ({table['runs']} runs, {table['epochs']} epochs, stacks of "
            f"{' + '.join(map(str, table['stacks']))}): {100 * table['share_done']:.0f} % after {table['seconds']} s"
        )
        if "estimated_seconds" in table:
            text += (
                f", so about {table['estimated_seconds']} s, of which the steps are "
                f"{table['estimated_seconds_of_steps']} s"
            )
        reached.append(text)
    return (
        f"Whole cross-subject tables with version {earlier['version']} ({_made(earlier)}; every epoch evaluated, n = 1 "
        f"each): {'; '.join(reached)}. A time limit ended both before their last epoch."
    )


def earlier_attention_table(earlier: dict) -> Table:
    """Two forms of attention on the GPU of an earlier version."""
    attention = earlier["attention"]
    columns = (
        *column_group({"tokens": "tokens", "width": "width"}, origin="key"),
        *column_group({"own_ms": "this project's for a CPU", "library_ms": "PyTorch's"}, "ms", 2),
    )
    caption = (
        f"Attention on a GPU, forward and backward: the form that is fast on a CPU, and PyTorch's "
        f"scaled_dot_product_attention, which a GPU has used since. {attention['runs']} runs x {attention['windows']} "
        f"windows, {attention['heads']} heads, {attention['precision']}; version {earlier['version']}, "
        f"{_made(earlier)}. n and spread were not noted."
    )
    return Table("cost_gpu_earlier_attention", pd.DataFrame(attention["rows"]), columns, caption)


def _made(earlier: dict) -> str:
    """The card, the library and the day."""
    return f"{earlier['gpu']}, torch {earlier['software']['torch']}, {earlier['date']}"
