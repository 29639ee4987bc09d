"""What made a page is in one place, folded at its end: the parameters, the runs behind it, and the code.

A page shows results. The code of a notebook's cells is moved into "How this page was made", but for cells with the tag
`teaches`, whose code is what the page explains. Tables of runs (`ufama.report.measured.provenance`) go there too. The
notebook itself keeps all in place; the page's download button leads to it.
"""

from notebook_edits import edits

TEACHES = "teaches"
PROVENANCE = "provenance"
PARAMETERS = ("parameters", "injected-parameters")
TITLE = "How this page was made"


def source_of(cell: dict) -> str:
    return "".join(cell["source"]).strip()


def is_shown(cell: dict) -> bool:
    """Whether the page shows the cell's code where it stands."""
    return TEACHES in cell["metadata"].get("tags", [])


def is_provenance(output: dict) -> bool:
    """Whether the output is a table of the runs behind the page."""
    return output.get("metadata", {}).get("text/html", {}).get("table") == PROVENANCE


def move(cell: dict) -> tuple[str, list[str]]:
    """The code and the tables of runs of a cell, which loses them."""
    code = source_of(cell)
    cell["metadata"].setdefault("tags", []).append("remove-input")
    tables = ["".join(output["data"]["text/html"]) for output in cell["outputs"] if is_provenance(output)]
    cell["outputs"] = [output for output in cell["outputs"] if not is_provenance(output)]
    return code, tables


def section(parameters: list[str], code: list[str], tables: list[str]) -> str:
    """The folded part of a page, in MyST."""
    parts = [f"::::{{dropdown}} {TITLE}", ":class-container: machine-room", ""]
    parts += [f"```{{raw}} html\n{table}\n```\n" for table in tables]
    if parameters:
        parts.append("Parameters (another value: `papermill -p NAME VALUE`):\n")
        parts += [f"```python\n{text}\n```\n" for text in parameters]
    if code:
        parts.append("The cells of the notebook, in their order:\n")
        parts += [f"```python\n{text}\n```\n" for text in code]
    return "\n".join([*parts, "::::"])


def fold(notebook: dict) -> None:
    """Move the machine room of a notebook to its end."""
    parameters, code, tables = [], [], []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code" or is_shown(cell):
            continue
        text, own_tables = move(cell)
        tables += own_tables
        is_parameters = any(tag in PARAMETERS for tag in cell["metadata"]["tags"])
        (parameters if is_parameters else code).append(text)
    if parameters or code:
        metadata = {"tags": []}
        text = section(parameters, code, tables)
        notebook["cells"].append({"cell_type": "markdown", "id": "machine-room", "metadata": metadata, "source": text})


def setup(app):
    app.connect("source-read", edits(fold), priority=900)  # after the links to files are in place
    return {"parallel_read_safe": True, "parallel_write_safe": True}
