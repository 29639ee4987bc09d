"""Figures as SVG: the same drawing always gives the same bytes, and a page can show it in its own colours.

Letters are paths, so that a figure looks alike everywhere. What has many points is an image inside the drawing.
"""

import base64
import io
import re

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection, LineCollection, QuadMesh
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from ufama.report import style

INHERITED = 'stroke-linejoin="round" stroke-linecap="butt"'
"""What matplotlib says of all elements in a style sheet, which a page would apply to its own, too."""
MOST_MARKS, FEW_MARKS = 150, 10
"""Of a panel that stays a drawing all over; of a layer that does so in any panel."""
POINTS_OF_A_LINE = 20
"""That weigh as much as a mark."""
IMAGE_DPI, IMAGE_COLOURS = 150, 128
SETTINGS = {"svg.hashsalt": "ufama", "svg.fonttype": "path", "path.simplify": True}
NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))

SIMULATED_PATTERN = re.compile(
    rf'(<pattern [^>]*?) width="72" height="72">\s*<rect [^>]*fill="{style.SIMULATED_GROUND}"/>.*?</pattern>', re.DOTALL
)
"""The ground of simulated panels as matplotlib writes it: hundreds of circles as curves."""
DOTS = (
    f' width="6" height="6">\n<rect width="6" height="6" style="fill: {style.SIMULATED_GROUND}"/>\n'
    f'<path d="M 0.8 1.5 h 1.4 M 3.8 4.5 h 1.4" style="stroke: {style.SIMULATED_DOTS}; stroke-width: 1.4"/>\n'
)

LEAST_CONTRAST = 4.5
"""Of a colour with a dark page (WCAG 2.2, 1.4.3: text)."""
LEAST_OF_AN_IMAGE = 3.0
"""The same for what is an image inside a drawing (1.4.11: graphics)."""
KEPT = (style.ON_LIGHT, style.ON_DARK)
"""Colours that lie on a coloured ground of their own, and are the same on a light and on a dark page."""


def vector(figure: Figure) -> str:
    """The figure as an SVG element with a transparent ground."""
    for axes in figure.axes:
        draw_many_marks_as_an_image(axes)
    written = io.StringIO()
    with mpl.rc_context(SETTINGS):
        figure.savefig(
            written, format="svg", dpi=IMAGE_DPI, bbox_inches="tight", facecolor="none", metadata=NO_METADATA
        )  # fmt: skip
    element = written.getvalue()
    element = element[element.index("<svg") :]
    element = re.sub(r"(data:image/png;base64,)([^\"]*)", lambda image: image[1] + with_few_colours(image[2]), element)
    return compact(element)


def is_seen_on_both_pages(artist: Artist) -> bool:
    """Whether an artist's own colours can stay as they are on a dark page, as those of an image do."""
    if isinstance(artist, QuadMesh):
        return True
    if isinstance(artist, Line2D):
        colours = [artist.get_color()]
    else:
        colours = [colour for colour in (*artist.get_facecolor(), *artist.get_edgecolor()) if colour[3] > 0]
    return all(contrast(to_hex(colour), style.DARK_PAGE) >= LEAST_OF_AN_IMAGE for colour in colours)


def compact(element: str) -> str:
    """The same drawing without what nothing refers to, with two decimals in paths, and with light dots."""
    element = re.sub(r"<!--.*?-->", "", element, flags=re.DOTALL)
    element = re.sub(r"<metadata>.*?</metadata>\s*", "", element, flags=re.DOTALL)
    element = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", element, flags=re.DOTALL)
    element = element.replace("<svg", f"<svg {INHERITED}", 1)
    element = SIMULATED_PATTERN.sub(rf"\1{DOTS}</pattern>", element)
    element = re.sub(r'<rect ([^>]*) fill="([^"]*)"', r'<rect \1 style="fill: \2"', element)
    element = re.sub(r' d="([^"]*)"', lambda path: f' d="{compact_path(path[1])}"', element)
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', element))
    element = re.sub(r' id="([^"]+)"', lambda named: named[0] if named[1] in used else "", element)
    return re.sub(r"\s*\n\s*", "\n", element)


def compact_path(path: str) -> str:
    """The same path with two decimals and no more space than numbers need."""
    path = re.sub(r"(\.\d\d)\d+", r"\1", path)
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", re.sub(r"\s+", " ", path)).strip()


def with_few_colours(image: str) -> str:
    """A PNG of at most `IMAGE_COLOURS` colours in the place of one that is heavier; both in base64."""
    with Image.open(io.BytesIO(base64.b64decode(image))) as opened:
        few = opened.convert("RGBA").quantize(IMAGE_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    written = io.BytesIO()
    few.save(written, format="png", optimize=True)
    lighter = base64.b64encode(written.getvalue()).decode()
    return min(image, lighter, key=len)


def marks(artist: Artist) -> int:
    """How many marks an artist draws, each of which would be an element of its own; a line's weigh less."""
    if isinstance(artist, Line2D):
        has_markers = artist.get_marker() not in ("None", "", " ", None)
        return len(artist.get_xdata()) // (1 if has_markers else POINTS_OF_A_LINE)
    if isinstance(artist, QuadMesh):
        return artist.get_array().size
    if isinstance(artist, LineCollection):
        return len(artist.get_paths())
    return len(artist.get_offsets()) if isinstance(artist, Collection) else 0


def draw_many_marks_as_an_image(axes: Axes) -> None:
    """Let the layers of a panel with too many marks be an image, but for layers of a few."""
    counts = {artist: marks(artist) for artist in axes.get_children()}
    if sum(counts.values()) > MOST_MARKS:
        for artist, count in counts.items():
            if count >= FEW_MARKS and is_seen_on_both_pages(artist):
                artist.set_rasterized(True)


# in a page --------------------------------------------------------------------------------------------


def in_page(element: str, name: str, alt_text: str) -> str:
    """The SVG of `vector` for a page of HTML: described, with short ids of its own, and lighter on a dark page.

    ``name`` is unique in the page, and ``alt_text`` is HTML-escaped. The page is dark where its root element has
    ``data-theme="dark"``, as pydata-sphinx-theme sets it. Colours are variables of the drawing.
    """
    colours = sorted({colour.lower() for colour in re.findall(r"#[0-9a-fA-F]{6}(?=[;\" ])", element)} - set(KEPT))
    for number, colour in enumerate(colours):
        element = re.sub(rf"{colour}(?=[;\" ])", f"var(--c{number})", element, flags=re.IGNORECASE)
    names = {own: f"{name}-{number:x}" for number, own in enumerate(re.findall(r'\bid="([^"]+)"', element))}
    element = re.sub(r'\bid="([^"]+)"', lambda found: f'id="{names[found[1]]}"', element)
    element = re.sub(r'(?:xlink:)?(href="|url\()#([^")]+)', lambda found: f"{found[1]}#{names[found[2]]}", element)
    element = re.sub(r' (x|y)="(-?\d+\.\d\d)\d*"', r' \1="\2"', element)
    element = re.sub(r"translate\([^)]*\)", lambda place: re.sub(r"(\.\d\d)\d+", r"\1", place[0]), element)
    described = f'<svg class="figure-drawing" id="{name}-drawing" role="img" aria-label="{alt_text}"'
    element = element.replace("<svg", described, 1)
    light = " ".join(f"--c{number}: {colour};" for number, colour in enumerate(colours))
    dark = " ".join(f"--c{number}: {on_dark(colour)};" for number, colour in enumerate(colours))
    rule = f'html[data-theme="dark"] #{name}-drawing {{ {dark} }}'
    return f"<style>#{name}-drawing {{ {light} }} @media screen {{ {rule} }}</style>\n{element}"


def on_dark(colour: str) -> str:
    """What a colour becomes on a dark page: its counterpart, or as much lighter as it takes to be seen there."""
    if colour in style.DARK_COUNTERPARTS:
        return style.DARK_COUNTERPARTS[colour]
    red, green, blue = to_rgb(colour)
    ground = style.DARK_COUNTERPARTS[style.SIMULATED_GROUND]  # the lightest of dark grounds
    shares = (white / 100 for white in range(101))
    mixed = (to_hex([part + share * (1 - part) for part in (red, green, blue)]) for share in shares)
    return next(one for one in mixed if contrast(one, ground) >= LEAST_CONTRAST)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
