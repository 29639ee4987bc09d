"""A page waits for little before it is shown; `benchmarks/first_paint.py` measures how long."""

import re
from urllib.parse import urlsplit

ELEMENT = re.compile(r"<(script|link|body)\b([^>]*)>")
ADDRESS = re.compile(r"""\b(?:src|href)=["']([^"']+)["']""")


def waited_for(text):
    """Scripts that are loaded before what stands below them is shown, and stylesheets that are foreign or come late."""
    found, in_body = [], False
    for name, attributes in ELEMENT.findall(text):
        in_body = in_body or name == "body"
        address = ADDRESS.search(attributes)
        if name == "script" and address and not re.search(r"\b(?:defer|async)\b", attributes):
            found.append(address.group(1))
        if name == "link" and 'rel="stylesheet"' in attributes and (in_body or urlsplit(address.group(1)).netloc):
            found.append(address.group(1))
    return found


def test_scripts_run_when_the_page_is_read_in_their_order(extension):
    offline = extension("offline_book")
    text = (
        "<script src='options.js'></script><script data-x=\"1\" src='a.js?v=defer'></script><script>let b = 1</script>"
        "<script async src='c.js'></script><script defer=\"defer\" src='d.js'></script>"
        "<script>DOCUMENTATION_OPTIONS.pagename = 'e';</script>"
    )
    changed = offline.deferred(text)
    assert changed == (
        "<script defer src='options.js'></script><script defer data-x=\"1\" src='a.js?v=defer'></script>"
        "<script>let b = 1</script><script async src='c.js'></script><script defer=\"defer\" src='d.js'></script>"
        "<script type=\"module\">DOCUMENTATION_OPTIONS.pagename = 'e';</script>"
    )
    assert offline.deferred(changed) == changed


def test_the_icons_that_occur_are_left_with_their_letters(extension, tmp_path):
    offline = extension("offline_book")
    rules = (
        '.fa-lg{font-size:1.25em}.fa-sun:before{content:"\\f185"}.fa-find:before,.fa-search:before{content:"\\f002"}'
    )
    face = '@font-face{font-weight:900;src:url(../fonts/fa-solid-900.woff2) format("woff2"),url(a.ttf)}'
    kept = offline.with_icons(rules + face, {"fa-search", "fa-lg"})
    assert kept == (
        '.fa-lg{font-size:1.25em}.fa-find:before,.fa-search:before{content:"\\f002"}'
        '@font-face{font-weight:900;src:url(../fonts/fa-solid-900.woff) format("woff")}'
    )


def test_what_a_page_waits_for_is_found():
    head = '<link rel="stylesheet" href="_static/a.css" /><link href="https://x.org/b.css" rel="stylesheet" />'
    body = '<body class="c"><script src="d.js"></script><script defer src="e.js"></script>'
    late = '<link rel="stylesheet" href="f.css">'
    assert waited_for(head + body + late) == ["https://x.org/b.css", "d.js", "f.css"]


def test_no_page_waits_for_a_script_or_for_a_late_or_foreign_stylesheet(html, pages):
    found = {page: waited_for((html / page).read_text(encoding="utf-8")) for page in pages}
    assert len(found) > 1 and not {page: names for page, names in found.items() if names}


def test_an_imported_stylesheet_stands_in_the_one_that_names_it(extension, tmp_path):
    (tmp_path / "styles").mkdir()
    (tmp_path / "basic.css").write_text('a {b: url(file.png)} c {d: url("e.svg")} f {g: url(data:x) url("/h") url(#i)}')
    text = '/* first */ @import "../basic.css";\n'
    assert extension("offline_book").with_imports(text, tmp_path / "styles") == (
        '/* first */ a {b: url(../file.png)} c {d: url("../e.svg")} f {g: url(data:x) url("/h") url(#i)}\n'
    )


def test_no_stylesheet_waits_for_another(html):
    sheets = sorted((html / "_static").rglob("*.css"))
    assert sheets
    assert not [sheet.name for sheet in sheets if re.search(r"@import\s", sheet.read_text(encoding="utf-8"))]
