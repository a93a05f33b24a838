"""Values of more than 8 bits -> 8 bits: the one rule.

Files keep 8 to 14 bits of a camera in 16, floating-point values from 0 to 1 or to 255, and now and then a maximum just
above one of these. What black and white are is asked in this order:

1. **What the file says.** A TIFF's BitsPerSample below 16; its SMinSampleValue and SMaxSampleValue (or MinSampleValue
   and MaxSampleValue); its description, where a microscope wrote SignificantBits; PhotometricInterpretation, which may
   turn black and white round. A PGM's largest value. A PNG's sBIT: that many bits, where all values fit into them
   (some programs store them as they are), and else 16, as the standard has it.
2. **The range that is used.** White is the first of 1, 255, 1023, 4095, 16383 and 65535 that the largest value reaches
   to more than a quarter and exceeds by at most a twentieth; where there is none, it is the largest value itself.
   Black is 0; where values lie below 0 by more than a twentieth of white, black is the smallest and white the
   largest value.

Not a number becomes black, and so does what a TIFF marks as missing, or the lowest number of 32-bit floating-point
values, which stands for none in maps of heights; infinity is white.
"""

import math
import re
from dataclasses import dataclass

import numpy as np
from PIL import Image

from captioner.images.containers import is_white_for_0, png_significant_bits

WHITES = (1, 255, 1023, 4095, 16383, 65535)
_OVERSHOOT = 1.05  # of a white that counts as reached, not exceeded: rounding, sharpening, compression

_BITS, _PHOTOMETRIC, _DESCRIPTION, _FORMAT = 258, 262, 270, 339
_MINIMA, _MAXIMA, _MISSING = (340, 280), (341, 281), 42113
_LOWEST = np.finfo(np.float32).min
_SIGNIFICANT = re.compile(r'SignificantBits="(\d{1,2})"')


@dataclass(frozen=True)
class Meaning:
    """What a file says about its values; None: it says nothing.

    black, white: the values. bits: that are used. inverted: whether 0 is white. unsigned: of 32 bits.
    transparent: the value of transparent pixels. missing: the value that stands for none.
    """

    black: float | None = None
    white: float | None = None
    bits: int | None = None
    inverted: bool = False
    unsigned: bool = False
    transparent: int | None = None
    missing: float | None = None


def is_deep(image: Image.Image) -> bool:
    """Whether an image is grey and has more than 8 bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def meaning(image: Image.Image, data: bytes = b"") -> Meaning:
    """What the file of an image says about its values.

    Args:
        image: as Pillow opened it.
        data: the file's content, if there is one.
    """
    transparent = image.info.get("transparency")
    transparent = transparent if isinstance(transparent, int) else None
    if image.format == "PPM" and image.mode == "I":
        return Meaning(white=65535)  # Pillow has scaled them
    if image.format == "PNG":
        return Meaning(bits=png_significant_bits(data), transparent=transparent)
    tags = getattr(image, "tag_v2", None)
    if image.format != "TIFF" or tags is None:
        return Meaning(transparent=transparent)
    bits, formats = _first(tags, _BITS), _first(tags, _FORMAT)
    described = _SIGNIFICANT.search(str(tags.get(_DESCRIPTION, "")))
    black = next((value for tag in _MINIMA if (value := _first(tags, tag)) is not None), None)
    white = next((value for tag in _MAXIMA if (value := _first(tags, tag)) is not None), None)
    if white is None and bits in (9, 10, 11, 12, 13, 14, 15):
        white = 2**bits - 1
    return Meaning(
        black=black,
        white=white,
        bits=int(described[1]) if described else None,
        inverted=is_white_for_0(data) if data else _first(tags, _PHOTOMETRIC) == 0,
        unsigned=bits == 32 and formats in (None, 1),
        missing=_number(tags.get(_MISSING)),
    )


def _first(tags, tag: int) -> float | None:
    value = tags.get(tag)
    return _number(value[0] if isinstance(value, tuple) and value else value)


def _number(value: object) -> float | None:
    try:
        number = float(str(value).strip("\0 ")) if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None


def black_and_white(least: float, most: float, said: Meaning) -> tuple[float, float]:
    """The values of black and of white, of values from `least` to `most`: the rule at the top of this file.

    >>> black_and_white(0, 1.001, Meaning()), black_and_white(0, 4000, Meaning()), black_and_white(-1, 1, Meaning())
    ((0, 1), (0, 4095), (-1, 1))
    """
    white = said.white
    if white is None and said.bits:
        white = 2**said.bits - 1 if most < 2**said.bits else 65535
    if white is not None and white > (said.black or 0):
        return said.black or 0, white
    white = next((each for each in WHITES if each / 4 < most <= each * _OVERSHOOT), most)
    if least < 0 and -least > (_OVERSHOOT - 1) * white:
        return least, most if most > least else least + 1
    return 0, white if white > 0 else 1


def values_of(image: Image.Image, said: Meaning) -> np.ndarray:
    """The values of a deep image, `(H, W)`: float64 of whole numbers, float32 of others; what is missing is NaN."""
    values = np.asarray(image)
    if values.dtype == np.int32:
        values = values.view(np.uint32) if said.unsigned else values
    values = values.astype(np.float32 if values.dtype.itemsize == 2 or image.mode == "F" else np.float64)
    missing = [] if said.missing is None else [np.array(said.missing, values.dtype)]
    if values.dtype == np.float32:
        missing.append(_LOWEST)
    return np.where(np.isin(values, missing), np.nan, values) if missing else values


def to_8_bits(values: np.ndarray, black: float, white: float, inverted: bool = False) -> np.ndarray:
    """uint8 from values of any range, black to 0 and white to 255; what is beyond is cut off, NaN is black."""
    if inverted:
        black, white = white, black
    with np.errstate(all="ignore"):  # infinities, and differences of nearly nothing
        shades = np.clip((values - black) * (255 / (white - black)) + 0.5, 0, 255)
    return np.nan_to_num(shades, copy=False).astype(np.uint8)
