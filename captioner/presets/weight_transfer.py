"""Copies the weights of a model to one with a larger vocabulary."""

import keras
import numpy as np
from keras import ops

from captioner.errors import UserError


def transfer_weights(
    source: keras.Model, target: keras.Model, known_words: int, words: int, added: tuple[str, ...] = ()
) -> None:
    """Copies all weights. Rows and columns of words that are new keep their random initial values.

    Args:
        source: a trained model.
        target: a model of the same settings whose vocabulary begins with the source's.
        known_words: size of the source's vocabulary.
        words: size of the target's vocabulary.
        added: names of layers that only the target may have; they keep their initial values.

    Raises:
        UserError: the two differ in more than their words; nothing was copied then.
    """
    old_weights = {variable.path: variable for variable in source.weights}
    new_weights = {variable.path: variable for variable in target.weights}
    for path in [path for path in new_weights if path not in old_weights]:
        if set(path.split("/")) & set(added):
            del new_weights[path]
    for path in {**new_weights, **old_weights}:
        shapes = [weights[path].shape if path in weights else None for weights in (new_weights, old_weights)]
        new, old = ("missing" if shape is None else f"of shape {tuple(shape)}" for shape in shapes)
        if None in shapes or not _fits(*reversed(shapes), (known_words, words)):
            raise UserError(
                f"The weights cannot be taken over: {path} is {new}, and in the model given it is {old}. "
                "Use the same encoder and decoder settings as that model."
            )
    for path, variable in new_weights.items():
        other = old_weights[path]
        values = ops.convert_to_numpy(variable).copy()
        values[tuple(slice(0, size) for size in other.shape)] = np.asarray(ops.convert_to_numpy(other))
        variable.assign(values)


def _fits(old, new, grown: tuple[int, int]) -> bool:
    return len(old) == len(new) and all(a == b or (a, b) == grown for a, b in zip(old, new, strict=True))
