"""Parts of a page that answer a reader, without a server; each brings its script to its page alone. The directive

    ```{audit-form}
    ```

is the audit of a pasted column. On paper these parts are left out: what they show, the page says in another way.
"""

from html import escape

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

AUDIT_FORM = """<form class="audit-form screen-only">
<label for="audit-accuracies">Accuracies in percent, as printed, one per line</label>
<textarea id="audit-accuracies" name="accuracies" rows="8" required>{accuracies}</textarea>
<label for="audit-windows">Window counts to test (may be empty)</label>
<input id="audit-windows" name="windows" value="{windows}">
<label for="audit-trials">Windows of each trial (may be empty)</label>
<input id="audit-trials" name="trials" value="{trials}">
<button>Audit</button>
<noscript><p>This form needs JavaScript; the command below does the same.</p></noscript>
<output aria-live="polite"></output>
</form>"""


SCRIPTS = {"audit-form": "audit.js", "screening-sliders": "screening.js", "strength-slider": "strength.js"}
"""What answers a part, by the class of its HTML. Sliders are outputs of notebooks (`ufama.report.sliders`)."""


class AuditForm(SphinxDirective):
    """The audit of a pasted column, filled with the paper's values on SEED."""

    def run(self) -> list[nodes.Node]:
        from ufama.analysis import paper
        from ufama.data.layout import layout
        from ufama.report.audit_tables import accuracies

        table = accuracies("seed")
        own = table.loc[table["method"] == paper.METHOD, "accuracy_percent"]
        counts = (paper.IMPLIED_WINDOWS["seed"][0], paper.STATED_WINDOWS["seed"][0])
        form = AUDIT_FORM.format(
            accuracies=escape("\n".join(f"{value:.2f}" for value in own)),
            windows=" ".join(map(str, counts)),
            trials=",".join(map(str, layout("seed").window_counts[0])),
        )
        return [nodes.raw("", form, format="html")]


def add_scripts(app, pagename, templatename, context, doctree):
    """Load the scripts of a page's parts."""
    if doctree is None:
        return
    texts = [raw.astext() for raw in doctree.findall(nodes.raw)]
    for mark, script in SCRIPTS.items():
        if any(f'class="{mark}' in text for text in texts):
            app.add_js_file(script, loading_method="defer")


def setup(app):
    app.add_directive("audit-form", AuditForm)
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
