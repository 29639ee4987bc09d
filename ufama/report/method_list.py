"""The list of methods: what there is, where it is from, what checks it. Quick to show: it needs no pandas."""

from ufama.methods._descriptions import Description, descriptions
from ufama.terminal import TerminalTable


def method_list() -> TerminalTable:
    """Every method of the package by name."""
    headings = [field.replace("_", " ") for field in Description._fields]
    rows = [described._replace(presets=", ".join(described.presets)) for described in descriptions()]
    caption = (
        f"The {len(rows)} methods. A title that ends in -like was built from a description and public facts: no "
        "official code is public, or it exists and was not followed line by line."
    )
    return TerminalTable(headings, rows, caption)
