"""Whole sequences: the loop, stacks layer by layer, both directions, padding and resets."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from captioner.cells import CELLS
from captioner.cells.build import build_cell
from captioner.cells.gru import GRUCell
from captioner.cells.lstm import LSTMCell
from captioner.cells.stack import CellStack
from captioner.layers.recurrent import Bidirectional, Recurrent
from tests.support import arrays, assert_equal, assert_every_weight_learns, loop, numbers, randomise, serialised

UNITS, FEATURES, STEPS = 4, 3, 6
RAGGED = np.arange(STEPS) < np.array([[6], [3], [1]])
CONNECTIONS = ["none", "residual", "highway"]


def make(name="lstm", layers=1, seed=0, **options):
    """A `Recurrent` with random weights."""
    layer = Recurrent(build_cell(name, UNITS, layers=layers, **options))
    layer.build((None, None, FEATURES))
    return randomise(layer, seed)


def states_of(layer, rows=3):
    """Unequal states for every state tensor."""
    return [numbers(rows, size, seed=10 + n) for n, size in enumerate(layer.cell.state_sizes())]


@pytest.mark.parametrize("name", CELLS.names())
def test_a_sequence_is_its_steps(name):
    """Cell by cell, with states, eagerly; the loop in Python is the reference."""
    layer, inputs = make(name), numbers(3, STEPS, FEATURES)
    states = states_of(layer)
    assert_equal(layer(inputs, initial_state=states), loop(layer.cell, inputs, states))
    zeros = [np.zeros_like(state) for state in states]
    assert_equal(layer(inputs), loop(layer.cell, inputs, zeros), why="the first state is not zero")


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_a_stack_layer_by_layer_is_the_stack_step_by_step(connection):
    """Decoders go step by step and language models layer by layer: the same network, or weights would not fit."""
    layer, inputs = make("lstm", layers=3, connection=connection), numbers(3, STEPS, FEATURES)
    states = states_of(layer)
    assert len(states) == 6
    assert_equal(layer(inputs, initial_state=states), loop(layer.cell, inputs, states))


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_a_stack_computes_its_equations(connection):
    """Two layers by hand, so that the stack is not only equal to itself."""
    layer, inputs = make("rnn", layers=2, connection=connection), numbers(2, 2, FEATURES)
    first, second = (
        [np.asarray(w) for w in (cell.kernel, cell.recurrent_kernel, cell.bias)] for cell in layer.cell.cells
    )
    h1, h2 = states_of(layer, rows=2)
    outputs, last = layer(inputs, initial_state=[h1, h2])
    for t in range(2):
        h1 = np.tanh(inputs[:, t] @ first[0] + h1 @ first[1] + first[2])
        h2 = np.tanh(h1 @ second[0] + h2 @ second[1] + second[2])
        expected = h2
        if connection == "residual":
            expected = h1 + h2
        if connection == "highway":
            kernel, bias = (np.asarray(weight) for weight in layer.cell.gates[0])
            gate = 1 / (1 + np.exp(-(h1 @ kernel + bias)))
            expected = gate * h2 + (1 - gate) * h1
        assert_equal(outputs[:, t], expected)
    assert_equal(last, [h1, h2])


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_what_is_dropped_between_layers_is_drawn_before_the_loop(connection):
    """With the same noise, training step by step (decoders) is training layer by layer. Noise drawn in the loop would
    be compiled into it, and could not be repeated."""
    layer, inputs = make("gru", layers=3, dropout=0.5, connection=connection), numbers(3, STEPS, FEATURES)
    stack = layer.cell
    noise = stack.draw_noise(3, STEPS)
    assert tuple(noise.shape) == (3, STEPS, 2, UNITS)
    assert set(np.unique(arrays(noise)[0])) == {0, 2}, "kept values are scaled so that their mean stays"
    stack.draw_noise = lambda rows, steps: noise
    states = states_of(layer)
    outputs, last = layer(inputs, initial_state=states, training=True)
    projected, stepped = stack.project(inputs), []
    for t in range(STEPS):
        output, states = stack.advance(projected[:, t], states, noise[:, t])
        stepped.append(output)
    assert_equal((outputs, *last), (ops.stack(stepped, axis=1), *states))
    quiet = layer(inputs, initial_state=states_of(layer))[0]
    assert np.abs(arrays(quiet)[0] - arrays(outputs)[0]).max() > 1e-2, "dropout does nothing"


def test_dropout_acts_in_training_alone_and_between_layers_alone():
    inputs = numbers(3, STEPS, FEATURES)
    deep, sober = make(layers=2, dropout=0.5), make(layers=2)
    sober.set_weights([np.asarray(w) for w in deep.trainable_weights])
    assert_equal(deep(inputs), sober(inputs), why="something is dropped outside training")
    assert_equal(sober(inputs, training=True), sober(inputs))
    one, other = (arrays(deep(inputs, training=True)[0])[0] for _ in range(2))
    assert np.abs(one - other).max() > 1e-3, "the same is dropped every time"
    assert make(dropout=0.5).cell.draw_noise(3, STEPS) is None, "a single layer has nothing between layers"


@pytest.mark.parametrize("name", [*CELLS.names(), "stack"])
def test_more_padding_changes_nothing(name):
    """State and output of a step that is left out are those of the step before it, whatever stands there."""
    layer = make("lstm", layers=2, connection="residual") if name == "stack" else make(name)
    inputs, states = numbers(3, STEPS, FEATURES), states_of(layer)
    outputs, last = layer(inputs, mask=RAGGED, initial_state=states)
    for row, length in enumerate(RAGGED.sum(axis=1)):
        alone = layer(inputs[row : row + 1, :length], initial_state=[state[row : row + 1] for state in states])
        assert_equal(outputs[row, :length], alone[0][0], why=f"row {row}")
        assert_equal([state[row] for state in last], [state[0] for state in alone[1]], why=f"row {row}")
        assert_equal(outputs[row, length:], np.broadcast_to(alone[0][0, -1:], (STEPS - length, UNITS)))
    other = np.where(RAGGED[:, :, None], inputs, 99).astype("float32")
    assert_equal(layer(other, mask=RAGGED, initial_state=states), (outputs, last), why="what is masked is seen")


def test_nothing_but_padding_leaves_the_first_state():
    layer, inputs = make("rnn_linear_memory"), numbers(3, STEPS, FEATURES)
    states = states_of(layer)
    outputs, last = layer(inputs, mask=np.zeros((3, STEPS), bool), initial_state=states)
    assert_equal(last, states)
    assert_equal(outputs, np.repeat(np.tanh(states[0])[:, None], STEPS, axis=1))


@pytest.mark.parametrize("layers", [1, 2])
def test_after_a_reset_a_sequence_begins_anew(layers):
    """Documents that lie one after the other must not know of each other; rows end theirs at different steps."""
    layer, inputs = make("lstm", layers=layers), numbers(3, STEPS, FEATURES)
    states, reset = states_of(layer), np.zeros((3, STEPS), bool)
    reset[0, 2] = reset[1, 0] = reset[1, 5] = True
    outputs, last = layer(inputs, initial_state=states, reset=reset)
    plain, plain_last = layer(inputs, initial_state=states)
    assert_equal(outputs[2], plain[2], why="a row without a reset was reset")
    assert_equal([state[2] for state in last], [state[2] for state in plain_last])
    assert_equal(outputs[0, :2], plain[0, :2], why="a reset reaches back")
    assert_equal(outputs[0, 2:], layer(inputs[:1, 2:])[0][0], why="a state survived the reset")
    assert_equal(outputs[1, :5], layer(inputs[1:2, :5])[0][0], why="a reset at the first step is lost")
    ending, ending_states = layer(inputs[1:2, 5:])
    assert_equal(outputs[1, 5:], ending[0])
    assert_equal([state[1] for state in last], [state[0] for state in ending_states])


def test_a_state_carried_over_chunks_is_one_long_sequence():
    """Truncated back-propagation cuts gradients, never the state."""
    layer, inputs = make("gru", layers=2), numbers(3, STEPS, FEATURES)
    whole, last = layer(inputs)
    first, states = layer(inputs[:, :4])
    second, states = layer(inputs[:, 4:], initial_state=states)
    assert_equal((ops.concatenate([first, second], axis=1), states), (whole, last))


@pytest.mark.parametrize("layers", [1, 2])
def test_a_mask_and_a_reset_in_one(layers):
    """Step by step by hand: a reset comes before the step, also before one that is left out."""
    layer, inputs = make("lstm_peephole", layers=layers), numbers(3, STEPS, FEATURES)
    states, random = states_of(layer), np.random.default_rng(3)
    mask, reset = random.random((3, STEPS)) < 0.6, random.random((3, STEPS)) < 0.3
    assert (reset & ~mask).any() and (reset & mask).any()
    outputs, last = layer(inputs, mask=mask, reset=reset, initial_state=states)
    for t in range(STEPS):
        states = [np.where(reset[:, t, None], 0, state).astype("float32") for state in states]
        _, new = layer.cell(inputs[:, t], states)
        states = [np.where(mask[:, t, None], one, old) for one, old in zip(arrays(new), states, strict=True)]
        assert_equal(outputs[:, t], layer.cell.output_from_state(states))
    assert_equal(last, states)


def test_every_weight_learns_through_the_loop():
    layer, inputs = make("lstm", layers=2, connection="highway"), numbers(3, STEPS, FEATURES)
    assert_every_weight_learns(layer, lambda: layer(inputs, mask=RAGGED)[0])


def test_its_gradients_are_those_of_the_steps():
    """Carried through a `while` loop of the backend, they could lose a step."""
    layer, inputs, pull = make("gru"), numbers(2, STEPS, FEATURES), numbers(2, STEPS, UNITS, seed=5)

    def gradients(run):
        variables = [variable.value for variable in layer.trainable_variables]
        with tf.GradientTape() as tape:
            loss = ops.sum(run()[0] * pull)
        return tape.gradient(loss, variables)

    states = states_of(layer, rows=2)
    assert_equal(
        gradients(lambda: layer(inputs, initial_state=states)), gradients(lambda: loop(layer.cell, inputs, states))
    )


@pytest.mark.parametrize("compiled", [False, True])
def test_it_compiles(compiled):
    """As a graph and with XLA it computes what it computes eagerly; without XLA, for any length."""
    layer, inputs = make("gru"), numbers(3, STEPS, FEATURES)
    signature = tf.TensorSpec((3, STEPS, FEATURES) if compiled else (None, None, FEATURES))
    run = tf.function(
        lambda values: layer(values, mask=tf.reduce_any(values > -1, axis=-1)),
        jit_compile=compiled,
        input_signature=[signature],
    )
    assert_equal(run(inputs), layer(inputs, mask=(inputs > -1).any(axis=-1)))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_keeps_masks_and_dtypes(policy):
    """Step numbers or masks that are rounded would let padding in: bfloat16 counts to 256."""
    stack = CellStack([LSTMCell(UNITS, dtype=policy), GRUCell(UNITS, dtype=policy)], dtype=policy)
    mask = np.arange(300) < np.array([[300], [299], [2]])
    outputs, last = Recurrent(stack, dtype=policy)(numbers(3, 300, FEATURES), mask=mask)
    kinds = {keras.backend.standardize_dtype(values.dtype) for values in [outputs, *last]}
    assert kinds == {policy.removeprefix("mixed_")}
    values = np.asarray(ops.cast(outputs, "float32"))
    assert_equal(values[1, -1], values[1, -2], why="the last step was not left out")
    assert np.abs(values[0, -1] - values[0, -2]).max() > 0, "a real step was left out"


def test_both_directions_meet_whatever_the_padding():
    """The backward network begins at each row's last real step: more padding, the same answer."""
    both = Bidirectional(make("gru", seed=1), make("lstm", layers=2, seed=2))
    inputs = numbers(3, STEPS, FEATURES)
    outputs, (ahead_states, back_states) = both(inputs, mask=RAGGED)
    assert tuple(outputs.shape) == (3, STEPS, 2 * UNITS)
    for row, length in enumerate(RAGGED.sum(axis=1)):
        alone = inputs[row : row + 1, :length]
        ahead, back = both.forward(alone), both.backward(alone[:, ::-1])
        assert_equal(outputs[row, :length, :UNITS], ahead[0][0])
        assert_equal(outputs[row, :length, UNITS:], arrays(back[0])[0][0, ::-1])
        assert_equal([state[row] for state in ahead_states], [state[0] for state in ahead[1]])
        assert_equal([state[row] for state in back_states], [state[0] for state in back[1]])
    longer = np.concatenate([inputs, 9 * numbers(3, 2, FEATURES, seed=4)], axis=1)
    more = both(longer, mask=np.pad(RAGGED, [(0, 0), (0, 2)]))
    assert_equal((more[0][:, :STEPS][RAGGED], more[1]), (outputs[RAGGED], (ahead_states, back_states)))


def test_the_last_word_reaches_the_first_step_only_backwards():
    both, inputs = Bidirectional(make(seed=1), make(seed=2)), numbers(2, STEPS, FEATURES)
    changed = inputs.copy()
    changed[:, -1] += 1
    difference = np.abs(arrays(both(inputs)[0])[0] - arrays(both(changed)[0])[0])[:, 0].max(axis=0)
    assert difference[:UNITS].max() == 0 and difference[UNITS:].min() > 0


@pytest.mark.parametrize("kind", ["one way", "both ways"])
def test_it_comes_back_from_its_config_and_its_weights_from_a_file(kind, tmp_path):
    def fresh():
        if kind == "one way":
            return Recurrent(build_cell("lstm", UNITS, layers=2, connection="highway", dropout=0.25))
        return Bidirectional(Recurrent(build_cell("gru", UNITS)), Recurrent(build_cell("lstm", UNITS)))

    def model(layer):
        inputs = keras.Input((STEPS, FEATURES))
        return keras.Model(inputs, layer(inputs)[0])

    layer = fresh()
    assert serialised(layer).get_config() == layer.get_config()
    one, other = model(layer), model(serialised(layer))
    randomise(layer)
    one.save_weights(tmp_path / "a.weights.h5")
    other.load_weights(tmp_path / "a.weights.h5")
    inputs = numbers(2, STEPS, FEATURES)
    assert_equal(one(inputs), other(inputs))
    paths = [weight.path for weight in one.weights]
    assert len(set(paths)) == len(paths), "weights with one path between them cannot be told apart"
