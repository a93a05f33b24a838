"""The one decode step of every model that writes, as search and sampling call it, and the ids it works with."""

from keras import ops

from captioner.decoding.constraints import SpecialTokens
from captioner.text.vocabulary import Vocabulary

PAD, START, END, UNKNOWN = Vocabulary.pad_id, Vocabulary.start_id, Vocabulary.end_id, Vocabulary.unknown_id
SUPPRESSED = (PAD, UNKNOWN)  # ids that are never written
SPECIAL = SpecialTokens(START, END, SUPPRESSED)


def step_of(decoder, prepared):
    """The step of a decoder: `(words (R,), state) -> (log-probabilities (R, V), state)`.

    Args:
        prepared: what `decoder.prepare` made of image features.
    """

    def step(words, state):
        features, state, _ = decoder.step(decoder.read(words), state, prepared)
        return ops.log_softmax(ops.cast(decoder.logits(features), "float32"), axis=-1), state

    return step


def log_probabilities_of(words, logits):
    """The log-probability `(...)` of each of the words `(...)`, from logits `(..., V)`."""
    log_probabilities = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    return ops.squeeze(ops.take_along_axis(log_probabilities, words[..., None], axis=-1), axis=-1)
