"""Pictures: thumbnails, and where a decoder looked before each word. Charts are in charts.py."""

import base64
import io
import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from captioner.images.decode import ImageError, ImageSpec, decode_image, read_bytes, upright_size
from pipelines.utils.threads import parallel_map

_PALE = np.array([255, 255, 255], np.float32)
_TILE, _GAP, _LINE = 168, 12, 24


def thumbnail(path: Path, longest: int) -> Image.Image | None:
    """A small upright picture of an image file, or None if it cannot be read."""
    try:
        data = read_bytes(path)  # not by Pillow, which would wait for a pipe
        width, height = upright_size(data)
        scale = min(1.0, longest / max(width, height))
        spec = ImageSpec(max(1, round(height * scale)), max(1, round(width * scale)), "raw")
        return Image.fromarray(decode_image(data, spec))
    except ImageError:
        return None


def data_uri(picture: Image.Image, quality: int = 68) -> str:
    """A picture as a `data:` address, so that a page needs no other file. WebP: a third smaller than JPEG."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def thumbnail_uri(path: Path | None, longest: int, quality: int) -> str:
    """A thumbnail as a `data:` address; empty where there is no picture that can be read."""
    picture = thumbnail(path, longest) if path else None
    return data_uri(picture, quality) if picture else ""


def small_pictures(paths: Iterable[Path | None]) -> Iterator[str]:
    """The thumbnails of a table as `data:` addresses, in order; empty where there is no picture."""
    return parallel_map(_small_picture, list(paths), ahead=64)


def _small_picture(path: Path | None) -> str:
    return thumbnail_uri(path, 112, 60)


def attention_overlay(picture: Image.Image, weights: np.ndarray, grid: tuple[int, int]) -> Image.Image:
    """The picture as a decoder saw it: positions of little attention fade, those of much keep their colours.

    Args:
        picture: any size.
        weights: `(P,)`, attention to each position.
        grid: `(h, w)`, how the positions lie in the picture; h x w = P.
    """
    share = np.asarray(weights, np.float32).reshape(grid)
    share = (share - share.min()) / max(float(share.max() - share.min()), 1e-9)
    # The square root keeps positions of medium attention visible beside one strong peak.
    light = Image.fromarray(np.sqrt(share), "F").resize(picture.size, Image.Resampling.BICUBIC)
    amount = 0.15 + 0.85 * np.clip(np.asarray(light), 0, 1)[..., None]
    pixels = np.asarray(picture.convert("RGB"), np.float32)
    return Image.fromarray((pixels * amount + _PALE * (1 - amount)).astype(np.uint8))


def attention_sheet(
    pixels: np.ndarray, words: Sequence[str], attention: np.ndarray, grid: tuple[int, int], title: Sequence[str] = ()
) -> Image.Image:
    """The image, and for each word of its caption the image as the decoder saw it, in rows of six.

    Args:
        pixels: uint8 `(H, W, 3)`.
        words: the caption's words.
        attention: `(words, P)`.
        title: lines above it.
    """
    picture = Image.fromarray(pixels).resize((_TILE, _TILE), Image.Resampling.BILINEAR)
    tiles = [("", picture)]
    tiles += [
        (word, attention_overlay(picture, weights, grid)) for word, weights in zip(words, attention, strict=False)
    ]
    columns = min(6, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    step = _TILE + _GAP
    lines = [part for line in title for part in textwrap.wrap(_visible(line), 19 * columns)[:4]]
    head = _LINE * len(lines) + (_GAP if lines else 0)
    sheet = Image.new("RGB", (columns * step + _GAP, head + rows * (step + _LINE) + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        draw.text((_GAP, _GAP + number * _LINE), line, fill="#222222", font=_font())
    for number, (word, tile) in enumerate(tiles):
        left, top = _GAP + number % columns * step, head + _GAP + number // columns * (step + _LINE)
        sheet.paste(tile, (left, top))
        draw.text((left + _TILE / 2, top + _TILE + 3), _shortened(word), fill="#222222", font=_font(), anchor="ma")
    return sheet


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
