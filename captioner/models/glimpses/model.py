"""A trained network of glimpses: images in; labels, probabilities and locations out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from captioner.images.decode import DEFAULT_LIMITS, ImageLimits, ImageSpec, decode_image
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

    def classify(
        self, images: Sequence, batch_size: int = 64, limits: ImageLimits = DEFAULT_LIMITS
    ) -> list[GlimpsePrediction]:
        """The labels of images, and the locations of the glimpses.

        Args:
            images: paths, bytes, Pillow images or arrays uint8 `(H, W, 3)`.
            batch_size: images at once.

        Raises:
            ImageError: an image cannot be read.
        """
        spec = ImageSpec(*[self.settings.network.image_size] * 2, "raw")
        predictions = []
        for start in range(0, len(images), batch_size):
            pixels = np.stack([decode_image(image, spec, limits) for image in images[start : start + batch_size]])
            probabilities, locations = self.read(pixels, batch_size)
            for row, probability in enumerate(probabilities):
                best = int(probability.argmax())
                path = None if locations is None else locations[row]
                predictions.append(GlimpsePrediction(self.settings.labels[best], float(probability[best]), path))
        return predictions

    def read(self, pixels: np.ndarray, batch_size: int = 64) -> tuple[np.ndarray, np.ndarray | None]:
        """`(probabilities (N, K), locations (N, T, 2) or None)` of pixels uint8 `(N, H, W, 3)`."""
        outputs = self.run(GlimpseReader, pixels, min(batch_size, len(pixels)), jit_compile=False)
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
