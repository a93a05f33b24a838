"""Captions of images, however people have these: what models of Keras and exported ones share. Needs no Keras."""

from typing import Any, Literal, overload

import numpy as np

from captioner.images.clips import pixel_batch
from captioner.images.decode import ImageLimits
from captioner.images.sources import ManyImages, OneImage
from captioner.models.base.images import ImageBatches
from captioner.models.captioning.captions import Caption
from captioner.models.captioning.sampling import keys_of
from captioner.settings import SearchSettings


class CaptioningMixin:
    """Captions from images, for a class that has `encode`, `generation_config`, `caption_features` and an encoder."""

    encoder: Any  # has a `spec`, an `ImageSpec`

    @overload
    def caption(self, images: OneImage, **options: Any) -> list[Caption]: ...
    @overload
    def caption(self, images: ManyImages, **options: Any) -> list[list[Caption]]: ...
    @overload
    def caption(self, images: np.ndarray, **options: Any) -> Any: ...
    def caption(
        self,
        images: OneImage | ManyImages | np.ndarray,
        *,
        attention: bool = False,
        batch_size: int = 16,
        limits: ImageLimits | None = None,
        on_error: Literal["raise", "skip"] = "raise",
        config: SearchSettings | None = None,
        **changes: Any,
    ) -> Any:
        """Writes captions.

        Args:
            images: a path, bytes, an open file, a Pillow image or an array `(H, W, 3)`; or several: an array
                `(N, H, W, 3)`, or a list of any of these. For a model of clips also an animated GIF, a folder of
                frames, or an array `(T, H, W, 3)`.
            attention: return the attention weights of each word, too.
            batch_size: images at once.
            limits: what an image may ask for before it is refused.
            on_error: "skip" gives an image that cannot be read no captions, and warns of it with the reason.
            config, changes: how captions are generated, and how many `candidates` of each image: see
                `GenerationConfig` and `generation_config`. With `do_sample` an image gets the same captions for the
                same seed.

        Returns:
            a list of `candidates` captions, best first (sampled ones in the order of sampling); for several images, a
            list of such lists. There are fewer where no more captions exist.

        Raises:
            ImageError: an image cannot be read.
            UserError: a setting does not fit, or the search finds nothing.

        Example:

            captioner.caption("photo.jpg", candidates=5, num_beams=5, num_beam_groups=5, force_words=("dog",))
            captioner.caption("photo.jpg", candidates=3, do_sample=True, temperature=0.7, seed=1)
            captioner.caption(Path("photos").glob("*.jpg"), on_error="skip")
        """
        batches = ImageBatches(images, self.encoder.spec, batch_size, limits, on_error)
        config = self.generation_config(config, **changes)
        captions: list[list[Caption]] = [[] for _ in range(len(batches))]
        for numbers, images_of in batches:
            pixels = pixel_batch(images_of, self.encoder.spec)
            written = self.caption_features(
                self.encode(pixels, batches.batch_size), attention=attention, batch_size=batches.batch_size,
                config=config, keys=keys_of(pixels) if config.do_sample else None,
            )  # fmt: skip
            for number, found in zip(numbers, written, strict=True):
                captions[number] = found
        return batches.one_or_many(captions)
