"""Whom a target window's fused features lie beside: the number behind the drawings of t-SNE."""

import pandas as pd

from ufama.analysis.embedding import nearest
from ufama.analysis.titles import PROTOCOL_TITLES, VARIANT_TITLES
from ufama.campaigns.results import Results
from ufama.report.captions import column_group, keys, measured_table
from ufama.report.table import Table


def neighbours_table(results: Results) -> Table:
    """`nearest` in percent, one row per protocol and model of one data set."""
    frame = nearest(results)
    frame = pd.DataFrame(
        {
            "protocol": frame["protocol"].map(PROTOCOL_TITLES),
            "panel": frame["variant"].map(VARIANT_TITLES),
            "same_trial_percent": 100 * frame["same_trial"],
            "same_class_percent": 100 * frame["same_class"],
            "windows": frame["windows"],
        }
    )
    columns = [
        *keys(protocol="protocol", panel="model"),
        *column_group(
            {
                "same_trial_percent": "target window of the same trial",
                "same_class_percent": "source window of the class",
            },
            "nearest window is a (%)",
            1,
        ),
        *column_group({"windows": "target windows"}),
    ]
    return measured_table(
        "neighbours",
        frame,
        columns,
        results.runs,
        "Whom a target window lies beside",
        no_rule="No selection rule: the features are those of the last epoch.",
        note=(
            "Euclidean distances of fused features. A window of the same trial is nearest because neighbouring windows "
            "are nearly equal; with labels at random, a source window would be of the class in one of as many cases as "
            "there are classes."
        ),
    )
