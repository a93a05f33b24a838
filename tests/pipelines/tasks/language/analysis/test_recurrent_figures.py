"""Pictures of recurrent networks show what the networks compute."""

import numpy as np

from captioner.cells.lstm import LSTMCell
from captioner.layers.recurrent import Recurrent
from pipelines.tasks.language.analysis.recurrent_figures import gate_picture, lstm_gates, unrolled_graph, writers
from tests.support import numbers, randomise


def test_the_gates_are_those_that_made_the_states():
    """c' = f c + i g and h' = o tanh(c') with |g| <= 1: gates in another order would not fit."""
    cell = LSTMCell(4)
    cell.build((None, 3))
    randomise(cell)
    inputs = numbers(2, 6, 3)
    gates = lstm_gates(cell, inputs)
    outputs, (_, c) = Recurrent(cell)(inputs)
    np.testing.assert_allclose(gates["o"] * np.tanh(gates["c"]), outputs, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gates["c"][:, -1], c, rtol=1e-4, atol=1e-6)
    before = np.concatenate([np.zeros((2, 1, 4)), gates["c"][:, :-1]], axis=1)
    new = (gates["c"] - gates["f"] * before) / gates["i"]
    assert np.abs(new).max() <= 1 + 1e-4 and np.abs((gates["c"] - gates["i"] * before) / gates["f"]).max() > 1.01


def test_units_that_write_at_the_marks_are_shown_first():
    gates = {name: np.full((2, 9, 5), 0.3, "float32") for name in "ifoc"}
    gates["i"][1, [2, 6], 3] = 0.9
    gates["i"][0, [2, 6], 1] = 0.9  # another sequence
    assert writers(gates, [2, 6], row=1)[0] == 3 and writers(gates, [2, 6])[0] == 1
    figure = gate_picture(gates, [2, 6], row=1, units=2)
    panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left")[0] for axes in panels] == list("ifoc")
    assert panels[0].images[0].get_array().shape == (2, 9) and panels[0].get_yticklabels()[0].get_text() == "3"
    assert [line.get_xdata()[0] for line in panels[0].lines] == [2, 6]


def test_the_graph_has_a_column_a_step():
    texts = [text.get_text() for text in unrolled_graph(3).axes[0].texts]
    assert {"h", "h(1)", "h(2)", "h(3)", "x(3)", "y(3)"} <= set(texts) and "h(4)" not in texts
    assert texts.count("U") == 1 + 3 and texts.count("W") == texts.count("V") == 1 + 3
