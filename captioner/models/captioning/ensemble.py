"""Ensembles: several captioners that write one caption together."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, Self, SupportsIndex

import keras
import numpy as np
from keras import ops

from captioner.encoders.base import Encoder
from captioner.encoders.fingerprint import same_weights
from captioner.errors import UserError
from captioner.models.base.batching import encode_with
from captioner.models.base.compatibility import require_same_vocabulary
from captioner.models.captioning.image_captioner import ImageCaptioner


class Ensemble(ImageCaptioner):
    """Captioners with the same vocabulary, whose probabilities of each next word are averaged.

        p(word | words before, image) = mean_m p_m(word | words before, image)

    The mean is that of probabilities, not of their logarithms: it is a distribution again, so that scores are what
    they are for one model, and a word that one model alone is sure of can still be written. (Vinyals et al. 2017,
    section 4.3.4, and most of translation do the same.)

    Everything else is as for one captioner: search, sampling, scores, a language model. How captions are searched for,
    and where attention looked, is the first one's. Encoders with the same frozen backbone run once an image.

    Args:
        members: captioners.

    Raises:
        UserError: they do not have the same words, or do not see images alike.

    Example:

        both = Ensemble.from_presets(["runs/one", "runs/two"])
        both.caption("photo.jpg", num_beams=5)
    """

    def __init__(self, members: Sequence[ImageCaptioner], names: Sequence[str | Path] = ()):
        if isinstance(members, ImageCaptioner) or not members:
            raise UserError("An ensemble is made of a list of captioners: Ensemble([one, another]).")
        self.members = tuple(members)
        names = [str(name) for name in names] or [f"captioner {number}" for number in range(1, len(self.members) + 1)]
        first = self.members[0]
        for member, name in zip(self.members[1:], names[1:], strict=True):
            _check_compatible(first, member, names[0], name)
        self.settings, self.vocabulary, self.metadata = first.settings, first.vocabulary, first.metadata
        self.encoder = first.encoder
        self.encoders, sources = _distinct([member.encoder for member in self.members])
        self.image_encoder = EnsembleImageEncoder(
            [member.image_encoder for member in self.members],
            sources,
            [encoder.backbone_shape for encoder in self.encoders],
        )
        self.decoder = EnsembleDecoder([member.decoder for member in self.members])
        self.fusion = None
        self._compiled = {}

    @classmethod
    def from_presets(cls, folders: Sequence[str | Path], encoder_weights: str | Path | None = None) -> Self:
        """Loads presets. Arguments and errors are those of `ImageCaptioner.from_preset`."""
        if isinstance(folders, str | Path):
            raise UserError(f"`folders` is a list of presets, not one: write [{str(folders)!r}, ...].")
        return cls([ImageCaptioner.from_preset(folder, encoder_weights) for folder in folders], folders)

    def _parts_text(self) -> str:
        return " + ".join(member._parts_text() for member in self.members)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise UserError(
            "Ensemble cannot be pickled or copied. Load it where it is needed with Ensemble.from_presets(folders)."
        )

    def save_to_preset(self, *_: object, **__: object) -> NoReturn:
        raise UserError("An ensemble is several presets and has none of its own. Save its members.")

    def writing_memory(self, rows: int, length: int, compared: int = 0) -> int:
        return sum(member.writing_memory(rows, length, compared) for member in self.members)

    def reading_memory(self, rows: int, length: int) -> int:
        return sum(member.reading_memory(rows, length) for member in self.members)

    def encode(self, pixels: np.ndarray, batch_size: int | None = None) -> np.ndarray:
        pixels = self._checked_pixels(pixels)
        return join_features([encode_with(encoder, pixels, batch_size) for encoder in self.encoders])

    @property
    def features_shape(self) -> tuple[int, ...]:
        """As `join_features` leaves it."""
        shapes = [encoder.backbone_shape for encoder in self.encoders]
        return shapes[0] if len(shapes) == 1 else (sum(math.prod(shape) for shape in shapes),)


class EnsembleImageEncoder(keras.layers.Layer):
    """The heads of the encoders of an ensemble, side by side.

    Args:
        heads: of each captioner the trained head of its encoder.
        sources: of each captioner the index of its backbone.
        shapes: of each backbone's output.

    Call arguments:
        image: what `join_features` made of the backbones' outputs.

    Returns:
        a memory `(B, P, D)` of each captioner.
    """

    def __init__(self, heads, sources, shapes, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.sources, self.shapes = list(heads), tuple(sources), [tuple(shape) for shape in shapes]
        self.built = True

    def call(self, image):
        outputs = [image]
        if len(self.shapes) > 1:
            boundaries = np.cumsum([np.prod(shape, dtype=int) for shape in self.shapes])
            parts = ops.split(image, boundaries[:-1].tolist(), axis=1)
            outputs = [ops.reshape(part, (-1, *shape)) for part, shape in zip(parts, self.shapes, strict=True)]
        return [head(outputs[source]) for head, source in zip(self.heads, self.sources, strict=True)]


class EnsembleDecoder(keras.layers.Layer):
    """Decoders side by side, behind the contract of one (`captioner.decoders.base`).

    Whatever a decoder has (a prepared memory, a state, embedded words, features) is a list here, one entry a decoder.

        logits = log mean_m softmax(logits_m)

    Args:
        decoders: any decoders of the same words.
    """

    def __init__(self, decoders, **kwargs):
        super().__init__(**kwargs)
        self.decoders = list(decoders)
        self.built = True

    def prepare(self, memories):
        return [decoder.prepare(memory) for decoder, memory in zip(self.decoders, memories, strict=True)]

    def start(self, memories, captions=1):
        return [
            decoder.start(memory, captions=captions) for decoder, memory in zip(self.decoders, memories, strict=True)
        ]

    def read(self, words, training=False):
        return [decoder.read(words, training=training) for decoder in self.decoders]

    def step(self, read, state, image):
        steps = [decoder.step(*own) for decoder, *own in zip(self.decoders, read, state, image, strict=True)]
        features, state, extras = zip(*steps, strict=True)
        return list(features), list(state), extras[0]

    def logits(self, features, training=False):
        return self.log_mean(
            [decoder.logits(own, training=training) for decoder, own in zip(self.decoders, features, strict=True)]
        )

    def log_mean(self, logits):
        """The logarithm of the mean of probabilities `(..., V)`, from logits of each."""
        log_probabilities = [ops.log_softmax(ops.cast(own, "float32"), axis=-1) for own in logits]
        return ops.logsumexp(ops.stack(log_probabilities), axis=0) - float(np.log(len(logits)))

    def call(self, words, memories, training=False):
        outputs = [
            decoder(words, memory, training=training) for decoder, memory in zip(self.decoders, memories, strict=True)
        ]
        return self.log_mean([logits for logits, _ in outputs]), outputs[0][1]


def join_features(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The outputs of several backbones for N images as one array; that of a single one as it is."""
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([np.reshape(part, (len(part), -1)) for part in parts], axis=1)


def _check_compatible(first: ImageCaptioner, other: ImageCaptioner, name: object, other_name: object) -> None:
    require_same_vocabulary(first.vocabulary, other.vocabulary, name, other_name)
    if other.encoder.spec != first.encoder.spec:
        raise UserError(
            f"{other_name} wants images as {other.encoder.spec}, {name} as {first.encoder.spec}: only models that "
            "take the same pixels form an ensemble."
        )


def _distinct(encoders: Sequence[Encoder]) -> tuple[list[Encoder], list[int]]:
    """Encoders with different backbones, and for each encoder the index of the one whose backbone it shares."""
    distinct: list[Encoder] = []
    indices = []
    for encoder in encoders:
        same = [index for index, other in enumerate(distinct) if _same_backbone(encoder, other)]
        if same:
            encoder.share_backbone(distinct[same[0]])
            indices.append(same[0])
        else:
            indices.append(len(distinct))
            distinct.append(encoder)
    return distinct, indices


def _same_backbone(first_encoder: Encoder, second_encoder: Encoder) -> bool:
    first, second = first_encoder.identity(), second_encoder.identity()
    return same_weights(first.pop("weights"), second.pop("weights")) and first == second
