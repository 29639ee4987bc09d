"""Figures with a palette: drawings need few colours, and weigh a third then.

The palette is that whose farthest colour is nearest (`Quantize.MAXCOVERAGE`): on the book's figures no channel of a
pixel moves by more than 12 of 255.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

HEAVY = 50_000  # bytes; lighter images stay as they are
COLOURS = 256


def lighten(path: Path) -> None:
    """Write an image of at most `COLOURS` colours in the place of a heavier one."""
    with Image.open(path) as opened:
        if opened.mode == "P" or path.stat().st_size < HEAVY:
            return
        is_opaque = opened.mode == "RGB" or opened.convert("RGBA").getextrema()[3][0] == 255
        image = opened.convert("RGB" if is_opaque else "RGBA")
    method = Image.Quantize.MAXCOVERAGE if is_opaque else Image.Quantize.FASTOCTREE  # the others know no transparency
    image.quantize(COLOURS, method=method, dither=Image.Dither.NONE).save(path)


def lighten_images(app, exception):
    if exception or app.builder.format != "html":
        return
    with ThreadPoolExecutor() as pool:  # Pillow does its work outside Python's lock
        list(pool.map(lighten, (Path(app.outdir) / app.builder.imagedir).glob("*.png")))


def setup(app):
    app.connect("build-finished", lighten_images)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
