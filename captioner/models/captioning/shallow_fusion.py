"""Shallow fusion: a language model that scores words besides the decoder; and ids of words in another vocabulary."""

import keras
import numpy as np
from keras import ops

from captioner.errors import UserError
from captioner.text.vocabulary import SPECIALS, Vocabulary


def ids_by_name(words: Vocabulary, theirs: Vocabulary) -> np.ndarray:
    """For each of `words` its id among `theirs` `(V,)`; the unknown word's id where they do not have it.

    Raises:
        UserError: the two count words in different ways, or share none.
    """
    if words.tokenizer != theirs.tokenizer:
        raise UserError(
            f"The captioner's words are made by the tokenizer {words.tokenizer}, the language model's by "
            f"{theirs.tokenizer}. Train a language model with --set text.tokenizer={words.tokenizer}."
        )
    known = theirs.encode_words(words.words[len(SPECIALS) :])
    ids = np.array([*range(len(SPECIALS)), *known], "int32")
    if np.all(ids[len(SPECIALS) :] == theirs.unknown_id):
        raise UserError("The captioner and the language model share no word. Train a language model on such captions.")
    return ids


class ShallowFusion(keras.layers.Layer):
    """Adds the log-probability that a language model gives a word to that of the decoder.

        score(word) = log p_decoder(word | words before, image) + weight * log p_language(word | words before)

    Args:
        network: a `LanguageNetwork`.
        ids: int `(V,)`. The language model's id of each of the captioner's words (`ids_by_name`).
        weight: float.

    Reference: Gulcehre et al. 2015, "On using monolingual corpora in neural machine translation", section 4.1.
    """

    def __init__(self, network, ids, weight, **kwargs):
        super().__init__(**kwargs)
        self.network, self.ids, self.weight = network, np.asarray(ids, "int32"), float(weight)
        self.built = True

    def mix(self, step, state, rows):
        """A step of a search and its first state, with the language model in both.

        Args:
            step: `(words (R,), state) -> (log-probabilities (R, V), state)`, as searches call it.
            state: the state before the first word, rows `(R, ...)`.
            rows: int, R.
        """

        def mixed(words, state):
            scores, own = step(words, state["decoder"])
            logits, others = self.network.step(ops.take(self.ids, words, axis=0), state["language"])
            theirs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
            scores = scores + self.weight * ops.take(theirs, self.ids, axis=-1)
            return scores, {"decoder": own, "language": others}

        return mixed, {"decoder": state, "language": self.network.start(rows)}
