"""The principal components of what a frozen network sees in the training images."""

from collections.abc import Callable, Iterator

import numpy as np

from captioner.encoders.base import Encoder
from captioner.errors import UserError
from pipelines.data.features.sources import Source

IMAGES_AT_ONCE = 64


def fit_components(encoder: Encoder, source: Source, log: Callable[[str], None]) -> None:
    """Fits an encoder's components, if it has any, to the training images, and logs how much of the variance they hold.

    Args:
        encoder: its `components` are fitted; the rest of it stays as it is.
        source: the training images; those of other splits must not be among them.
        log: receives the message.

    Raises:
        UserError: the images have fewer than two positions to find components in.
    """
    layer = encoder.components
    if layer is None:
        return
    try:
        held = layer.adapt(_batches(source))
    except ValueError as error:
        raise UserError(
            f"encoder.pca_components cannot be found in these training images: {error} Set it to 0."
        ) from None
    log(
        f"{layer.components} principal components hold {held:.1%} of the variance of what {type(encoder).__name__} sees"
    )


def _batches(source: Source) -> Iterator[np.ndarray]:
    readable = np.flatnonzero(source.readable)
    for start in range(0, len(readable), IMAGES_AT_ONCE):
        yield source.read(readable[start : start + IMAGES_AT_ONCE])
