"""What LSTMs have in common."""

from keras import ops

from captioner.cells.base import RecurrentCell


class LongMemoryCell(RecurrentCell):
    """A cell with a memory c beside its output h, and a gate that says how much of c is kept.

    Args:
        units: int. Size of the states `h` and `c`, and of the output.
        forget_bias: float. Where the forget gate's bias starts. At 1 it keeps sigmoid(1) = 0.73 of the memory a step
            at first (Jozefowicz, Zaremba & Sutskever 2015, section 2.2); at log(T - 1) it keeps 1 - 1/T, so that 1/e of
            it is left after T steps (Tallec & Ollivier 2018, section 2).
    """

    memory_state = 1
    memory_is_sum = True

    def __init__(self, units, forget_bias=1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.forget_bias = self.require_number("forget_bias", forget_bias)
        self.state_size = [units, units]

    def gates_bias(self, forget, of):
        """A bias that starts at `forget_bias` for the gate at the place `forget` of `of` gates, at 0 for the others."""

        def initializer(shape, dtype=None):
            parts = [ops.full((self.units,), self.forget_bias if n == forget else 0.0, dtype) for n in range(of)]
            return ops.concatenate(parts)

        return initializer

    def get_config(self):
        return {**super().get_config(), "forget_bias": self.forget_bias}
