"""Every table of a notebook has, below it, a link to its numbers as CSV, not rounded.

The CSV is in the metadata of the output that shows the table (`ufama.report.table.Table`), so that a comparison of
outputs reads rounded numbers alone. The link holds the file itself: a page keeps it wherever it is copied to.
"""

import base64
import json

END = "</caption>"


def link(name: str, csv: str) -> str:
    """An anchor that saves ``csv`` as NAME.csv."""
    content = base64.b64encode(csv.encode()).decode()
    return (
        f'<a class="table-csv" download="{name}.csv" href="data:text/csv;charset=utf-8;base64,{content}" '
        f'aria-label="the numbers of {name} as CSV">CSV</a>'
    )


def link_tables(app, docname, source):
    """Put the link at the end of each table's caption, before the page is parsed."""
    if not str(app.env.doc2path(docname)).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            described = output.get("metadata", {}).get("text/html", {})
            if "csv" in described:
                text = "".join(output["data"]["text/html"])
                anchor = link(described["table"], described["csv"])
                output["data"]["text/html"] = text.replace(END, f" {anchor}{END}", 1)
    source[0] = json.dumps(notebook)


def setup(app):
    app.connect("source-read", link_tables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
