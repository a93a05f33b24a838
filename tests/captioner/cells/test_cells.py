"""Cells: all of them by `check_cell`, each by its own equations."""

import keras
import numpy as np
import pytest

from captioner.cells import CELLS
from captioner.cells.lstm import LSTMCell
from tests.support import assert_equal, check_cell, loop, numbers, randomise


@pytest.mark.parametrize("name", CELLS.names())
def test_cell(name):
    check_cell(CELLS.get(name))


@pytest.mark.parametrize("name", CELLS.names())
def test_a_cell_without_units_is_refused(name):
    with pytest.raises(ValueError, match="at least one unit, received units=0"):
        CELLS.get(name)(0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_lstm_computes_its_equations():
    """Two steps from unequal states: gates in another order, or h and c swapped, would show."""
    cell = LSTMCell(4)
    cell.build((None, 3))
    randomise(cell)
    inputs, (h, c) = numbers(2, 2, 3), (numbers(2, 4, seed=1), numbers(2, 4, seed=2))
    outputs, states = loop(cell, inputs, [h, c])
    kernel, recurrent, bias = cell.get_weights()
    for t in range(2):
        i, f, g, o = (
            inputs[:, t] @ kernel[:, 4 * n : 4 * n + 4] + h @ recurrent[:, 4 * n : 4 * n + 4] + bias[4 * n : 4 * n + 4]
            for n in range(4)
        )
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        assert_equal(outputs[:, t], h)
    assert_equal(states, [h, c])


def test_the_lstm_is_that_of_keras():
    inputs, states = numbers(2, 5, 3), [numbers(2, 4, seed=1), numbers(2, 4, seed=2)]
    cell, theirs = LSTMCell(4), keras.layers.LSTM(4, return_sequences=True, return_state=True)
    cell.build((None, 3))
    theirs.build((None, 5, 3))
    assert [w.shape for w in theirs.weights] == [w.shape for w in cell.weights]
    assert_equal(cell.bias, theirs.get_weights()[2], why="the forget gate does not start by remembering")
    theirs.set_weights(randomise(cell).get_weights())
    outputs, last = loop(cell, inputs, states)
    assert_equal((outputs, *last), theirs(inputs, initial_state=states))
