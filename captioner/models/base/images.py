"""The images that people give a model: one or many, batch by batch, those that cannot be read refused or left out."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypedDict

import numpy as np

from captioner.arguments import checked_choice, checked_count
from captioner.errors import UserError
from captioner.images.clips import ClipSpec, decode_pixels
from captioner.images.decode import ImageError, ImageLimits, ImageSpec
from captioner.images.sources import listed, name_of

ON_ERROR = ("raise", "skip")
_REPORTED = 5  # images that a warning names


class ImageOptions(TypedDict, total=False):
    """What all calls take besides images; see `ImageBatches`."""

    batch_size: int
    limits: ImageLimits | None
    on_error: Literal["raise", "skip"]


class ImageBatches:
    """The images of one call.

    Args:
        images: one, or several: see `captioner.images.sources.listed`.
        spec: what they have to look like.
        batch_size: at once.
        limits: what an image may ask for before it is refused.
        on_error: "raise": an image that cannot be read is an error; "skip": it is left out, and a warning says why.

    Attributes:
        several: whether several were given, and not one.
        batch_size: at most as many as there are images.

    Raises:
        UserError: an argument is none of these.
    """

    def __init__(
        self,
        images: object,
        spec: ImageSpec,
        batch_size: int,
        limits: ImageLimits | None = None,
        on_error: str = "raise",
    ):
        self.on_error = checked_choice("on_error", on_error, ON_ERROR)
        batch_size = checked_count("batch_size", batch_size)
        self.sources, self.several = listed(images, dimensions=4 if isinstance(spec, ClipSpec) else 3)
        self.batch_size = min(batch_size, max(len(self.sources), 1))
        if not isinstance(limits, ImageLimits | None):
            raise UserError(f"`limits` is an ImageLimits(max_bytes=..., max_pixels=...); received {limits!r:.60}.")
        self.spec, self.limits = spec, limits or ImageLimits()

    def __len__(self) -> int:
        return len(self.sources)

    def __iter__(self) -> Iterator[tuple[list[int], list[np.ndarray]]]:
        """Of each batch the numbers of its images that can be read, and their pixels uint8; at the end the warning.

        Raises:
            ImageError: one cannot be read, and `on_error` is "raise".
        """
        problems: list[str] = []
        for start in range(0, len(self.sources), self.batch_size):
            numbers, pixels = [], []
            for number in range(start, min(start + self.batch_size, len(self.sources))):
                try:
                    pixels.append(decode_pixels(self.sources[number], self.spec, self.limits, self._name(number)))
                    numbers.append(number)
                except ImageError as error:
                    if self.on_error == "raise":
                        raise
                    problems.append(str(error))
            if numbers:
                yield numbers, pixels
        if problems:
            warnings.warn(_left_out(problems, len(self.sources)), stacklevel=3)

    def _name(self, number: int) -> str:
        return name_of(self.sources[number]) or (f"image {number}" if self.several else "image")

    def one_or_many(self, results: Sequence[Any]) -> Any:
        """The results of all images, or that of the only one."""
        return list(results) if self.several else results[0]


def _left_out(problems: Sequence[str], count: int) -> str:
    more = f"; and {len(problems) - _REPORTED:,} more" if len(problems) > _REPORTED else ""
    return f"{len(problems):,} of {count:,} images left out: {'; '.join(problems[:_REPORTED])}{more}."
