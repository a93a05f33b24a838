"""Pictures: thumbnails, and where a decoder looked before each word. Charts are in charts.py."""

import base64
import io
import math
import os
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from captioner.images.decode import (
    DEFAULT_LIMITS,
    ImageError,
    ImageLimits,
    ImageSpec,
    decode_image,
    read_bytes,
    upright_size,
)
from captioner.images.files import ImagePath, holding_file
from pipelines.evaluation.results import AttentionMaps
from pipelines.utils.threads import parallel_map

_TILE, _NARROWEST, _GAP, _LINE, _STRIP = 224, 130, 12, 24, 120  # pixels of an attention sheet
TABLE_PIXELS = 25_000_000  # of all pictures of a table together: about five megabytes
_CARD, _SMALL, _LARGE = 640, 112, 320


def thumbnail(path: str | os.PathLike, longest: int) -> Image.Image | None:
    """A small upright picture of an image file, or None if it cannot be read."""
    try:
        return small_picture(read_bytes(path), longest)  # not by Pillow, which would wait for a pipe
    except ImageError:
        return None


def small_picture(data: bytes, longest: int, limits: ImageLimits = DEFAULT_LIMITS) -> Image.Image:
    """A small upright picture of the bytes of an image.

    Raises:
        ImageError: it cannot be read, or is beyond the limits.
    """
    width, height = upright_size(data, limits)
    scale = min(1.0, longest / max(width, height))
    spec = ImageSpec(max(1, round(height * scale)), max(1, round(width * scale)), "raw")
    return Image.fromarray(decode_image(data, spec, limits))


def data_uri(picture: Image.Image, quality: int = 68) -> str:
    """A picture as a `data:` address, so that a page needs no other file. WebP: a third smaller than JPEG."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def thumbnail_uri(path: ImagePath | None, longest: int, quality: int) -> str:
    """A thumbnail as a `data:` address; empty where there is no picture that can be read."""
    picture = thumbnail(path, longest) if path else None
    return data_uri(picture, quality) if picture else ""


def card_picture(path: ImagePath | None) -> str:
    """The picture of a card, which can be enlarged, as a `data:` address; empty where there is none."""
    return thumbnail_uri(path, _CARD, 76)


def picture_of(path: str | os.PathLike, pixels: np.ndarray, longest: int) -> Image.Image:
    """An image file as a picture of its own shape; of a clip, or where the file is gone, what a network saw of it.

    Args:
        path: of the file.
        pixels: uint8 `(H, W, 3)`, or `(f, H, W, 3)` of a clip.
        longest: pixels of the longer side.
    """
    picture = thumbnail(path, longest) if pixels.ndim == 3 and os.path.isfile(holding_file(path)) else None
    return picture or Image.fromarray(pixels[len(pixels) // 2] if pixels.ndim == 4 else pixels)


def small_pictures(paths: Iterable[ImagePath | None]) -> Iterator[str]:
    """The pictures of a table as `data:` addresses, in order; empty where there is no picture.

    The fewer there are, the larger they are.
    """
    paths = list(paths)
    longest = round(min(max((TABLE_PIXELS / max(len(paths), 1)) ** 0.5, _SMALL), _LARGE))
    return parallel_map(lambda path: thumbnail_uri(path, longest, 64), paths, ahead=64)


@dataclass(frozen=True)
class AttentionScale:
    """What the colours of the maps of one image mean.

    most: the weight at the upper end. text: the same, printed. meaning: of what it is a part. even: where the scale has
    the weight that all positions would have alike, 0 to 1; None where weights are no shares.
    """

    most: float
    text: str
    meaning: str
    even: float | None = None


def attention_scale(maps: AttentionMaps) -> AttentionScale | None:
    """The scale of maps, the same for all of them; None where nothing was attended to."""
    most = float(np.max(maps.weights, initial=0))
    if most <= 0:
        return None
    if maps.by_occlusion:
        return AttentionScale(most, f"{100 * most:.0f}", "points of probability, of 100, that are lost")
    positions = maps.grid[0] * maps.grid[1]
    even = f"{100 / positions:.2g} %"
    meaning = f"of the attention, at one of {positions} positions; the mark is an even share, {even}"
    return AttentionScale(most, f"{100 * most:.2g} %", meaning, float(level(1 / positions / most)))


def level(share):
    """Where a share of the largest weight lies on the scale of colours, both 0 to 1.

    The square root keeps positions of medium attention visible beside one strong peak.
    """
    return np.sqrt(np.clip(share, 0, 1))


def heat(grey: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Colours of attention laid over a darkened grey picture, so that they show on dark and light things alike.

    Args:
        grey: `(...)`, brightness of the picture, 0 to 255.
        levels: `(...)`, 0 to 1.

    Returns:
        uint8 `(..., 3)`.
    """
    from matplotlib import colormaps

    # From violet on: the black at the beginning of the map would hide the picture.
    colour = 255 * colormaps["inferno"](0.15 + 0.8 * levels)[..., :3]
    amount = 0.65 * levels[..., None]
    return (0.55 * grey[..., None] * (1 - amount) + colour * amount).astype(np.uint8)


def scale_colours(count: int) -> list[tuple[int, int, int]]:
    """The scale of `heat`, from nothing to the largest weight, as it looks on a grey of medium brightness."""
    colours = heat(np.full(count, 128.0), np.linspace(0, 1, count))
    return [tuple(map(int, colour)) for colour in colours]


def attention_overlay(
    picture: Image.Image, weights: np.ndarray, grid: tuple[int, int], most: float | None = None
) -> Image.Image:
    """The picture, grey and darkened, and on it how much a decoder attended to each position.

    Args:
        picture: any size.
        weights: `(P,)`, attention to each position.
        grid: `(h, w)`, how the positions lie in the picture; h x w = P.
        most: the weight at the upper end of the scale; by default the largest of these.
    """
    weights = np.maximum(np.asarray(weights, np.float32).reshape(grid), 0)
    levels = level(weights / max(float(weights.max()) if most is None else most, 1e-9))
    levels = Image.fromarray(levels.astype(np.float32), "F").resize(picture.size, Image.Resampling.BICUBIC)
    grey = np.asarray(picture.convert("L"), np.float32)
    return Image.fromarray(heat(grey, np.clip(np.asarray(levels), 0, 1)))


def attention_sheet(picture: Image.Image, maps: AttentionMaps, title: Sequence[str] = ()) -> Image.Image:
    """The image, and once more for each of its maps as the decoder saw it, in rows of six, with the scale below.

    Args:
        picture: of any shape.
        maps: with a word each.
        title: lines above it.
    """
    shrink = _TILE / max(picture.size)
    width, height = size = tuple(max(1, round(side * shrink)) for side in picture.size)
    picture = picture.convert("RGB").resize(size, Image.Resampling.BILINEAR)
    scale = attention_scale(maps)
    most = scale.most if scale else None
    copies = [("", picture)]
    copies += [
        (word, attention_overlay(picture, weights, maps.grid, most))
        for word, weights in zip(maps.labels, maps.weights, strict=False)
    ]
    columns = min(6, len(copies))
    rows = math.ceil(len(copies) / columns)
    tile = max(width, _NARROWEST)
    across, down = tile + _GAP, height + _LINE
    letters = columns * across // 9  # of a line, about
    lines = [part for line in title for part in textwrap.wrap(_visible(line), letters)[:4]]
    legend = textwrap.wrap(f"{scale.text} {scale.meaning}", letters - 14) if scale else []
    head = _LINE * len(lines) + (_GAP if lines else 0)
    foot = head + _GAP + rows * down
    sheet = Image.new("RGB", (columns * across + _GAP, foot + _LINE * len(legend) + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    write = partial(draw.text, fill="#222222", font=_font())
    for number, line in enumerate(lines):
        write((_GAP, _GAP + number * _LINE), line)
    for number, (word, copy) in enumerate(copies):
        left, top = _GAP + number % columns * across, head + _GAP + number // columns * down
        sheet.paste(copy, (left + (tile - width) // 2, top))
        write((left + tile / 2, top + height + 3), _shortened(word), anchor="ma")
    if scale:
        _draw_scale(draw, scale, _GAP, foot)
        write((_GAP, foot), "0")
    for number, line in enumerate(legend):
        write((_GAP + _STRIP + 24, foot + number * _LINE), line)
    return sheet


def _draw_scale(draw: ImageDraw.ImageDraw, scale: AttentionScale, left: int, top: int) -> None:
    left += 16
    for column, colour in enumerate(scale_colours(_STRIP)):
        draw.line((left + column, top + 2, left + column, top + 16), fill=colour)
    if scale.even is not None:
        mark = left + round(scale.even * (_STRIP - 1))
        draw.line((mark, top + 2, mark, top + 16), fill="white", width=2)


def _visible(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _shortened(word: str) -> str:
    word = _visible(word)
    return word if len(word) <= 18 else word[:17] + "…"


@cache
def _font():
    """DejaVu Sans, which comes with matplotlib and knows many alphabets."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), 15)
