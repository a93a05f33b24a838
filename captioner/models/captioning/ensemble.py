"""Several captioners that write one caption together."""

from collections.abc import Sequence
from pathlib import Path

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
    """Captioners with the same words that agree on each word.

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

    def __init__(self, members: Sequence[ImageCaptioner], names: Sequence[str] = ()):
        self.members = tuple(members)
        names = [str(name) for name in names] or [f"captioner {number}" for number in range(1, len(self.members) + 1)]
        first = self.members[0]
        for member, name in zip(self.members[1:], names[1:], strict=True):
            _check(first, member, names[0], name)
        self.settings, self.vocabulary, self.metadata = first.settings, first.vocabulary, first.metadata
        self.encoder = first.encoder
        self.encoders, sources = _distinct([member.encoder for member in self.members])
        self.image_encoder = EnsembleSight(
            [member.image_encoder for member in self.members],
            sources,
            [encoder.backbone_shape for encoder in self.encoders],
        )
        self.decoder = EnsembleDecoder([member.decoder for member in self.members])
        self.fusion = None
        self._compiled = {}

    @classmethod
    def from_presets(cls, folders: Sequence[str | Path], encoder_weights: str | Path | None = None):
        """Loads presets. Arguments and errors are those of `ImageCaptioner.from_preset`."""
        return cls([ImageCaptioner.from_preset(folder, encoder_weights) for folder in folders], folders)

    def save_to_preset(self, *_, **__):
        raise UserError("An ensemble is several presets and has none of its own. Save its members.")

    def encode(self, pixels: np.ndarray, batch_size: int | None = None) -> np.ndarray:
        return join_features([encode_with(encoder, pixels, batch_size) for encoder in self.encoders])


class EnsembleSight(keras.layers.Layer):
    """What each captioner of an ensemble sees of an image.

    Args:
        tops: for each captioner the trained top of its encoder.
        sources: for each captioner the number of the backbone that it sees through.
        shapes: of each backbone's output.

    Call arguments:
        image: what `join_features` made of the backbones' outputs.

    Returns:
        a memory `(B, P, D)` of each captioner.
    """

    def __init__(self, tops, sources, shapes, **kwargs):
        super().__init__(**kwargs)
        self.tops, self.sources, self.shapes = list(tops), tuple(sources), [tuple(shape) for shape in shapes]
        self.built = True

    def call(self, image):
        seen = [image]
        if len(self.shapes) > 1:
            ends = np.cumsum([np.prod(shape, dtype=int) for shape in self.shapes])
            parts = ops.split(image, ends[:-1].tolist(), axis=1)
            seen = [ops.reshape(part, (-1, *shape)) for part, shape in zip(parts, self.shapes, strict=True)]
        return [top(seen[source]) for top, source in zip(self.tops, self.sources, strict=True)]


class EnsembleDecoder(keras.layers.Layer):
    """Decoders side by side, behind the contract of one (`captioner.decoders.base`).

    What one decoder has (a prepared memory, a state, what it read of words, features) is a list of each one's here.

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
        told = [decoder.step(*own) for decoder, *own in zip(self.decoders, read, state, image, strict=True)]
        features, state, extras = zip(*told, strict=True)
        return list(features), list(state), extras[0]

    def logits(self, features, training=False):
        return self.agreed(
            [decoder.logits(own, training=training) for decoder, own in zip(self.decoders, features, strict=True)]
        )

    def agreed(self, logits):
        """The logarithm of the mean of probabilities `(..., V)`, from logits of each."""
        told = [ops.log_softmax(ops.cast(own, "float32"), axis=-1) for own in logits]
        return ops.logsumexp(ops.stack(told), axis=0) - float(np.log(len(told)))

    def call(self, words, memories, training=False):
        told = [
            decoder(words, memory, training=training) for decoder, memory in zip(self.decoders, memories, strict=True)
        ]
        return self.agreed([logits for logits, _ in told]), told[0][1]


def join_features(parts: Sequence[np.ndarray]) -> np.ndarray:
    """What several backbones say of N images, as one array; that of a single one as it is."""
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([np.reshape(part, (len(part), -1)) for part in parts], axis=1)


def _check(first: ImageCaptioner, other: ImageCaptioner, name: str, other_name: str) -> None:
    require_same_vocabulary(first.vocabulary, other.vocabulary, name, other_name)
    if other.encoder.spec != first.encoder.spec:
        raise UserError(
            f"{other_name} wants images as {other.encoder.spec}, {name} as {first.encoder.spec}: only models that are "
            "shown the same pixels can write together."
        )


def _distinct(encoders: Sequence[Encoder]) -> tuple[list[Encoder], list[int]]:
    """Encoders with different backbones, and for each of all encoders the place of the one whose backbone it shares."""
    found: list[Encoder] = []
    places = []
    for encoder in encoders:
        same = [place for place, other in enumerate(found) if _same_backbone(encoder, other)]
        if same:
            encoder.backbone = found[same[0]].backbone  # its own copy can go
            places.append(same[0])
        else:
            places.append(len(found))
            found.append(encoder)
    return found, places


def _same_backbone(one: Encoder, other: Encoder) -> bool:
    first, second = one.identity(), other.identity()
    return same_weights(first.pop("weights"), second.pop("weights")) and first == second
