"""Every table of a notebook has, below it, a link to its numbers as CSV, not rounded.

The CSV is in the metadata of the output that shows the table (`ufama.report.table.Table`), so that a comparison of
outputs reads rounded numbers alone. The link holds the file itself: a page keeps it wherever it is copied to.
"""

import base64

from notebook_edits import edits

END = "</caption>"


def link(name: str, csv: str) -> str:
    """An anchor that saves ``csv`` as NAME.csv."""
    content = base64.b64encode(csv.encode()).decode()
    return (
        f'<a class="table-csv" download="{name}.csv" href="data:text/csv;charset=utf-8;base64,{content}" '
        f'aria-label="the numbers of {name} as CSV">CSV</a>'
    )


def link_tables(notebook: dict) -> None:
    """Put the link at the end of each table's caption."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            described = output.get("metadata", {}).get("text/html", {})
            if "csv" in described:
                text = "".join(output["data"]["text/html"])
                anchor = link(described["table"], described["csv"])
                output["data"]["text/html"] = text.replace(END, f" {anchor}{END}", 1)


def setup(app):
    app.connect("source-read", edits(link_tables))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
