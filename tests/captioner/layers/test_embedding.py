"""Word vectors learn from all occurrences of a word together."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from captioner.layers.embedding import OneHotEmbedding, WordEmbedding
from captioner.training.optimizers import build_optimizer
from tests.support import assert_equal, numbers, serialised

WORDS = np.array([[1, 1, 3], [1, 0, 3]])


def make():
    layer = WordEmbedding(5, 2)
    layer.build((None,))
    layer.set_weights([numbers(5, 2)])
    return layer


def test_it_looks_up_vectors():
    layer = make()
    assert_equal(layer(WORDS), numbers(5, 2)[WORDS])
    assert serialised(layer).get_config() == layer.get_config()


@pytest.mark.parametrize("name", ["adam", "rmsprop", "adagrad"])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_step_is_that_of_the_summed_gradient(name, compiled):
    """Keras' optimizers add the squares of a word's occurrences where they should square the sum, and clip by the
    norm of the occurrences: frequent words would take other steps."""
    pull = numbers(2, 3, 2, seed=1)
    summed = np.zeros((5, 2), "float32")
    np.add.at(summed, WORDS, pull)
    layer, table = make(), keras.Variable(numbers(5, 2))
    options = {"learning_rate": 0.1, "clip_norm": 1.0}
    ours, theirs = build_optimizer(name, **options), build_optimizer(name, **options)
    ours.build(layer.trainable_variables)
    theirs.build([table])
    theirs.apply([ops.convert_to_tensor(summed)], [table])

    @tf.function(jit_compile=True)
    def step():
        with tf.GradientTape() as tape:
            loss = ops.sum(layer(WORDS) * pull)
        ours.apply(tape.gradient(loss, [layer.embeddings.value]), layer.trainable_variables)

    step() if compiled else step.python_function()
    assert_equal(np.asarray(layer.embeddings), np.asarray(table), tolerance=1e-6)


def test_vectors_of_others_take_the_place_of_random_ones_where_there_are_any():
    layer = make()
    layer.load_vectors(np.full((5, 2), 7.0), np.array([False, True, False, False, True]))
    expected = numbers(5, 2)
    expected[[1, 4]] = 7
    assert_equal(layer.embeddings, expected)


def test_a_one_hot_word_is_a_row_of_the_next_matrix():
    layer, kernel = OneHotEmbedding(5), numbers(5, 2)
    assert_equal(ops.matmul(layer(WORDS), kernel), kernel[WORDS])
    assert not layer.weights and layer.output_dim == 5
    assert serialised(layer).get_config() == layer.get_config()
    half = OneHotEmbedding(5, dtype="mixed_bfloat16")(WORDS)
    assert keras.backend.standardize_dtype(half.dtype) == "bfloat16"
