"""The directive ``ledger``: the rows of one group of ``book/ledger.yml`` beside the values of ``ufama.config``.

    ```{ledger} network
    ```

The last column, values and valid values, is read from the code when the book is built, so that the page cannot drift
from it.
"""

from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Literal, get_args, get_origin

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from ufama import config

ROWS_FILE = Path(__file__).resolve().parent.parent / "ledger.yml"
HEADINGS = ("Paper", "Released code", "Here")
UNLIMITED = 10**6  # a range that ends here or above guards against overflow alone


@cache
def rows() -> list[dict]:
    """The ledger's rows in order; each names its row, group, decision, paper, released, switches and perhaps here."""
    return yaml.safe_load(ROWS_FILE.read_text(encoding="utf-8"))


def switch_values(switch: str) -> dict[str, object]:
    """What a switch is set to: by preset and data set for UfamaConfig, once for anything else that has a value.

    ``switch`` is a name inside ufama.config: "UfamaConfig.width", "TrainingConfig.scaling", "RunConfig.seed", "RULES".
    """
    owner, _, field_name = switch.partition(".")
    if not hasattr(config, owner):
        raise ValueError(f"book/ledger.yml names {switch}, but ufama.config has no {owner}: correct the switch.")
    if not field_name:
        return {"": getattr(config, owner)}
    known = {field.name: field.default for field in fields(getattr(config, owner))}
    if field_name not in known:
        raise ValueError(f"book/ledger.yml names {switch}, but {owner} has {', '.join(known)}: correct the switch.")
    if owner != "UfamaConfig":
        return {} if known[field_name] is MISSING else {"": known[field_name]}
    return {
        f"{name}, {dataset}": getattr(config.preset(name, dataset=dataset), field_name)
        for name in config.PRESETS
        for dataset in config.DATASETS
    }


def valid_values(switch: str) -> str:
    """What else the switch may be set to: its options, or its range; empty where its type says all."""
    owner, _, field_name = switch.partition(".")
    kind = next((field.type for field in fields(getattr(config, owner)) if field.name == field_name), None)
    if get_origin(kind) is Literal:
        others = [literal(option) for option in get_args(kind) if option not in switch_values(switch).values()]
        return f" (or {', '.join(others)})" if others else ""
    allowed = config.allowed_range(kind)
    if allowed is None:
        return ""
    return f" (from {allowed.low:g})" if allowed.high >= UNLIMITED else f" ({allowed.low:g} to {allowed.high:g})"


def literal(value: object) -> str:
    """A value as it is typed in a configuration, in code font."""
    return ", ".join(f"`{item!r}`" for item in value) if isinstance(value, tuple) else f"`{value!r}`"


def describe(switch: str) -> str:
    """One line of Markdown: the linked switch, its value, split by preset and data set where they differ, and in
    brackets what it may be set to."""
    owner, _, name = switch.rpartition(".")
    if not owner:
        return f"{{py:mod}}`{name} <ufama.config>`: {literal(switch_values(switch)[''])}"
    return f"{{py:attr}}`{name} <ufama.config.{switch}>`{values_by_preset(switch)}{valid_values(switch)}"


def values_by_preset(switch: str) -> str:
    values = switch_values(switch)
    if not values:
        return ""
    if len(set(values.values())) == 1:
        return f": {literal(next(iter(values.values())))}"
    lines = []
    for preset in config.PRESETS:
        by_dataset = [values[f"{preset}, {dataset}"] for dataset in config.DATASETS]
        if len(set(by_dataset)) == 1:
            lines.append(f"{literal(by_dataset[0])} (*{preset}*)")
        else:
            each = " and ".join(
                f"{literal(value)} for `{dataset}`" for value, dataset in zip(by_dataset, config.DATASETS, strict=True)
            )
            lines.append(f"{each} (*{preset}*)")
    return f": {', '.join(lines)}"


class Ledger(SphinxDirective):
    required_arguments = 1

    def run(self):
        group = self.arguments[0]
        chosen = [row for row in rows() if row["group"] == group]
        if not chosen:
            raise self.error(f"book/ledger.yml has no rows of group {group!r}.")
        self.env.note_dependency(str(ROWS_FILE))
        self.env.note_dependency(config.__file__)
        table = nodes.table(classes=["ledger"])
        body = nodes.tgroup(cols=len(HEADINGS))
        table += body
        body.extend(nodes.colspec(colwidth=1) for _ in HEADINGS)
        head = nodes.row()
        head.extend(nodes.entry("", nodes.paragraph(text=text)) for text in HEADINGS)
        body += nodes.thead("", head)
        body += nodes.tbody("", *[line for row in chosen for line in self.lines(row)])
        return [table]

    def lines(self, row: dict) -> tuple[nodes.row, nodes.row]:
        """A heading across the table with the row's number and decision, then its three cells."""
        label = f"ledger-{row['row']}"
        here = [describe(switch) for switch in row["switches"]]
        if "here" in row:
            here.append(row["here"])
        heading = self.cell(f"{row['row']}. {row['decision']}".replace(". ", "\\. ", 1))
        heading["morecols"] = len(HEADINGS) - 1
        cells = [self.cell(text) for text in (row["paper"], row["released"], "\n\n".join(here))]
        standard = self.env.get_domain("std")
        standard.note_hyperlink_target(label, self.env.docname, label, f"row {row['row']}")
        return nodes.row("", heading, ids=[label], classes=["ledger-decision"]), nodes.row("", *cells)

    def cell(self, text: str) -> nodes.entry:
        entry = nodes.entry()
        self.state.nested_parse(StringList(text.splitlines(), str(ROWS_FILE)), 0, entry)
        return entry


def setup(app):
    app.add_directive("ledger", Ledger)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
