"""How gradients flow, and the regulariser that keeps them flowing: against closed forms, NumPy and differences."""

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf

from captioner.cells import CELLS
from captioner.cells.build import build_cell
from captioner.cells.stack import CellStack
from captioner.errors import UserError
from captioner.layers.recurrent import Recurrent
from captioner.models.language.networks import LanguageNetwork, StreamNetwork
from pipelines.tasks.language.analysis.gradient_flow import (
    Measurement,
    draw_flow,
    head_and_rows,
    measure_gradients,
    write_flow,
)
from pipelines.tasks.language.penalised import PenalisedStreamNetwork
from pipelines.training.gradients import Watcher, gradient_penalty, penalised_gradients, state_gradients
from tests.support import assert_equal, numbers, randomise

ROWS, STEPS, UNITS = 3, 6, 4


def made(name, layers=1, scale=0.5, dtype="float64", **options):
    """A cell in double precision with random weights, so that differences of it are exact enough."""
    cells = [CELLS.get(name)(UNITS, **options, dtype=dtype) for _ in range(layers)]
    cell = cells[0] if layers == 1 else CellStack(cells, dtype=dtype)
    cell.build((None, 3))
    return randomise(cell, scale=scale)


def looped(cell):
    return Recurrent(cell, dtype=cell.dtype)


def data(*shape, seed=0):
    return numbers(*shape, seed=seed).astype("float64")


# --- How gradients flow


def test_a_linear_network_multiplies_by_its_matrix_and_nothing_else():
    """Otherwise the picture would not show the matrix: dL/dh(t) = g U^T ... U^T, once for each step back."""
    cell = made("rnn", activation="linear")
    direction = data(ROWS, UNITS, seed=5)
    [[found]] = state_gradients(cell, data(ROWS, STEPS, 3), direction)
    matrix = np.asarray(cell.recurrent_kernel)
    assert np.abs(matrix - matrix.T).max() > 0.1, "a symmetric matrix cannot show a transposed one"
    for back in range(STEPS):
        expected = direction @ np.linalg.matrix_power(matrix.T, back)
        np.testing.assert_allclose(found[STEPS - 1 - back], expected, rtol=1e-10)


def test_backpropagation_through_time_by_hand_equals_the_tape():
    cell = made("rnn")
    inputs, direction = data(ROWS, STEPS, 3), data(ROWS, UNITS, seed=5)
    kernel, recurrent, bias = (np.asarray(weight) for weight in cell.weights)
    hidden = [np.zeros((ROWS, UNITS))]
    for t in range(STEPS):
        hidden.append(np.tanh(inputs[:, t] @ kernel + hidden[-1] @ recurrent + bias))
    by_hand, delta = [], direction
    for t in reversed(range(STEPS)):
        by_hand.insert(0, delta)
        delta = (delta * (1 - hidden[t + 1] ** 2)) @ recurrent.T
    [[found]] = state_gradients(cell, inputs, direction)
    np.testing.assert_allclose(found, by_hand, rtol=1e-10)


def test_an_lstm_counts_the_ways_through_the_cell_of_the_same_step():
    """dL/dc(T) = dL/dh(T) o (1 - tanh(c)^2): h is computed from c, and that way must count."""
    cell = made("lstm")
    direction = data(ROWS, UNITS, seed=5)
    inputs = data(ROWS, STEPS, 3)
    [[for_h, for_c]] = state_gradients(cell, inputs, direction)
    _, (h, c) = looped(cell)(inputs)
    np.testing.assert_allclose(for_h[-1], direction)
    tanh = np.tanh(np.asarray(c))
    np.testing.assert_allclose(for_c[-1], direction * np.asarray(h) / tanh * (1 - tanh**2), rtol=1e-5)


def test_each_layer_of_a_stack_has_its_gradients():
    found = state_gradients(made("lstm", layers=2), data(ROWS, STEPS, 3), data(ROWS, UNITS))
    assert [[state.shape for state in states] for states in found] == [[(STEPS, ROWS, UNITS)] * 2] * 2
    assert np.abs(found[0][0]).min() > 0, "the lower layer is felt through the upper one"


@pytest.mark.parametrize("value", [0.5, 1.5])
def test_the_rate_is_the_singular_value(value):
    """U is a multiple of an orthogonal matrix: a linear network's gradient changes by exactly that a step."""
    cell = build_cell("rnn", 8, options={"activation": "linear", "recurrent_gain": value})
    cell.build((None, 8))
    [[found]] = state_gradients(cell, numbers(2, 40, 8), numbers(2, 8))
    lengths = np.linalg.norm(found, axis=-1)
    np.testing.assert_allclose(lengths[:-1] / lengths[1:], value, rtol=1e-4)


@pytest.fixture(scope="module")
def curves():
    return measure_gradients(Measurement(cells=("rnn", "lstm"), layers=(1, 2), length=30, units=16, rows=4))


def test_vanilla_networks_vanish_and_explode_and_an_open_lstm_does_neither(curves):
    first = {curve.cell: curve for curve in curves if curve.layers == 1 and curve.state == 1}
    assert list(first) == ["rnn, σ = 0.5", "rnn, σ = 1", "rnn, σ = 1.5", "lstm", "lstm, gates open"]
    vanishing, exploding = first["rnn, σ = 0.5"], first["rnn, σ = 1.5"]
    assert vanishing.gradients[0] < 0.5**29 and 0.45 < vanishing.factor_per_step() <= 0.5
    assert exploding.gradients[0] > 10 and exploding.factor_per_step() > 1.05
    assert 0.95 < first["lstm, gates open"].factor_per_step() < 1.06
    assert first["lstm"].gradients[0] > 1e4 * vanishing.gradients[0]
    for curve in first.values():
        assert curve.gradients[-1] == pytest.approx(1, rel=1e-5), "curves could not be compared"


def test_the_table_and_the_files_hold_every_layer(curves, tmp_path):
    head, rows = head_and_rows(curves)
    assert head == ["cell", "layer", "t = 1", "t = 8", "t = 15", "t = 22", "t = 30", "a step"]
    assert len(rows) == 5 * 3 and {row[1] for row in rows} == {"1/1", "1/2", "2/2"}
    write_flow(curves, tmp_path / "new" / "folder")
    with open(tmp_path / "new" / "folder" / "gradients.csv", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 30 * (3 * 3 + 2 * 3 * 2)
    assert (tmp_path / "new" / "folder" / "gradients.png").read_bytes().startswith(b"\x89PNG")
    visible = [axes for axes in draw_flow(curves).axes if axes.get_visible()]
    assert len(visible) == 3 and all(axes.get_yscale() == "log" and len(axes.lines) == 5 for axes in visible)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(UserError, match="Did you mean `lstm`"):
        measure_gradients(Measurement(cells=("lstn",), layers=(1,), length=3))
    with pytest.raises(UserError, match="the length is 1"):
        measure_gradients(Measurement(cells=("rnn",), length=1))


# --- The regulariser


def watched(cell, inputs, **options):
    """What the layers of a network did; pulls are another matter."""
    with tf.GradientTape() as tape:
        watcher = Watcher(tape)
        looped(cell)(inputs, loop=watcher, **options)
    return watcher.layers


def omega(matrix, layer, pulls, derivative):
    """Equation 9 in NumPy, row by row and step by step; everything but the recurrent matrix is held."""
    total = 0.0
    for row, t in np.ndindex(pulls.shape[:2]):
        jacobian = derivative(np.asarray(layer.projected)[row, t], np.asarray(layer.before[0])[row, t], matrix)
        pull = pulls[row, t]
        total += (np.linalg.norm(pull @ jacobian) / np.linalg.norm(pull) - 1) ** 2
    return total / len(pulls)


def tanh_derivative(projected, h, recurrent):
    """dh'_j/dh_i of h' = tanh(p + h U), with j along the rows."""
    return (1 - np.tanh(projected + h @ recurrent) ** 2)[:, None] * recurrent.T


def linear_memory_derivative(projected, c, recurrent):
    """dc'_j/dc_i of c' = tanh(c) U + p: W_rec^T diag(sigma'(x_k)) of the paper."""
    return recurrent.T * (1 - np.tanh(c) ** 2)[None]


@pytest.mark.parametrize(
    ("name", "derivative"), [("rnn", tanh_derivative), ("rnn_linear_memory", linear_memory_derivative)]
)
def test_its_value_and_its_immediate_derivative(name, derivative):
    """The value is equation 9's; its gradient is that of a change of U with states, inputs and pulls held."""
    cell = made(name)
    [layer] = watched(cell, data(ROWS, STEPS, 3))
    pulls = data(ROWS, STEPS, UNITS, seed=10)
    with tf.GradientTape() as tape:
        found = gradient_penalty(layer, tf.constant(pulls))
    for_kernel, for_matrix, for_bias = tape.gradient(found, [weight.value for weight in cell.weights])
    matrix = np.asarray(cell.recurrent_kernel)
    assert float(found) == pytest.approx(omega(matrix, layer, pulls, derivative), rel=1e-9)
    assert for_kernel is None and for_bias is None, "what comes from below is held"
    differences, small = np.zeros_like(matrix), 1e-6
    for place in np.ndindex(matrix.shape):
        change = np.zeros_like(matrix)
        change[place] = small
        more, less = (omega(matrix + sign * change, layer, pulls, derivative) for sign in (1, -1))
        differences[place] = (more - less) / (2 * small)
    np.testing.assert_allclose(for_matrix, differences, rtol=1e-6, atol=1e-8)


def test_a_pull_too_small_to_square_counts_as_any_other_and_none_as_no_step():
    cell = made("rnn", dtype="float32")
    [layer] = watched(cell, numbers(ROWS, STEPS, 3))
    pulls = numbers(ROWS, STEPS, UNITS, seed=10)
    whole = float(gradient_penalty(layer, tf.constant(pulls)))
    assert float(gradient_penalty(layer, tf.constant(1e-30 * pulls))) == pytest.approx(whole, rel=1e-5)
    silent = pulls.copy()
    silent[1:] = 0
    one = layer._replace(projected=layer.projected[:1], before=[values[:1] for values in layer.before])
    first = float(gradient_penalty(one, tf.constant(pulls[:1])))
    assert float(gradient_penalty(layer, tf.constant(silent))) == pytest.approx(first / ROWS, rel=1e-5)


def test_where_a_document_begins_nothing_is_handed_back():
    """The state there is zero whatever came before: to want a gradient of some length there means nothing."""
    cell, pulls = made("rnn"), data(ROWS, STEPS, UNITS, seed=10)
    reset = np.zeros((ROWS, STEPS), bool)
    reset[1, 3] = True
    [layer] = watched(cell, data(ROWS, STEPS, 3), reset=reset)
    silent = pulls.copy()
    silent[1, 3] = 0  # the same step left out by hand
    expected = float(gradient_penalty(layer._replace(begins=None), tf.constant(silent)))
    found, with_it = (
        float(gradient_penalty(each, tf.constant(pulls))) for each in (layer, layer._replace(begins=None))
    )
    assert found == pytest.approx(expected) and found < with_it


@pytest.mark.parametrize("name", ["rnn_linear_memory", "lstm"])
def test_watching_changes_nothing_and_sees_what_enters_each_step(name):
    """With masks, and with resets, behind which a step begins with zeros."""
    cell = made(name)
    inputs = data(ROWS, STEPS, 3)
    mask, reset = np.ones((ROWS, STEPS), bool), np.zeros((ROWS, STEPS), bool)
    mask[2, 4:], reset[1, 3] = False, True
    plain = looped(cell)(inputs, mask=mask, reset=reset)
    with tf.GradientTape() as tape:
        watcher = Watcher(tape)
        outputs, states = looped(cell)(inputs, mask=mask, reset=reset, loop=watcher)
        loss = tf.reduce_sum(outputs[:, -1])
    assert_equal((outputs, states), plain, tolerance=1e-12)
    [layer] = watcher.layers
    for values in layer.before:
        assert np.all(values[:, 0] == 0) and np.all(values[1, 3] == 0) and np.all(values[0, 1:] != 0)
    again = cell.advance(layer.projected[:, 2], [values[:, 2] for values in layer.before])[1]
    for values, new in zip(layer.before, again, strict=True):
        assert_equal(values[0, 3], new[0], tolerance=1e-12)
    pulls = np.asarray(tape.gradient(loss, layer.taps))
    assert np.all(pulls[2, 4:] == 0) and np.all(pulls[2, 3] != 0), "a step that a mask leaves out cannot count"
    assert np.all(pulls[1, :3] == 0) and np.all(pulls[1, 3:] != 0), "nothing comes back from the next document"


@pytest.mark.parametrize(("name", "layers"), [("rnn", 1), ("lstm", 1), ("gru", 1), ("lstm", 2)])
def test_it_is_added_to_the_gradients_of_the_loss(name, layers):
    cell = made(name, layers)
    network, inputs, direction = looped(cell), data(ROWS, STEPS, 3), data(ROWS, STEPS, UNITS, seed=5)
    weights = cell.trainable_variables

    def forward(loop=None):
        return tf.reduce_sum(network(inputs, loop=loop)[0] * direction)  # a loss at every step

    with tf.GradientTape() as tape:
        expected = forward()
    plain = tape.gradient(expected, [weight.value for weight in weights])
    loss, penalty, gradients = penalised_gradients(forward, weights, strength=0.0)
    assert float(loss) == pytest.approx(float(expected)) and float(penalty) > 0
    for found, wanted in zip(gradients, plain, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, err_msg="without strength, nothing may change")
    _, _, once = penalised_gradients(forward, weights, strength=1.0)
    _, _, twice = penalised_gradients(forward, weights, strength=2.0)
    moved = 0.0
    for zero, one, two in zip(gradients, once, twice, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(two - zero, 2 * (one - zero), atol=1e-9)
        moved = max(moved, np.abs(one - zero).max())
    assert moved > 1e-4


def test_the_pull_is_the_whole_derivative_and_not_that_of_the_step_alone():
    """With a loss at the last step only, all earlier pulls come through later steps: most of Omega would be lost."""
    cell = made("rnn")
    network, inputs, direction = looped(cell), data(ROWS, STEPS, 3), data(ROWS, UNITS, seed=5)

    def forward(loop):
        return tf.reduce_sum(network(inputs, loop=loop)[0][:, -1] * direction)

    _, found, _ = penalised_gradients(forward, cell.trainable_variables, strength=1.0)
    [[pulls]] = state_gradients(cell, inputs, direction)
    [layer] = watched(cell, inputs)
    expected = omega(np.asarray(cell.recurrent_kernel), layer, np.moveaxis(pulls, 0, 1), tanh_derivative)
    assert float(found) == pytest.approx(expected)


def test_learning_with_it_keeps_the_gradients_longer():
    """Otherwise it would be an expense and no regulariser."""
    inputs, targets = numbers(8, 12, 3), numbers(8, UNITS, seed=3)
    ratios = {}
    for strength in (0.0, 1.0):
        cell = made("rnn", scale=0.3, dtype="float32")
        network, optimizer = looped(cell), keras.optimizers.SGD(0.05)
        weights = cell.trainable_variables
        optimizer.build(weights)

        def forward(loop, network=network):
            return tf.reduce_mean(tf.square(network(inputs, loop=loop)[0][:, -1] - targets))

        step = tf.function(lambda strength=strength: penalised_gradients(forward, weights, strength))  # noqa: B023
        for _ in range(25):
            _, penalty, gradients = step()
            optimizer.apply(gradients, weights)
        ratios[strength] = float(penalty)
    assert ratios[1.0] < 0.5 * ratios[0.0]


def test_language_models_learn_with_it():
    """Without strength as without it, also in what is carried and told; with it, otherwise."""
    words = np.random.default_rng(0).integers(0, 7, (2, 5))
    inputs, targets = {"words": words[:, :-1], "reset": np.eye(2, 4, dtype=bool)}, words[:, 1:]
    results = {}
    for strength in (None, 0.0, 0.5):
        keras.utils.set_random_seed(0)
        network = LanguageNetwork(7, build_cell("lstm", UNITS, layers=2), 3)
        if strength is None:
            network = StreamNetwork(network, rows=2)
        else:
            network = PenalisedStreamNetwork(network, rows=2, carry_state=True, gradient_penalty=strength)
        randomise(network.network)
        network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
        data = tf.data.Dataset.from_tensors((inputs, targets)).repeat(2)
        losses = network.fit(data, shuffle=False, verbose=0).history["loss"]
        results[strength] = [*network.get_weights(), np.array(losses)]
        assert all(np.abs(np.asarray(state)).max() > 0 for state in network.carried)
    assert_equal(results[0.0], results[None], tolerance=1e-4)
    moved = [np.abs(one - other).max() for one, other in zip(results[0.5], results[0.0], strict=True)]
    assert max(moved) > 1e-3
