"""Types of other packages in docstrings, such as ``str`` and ``np.ndarray``, are not looked for among this package's.

Sphinx compares each of ten thousand such names with the ends of four thousand documented ones. Where no documented name
ends like it, the outcome is known: there is none.
"""

from sphinx.addnodes import pending_xref
from sphinx.transforms.post_transforms import ReferencesResolver, SphinxPostTransform


def last(name: str) -> str:
    """What stands after the last dot."""
    return name.rpartition(".")[2]


class ForeignNames(SphinxPostTransform):
    default_priority = ReferencesResolver.default_priority - 1

    def run(self, **_) -> None:
        documented = {last(name) for name in self.env.get_domain("py").objects}
        for reference in self.document.findall(pending_xref):
            if reference.get("refdomain") == "py" and last(reference["reftarget"]) not in documented:
                reference.attributes.pop("refspecific", None)  # which asks for the search that compares ends


def setup(app):
    app.add_post_transform(ForeignNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
