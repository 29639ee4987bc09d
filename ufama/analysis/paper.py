"""The published numbers of UF-AMA, as printed: percent, two decimals. Nothing measured here lives in this file."""

from importlib.resources import files

import pandas as pd

TITLE = "UF-AMA: A unified framework for cross-domain emotion recognition via adaptive multimodal alignment"
ARXIV_ID = "2606.00170"
CITATION_KEY = "Wang2026"
METHOD = "UF-AMA"

PUBLISHED = (
    "table1_datasets",
    "table2_hyperparameters",
    "table3_seed_methods",
    "table4_seed_per_subject",
    "table4_table5_reported_summary",
    "table5_seed_iv_per_subject",
    "table6_seed_iv_methods",
    "table7_ablation",
    "figure6_confusion_diagonals",
)
METHODS_TABLE = {"seed": "table3_seed_methods", "seed_iv": "table6_seed_iv_methods"}
SUBJECTS_TABLE = {"seed": "table4_seed_per_subject", "seed_iv": "table5_seed_iv_per_subject"}

STATED_WINDOWS = {"seed": (3394, 3394, 3394), "seed_iv": (3435, 3364, 3324)}
"""Windows per person in sessions 1-3, as section 3.2 states them: those of 1-s windows."""

IMPLIED_WINDOWS = {"seed": (842, 842, 842), "seed_iv": (851, 832, 822)}
"""Windows per person in sessions 1-3 that the values of Tables 4 and 5 are shares of: those of 4-s windows."""

STATED_NETWORK = {"encoder blocks": 3, "attention heads": 2, "head dropout": 0.5}
"""Settings that section 3.2 states in words and Table 2 does not list."""

RECORDING_IDS = {"seed": (1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14), "seed_iv": tuple(range(1, 16))}
"""Assumed: the recording id of the paper's subject 1, 2, ... by position.

The paper numbers SEED's people 1 to 12 and does not say which recordings they are. The multimodal release holds
twelve people, 1-5 and 8-14; pairing both lists in order is the plain reading, and nothing in the paper confirms it.
"""


def published(name: str) -> pd.DataFrame:
    """A published table in tidy form, one fact per row.

    table3_seed_methods, table6_seed_iv_methods: year, method, citation_key, modalities, protocol, mean_percent,
    sd_percent (NaN where the paper leaves a cell empty). table4_..., table5_...: session, method, subject (the paper's
    number), recording_id (assumed, see RECORDING_IDS), accuracy_percent. table4_table5_reported_summary: dataset,
    session, method, mean_percent, sd_percent. table7_ablation: variant (M1-M6), dataset, mean_percent, sd_percent.
    figure6_confusion_diagonals: dataset, protocol, class, recall (0 to 1; three of SEED-IV's cross-session values are
    printed nowhere and absent). table1_datasets, table2_hyperparameters: detail, seed, seed_iv, as text.

    Raises ValueError for a name that is not in PUBLISHED.
    """
    if name not in PUBLISHED:
        raise ValueError(f"{name!r} is not a published table; choose one of {', '.join(PUBLISHED)}.")
    as_text = str if name in ("table1_datasets", "table2_hyperparameters") else None
    with (files("ufama.analysis") / "published" / f"{name}.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file, dtype=as_text)
    if name in METHODS_TABLE.values():
        return _by_protocol(table)
    if name in SUBJECTS_TABLE.values():
        dataset = next(key for key, value in SUBJECTS_TABLE.items() if value == name)
        ids = dict(enumerate(RECORDING_IDS[dataset], start=1))
        table = table.rename(columns={"accuracy": "accuracy_percent"})
        table.insert(3, "recording_id", table["subject"].map(ids))
        return table
    if name == "table4_table5_reported_summary":
        return table.rename(columns={"reported_mean": "mean_percent", "reported_sd": "sd_percent"})
    if name == "table7_ablation":
        parts = [
            pd.DataFrame(
                {
                    "variant": table["model"].str.replace("Model ", "M"),
                    "dataset": dataset,
                    "mean_percent": table[f"{dataset}_mean"],
                    "sd_percent": table[f"{dataset}_sd"],
                }
            )
            for dataset in ("seed", "seed_iv")
        ]
        return pd.concat(parts, ignore_index=True)
    return table


def _by_protocol(table: pd.DataFrame) -> pd.DataFrame:
    facts = table[["year", "method", "bibkey", "modalities"]].rename(columns={"bibkey": "citation_key"})
    facts["citation_key"] = facts["citation_key"].fillna(CITATION_KEY)
    parts = [
        facts.assign(protocol=protocol, mean_percent=table[f"{protocol}_mean"], sd_percent=table[f"{protocol}_sd"])
        for protocol in ("cross_subject", "cross_session")
    ]
    return pd.concat(parts, ignore_index=True)
