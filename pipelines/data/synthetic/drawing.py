"""Scenes to pixels, in whole numbers only.
 A stencil is a set of integer inequalities, tried on a lattice of 4 x 4 points a pixel, and its coverage is
the mask through which Pillow pastes the colour. There is no floating point, no libm and no font, so the same
scene has the same pixels everywhere (a PNG's bytes may still differ with the version of zlib).
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from pipelines.data.synthetic.scenes import FRAME, Scene

PAINTS = {
    "red": (215, 30, 35),
    "orange": (250, 135, 20),
    "yellow": (245, 215, 35),
    "green": (35, 155, 60),
    "blue": (35, 85, 215),
    "purple": (125, 40, 165),
    "pink": (250, 135, 190),
    "black": (25, 25, 25),
}
_POINTS = 4  # lattice points a pixel, each way
# 1024 times the cosine and sine of 0, 5 and 10 degrees
_NOTCHES = {0: (1024, 0), 1: (1020, 89), 2: (1008, 178)}
# 1000 times the directions of the five edges of a star that stands on two points
_STAR = ((0, 1000), (-951, 309), (-588, -809), (588, -809), (951, 309))


def draw_scene(scene: Scene, size: int = 64) -> Image.Image:
    """The picture of `scene`, RGB, `size` x `size` pixels."""
    picture = Image.new("RGB", (size, size), scene.background)
    for thing in scene.things:
        mask = stencil(thing.shape, thing.radius, thing.turn, size)
        colour = tuple(min(max(channel + thing.shade, 0), 255) for channel in PAINTS[thing.colour])
        corner = (thing.x * size // FRAME - mask.width // 2, thing.y * size // FRAME - mask.height // 2)
        picture.paste(colour, (*corner, corner[0] + mask.width, corner[1] + mask.height), mask)
    return picture


def contact_sheet(
    scenes: Sequence[Scene], captions: Sequence[str] | None = None, columns: int = 6, size: int = 128
) -> Image.Image:
    """Many scenes on one page, for people to look at; with `captions`, one under each picture."""
    text_height = 44 if captions else 0
    rows = -(-len(scenes) // columns)
    sheet = Image.new("RGB", (columns * (size + 8) + 8, rows * (size + text_height + 8) + 8), "white")
    pen = ImageDraw.Draw(sheet)
    for i, scene in enumerate(scenes):
        x, y = 8 + i % columns * (size + 8), 8 + i // columns * (size + text_height + 8)
        sheet.paste(draw_scene(scene, size), (x, y))
        if captions:
            pen.multiline_text((x, y + size + 2), _wrapped(pen, captions[i], size), fill="black", spacing=1)
    return sheet


def _wrapped(pen: ImageDraw.ImageDraw, text: str, width: int) -> str:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if pen.textlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


@lru_cache(maxsize=4096)
def stencil(shape: str, radius: int, turn: int, size: int) -> Image.Image:
    """How much of each pixel `shape` covers, 0 to 255, as a mask a little wider than the shape."""
    unit = radius * size * _POINTS * 2 // FRAME  # the radius, in half steps of the lattice
    half = (radius * size * 5 // (FRAME * 4)) + 1  # pixels; a point of a star reaches 1.2 radii
    steps = np.arange(-2 * half * _POINTS + 1, 2 * half * _POINTS, 2, dtype=np.int64)
    x, y = np.meshgrid(steps, steps)
    cosine, sine = _NOTCHES[abs(turn)]
    sine = sine if turn >= 0 else -sine
    # Everything in thousandths of the radius from here on, y downwards.
    turned_x = (cosine * x + sine * y) * 1000 // (1024 * unit)
    turned_y = (cosine * y - sine * x) * 1000 // (1024 * unit)
    inside = _inside(shape, turned_x, turned_y)
    covered = inside.reshape(2 * half, _POINTS, 2 * half, _POINTS).sum(axis=(1, 3))
    return Image.fromarray((covered * 255 // _POINTS**2).astype(np.uint8))


def _inside(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which points belong to `shape`; whole numbers, 1000 = one radius, y downwards."""
    if shape == "circle":
        return _disc(x, y, 0, 0, 950)
    if shape == "ring":
        return _disc(x, y, 0, 0, 1000) & ~_disc(x, y, 0, 0, 560)
    if shape == "moon":
        return _disc(x, y, -100, 0, 1000) & ~_disc(x, y, 350, 0, 850)
    if shape == "square":
        return (abs(x) <= 830) & (abs(y) <= 830)
    if shape == "cross":
        return ((abs(x) <= 320) & (abs(y) <= 980)) | ((abs(y) <= 320) & (abs(x) <= 980))
    if shape == "triangle":
        return (y <= 750) & (1732 * abs(x) <= 1000 * (y + 1080))
    if shape == "star":  # within at least four of the five lines of a pentagram
        return sum((a * x + b * y <= 370_000).astype(np.int64) for a, b in _STAR) >= 4
    if shape == "heart":
        lobes = _disc(x, y, -450, -300, 520) | _disc(x, y, 450, -300, 520)
        return (
            lobes
            | ((y >= -60) & (1000 * abs(x) + 900 * y <= 855_000) & (abs(x) <= 910))
            | ((abs(x) <= 450) & (y >= -300) & (y <= 0))
        )
    raise ValueError(f"There is no stencil for {shape!r}.")


def _disc(x: np.ndarray, y: np.ndarray, middle_x: int, middle_y: int, radius: int) -> np.ndarray:
    return (x - middle_x) ** 2 + (y - middle_y) ** 2 <= radius**2
