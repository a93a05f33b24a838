"""A trained network of glimpses: images in; labels, probabilities and locations out."""

from dataclasses import dataclass, field
from typing import Any, Literal, Unpack, overload

import keras
import numpy as np
from keras import ops

from captioner.images.decode import ImageLimits, ImageSpec
from captioner.images.sources import ManyImages, OneImage
from captioner.models.base.images import ImageBatches, ImageOptions
from captioner.models.base.memory import rows_at_once
from captioner.models.base.pretrained_model import PretrainedModel
from captioner.models.glimpses.networks import GlimpseNetwork, build_glimpse_network
from captioner.models.glimpses.settings import GlimpseSettings
from captioner.presets.folder import Preset
from captioner.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class GlimpsePrediction:
    """The label of an image.

    label: the likeliest one.
    probability: its probability.
    locations: `(T, 2)`, x and y of each glimpse, -1 to 1 from left to right and from top to bottom; None for a network
        that sees the whole image at once.
    """

    label: str
    probability: float
    locations: np.ndarray | None = field(default=None, repr=False, compare=False)


class GlimpseModel(PretrainedModel):
    """A network of glimpses, or one that sees a downscaled image, and its labels.

    Args:
        settings: how it was built; saved in the preset.

    Example:

        model = GlimpseModel.from_preset("runs/glimpses")
        model.classify(["scene.png"])     # [GlimpsePrediction(label="star", probability=0.98, locations=...)]
    """

    settings_class = GlimpseSettings
    settings: GlimpseSettings

    def __init__(self, settings: GlimpseSettings):
        super().__init__(settings, Vocabulary(settings.labels, settings.text.tokenizer))

    def __repr__(self) -> str:
        network = self.settings.network
        path = f" -> {network.glimpses} glimpses, {network.cell} {network.units}" if network.name == "glimpses" else ""
        size = f"{network.image_size}x{network.image_size}"
        return f"{type(self).__name__}({network.name} {size}{path} -> {len(self.settings.labels)} labels)"

    @classmethod
    def _arguments(cls, preset: Preset) -> tuple:
        return (preset.settings,)

    def _build_network(self) -> keras.Model:
        network = build_glimpse_network(self.settings.network, len(self.settings.labels))
        size = self.settings.network.image_size
        network({"image": np.zeros((1, size, size, 3), "uint8"), "label": np.zeros(1, "int32")})
        return network

    @overload
    def classify(self, images: OneImage, **options: Unpack[ImageOptions]) -> GlimpsePrediction: ...
    @overload
    def classify(self, images: ManyImages, **options: Unpack[ImageOptions]) -> list[GlimpsePrediction | None]: ...
    @overload
    def classify(self, images: np.ndarray, **options: Unpack[ImageOptions]) -> Any: ...
    def classify(
        self,
        images: OneImage | ManyImages | np.ndarray,
        batch_size: int = 64,
        limits: ImageLimits | None = None,
        on_error: Literal["raise", "skip"] = "raise",
    ) -> Any:
        """The labels of images, and the locations of the glimpses.

        Args:
            images: a path, bytes, an open file, a Pillow image or an array `(H, W, 3)`; or several: an array
                `(N, H, W, 3)`, or a list of any of these.
            batch_size: images at once.
            limits: what an image may ask for before it is refused.
            on_error: "skip" gives None for an image that cannot be read, and warns of it with the reason.

        Returns:
            the prediction; for several images, a list of them.

        Raises:
            ImageError: an image cannot be read.
        """
        spec = ImageSpec(*[self.settings.network.image_size] * 2, "raw")
        batches = ImageBatches(images, spec, batch_size, limits, on_error)
        predictions: list[GlimpsePrediction | None] = [None] * len(batches)
        for numbers, pixels in batches:
            probabilities, locations = self.read(np.stack(pixels), batches.batch_size)
            for row, (number, probability) in enumerate(zip(numbers, probabilities, strict=True)):
                best = int(probability.argmax())
                path = None if locations is None else locations[row]
                predictions[number] = GlimpsePrediction(self.settings.labels[best], float(probability[best]), path)
        return batches.one_or_many(predictions)

    def read(self, pixels: np.ndarray, batch_size: int = 64) -> tuple[np.ndarray, np.ndarray | None]:
        """`(probabilities (N, K), locations (N, T, 2) or None)` of pixels uint8 `(N, H, W, 3)`."""
        network = self.settings.network
        widest = network.size**2 * max(64, network.scales * network.filters)
        rows = rows_at_once(min(batch_size, len(pixels)), 4 * (6 * network.image_size**2 + 2 * widest))
        outputs = self.run(GlimpseReader, pixels, rows, jit_compile=False)
        return outputs["probabilities"], outputs.get("locations")


class GlimpseReader(keras.Model):
    """Pixels uint8 `(B, H, W, 3)` to probabilities `(B, K)` and, of a network of glimpses, locations `(B, T, 2)`."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def call(self, images):
        if isinstance(self.network, GlimpseNetwork):
            logits, locations = self.network.path(images)
            return {"probabilities": ops.softmax(logits, axis=-1), "locations": locations}
        return {"probabilities": ops.softmax(self.network({"image": images}), axis=-1)}
