"""Weights from one model to another that knows more words."""

import keras
import numpy as np
from keras import ops

from captioner.errors import UserError


def transfer_weights(source: keras.Model, target: keras.Model, known_words: int) -> None:
    """Copies all weights; those that have a row or column a word keep the known words' and leave the new ones as drawn.

    Args:
        source: a trained model.
        target: a model of the same settings whose vocabulary begins with the source's.
        known_words: size of the source's vocabulary.

    Raises:
        UserError: the two differ in more than their words.
    """
    theirs = {variable.path: variable for variable in source.weights}
    for variable in target.weights:
        other = theirs.get(variable.path)
        if other is None or not _fits(other.shape, variable.shape, known_words):
            given = "missing" if other is None else f"of shape {tuple(other.shape)}"
            raise UserError(
                f"The weights cannot be taken over: {variable.path} has the shape {tuple(variable.shape)}, and in the "
                f"model given it is {given}. Use the same encoder and decoder settings as that model."
            )
        values = ops.convert_to_numpy(variable).copy()
        values[tuple(slice(0, size) for size in other.shape)] = np.asarray(ops.convert_to_numpy(other))
        variable.assign(values)


def _fits(old, new, known_words: int) -> bool:
    if len(old) != len(new):
        return False
    return all(a == b or (a == known_words and b > a) for a, b in zip(old, new, strict=True))
