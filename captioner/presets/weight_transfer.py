"""Weights from one model to another that knows more words."""

import keras
import numpy as np
from keras import ops

from captioner.errors import UserError


def transfer_weights(
    source: keras.Model, target: keras.Model, known_words: int, words: int, added: tuple[str, ...] = ()
) -> None:
    """Copies all weights; those that have a row or column a word keep the known words' and leave the new ones as drawn.

    Args:
        source: a trained model.
        target: a model of the same settings whose vocabulary begins with the source's.
        known_words: size of the source's vocabulary.
        words: size of the target's vocabulary.
        added: names of layers that the target may have alone; they keep what they begin with.

    Raises:
        UserError: the two differ in more than their words; nothing was copied then.
    """
    theirs = {variable.path: variable for variable in source.weights}
    ours = {variable.path: variable for variable in target.weights}
    for path in [path for path in ours if path not in theirs]:
        if set(path.split("/")) & set(added):
            del ours[path]
    for path in {**ours, **theirs}:
        new, old = (f"of shape {tuple(side[path].shape)}" if path in side else "missing" for side in (ours, theirs))
        if "missing" in (new, old) or not _fits(theirs[path].shape, ours[path].shape, (known_words, words)):
            raise UserError(
                f"The weights cannot be taken over: {path} is {new}, and in the model given it is {old}. "
                "Use the same encoder and decoder settings as that model."
            )
    for path, variable in ours.items():
        other = theirs[path]
        values = ops.convert_to_numpy(variable).copy()
        values[tuple(slice(0, size) for size in other.shape)] = np.asarray(ops.convert_to_numpy(other))
        variable.assign(values)


def _fits(old, new, grown: tuple[int, int]) -> bool:
    return len(old) == len(new) and all(a == b or (a, b) == grown for a, b in zip(old, new, strict=True))
