"""The paper's own tables, as printed: nothing measured by this project stands in them."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ufama.analysis import paper
from ufama.analysis.titles import DATASET_TITLES, METHOD_TITLES, PROTOCOL_TITLES, VARIANT_TITLES
from ufama.report import style
from ufama.report.audit_tables import SOURCE, accuracies, printed_means
from ufama.report.captions import keys, printed_column
from ufama.report.figures import people_of_sessions
from ufama.report.page_head import number_word, shown
from ufama.report.style import figure, headline
from ufama.report.table import Column, Table

PROTOCOLS = ("cross_subject", "cross_session")


def _as_printed(name: str, frame: pd.DataFrame, columns: list[Column], caption: str) -> Table:
    provenance = {"source": f"{paper.TITLE}, arXiv:{paper.ARXIV_ID}", "kind": "published numbers"}
    return Table(f"published_{name}", frame, columns, caption, provenance)


def methods(dataset: str) -> Table:
    """Table 3 or 6: every method under both protocols, and where its cross-subject mean stands.

    Raises TableError for a data set that the paper does not have.
    """
    accuracies(dataset)
    facts = paper.published(paper.METHODS_TABLE[dataset])
    frame = facts[["year", "method", "modalities"]].drop_duplicates().set_index("method")
    columns = [
        *keys(year="year"),
        Column("method", "method", "key", titles=METHOD_TITLES),
        *keys(modalities="modalities"),
    ]
    for protocol in PROTOCOLS:
        own, title = facts[facts["protocol"] == protocol].set_index("method"), PROTOCOL_TITLES[protocol]
        frame = frame.join(own[["mean_percent", "sd_percent"]].add_prefix(f"{protocol}_"))
        frame[f"{protocol}_rank"] = own["mean_percent"].rank(ascending=False).astype("Int64")
        columns += [printed_column(protocol, title), Column(f"{protocol}_rank", f"rank, {title}", "published")]
    number = 3 if dataset == "seed" else 6
    caption = (
        f"Table {number}. Methods on {DATASET_TITLES[dataset]}, accuracy in percent, mean ± SD. {SOURCE} Most "
        "rows are what other papers print of their own methods, with protocols and numbers of people of their own; the "
        "ranks are of the printed means."
    )
    return _as_printed(f"table{number}", frame.reset_index(), columns, caption)


def sessions(dataset: str) -> Table:
    """The last rows of Table 4 or 5, and their headline: means and SDs by session."""
    frame, number = printed_means(dataset), 4 if dataset == "seed" else 5
    frame["session"] = frame["session"].astype(str)
    wide = frame.pivot(index="session", columns="method", values=["mean_percent", "sd_percent"])
    wide.columns = [f"{method}_{statistic}" for statistic, method in wide.columns]
    columns = [*keys(session="session"), *(printed_column(name, name) for name in frame["method"].unique())]
    caption = (
        f"Table {number}, summary. Cross-subject accuracy on {DATASET_TITLES[dataset]} by session, in percent, mean "
        f"± SD. {SOURCE} The row of all sessions is that of Table {3 if dataset == 'seed' else 6}."
    )
    return _as_printed(f"table{number}_sessions", wide.reset_index(), columns, caption)


def subjects(dataset: str) -> Table:
    """Table 4 or 5: every subject and session."""
    values, number = accuracies(dataset), 4 if dataset == "seed" else 5
    names = list(values["method"].unique())
    frame = values.pivot(index=["session", "subject"], columns="method", values="accuracy_percent").reset_index()
    columns = [*keys(session="session", subject="subject"), *(Column(name, name, "published", "", 2) for name in names)]
    caption = (
        f"Table {number}. Each subject and session of {DATASET_TITLES[dataset]}, cross-subject, in percent. {SOURCE}"
    )
    return _as_printed(f"table{number}", frame, columns, caption)


def ablation() -> Table:
    """Table 7: Models 1 to 6 on both sets, and what each stands above Model 1."""
    facts = paper.published("table7_ablation")
    frame, columns = pd.DataFrame({"model": pd.Series(VARIANT_TITLES)}), keys(model="model")
    for dataset, title in DATASET_TITLES.items():
        own = facts[facts["dataset"] == dataset].set_index("variant")[["mean_percent", "sd_percent"]]
        frame = frame.join(own.add_prefix(f"{dataset}_"))
        frame[f"{dataset}_gain"] = own["mean_percent"] - own["mean_percent"]["M1"]
        columns += [
            printed_column(dataset, "accuracy", title),
            Column(f"{dataset}_gain", "points above M1", "published", title, 2),
        ]
    caption = (
        f"Table 7. Ablation, cross-subject accuracy in percent, mean ± SD. {SOURCE} Differences are computed here."
    )
    return _as_printed("table7", frame, columns, caption)


def recalls() -> Table:
    """The diagonals of Fig. 6: which share of each class is recognised."""
    facts = paper.published("figure6_confusion_diagonals")
    frame = facts.assign(set=facts["dataset"].map(DATASET_TITLES), recall_percent=100 * facts["recall"])
    frame["protocol"] = frame["protocol"].map(PROTOCOL_TITLES)
    columns = [
        *keys(set="set", protocol="protocol"),
        Column("class", "class", "key"),
        Column("recall_percent", "recognised (%)", "published"),
    ]
    caption = (
        f"Fig. 6, diagonals. Which share of the windows of a class is recognised. {SOURCE} Three of SEED-IV's values "
        "across sessions are printed nowhere."
    )
    return _as_printed("figure6", frame, columns, caption)


def finding(tables: dict[str, Table], table7: Table) -> list[str]:
    """What the paper claims: UF-AMA's accuracies and ranks, and the parts' share, each a cell of these tables."""
    claims = []
    for dataset, table in tables.items():
        own, parts = table.frame[table.frame["method"] == paper.METHOD].iloc[0], []
        for protocol in PROTOCOLS:
            count = number_word(int(table.frame[f"{protocol}_rank"].notna().sum()))
            mean = shown(table, f"{protocol}_mean_percent", method=paper.METHOD)
            parts.append(f"{mean} % {PROTOCOL_TITLES[protocol]}, rank {own[f'{protocol}_rank']} of {count}")
        claims.append(f"{DATASET_TITLES[dataset]}, {' and '.join(parts)}")
    network, whole = (VARIANT_TITLES[name] for name in ("M1", "M6"))
    gains = [
        f"{title}, {shown(table7, f'{name}_mean_percent', model=network)} % and "
        f"{shown(table7, f'{name}_gain', model=whole)} points"
        for name, title in DATASET_TITLES.items()
    ]
    return [
        f"UF-AMA's printed accuracy (mean ± SD): {'; '.join(claims)}.",
        f"What the network reaches alone in the ablation, and what all parts add to it: {'; '.join(gains)}.",
    ]


@figure
def people() -> Figure:
    """UF-AMA's printed accuracy of every subject, by session, on both sets.

    Alt: A panel for each data set with a row of diamonds for each session, the printed accuracies of its subjects in
    percent, many of them at 100, and a line at their mean.
    """
    drawing, panels = plt.subplots(1, len(paper.SUBJECTS_TABLE), figsize=(style.WIDTH, 3.4), sharex=True)
    for axes, dataset in zip(panels, paper.SUBJECTS_TABLE, strict=True):
        values = accuracies(dataset).query("method == @paper.METHOD")
        people_of_sessions(axes, values.rename(columns={"accuracy_percent": "percent"}), style.VERMILION, "D")
        axes.set_title(f"{DATASET_TITLES[dataset]}: {values['subject'].nunique()} people", loc="left")
        axes.set_xlabel("accuracy (%); line: mean")
    headline(drawing, f"{paper.METHOD}, cross-subject, as printed: one mark per subject")
    return drawing
