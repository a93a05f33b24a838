"""Images of any mode -> RGB of 8 bits: alpha on white, palettes, CMYK, and values of more than 8 bits."""

import io
import sys
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from captioner.images.depth import Meaning, black_and_white, is_deep, meaning, to_8_bits, values_of

Rows = Callable[[int, int], Image.Image]  # from row, to row -> these as RGB
Values = Callable[[int, int], np.ndarray]  # from row, to row -> their values (h, W) or (h, W, 3)

_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
# Formats in which pixels are transparent only if somebody wanted them so. In others the fourth byte is often unused.
_ALPHA_IS_MEANT = {None, "PNG", "GIF", "WEBP", "AVIF", "HEIF", "JXL", "JPEG2000", "PSD", "QOI"}
_STRIP = 2**20  # values that are looked at together
_DARK = 63  # of 255: the values need no more than 14 of 16 bits


def rgb_rows(image: Image.Image, data: bytes = b"") -> Rows:
    """Decodes an image, and returns what gives any of its rows as RGB; what is transparent is white.

    Args:
        image: as Pillow opened it.
        data: the content of its file, if there is one.
    """
    raw_mode, said = raw_mode_of(image), meaning(image, data)
    image.load()
    if is_deep(image):
        return _of_deep(image, said)
    if data and has_16_bit_colours(image.mode, raw_mode) and _is_dark(image):
        return _of_dark(image, _low_bytes(data, image.format, raw_mode), said)
    transparency = _transparency(image.info.get("transparency"), raw_mode)
    if transparency is not None:
        return lambda top, bottom: _on_white(_part(image, top, bottom), transparency)
    if image.mode in _WITH_ALPHA and (image.format in _ALPHA_IS_MEANT or image.getextrema()[-1] != (0, 0)):
        return lambda top, bottom: _on_white(_part(image, top, bottom))
    if image.mode == "RGB":
        return lambda top, bottom: _part(image, top, bottom)
    return lambda top, bottom: _part(image, top, bottom).convert("RGB")


def _part(image: Image.Image, top: int, bottom: int) -> Image.Image:
    return image if (top, bottom) == (0, image.height) else image.crop((0, top, image.width, bottom))


def _on_white(image: Image.Image, transparency=None) -> Image.Image:
    if transparency is not None and transparency != image.info.get("transparency"):
        image = image.copy()
        image.info["transparency"] = transparency
    image = image.convert("LA" if image.mode == "La" else "RGBA").convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def raw_mode_of(image: Image.Image) -> str:
    """How the values lie in the file, as Pillow calls it; empty where that is not known (any more)."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _transparency(value, raw_mode: str):
    """The value of transparent pixels after they were brought to 8 bits: Pillow leaves it as it is in the file."""
    if isinstance(value, tuple) and ";16" in raw_mode:
        return tuple(each >> 8 for each in value)
    return value * {"L;2": 85, "L;4": 17}.get(raw_mode, 1) if isinstance(value, int) else value


# More than 8 bits


def _strips(height: int, width: int) -> Iterator[tuple[int, int]]:
    step = max(1, _STRIP // width)
    return ((top, min(top + step, height)) for top in range(0, height, step))


def _scale(values: Values, image: Image.Image, said: Meaning) -> tuple[float, float]:
    """Black and white of all values, without those that are transparent or no numbers."""
    least, most = np.inf, -np.inf
    for top, bottom in _strips(image.height, image.width):
        strip = values(top, bottom)
        counts = np.isfinite(strip)
        if said.transparent is not None:
            counts &= strip != said.transparent
        least = min(least, float(np.min(strip, where=counts, initial=np.inf)))
        most = max(most, float(np.max(strip, where=counts, initial=-np.inf)))
    return black_and_white(least, most, said) if least <= most else (0, 1)


def _of_deep(image: Image.Image, said: Meaning) -> Rows:
    def values(top: int, bottom: int) -> np.ndarray:
        return values_of(_part(image, top, bottom), said)

    black, white = _scale(values, image, said)

    def rows(top: int, bottom: int) -> Image.Image:
        strip = values(top, bottom)
        shades = to_8_bits(strip, black, white, said.inverted)
        if said.transparent is not None:
            shades[strip == said.transparent] = 255
        return Image.fromarray(shades).convert("RGB")

    return rows


def has_16_bit_colours(mode: str, raw_mode: str) -> bool:
    """Whether colours have 16 bits in the file, of which Pillow keeps 8: dark ones are decoded a second time."""
    return ";16" in raw_mode and mode in ("RGB", "RGBA")


def _is_dark(image: Image.Image) -> bool:
    return max(most for _, most in image.getextrema()[:3]) <= _DARK


def _low_bytes(data: bytes, plugin: str, raw_mode: str) -> Image.Image | None:
    """The low bytes of 16-bit colours, of which Pillow keeps the high ones: read as if their order were the other."""
    name, order = raw_mode.rsplit(";16", 1)
    swapped = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}.get(order)
    if swapped is None or name not in ("RGB", "RGBA", "RGBX"):
        return None
    image = Image.OPEN[plugin][0](io.BytesIO(data), "")
    modes = f"{name};16{swapped}"
    image.tile = [
        tile._replace(args=modes if isinstance(tile.args, str) else (modes, *tile.args[1:])) for tile in image.tile
    ]
    image.load()
    return image


def _of_dark(high: Image.Image, low: Image.Image | None, said: Meaning) -> Rows:
    """Rows of 16-bit colours that only use the lower bits; without low bytes each high one stands for its middle."""

    def values(top: int, bottom: int) -> np.ndarray:
        upper = np.asarray(_part(high, top, bottom))[..., :3].astype(np.uint16) << 8
        lower = 128 if low is None else np.asarray(_part(low, top, bottom))[..., :3]
        return (upper | lower).astype(np.float32)

    black, white = _scale(values, high, said)
    transparent = high.info.get("transparency")

    def rows(top: int, bottom: int) -> Image.Image:
        strip = values(top, bottom)
        shades = to_8_bits(strip, black, white)
        if isinstance(transparent, tuple):
            shades[(strip == transparent).all(-1)] = 255
        if high.mode == "RGB":
            return Image.fromarray(shades)
        colours = Image.fromarray(shades).convert("RGBA")
        colours.putalpha(_part(high, top, bottom).getchannel("A"))
        return _on_white(colours)

    return rows
