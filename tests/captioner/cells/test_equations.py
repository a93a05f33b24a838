"""Each cell computes its equations: again in plain NumPy, for two consecutive steps from unequal states.

Gates in another order, exchanged states, a state updated too early or a bias left out would show. The formulas are
written from the papers, one line an equation, with weights cut out by hand.
"""

import numpy as np
import pytest

from captioner.cells import CELLS
from tests.support import arrays, assert_equal, loop, numbers, randomise

UNITS = 4


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Weights:
    """The weights of a cell by name: `w("kernel", 2)` is the third block of its columns."""

    def __init__(self, cell):
        self.weights = {weight.name: arrays(weight)[0] for weight in cell.weights}

    def __call__(self, name, block=None):
        values = self.weights[name]
        return values if block is None else values[..., UNITS * block : UNITS * (block + 1)]

    def __contains__(self, name):
        return name in self.weights


def affine(w, x, h, block):
    return x @ w("kernel", block) + h @ w("recurrent_kernel", block) + w("bias", block)


def rnn(w, x, h, activation=np.tanh):
    h = activation(x @ w("kernel") + h @ w("recurrent_kernel") + w("bias"))
    return h, [h]


def rnn_relu(w, x, h):
    return rnn(w, x, h, lambda values: np.maximum(values, 0))


def rnn_linear(w, x, h):
    return rnn(w, x, h, lambda values: values)


def rnn_linear_memory(w, x, c):
    c = np.tanh(c) @ w("recurrent_kernel") + x @ w("kernel") + w("bias")
    return np.tanh(c), [c]


def output_rnn(w, x, o):
    h = np.tanh(x @ w("kernel") + o @ w("recurrent_kernel") + w("bias"))
    o = h @ w("output_kernel") + w("output_bias")
    return o, [o]


def lstm(w, x, h, c):
    i, f, g, o = (affine(w, x, h, block) for block in range(4))
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h, [h, c]


def lstm_peephole(w, x, h, c):
    i, f, g, o = (affine(w, x, h, block) for block in range(4))
    i, f = sigmoid(i + c * w("cell_kernel", 0)), sigmoid(f + c * w("cell_kernel", 1))
    c = f * c + i * np.tanh(g)
    h = sigmoid(o + c * w("output_cell_kernel")) * np.tanh(c)
    return h, [h, c]


def lstm_peephole_full(w, x, h, c):
    """As lecture notes draw it: gate = sigmoid([c, h, x] W + b)."""

    def gate(c, block, cells):
        matrix = np.concatenate([cells, w("recurrent_kernel", block), w("kernel", block)])
        return sigmoid(np.concatenate([c, h, x], axis=1) @ matrix + w("bias", block))

    i, f = gate(c, 0, w("cell_kernel", 0)), gate(c, 1, w("cell_kernel", 1))
    c = f * c + i * np.tanh(affine(w, x, h, 2))
    h = gate(c, 3, w("output_cell_kernel")) * np.tanh(c)
    return h, [h, c]


def lstm_coupled(w, x, h, c):
    f, g, o = (affine(w, x, h, block) for block in range(3))
    f = sigmoid(f)
    c = f * c + (1 - f) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h, [h, c]


def gru(w, x, h, replace=False):
    z, r = sigmoid(affine(w, x, h, 0)), sigmoid(affine(w, x, h, 1))
    n = np.tanh(x @ w("kernel", 2) + (r * h) @ w("new_kernel") + w("bias", 2))
    h = (1 - z) * h + z * n if replace else z * h + (1 - z) * n
    return h, [h]


def gru_replace(w, x, h):
    return gru(w, x, h, replace=True)


def bare(w, x):
    return x @ w("bare_kernel") if "bare_kernel" in w else x


def mut1(w, x, h):
    z = sigmoid(x @ w("kernel", 0) + w("bias", 0))
    r = sigmoid(x @ w("kernel", 1) + h @ w("gate_kernel") + w("bias", 1))
    h = np.tanh((r * h) @ w("recurrent_kernel") + np.tanh(bare(w, x)) + w("bias", 2)) * z + h * (1 - z)
    return h, [h]


def mut2(w, x, h):
    z = sigmoid(x @ w("kernel", 0) + h @ w("gate_kernel", 0) + w("bias", 0))
    r = sigmoid(bare(w, x) + h @ w("gate_kernel", 1) + w("bias", 1))
    h = np.tanh((r * h) @ w("recurrent_kernel") + x @ w("kernel", 1) + w("bias", 2)) * z + h * (1 - z)
    return h, [h]


def mut3(w, x, h):
    z = sigmoid(x @ w("kernel", 0) + np.tanh(h) @ w("gate_kernel", 0) + w("bias", 0))
    r = sigmoid(x @ w("kernel", 1) + h @ w("gate_kernel", 1) + w("bias", 1))
    h = np.tanh((r * h) @ w("recurrent_kernel") + x @ w("kernel", 2) + w("bias", 2)) * z + h * (1 - z)
    return h, [h]


EQUATIONS = [
    ("rnn", {}, rnn),
    ("rnn", {"activation": "relu"}, rnn_relu),
    ("rnn", {"activation": "linear"}, rnn_linear),
    ("rnn_linear_memory", {}, rnn_linear_memory),
    ("output_rnn", {}, output_rnn),
    ("output_rnn", {"hidden_units": 6}, output_rnn),
    ("lstm", {}, lstm),
    ("lstm_peephole", {}, lstm_peephole),
    ("lstm_peephole", {"peephole": "full"}, lstm_peephole_full),
    ("lstm_coupled", {}, lstm_coupled),
    ("gru", {}, gru),
    ("gru", {"update": "replace"}, gru_replace),
    ("mut1", {}, mut1),
    ("mut2", {}, mut2),
    ("mut3", {}, mut3),
]


def test_every_cell_has_its_equations_here():
    assert {name for name, _, _ in EQUATIONS} == set(CELLS.names())


@pytest.mark.parametrize("features", [3, UNITS], ids=["other size", "same size"])
@pytest.mark.parametrize(
    ("name", "options", "step"), EQUATIONS, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_a_cell_computes_its_equations(name, options, step, features):
    cell = CELLS.get(name)(UNITS, **options)
    cell.build((None, features))
    randomise(cell)
    inputs = numbers(2, 2, features)
    states = [numbers(2, UNITS, seed=n + 1) for n in range(len(cell.state_sizes()))]
    outputs, last = loop(cell, inputs, states)
    weights = Weights(cell)
    for t in range(2):
        expected, states = step(weights, inputs[:, t], *states)
        assert_equal(outputs[:, t], expected)
    assert_equal(last, states)


@pytest.mark.parametrize("name", ["mut1", "mut2"])
def test_the_bare_input_is_bare_where_it_fits(name):
    """As printed there is no matrix; one takes the place where sizes differ, without a bias."""
    printed, projected = CELLS.get(name)(UNITS), CELLS.get(name)(UNITS)
    printed.build((None, UNITS))
    projected.build((None, 3))
    assert "bare_kernel" not in Weights(printed)
    assert Weights(projected)("bare_kernel").shape == (3, UNITS)
    assert len(projected.weights) == len(printed.weights) + 1
