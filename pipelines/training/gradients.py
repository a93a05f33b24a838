"""What needs a tape: how gradients flow back through time, and a regulariser that keeps them flowing.

Both need the states between the steps: the first runs the cell in a plain loop in which each state is a tensor of its
own, the second watches the network's own loop.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from keras import ops

from captioner.cells.base import RecurrentCell
from captioner.layers.recurrent import run_layer


def state_gradients(cell, inputs, direction) -> list[list[np.ndarray]]:
    """How much a loss at the last step feels each state before it: dL/ds(t) of every state s and step t.

        L = sum over rows of output(T) . direction

    The loss is at the last step only, so whatever reaches step t has come back through T - t steps. The derivative is
    the whole one: all paths from s(t) to L count, also those through other states of the same step that are computed
    from it, as the h of an LSTM is from its c. Rows do not meet, so each row's is that of its own loss.

    Args:
        cell: a built recurrent cell, or a stack of them.
        inputs: `(B, T, features)`.
        direction: `(B, units)`. With rows of length 1 the output of the last step has a gradient of length 1.

    Returns:
        one list a layer, from the lowest up, with one array `(T, B, size)` a state tensor. Rows whose states nothing
        comes back to are zero.
    """
    inputs, direction = tf.convert_to_tensor(inputs), tf.convert_to_tensor(direction)
    steps = []
    with tf.GradientTape() as tape:
        states = cell.get_initial_state(batch_size=inputs.shape[0])
        projected = cell.project(inputs)
        for t in range(inputs.shape[1]):
            output, states = cell.advance(projected[:, t], states)
            steps.append(states)
        loss = tf.reduce_sum(output * direction)
    gradients = tape.gradient(loss, steps, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    flat = [np.stack(of_state) for of_state in zip(*gradients, strict=True)]
    return cell.split_states(flat) if hasattr(cell, "split_states") else [flat]


class WatchedLayer(NamedTuple):
    """What one recurrent layer did in all steps of a sequence.

    cell: the layer's cell.
    projected: `(B, T, N)`, what entered the steps from below.
    before: the states that entered them, list of `(B, T, size)`.
    taps: zeros `(B, T, size)` that were added to the first state after each step: the gradient at them is the whole
        derivative dL/dh(t+1), whatever way the loop is run.
    begins: `(B, T)`, whether a document begins with the step, so that no state reached it; None if none does.
    """

    cell: RecurrentCell
    projected: tf.Tensor
    before: list[tf.Tensor]
    taps: tf.Tensor
    begins: tf.Tensor | None = None


class Watcher:
    """Runs layers as `run_layer` does, for the argument `loop` of a network, and keeps what each of them did.

    Args:
        tape: watches the taps.

    Attributes:
        layers: a `WatchedLayer` for each layer that ran.
    """

    def __init__(self, tape: tf.GradientTape):
        self.tape = tape
        self.layers: list[WatchedLayer] = []

    def __call__(self, cell, projected, states, mask=None, reset=None):
        states = list(states)
        taps = tf.zeros_like(projected[..., :1]) * tf.zeros((cell.state_sizes()[0],), projected.dtype)
        self.tape.watch(taps)
        both = ops.concatenate([projected, taps], axis=-1)
        outputs, last = run_layer(_TappedCell(cell), both, states, mask, reset)
        outputs, *after = ops.split(outputs, np.cumsum([cell.output_size, *cell.state_sizes()])[:-1].tolist(), axis=-1)
        before = [
            ops.concatenate([first[:, None], others[:, :-1]], axis=1)
            for first, others in zip(states, after, strict=True)
        ]
        if reset is not None:
            before = [ops.where(reset[:, :, None], ops.zeros_like(values), values) for values in before]
        self.layers.append(WatchedLayer(cell, projected, before, taps, reset))
        return outputs, last


class _TappedCell(RecurrentCell):
    """A cell that adds a tap to its first state, and puts out all of its states beside its output."""

    def __init__(self, cell):
        super().__init__(cell.output_size + sum(cell.state_sizes()), dtype=cell.dtype_policy)
        self.cell, self.state_size, self.built = cell, cell.state_size, True

    def advance(self, projected, states):
        size = self.cell.state_sizes()[0]
        _, new = self.cell.advance(projected[..., :-size], states)
        new = [new[0] + projected[..., -size:], *new[1:]]
        return self.output_from_state(new), new

    def output_from_state(self, states):
        return ops.concatenate([self.cell.output_from_state(states), *states], axis=-1)


def gradient_penalty(layer: WatchedLayer, pulls: tf.Tensor) -> tf.Tensor:
    """The regulariser of Pascanu, Mikolov & Bengio 2013 (section 3.3, equation 9), which wants each step to hand back
    a gradient of the length that it was given:

        Omega = sum over t of ( |dL/dh(t+1) dh(t+1)/dh(t)| / |dL/dh(t+1)| - 1 )^2       mean over rows

    h is the first state tensor of the cell, and dh(t+1)/dh(t) is the derivative of one step alone, its other states
    (the c of an LSTM) held.

    Differentiating the result gives the paper's approximation, the immediate derivative (equation 10). Held constant
    are: dL/dh(t+1); all states that enter a step; and what the step gets from below, `projected`, with the weights
    and biases in it. Differentiated is dh(t+1)/dh(t) with respect to the weights that `advance` itself uses, which
    are the recurrent ones: where they stand in the product and, for cells whose nonlinearity comes after the sum, in
    the derivative of the nonlinearity. For `rnn_linear_memory`, the form in which the paper writes a network, that
    derivative depends on h(t) only, and what is left is equation 10 to the letter.

    All steps are computed at once, as rows of one large step.

    Args:
        layer: what the layer did.
        pulls: dL/dh(t+1), `(B, T, units)`. Where it is zero, because nothing comes back or a mask left the step out,
            the step does not count; nor does the first step of a document, which no state reached.

    Returns:
        a number.
    """
    rows = tf.cast(tf.shape(pulls)[0], pulls.dtype)
    projected, pulls, *states = (
        tf.stop_gradient(tf.reshape(values, (-1, values.shape[-1])))
        for values in (layer.projected, pulls, *layer.before)
    )
    # The ratio depends on the direction of the pull only. Its length may be too small to be squared.
    largest = tf.reduce_max(tf.abs(pulls), axis=-1, keepdims=True)
    counts = tf.cast(largest > 0, pulls.dtype)[:, 0]
    if layer.begins is not None:
        counts *= 1 - tf.cast(tf.reshape(layer.begins, (-1,)), pulls.dtype)
    direction = tf.math.l2_normalize(tf.math.divide_no_nan(pulls, largest), axis=-1)
    with tf.GradientTape() as tape:
        tape.watch(states[0])
        _, new = layer.cell.advance(projected, states)
    handed_back = tape.gradient(new[0], states[0], output_gradients=direction)
    # The square root has no derivative at zero.
    ratio = tf.sqrt(tf.maximum(tf.reduce_sum(tf.square(handed_back), axis=-1), 1e-20))
    return tf.reduce_sum(counts * tf.square(ratio - 1)) / rows


def penalised_gradients(forward, weights, strength: float):
    """The loss, its regulariser, and the gradients of `loss + strength * Omega`.

    Args:
        forward: `forward(loop)` runs a network with `Recurrent` layers, all of which get the argument `loop`, and
            returns the loss. The penalties of all these layers, and of all layers of a stack, are added.
        weights: list of the network's trainable variables.
        strength: what Omega is multiplied by.

    Returns:
        `(loss, Omega, gradients)`, one gradient per weight.
    """
    zero = tf.UnconnectedGradients.ZERO
    values = [weight.value for weight in weights]
    with tf.GradientTape() as tape:
        watcher = Watcher(tape)
        loss = forward(watcher)
    taps = [layer.taps for layer in watcher.layers]
    of_loss, pulls = tape.gradient(loss, [values, taps], unconnected_gradients=zero)
    with tf.GradientTape() as tape:
        penalty = tf.add_n([gradient_penalty(*pair) for pair in zip(watcher.layers, pulls, strict=True)])
    of_penalty = tape.gradient(penalty, values, unconnected_gradients=zero)
    gradients = [tf.convert_to_tensor(one) + strength * two for one, two in zip(of_loss, of_penalty, strict=True)]
    return loss, penalty, gradients
