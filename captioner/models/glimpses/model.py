"""A trained network that looks in glimpses: images in; labels, probabilities and places out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from captioner.errors import UserError
from captioner.images.decode import DEFAULT_LIMITS, ImageLimits, ImageSpec, decode_image
from captioner.models.glimpses.networks import GlimpseNetwork, build_glimpse_network
from captioner.models.glimpses.settings import GlimpseSettings
from captioner.presets.folder import read_preset, write_preset
from captioner.presets.weights import load_checked_weights
from captioner.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Seen:
    """What a network made of an image.

    label: the likeliest one.
    probability: its probability.
    places: `(T, 2)`, x and y of each glimpse, -1 to 1 from left to right and from top to bottom; None where the image
        was seen at once.
    """

    label: str
    probability: float
    places: np.ndarray | None = None


class GlimpseModel:
    """A network of glimpses, or one that sees a downscaled image, and the labels it knows.

    Args:
        settings: how it was built; saved in the preset.

    Example:

        model = GlimpseModel.from_preset("runs/glimpses")
        model.classify(["scene.png"])     # [Seen(label="star", probability=0.98, places=...)]
    """

    def __init__(self, settings: GlimpseSettings):
        self.settings = settings
        self.metadata: dict[str, Any] = {}
        try:
            self.network = build_glimpse_network(settings.look, len(settings.labels))
            size = settings.look.image_size
            self.network({"image": np.zeros((1, size, size, 3), "uint8"), "label": np.zeros(1, "int32")})
        except ValueError as error:
            raise UserError(f"A network with these settings cannot be made: {error}") from None
        self._reader: PathReader | None = None

    @classmethod
    def from_preset(cls, folder: str | Path) -> "GlimpseModel":
        """Loads a model that `captioner train` or `save_to_preset` wrote.

        Raises:
            UserError: a file is missing, damaged, from another preset, or of another kind of model.
        """
        preset = read_preset(Path(folder), kinds={"glimpses": GlimpseSettings})
        model = cls(preset.settings)
        load_checked_weights(model.network, preset.weights)
        model.metadata = preset.metadata
        return model

    def save_to_preset(self, folder: str | Path, metadata: dict[str, Any] | None = None) -> None:
        """Writes the model as a folder that is all one needs to use it."""
        import captioner

        facts = {
            "captioner": captioner.__version__,
            "keras": keras.__version__,
            "parameters": int(self.network.count_params()),
        }
        vocabulary = Vocabulary(self.settings.labels, self.settings.text.tokenizer)
        write_preset(Path(folder), self.settings, vocabulary, self._save_weights, {**facts, **(metadata or {})})

    def _save_weights(self, path: Path) -> None:
        bare = build_glimpse_network(self.settings.look, len(self.settings.labels))  # without an optimizer
        size = self.settings.look.image_size
        bare({"image": np.zeros((1, size, size, 3), "uint8"), "label": np.zeros(1, "int32")})
        for own, variable in zip(bare.weights, self.network.weights, strict=True):
            own.assign(variable)
        bare.save_weights(path)

    def classify(self, images: Sequence, batch_size: int = 64, limits: ImageLimits = DEFAULT_LIMITS) -> list[Seen]:
        """Tells what images show, and where it looked.

        Args:
            images: paths, bytes, Pillow images or arrays uint8 `(H, W, 3)`.
            batch_size: images at once.

        Raises:
            ImageError: an image cannot be read.
        """
        size = self.settings.look.image_size
        spec = ImageSpec(size, size, "raw")
        seen = []
        for start in range(0, len(images), batch_size):
            pixels = np.stack([decode_image(image, spec, limits) for image in images[start : start + batch_size]])
            probabilities, places = self.read(pixels, batch_size)
            for row, probability in enumerate(probabilities):
                best = int(probability.argmax())
                where = None if places is None else places[row]
                seen.append(Seen(self.settings.labels[best], float(probability[best]), where))
        return seen

    def read(self, pixels: np.ndarray, batch_size: int = 64) -> tuple[np.ndarray, np.ndarray | None]:
        """`(probabilities (N, K), places (N, T, 2) or None)` of pixels uint8 `(N, H, W, 3)`."""
        if self._reader is None:
            self._reader = PathReader(self.network)
            self._reader.compile(jit_compile=False)
        batch_size = min(batch_size, len(pixels))
        found = []
        for start in range(0, len(pixels), batch_size):
            batch = pixels[start : start + batch_size]
            filled = np.concatenate([batch, np.repeat(batch[-1:], batch_size - len(batch), axis=0)])
            found.append({name: each[: len(batch)] for name, each in self._reader.predict_on_batch(filled).items()})
        places = np.concatenate([each["places"] for each in found]) if "places" in found[0] else None
        return np.concatenate([each["probabilities"] for each in found]), places


class PathReader(keras.Model):
    """Pixels uint8 `(B, H, W, 3)` to probabilities `(B, K)` and, where it looks in glimpses, places `(B, T, 2)`."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def call(self, images):
        if isinstance(self.network, GlimpseNetwork):
            logits, places = self.network.path(images)
            return {"probabilities": ops.softmax(logits, axis=-1), "places": places}
        return {"probabilities": ops.softmax(self.network({"image": images}), axis=-1)}
