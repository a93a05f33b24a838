"""What every recurrent cell has in common."""

import keras
from keras import ops


class RecurrentCell(keras.layers.Layer):
    """One step of a recurrent network, split at the point where the state comes in.

    The contract is Keras' own (`call(inputs, states)`, `state_size`, `output_size`, `get_initial_state`), so every
    cell also runs inside `keras.layers.RNN`. Two methods are added, and `call` is their composition:

    - `project(inputs)`: the part that needs no state. For a whole sequence `(B, T, features)` it is one large
      product instead of T small ones.
    - `advance(projected, states)`: the part that does.

    A subclass sets `state_size` (an int, or a list of ints: one a state tensor) and writes `build`, `project` and
    `advance`.

    Args:
        units: int. Size of the output, and of each state tensor unless the cell says otherwise.

    Attributes:
        memory_state: which of the states holds what the cell remembers.
        memory_is_sum: whether that state may leave -1 to 1; the cell shows its tanh, or an activation of it.
    """

    memory_state = 0
    memory_is_sum = False

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"{type(self).__name__} needs at least one unit, received units={units}.")
        self.units = units
        self.state_size = units
        self.output_size = units

    def require(self, option, value, known):
        """Refuses a value of an option that is not one of those known."""
        if value not in known:
            raise ValueError(f"{type(self).__name__}: `{option}` is one of {', '.join(known)}, received {value!r}.")

    def require_number(self, option, value):
        """Refuses a value of an option that is no number; TOML's `true` is none."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{type(self).__name__}: `{option}` is a number, received {value!r}.")
        return value

    def project(self, inputs):
        """The part of a step that needs no state, of one step `(B, features)` or of all, `(B, T, features)`."""
        raise NotImplementedError(f"{type(self).__name__} does not define `project`.")

    def advance(self, projected, states):
        """One step from projected inputs `(B, ...)` and the list of states: `(output (B, units), new states)`."""
        raise NotImplementedError(f"{type(self).__name__} does not define `advance`.")

    def call(self, inputs, states, training=False):
        """One step: inputs `(B, features)` and states to `(output (B, units), new states)`."""
        return self.advance(self.project(inputs), list(states))

    def output_from_state(self, states):
        """The output of the step that ended in these states."""
        return states[0]

    def draw_noise(self, rows, steps):
        """Noise between layers, for all steps of a training sequence. Only a stack has any; None means nothing."""

    def layer_cells(self):
        """The cells from the lowest layer up; a cell that is no stack is the only one."""
        return [self]

    def state_sizes(self):
        """The sizes of the state tensors as a list, also where there is only one."""
        return list(self.state_size) if isinstance(self.state_size, (list, tuple)) else [self.state_size]

    def get_initial_state(self, batch_size=None):
        """Zeros: a list of `(B, size)`, one a state tensor."""
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in self.state_sizes()]

    def get_config(self):
        return {**super().get_config(), "units": self.units}
