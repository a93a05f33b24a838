"""The loop over a whole sequence."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("captioner")
class Recurrent(keras.layers.Layer):
    """Runs a cell over sequences.

    What a step needs of the inputs alone is computed for all steps at once. A stack is gone through layer by layer, so
    that this holds for each of its layers.

    Args:
        cell: a recurrent cell or a `CellStack`.

    Call arguments:
        inputs: `(B, T, features)`.
        mask: bool `(B, T)`. Where it is False, the step is left out: state and output stay what they were.
        initial_state: list of `(B, size)`, as `cell.get_initial_state` gives it; zeros if it is not given.
        reset: bool `(B, T)`. Where it is True, the states are zeroed before the step: a new document begins there.
        training: whether dropout acts between the layers of a stack.
        loop: function that runs each layer, as `run_layer` does, which it is by default; one that also keeps what
            happens in the steps, say.

    Returns:
        `(outputs (B, T, units), states after the last step)`.
    """

    def __init__(self, cell, **kwargs):
        super().__init__(**kwargs)
        self.cell = cell

    def build(self, input_shape):
        if not self.cell.built:  # it may come built from a file
            self.cell.build((None, input_shape[-1]))
        self.built = True

    def call(self, inputs, mask=None, initial_state=None, reset=None, training=False, loop=None):
        loop = loop or run_layer
        rows, steps = ops.shape(inputs)[:2]
        states = list(initial_state or self.cell.get_initial_state(batch_size=rows))
        layers = self.cell.layer_cells()
        if len(layers) == 1:
            return loop(layers[0], self.cell.project(inputs), states, mask, reset)
        noise = self.cell.draw_noise(rows, steps) if training else None
        outputs, last = None, []
        for n, (cell, own) in enumerate(zip(layers, self.cell.split_states(states), strict=True)):
            entering = inputs if n == 0 else self.cell.drop(outputs, n, noise)
            made, own = loop(cell, cell.project(entering), own, mask, reset)
            outputs = made if n == 0 else self.cell.connect(n, outputs, made)
            last += own
        return outputs, last

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "cell": keras.saving.serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})


def run_layer(cell, projected, states, mask=None, reset=None):
    """One cell over projected inputs `(B, T, N)`: outputs `(B, T, units)` and the states after the last step.

    The loop is Keras' own, a `while` of the backend: it compiles in seconds where an unrolled one takes minutes, takes
    any T, and is as fast. What a step has to know besides goes into it as two more columns.
    """
    if mask is not None or reset is not None:
        nothing = ops.zeros_like(projected[..., :1])
        leave_out = nothing if mask is None else 1 - ops.cast(mask, projected.dtype)[..., None]
        begin = nothing if reset is None else ops.cast(reset, projected.dtype)[..., None]
        projected = ops.concatenate([projected, leave_out, begin], axis=-1)
    step = _Step(cell, mask is not None, reset is not None)
    loop = keras.layers.RNN(step, return_sequences=True, return_state=True, dtype=cell.dtype_policy, name="loop")
    outputs, *last = loop(projected, initial_state=states)
    return outputs, list(last)


class _Step(keras.layers.Layer):
    """`cell.advance` as a cell of `keras.layers.RNN`, which leaves out some steps and forgets before others."""

    def __init__(self, cell, masked, resetting):
        super().__init__(dtype=cell.dtype_policy, name="step")
        self.cell, self.masked, self.resetting = cell, masked, resetting
        self.state_size, self.output_size = cell.state_size, cell.output_size
        self.built = True

    def call(self, inputs, states, training=False):
        states = list(states)
        if not self.masked and not self.resetting:
            return self.cell.advance(inputs, states)
        projected, leave_out, begin = inputs[:, :-2], inputs[:, -2:-1], inputs[:, -1:]
        if self.resetting:
            states = [ops.where(begin > 0, ops.zeros_like(state), state) for state in states]
        output, new = self.cell.advance(projected, states)
        if self.masked:
            new = [ops.where(leave_out > 0, old, one) for old, one in zip(states, new, strict=True)]
            output = self.cell.output_from_state(new)
        return output, new


@keras.saving.register_keras_serializable("captioner")
class Bidirectional(keras.layers.Layer):
    """Reads a sequence in both directions, so that each step knows what comes before it and after it.

        y_t = [forward_t; backward_t]

    The backward network begins at the last real step of each row: padding changes nothing.

    Args:
        forward, backward: `Recurrent` layers of equal length of output or not.

    Call arguments:
        inputs: `(B, T, features)`.
        mask: bool `(B, T)`, True for real steps, which come first in each row.
        training: whether dropout acts.

    Returns:
        `(outputs (B, T, units forward + units backward), (forward's last states, backward's last states))`; the
        backward network's last states are those at the first step.

    Reference: Schuster & Paliwal 1997.
    """

    def __init__(self, forward, backward, **kwargs):
        super().__init__(**kwargs)
        self.forward, self.backward = forward, backward

    def build(self, input_shape):
        for layer in (self.forward, self.backward):
            if not layer.built:
                layer.build(input_shape)
        self.built = True

    def call(self, inputs, mask=None, training=False):
        # Under a mask, padding before the first real step leaves the zero state as it is: turning the whole row
        # around is enough.
        turned = None if mask is None else ops.flip(mask, axis=1)
        ahead, ahead_states = self.forward(inputs, mask=mask, training=training)
        back, back_states = self.backward(ops.flip(inputs, axis=1), mask=turned, training=training)
        return ops.concatenate([ahead, ops.flip(back, axis=1)], axis=-1), (ahead_states, back_states)

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def get_config(self):
        return {
            **super().get_config(),
            "forward": keras.saving.serialize_keras_object(self.forward),
            "backward": keras.saving.serialize_keras_object(self.backward),
        }

    @classmethod
    def from_config(cls, config):
        sides = {name: keras.saving.deserialize_keras_object(config[name]) for name in ("forward", "backward")}
        return cls(**{**config, **sides})
