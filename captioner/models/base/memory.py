"""How much memory a model takes beside its weights: estimated from its shapes, before anything is computed.

A file of settings may be somebody else's, and within all of their bounds a search through a huge vocabulary, or a
network of convolutions over a large image, takes terabytes. What a single image would take is therefore bounded, and
batches are computed in as many parts as their images ask for.

Letters: P positions, D feature size, V vocabulary, as everywhere.
"""

import math
from typing import TYPE_CHECKING

import keras

from captioner.errors import UserError
from captioner.settings import DecoderSettings, VisualQASettings

if TYPE_CHECKING:
    from captioner.encoders.base import Encoder

MOST = 2**30  # bytes of one image, clip or question
_TOGETHER = 2**29  # bytes of those that are computed at once
_FLOAT = 4
_SCORES = 6  # arrays of a score a word that one step of a search holds
_READ_SCORES = 3  # of which a reader holds those of all words


def rows_at_once(rows: int, bytes_of_a_row: int) -> int:
    """How many of `rows` are computed together: as many as there is memory for, at least one.

    >>> rows_at_once(16, 1000), rows_at_once(16, 2**28), rows_at_once(16, 2**40)
    (16, 2, 1)
    """
    return max(1, min(rows, _TOGETHER // max(bytes_of_a_row, 1)))


def require_memory(needed: int, what: str, remedy: str) -> None:
    """Refuses what takes more memory than `MOST`.

    Args:
        needed: bytes, of one image or question.
        what: takes them.
        remedy: which settings to lower.

    Raises:
        UserError: it is too much.
    """
    if needed > MOST:
        raise UserError(
            f"{what} takes about {needed / 1e9:,.1f} GB of memory, and at most {MOST / 1e9:.1f} GB are allowed. "
            f"Lower {remedy}."
        )


def encoding_memory(encoder: "Encoder") -> int:
    """Bytes that an encoder takes for one image or clip: the input and the output of its widest layer."""
    pixels = 2 * _FLOAT * math.prod(encoder.spec.shape)
    widest = _widest_layer(encoder.backbone.model) if encoder.backbone else 0
    frames = getattr(encoder.spec, "frames", 1)  # the head sees all of a clip's at once
    head = getattr(encoder.head, "head", encoder.head)
    return pixels + max(widest, frames * _widest_layer(head))


def _widest_layer(network) -> int:
    sizes = (
        math.prod(size or 1 for size in tensor.shape) * (2 if layer.compute_dtype.endswith("16") else _FLOAT)
        for layer in getattr(network, "layers", ())
        for tensor in keras.tree.flatten(layer.output)
    )
    return 2 * max(sizes, default=0)


def searching_memory(
    decoder: DecoderSettings, memory_shape: tuple[int, int], vocabulary_size: int, rows: int, length: int, compared: int
) -> int:
    """Bytes that a search takes for one image.

    Args:
        decoder: of the model.
        memory_shape: `(P, D)`.
        vocabulary_size: V.
        rows: captions of the image that are searched side by side.
        length: words of the longest.
        compared: of how many words before each new one all V are compared with, to repeat none.
    """
    positions, size = memory_shape
    prepared = 2 * positions * (size + decoder.attention_size)
    word = 2 * (vocabulary_size if decoder.embedding == "one_hot" else decoder.embedding_size)
    state = 8 * decoder.units * decoder.layers + size
    row = _SCORES * vocabulary_size + 2 * positions * decoder.attention_size + word + state + 4 * length
    return _FLOAT * (prepared + rows * row) + rows * compared * vocabulary_size


def reading_memory(
    decoder: DecoderSettings, memory_shape: tuple[int, int], vocabulary_size: int, rows: int, length: int
) -> int:
    """Bytes that reading given captions takes for one image: all words at once. Arguments as of `searching_memory`."""
    positions, _ = memory_shape
    word = _READ_SCORES * vocabulary_size + 2 * positions + 8 * decoder.units * decoder.layers
    word += vocabulary_size if decoder.embedding == "one_hot" else decoder.embedding_size
    return searching_memory(decoder, memory_shape, vocabulary_size, rows, length, 0) + _FLOAT * rows * length * word


def answering_memory(
    settings: VisualQASettings,
    memory_shape: tuple[int, int],
    vocabulary_size: int,
    classes: int,
    rows: int,
    length: int,
) -> int:
    """Bytes that answering one question takes.

    Args:
        settings: of the model.
        memory_shape, vocabulary_size: see `searching_memory`.
        classes: answers that are chosen from.
        rows: answers that are written or read side by side; 0 where classes are chosen from.
        length: words of the longest.
    """
    positions, size = memory_shape
    question, fusion = settings.question, settings.fusion
    numbers = {name: int(value) for name, value in (question.options | fusion.options).items() if _is_number(value)}
    width = max(size, fusion.size, question.units, *numbers.values(), *settings.answer.hidden)
    words = settings.text.max_words * (
        16 * question.units * question.layers
        + (vocabulary_size if question.embedding == "one_hot" else question.embedding_size)
    )
    seen = positions * (2 * size + 3 * width * numbers.get("heads", 1))
    needed = _FLOAT * (seen + words + _SCORES * classes)
    if rows:
        needed += reading_memory(settings.answer.decoder, memory_shape, vocabulary_size, rows, length)
    return needed


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
