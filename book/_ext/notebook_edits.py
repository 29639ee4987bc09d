"""What extensions of the book change in a notebook before its page is parsed."""

import json
from collections.abc import Callable


def edits(change: Callable[[dict], None]) -> Callable:
    """A listener of Sphinx's event source-read that lets ``change`` edit each page that is a notebook."""

    def read(app, docname, source):
        if str(app.env.doc2path(docname)).endswith(".ipynb"):
            notebook = json.loads(source[0])
            change(notebook)
            source[0] = json.dumps(notebook)

    return read
