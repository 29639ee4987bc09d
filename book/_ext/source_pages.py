"""Pages that show a module's source code share the sidebar of their folder.

They stand in no table of contents, so that nothing is marked in it as the current page, and links from one folder are
the same. Sphinx would make it anew for each of them, which takes longer than everything else on these pages.
"""


def share_sidebars(app, pagename, templatename, context, doctree):
    """Let the tables of contents of a page that is no document be made once for its folder and options."""
    if pagename in app.env.all_docs:
        return
    make, folder = context["toctree"], pagename.rpartition("/")[0]
    made = vars(app.builder).setdefault("shared_sidebars", {})

    def toctree(**options) -> str:
        key = (folder, *sorted(options.items()))
        if key not in made:
            made[key] = make(**options)
        return made[key]

    context["toctree"] = toctree


def setup(app):
    app.connect("html-page-context", share_sidebars, priority=400)  # before the theme's, which renders them
    return {"parallel_read_safe": True, "parallel_write_safe": True}
