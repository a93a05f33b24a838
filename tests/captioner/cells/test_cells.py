"""Cells: all of them by `check_cell`, and three of them beside Keras' own."""

import keras
import numpy as np
import pytest

from captioner.cells import CELLS
from captioner.cells.base import RecurrentCell
from captioner.cells.build import build_cell
from captioner.cells.gru import GRUCell
from captioner.cells.lstm import LSTMCell
from captioner.cells.output_rnn import OutputRNNCell
from captioner.cells.rnn import RNNCell
from captioner.cells.rnn_linear_memory import LinearMemoryRNNCell
from captioner.cells.stack import CellStack
from captioner.errors import UserError
from captioner.options import part_options
from tests.support import arrays, assert_equal, check_cell, loop, numbers, randomise

VARIANTS = [
    *((name, {}) for name in CELLS.names()),
    ("rnn", {"activation": "linear", "recurrent_initializer": "identity"}),
    ("rnn", {"activation": "relu"}),
    ("output_rnn", {"hidden_units": 6}),
    ("lstm_peephole", {"peephole": "full"}),
    ("gru", {"update": "replace"}),
]


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=str)
def test_cell(name, options):
    check_cell(lambda units, **more: CELLS.get(name)(units, **options, **more))


@pytest.mark.parametrize("connection", ["none", "residual", "highway"])
def test_a_stack_is_a_cell(connection):
    """Layers of different kinds have different numbers of states: a stack that mixes them up would be another one."""

    def make(units, **options):
        cells = [LSTMCell(units, **options), GRUCell(units, **options), LinearMemoryRNNCell(units, **options)]
        return CellStack(cells, connection=connection, **options)

    check_cell(make)


def test_a_stack_drops_inside_a_layer_of_keras_as_well():
    """A share of what goes up is dropped at every step, by other noise, and nothing of it when it writes."""
    stack = CellStack([RNNCell(64), RNNCell(64)], dropout=0.5)
    layer = keras.layers.RNN(stack, return_sequences=True)
    inputs = numbers(2, 5, 3)
    plain = layer(inputs)
    assert_equal(layer(inputs, training=False), plain)
    trained = layer(inputs, training=True)
    assert np.abs(np.asarray(trained - plain)).max() > 1e-2
    below = []
    stack.drop = lambda given, n, noise: below.append(np.asarray(noise[:, 0])) or given
    for _ in range(2):
        stack(inputs[:, 0], stack.get_initial_state(2), training=True)
    dropped = [(noise == 0).mean() for noise in below]
    assert all(0.3 < share < 0.7 for share in dropped) and (below[0] != below[1]).any()


@pytest.mark.parametrize("name", CELLS.names())
def test_a_cell_without_units_is_refused(name):
    with pytest.raises(ValueError, match="at least one unit, received units=0"):
        CELLS.get(name)(0)


@pytest.mark.parametrize("name", CELLS.names())
def test_the_list_of_cells_says_what_each_is(name):
    """`captioner list cells` prints the first line of each docstring; equations and source follow it."""
    assert len(CELLS.summary(name)) > 30
    documentation = CELLS.get(name).__doc__
    assert " = " in documentation and "Reference" in documentation and "states: list `[" in documentation


def at_start(cell):
    cell.build((None, 3))
    return cell


@pytest.mark.parametrize(("name", "place", "gates"), [("lstm", 1, 4), ("lstm_peephole", 1, 4), ("lstm_coupled", 0, 3)])
def test_a_forget_gate_begins_by_remembering(name, place, gates):
    bias = np.repeat(np.arange(gates) == place, 5).astype("float32")
    assert_equal(at_start(CELLS.get(name)(5)).bias, bias)
    assert_equal(at_start(build_cell(name, 5, options={"forget_bias": 2.5})).bias, 2.5 * bias)
    again = CELLS.get(name).from_config(build_cell(name, 5, options={"forget_bias": 2.5}).get_config())
    assert again.forget_bias == 2.5, "from a file it would begin otherwise"


@pytest.mark.parametrize("name", CELLS.names())
def test_recurrent_weights_begin_orthogonal(name):
    """As Keras' do: rows of length 1 at right angles. Only where one matrix is all there is, as in `rnn`, does that
    keep the signal from growing or fading; the parts of gates side by side are shorter."""
    weights = {weight.name: arrays(weight)[0] for weight in at_start(CELLS.get(name)(5)).weights}
    recurrent = [
        weights[key] for key in ("recurrent_kernel", "new_kernel", "gate_kernel", "output_kernel") if key in weights
    ]
    assert recurrent
    for matrix in recurrent:
        assert_equal(matrix @ matrix.T, np.eye(5))


def test_a_vanilla_network_starts_as_it_is_asked_to():
    identity = at_start(RNNCell(5, recurrent_initializer="identity", recurrent_gain=0.5))
    assert_equal(identity.recurrent_kernel, 0.5 * np.eye(5))
    exploding = at_start(RNNCell(5, recurrent_gain=1.5))
    assert_equal(np.linalg.svd(arrays(exploding.recurrent_kernel)[0])[1], np.full(5, 1.5))


def assert_equal_to_keras(cell, layer, weights):
    """The cell, with random weights, and Keras' layer with the same ones."""
    inputs, states = numbers(2, 5, 3), [numbers(2, 4, seed=n + 1) for n in range(len(cell.state_sizes()))]
    at_start(cell)
    layer.build((None, 5, 3))
    assert [w.shape for w in layer.get_weights()] == [w.shape for w in weights(cell)]
    randomise(cell)
    layer.set_weights(weights(cell))
    outputs, last = loop(cell, inputs, states)
    assert_equal((outputs, *last), layer(inputs, initial_state=states if len(states) > 1 else states[0]))


def side_by_side(gru):
    kernel, gates, new, bias = gru.get_weights()
    return [kernel, np.concatenate([gates, new], axis=1), bias]


def test_the_lstm_is_that_of_keras():
    theirs = keras.layers.LSTM(4, return_sequences=True, return_state=True)
    assert_equal_to_keras(LSTMCell(4), theirs, lambda cell: cell.get_weights())


def test_the_gru_is_that_of_keras():
    theirs = keras.layers.GRU(4, reset_after=False, return_sequences=True, return_state=True)
    assert_equal_to_keras(GRUCell(4), theirs, side_by_side)


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear"])
def test_the_vanilla_network_is_that_of_keras(activation):
    theirs = keras.layers.SimpleRNN(4, activation=activation, return_sequences=True, return_state=True)
    assert_equal_to_keras(RNNCell(4, activation=activation), theirs, lambda cell: cell.get_weights())


def test_both_ways_to_write_a_vanilla_network_are_one():
    """h = tanh(c): the outputs are the same, the states are not."""
    plain, linear = at_start(RNNCell(4)), at_start(LinearMemoryRNNCell(4))
    linear.set_weights(randomise(plain).get_weights())
    c = numbers(2, 4, seed=1)
    outputs, (h,) = loop(plain, numbers(2, 5, 3), [np.tanh(c)])
    same, (last,) = loop(linear, numbers(2, 5, 3), [c])
    assert_equal(same, outputs)
    assert_equal(np.tanh(last), h)
    assert np.abs(arrays(last)[0] - arrays(h)[0]).max() > 0.1


def test_teacher_forcing_at_once_is_the_loop_that_is_fed_the_targets():
    """What makes this network worth having: with the targets as states, no step waits for another."""
    cell = randomise(at_start(OutputRNNCell(4, hidden_units=6)))
    inputs, targets, first = numbers(2, 5, 3), numbers(2, 5, 4, seed=1), numbers(2, 4, seed=2)
    fed, expected = first, []
    for t in range(5):
        output, _ = cell(inputs[:, t], [fed])
        expected.append(arrays(output)[0])
        fed = targets[:, t]
    assert_equal(cell.parallel(inputs, targets, first), np.stack(expected, axis=1))
    assert_equal(cell.parallel(inputs, targets), cell.parallel(inputs, targets, np.zeros((2, 4), "float32")))
    free = loop(cell, inputs, [first])[0]
    assert np.abs(arrays(free)[0] - np.stack(expected, axis=1)).max() > 0.1, "fed targets like its own outputs"
    own = arrays(free)[0]
    assert_equal(cell.parallel(inputs, own, first), own, why="fed its own outputs, it says the same again")


def test_settings_make_cells_and_stacks():
    cell = build_cell("rnn", 4, options={"activation": "relu"})
    assert isinstance(cell, RNNCell) and cell.activation == "relu" and cell.name == "cell"
    deep = build_cell(
        "gru", 4, layers=3, dropout=0.25, connection="highway", options={"update": "replace"}, name_="top"
    )
    assert [cell.update for cell in deep.cells] == ["replace"] * 3
    assert (deep.dropout_rate, deep.connection, deep.name, deep.units) == (0.25, "highway", "top", 4)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("lstn", {}, r"no cell called 'lstn'\. Did you mean `lstm`\? Available: rnn, "),
        (
            "rnn",
            {"activatoin": "relu"},
            r"rnn has no option `activatoin`\. Did you mean `activation`\? Available: activation",
        ),
        ("lstm", {"peephole": "full"}, "lstm has no option `peephole`. Available: forget_bias"),
        ("lstm_coupled", {"forget_bias": True}, "`forget_bias` is a number, received True"),
        ("rnn", {"activation": "softmax"}, "`activation` is one of tanh, relu, linear, received 'softmax'"),
        ("gru", {"update": True}, "`update` is one of keep, replace, received True"),
        ("lstm_peephole", {"peephole": ""}, "`peephole` is one of diagonal, full, received ''"),
        ("output_rnn", {"hidden_units": -1}, "received hidden_units=-1"),
        ("output_rnn", {"hidden_units": "many"}, "`hidden_units` is a number, received 'many'"),
        ("rnn", {"recurrent_gain": "large"}, "`recurrent_gain` is a number, received 'large'"),
    ],
)
def test_a_cell_that_cannot_be_made_is_refused(name, options, says):
    """A misspelled option that is ignored costs a training."""
    with pytest.raises(UserError, match=says):
        build_cell(name, 4, options=options)


def test_every_option_is_told():
    options = {name: part_options(CELLS.get(name), RecurrentCell) for name in ("rnn", "lstm", "lstm_coupled", "mut1")}
    assert options["rnn"] == ["activation", "recurrent_initializer", "recurrent_gain"]
    assert options["lstm"] == options["lstm_coupled"] == ["forget_bias"]
    assert options["mut1"] == []
