"""A captioner cut where an engine without loops can run it: what happens once an image, and what happens once a word.

Both are Keras models whose inputs and outputs have names and no nesting: a nest of tensors becomes one tensor a leaf,
called by its path, such as `state.cell.0`. The decoder's own functions are called, so that nothing is written twice.

Letters: B images, R rows (captions or beams; those of an image side by side), V vocabulary.
"""

from collections.abc import Sequence

import keras

from captioner.models.base.decode_step import step_of

# What belongs to an image, what to a caption that is being written, and that after the next word: to some engines an
# input and an output of one name are one tensor.
IMAGE, STATE, NEXT_STATE = "image", "state", "next_state"


class CaptionStart(keras.Model):
    """What a search begins with.

    Args:
        encoder: any encoder with a grid of positions or one vector; its frozen backbone is part of this network.
        decoder: any decoder.

    Call arguments:
        pixels: float32 `(B, H, W, 3)`, as the encoder wants them.

    Returns:
        dictionary of `image.*` `(B, ...)` and `state.*` `(B, ...)`.
    """

    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder

    def call(self, pixels):
        memory = self.encoder(pixels)
        image, state = self.decoder.prepare(memory), self.decoder.start(memory, captions=1)
        return flatten_names(IMAGE, image) | flatten_names(STATE, state)


class CaptionStep(keras.Model):
    """One word: the decode step of training and search.

    Args:
        decoder: any decoder.
        image, state: nests like those of `CaptionStart`, for their structure.

    Call arguments:
        inputs: dictionary of `words` int32 `(R,)`, `image.*` `(B, ...)` and `state.*` `(R, ...)`.

    Returns:
        dictionary of `log_probabilities` `(R, V)` and `next_state.*` `(R, ...)`.
    """

    def __init__(self, decoder, image, state, **kwargs):
        super().__init__(**kwargs)
        self.decoder = decoder
        self._image, self._state = (_Structure(nest) for nest in (image, state))

    def call(self, inputs):
        image, state = self._image.unflatten(IMAGE, inputs), self._state.unflatten(STATE, inputs)
        log_probabilities, state = step_of(self.decoder, image)(inputs["words"], state)
        return {"log_probabilities": log_probabilities, **flatten_names(NEXT_STATE, state)}


class _Structure:
    """The structure of a nest; Keras would track, and wrap, a nest that is an attribute."""

    def __init__(self, nest):
        self.names = keras.tree.map_structure(lambda _: None, nest)
        self.paths = [path for path, _ in keras.tree.flatten_with_path(nest)]

    def unflatten(self, prefix: str, values: dict):
        return keras.tree.pack_sequence_as(self.names, [values[path_name(prefix, path)] for path in self.paths])


def flatten_names(prefix: str, nest) -> dict:
    """The leaves of a nest by name."""
    return {path_name(prefix, path): value for path, value in keras.tree.flatten_with_path(nest)}


def path_name(prefix: str, path: Sequence) -> str:
    """`state.cell.0` for the path `("cell", 0)`."""
    return ".".join(map(str, (prefix, *path)))
