"""Dropout must be chance, the same chance for the same seed, and worth its name as noise."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from captioner.dropout import Dropout, mix


def dropped(rate=0.3, shape=(400, 500), seed=1, calls=1, **options):
    layer = Dropout(rate, seed=seed, **options)
    return [ops.convert_to_numpy(layer(ops.ones(shape), training=True)) for _ in range(calls)]


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.9])
def test_the_share_that_is_dropped_and_the_mean_that_is_kept(rate):
    (values,) = dropped(rate)
    deviation = np.sqrt(rate * (1 - rate) / values.size)
    assert abs((values == 0).mean() - rate) < 4 * deviation
    np.testing.assert_allclose(values[values != 0], 1 / (1 - rate), rtol=1e-6)


def test_noise_has_no_pattern():
    """Neighbours, far places, the next step, other seeds: two values are dropped together as often as by chance."""
    first, then, third = dropped(0.5, calls=3)
    (other,) = dropped(0.5, seed=2)
    pairs = {
        "next in the row": (first[:, :-1], first[:, 1:]),
        "next in the column": (first[:-1], first[1:]),
        "256 places on": (first.ravel()[:-256], first.ravel()[256:]),
        "next step": (first, then),
        "the step after": (first, third),
        "one place on in the next step": (first.ravel()[1:], then.ravel()[:-1]),
        "another seed": (first, other),
    }
    for name, (one, two) in pairs.items():
        together = ((one == 0) & (two == 0)).mean()
        assert abs(together - 0.25) < 4 * np.sqrt(0.25 * 0.75 / one.size), name
    assert np.abs((first == 0).mean(axis=0) - 0.5).max() < 5 * np.sqrt(0.25 / len(first)), "a column is favoured"
    assert np.abs((first == 0).mean(axis=1) - 0.5).max() < 5 * np.sqrt(0.25 / first.shape[1]), "a row is favoured"


def test_every_bit_is_half_the_time_one():
    """Also of numbers that differ in few bits, as places do."""
    bits = ops.convert_to_numpy(mix(ops.cast(ops.arange(100_000), "uint32")))
    ones = np.unpackbits(bits.view("uint8")).reshape(-1, 32).mean(axis=0)
    assert np.abs(ones - 0.5).max() < 0.01
    assert len(np.unique(bits)) == len(bits), "it is one for one"


def test_the_same_seed_draws_the_same_compiled_or_not():
    """Wrong if a run that goes on under XLA, or on another device, would not be the same run."""
    layers = [Dropout(0.4, seed=5) for _ in range(3)]
    values = np.random.default_rng(0).normal(size=(6, 7)).astype("float32")
    xla, graph, eager = (
        tf.function(layers[0], jit_compile=True), tf.function(layers[1]), layers[2],
    )  # fmt: skip
    for _ in range(2):
        one, two, three = (np.asarray(call(tf.constant(values), training=True)) for call in (xla, graph, eager))
        for other in (one, two):
            np.testing.assert_array_equal(other == 0, three == 0)
            np.testing.assert_allclose(other, three, rtol=1e-6)  # a compiler may divide otherwise


def test_it_goes_on_where_its_seed_stands():
    layer = Dropout(0.5, seed=3)
    first = layer(ops.ones((5, 8)), training=True)
    kept = layer.seed_generator.state.numpy()
    second = layer(ops.ones((5, 8)), training=True)
    assert not np.array_equal(first, second), "each step has its own noise"
    again = Dropout(0.5, seed=99)
    again.seed_generator.state.assign(kept)
    np.testing.assert_array_equal(again(ops.ones((5, 8)), training=True), second)


def test_dimensions_that_share_their_noise():
    (values,) = dropped(0.5, (4, 6, 50), noise_shape=(None, None, 1))
    assert {float(row.std()) for row in values.reshape(-1, 50)} == {0.0} and 0 < (values == 0).mean() < 1


def test_gradients_are_those_of_what_was_kept():
    layer = Dropout(0.25, seed=0)
    x = tf.constant(np.arange(1.0, 13, dtype="float32"))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    np.testing.assert_allclose(tape.gradient(y, x), y / x)


def test_nothing_and_everything():
    x = np.ones((3, 4), "float32")
    assert Dropout(0.5)(x) is not None and np.array_equal(Dropout(0.5)(x), x), "nothing is dropped outside training"
    np.testing.assert_array_equal(Dropout(0.0)(x, training=True), x)
    np.testing.assert_array_equal(Dropout(1.0)(x, training=True), 0 * x)
    half = Dropout(0.5, dtype="float16")(x.astype("float16"), training=True)
    assert keras.backend.standardize_dtype(half.dtype) == "float16"


def test_its_config():
    layer = Dropout(0.2, noise_shape=(None, 1), name="noise")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is Dropout and again.get_config() == layer.get_config()
