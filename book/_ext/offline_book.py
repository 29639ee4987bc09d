"""The built book needs nothing but its own files, and few of them: the parts of MathJax that its formulas need, from
disk; no thebe scripts, no script that draws icons which the theme has in a font, of that font the icons that occur, no
source maps. Before a page is shown it waits for no script, and for no stylesheet that another one names."""

import re
import shutil
from collections.abc import Iterable, Set
from importlib.util import find_spec
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from sphinx.errors import ExtensionError

MATHJAX_PACKAGE = "sphinx-mathjax-offline"
MATHJAX_PARTS = ("core", "input/tex-base", "input/tex/extensions/ams", "output/chtml", "output/chtml/fonts/tex",
                 "a11y/assistive-mml")  # fmt: skip
MATHJAX_FILES = ("startup.js", *(f"{part}.js" for part in MATHJAX_PARTS), "output/chtml/fonts/woff-v2")
ICON_SCRIPT = "fontawesome.js"
CITATION_ROLES = re.compile(r' role="(?:list(?=" class="citation-list")|doc-biblioentry)"')
"""What docutils calls a list has no items of the role that a list needs."""
SEARCH_PAGE = "search.html"
SEARCH_SCRIPTS = ("searchtools.js", "language_data.js", "searchindex.js")
"""Of the search page; the theme would load them on every page, for results while one types, which are off."""
WAITED_FOR = re.compile(r"<script(?= )(?![^>]* (?:async|defer)\b)(?=[^>]* src=)")
"""The start of an element that loads a script before anything below it is read."""
OPTIONS_SET = re.compile(r"<script>(?=DOCUMENTATION_OPTIONS\.)")
"""The start of one that changes what a deferred script has made."""
ICON = re.compile(r"\bfa-[a-z0-9-]+")
ICON_RULE = re.compile(r"""((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"\\[0-9a-f]+"\}""")
"""The rule of one icon in the theme's stylesheet: its names, and its letter in the icon font."""
ICON_LETTER = re.compile(r"\\([ef][0-9a-f]{3})\b")
ICON_FONT = "fa-solid-900"
ICON_FONT_FILES = re.compile(rf"""src:url\((["']?)([^)"']*{ICON_FONT})\.woff2\1\)[^}}]*""")
IMPORT = re.compile(r"""@import "([^"]+)";""")
RELATIVE_URL = re.compile(r"""url\((?!["']?(?:data:|[/#]|[a-z]+://))(["']?)""")


def mathjax_source() -> Path:
    """The folder of MathJax files inside the installed package."""
    package = find_spec(MATHJAX_PACKAGE)
    if package is None:
        raise ExtensionError(
            f"the package {MATHJAX_PACKAGE} is not installed, so formulas could not be typeset without a network: "
            "run `pip install -r requirements.txt`."
        )
    return Path(package.submodule_search_locations[0]) / "static" / "mathjax"


def require_mathjax(app):
    mathjax_source()


def choose_mathjax_parts(app, config):
    """Load TeX with the extension ams, output as HTML, and the formulas' MathML for screen readers; no menu."""
    chosen = dict(config.mathjax3_config or {})
    tex = {"packages": ["base", "ams"], **chosen.get("tex", {})}
    options = {"enableAssistiveMml": True, **chosen.get("options", {})}
    parts = ["input/tex-base", "[tex]/ams", "output/chtml", "a11y/assistive-mml"]  # these load the others
    config.mathjax3_config = chosen | {"loader": {"load": parts}, "tex": tex, "options": options}


def drop_thebe(app, pagename, templatename, context, doctree):
    """Take out the scripts of sphinx-thebe: they name a remote host and declare one constant twice."""

    def is_thebe(entry) -> bool:
        body = getattr(entry, "attributes", {}).get("body") or ""
        return "thebe" in str(getattr(entry, "filename", entry) or "") or "THEBE_JS_URL" in body

    for key in ("script_files", "css_files"):
        context[key] = [entry for entry in context.get(key, []) if not is_thebe(entry)]


def finish_static(app, exception):
    """Copy MathJax's parts into _static/mathjax, delete what is unused, and let pages wait for little."""
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    for name in MATHJAX_FILES:
        source, target = mathjax_source() / name, static / "mathjax" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
    for unused in {*static.rglob("*.map"), *static.rglob(f"{ICON_SCRIPT}*")}:
        unused.unlink()
    pages = [*Path(app.outdir).rglob("*.html"), *static.rglob("*.js")]
    icons = set(ICON.findall(" ".join(page.read_text(encoding="utf-8") for page in pages)))
    sheets = {sheet: sheet.read_text(encoding="utf-8") for sheet in static.rglob("*.css")}
    sheets = {sheet: with_icons(with_imports(text, sheet.parent), icons) for sheet, text in sheets.items()}
    for font in static.rglob(f"{ICON_FONT}.ttf"):
        write_letters(font, {int(code, 16) for text in sheets.values() for code in ICON_LETTER.findall(text)})
    for sheet, text in sheets.items():
        sheet.write_text(text, encoding="utf-8")
    for page in Path(app.outdir).rglob("*.html"):
        unused_scripts = (ICON_SCRIPT, *(SEARCH_SCRIPTS if page.name != SEARCH_PAGE else ()))
        text = page.read_text(encoding="utf-8")
        text = deferred(without_scripts(text, unused_scripts))
        page.write_text(CITATION_ROLES.sub("", text), encoding="utf-8")


def without_scripts(text: str, names: Iterable[str]) -> str:
    """A page's HTML without the elements that load these scripts."""
    files = "|".join(map(re.escape, names))
    return re.sub(rf"<script [^>]*src=\"[^\"]*(?:{files})[^>]*></script>\s*", "", text)


def deferred(text: str) -> str:
    """A page's HTML whose scripts run when all of it is read, in their order; those written into it as they are.

    Elements of the type module are deferred too, in the same order.
    """
    return OPTIONS_SET.sub('<script type="module">', WAITED_FOR.sub("<script defer", text))


def with_imports(text: str, folder: Path) -> str:
    """The stylesheet of a folder with those that it imports in it, whose addresses lead where they led."""

    def imported(found: re.Match) -> str:
        sheet = folder / found[1]
        below = f"{found[1].rpartition('/')[0]}/".lstrip("/")
        return RELATIVE_URL.sub(rf"url(\g<1>{below}", sheet.read_text(encoding="utf-8"))

    return IMPORT.sub(imported, text)


def with_icons(text: str, names: Set[str]) -> str:
    """A stylesheet with the rules of these icons alone, and their font of `write_letters`."""

    def rule(found: re.Match) -> str:
        return found[0] if names & set(ICON.findall(found[1])) else ""

    return ICON_FONT_FILES.sub(r'src:url(\2.woff) format("woff")', ICON_RULE.sub(rule, text))


def write_letters(font: Path, letters: Set[int]) -> None:
    """Write, beside a font, the same one with these letters alone, as .woff."""
    with TTFont(font) as whole:
        subsetter = Subsetter(Options(flavor="woff", layout_features=[]))
        subsetter.populate(unicodes=letters)
        subsetter.subset(whole)
        whole.flavor = "woff"
        whole.save(font.with_suffix(".woff"))


def setup(app):
    app.connect("config-inited", choose_mathjax_parts, priority=900)  # after MyST has set what it ignores
    app.connect("builder-inited", require_mathjax)
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("build-finished", finish_static)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
