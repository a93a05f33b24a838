"""Additive attention: the fast form is the plain formula."""

import numpy as np
import pytest
from keras import ops

from captioner.layers.attention import AdditiveAttention
from tests.support import arrays, assert_equal, assert_every_weight_learns, numbers, randomise, serialised


def attend(layer, query, memory):
    return layer(query, memory, layer.project(memory))


def make(units=3, memory_size=6, scale=0.7):
    layer = AdditiveAttention(4)
    layer.build((None, units), (None, None, memory_size))
    return randomise(layer, scale=scale)


def plainly(layer, query, memory):
    """The formula of the paper, a row at a time."""
    memory_kernel, memory_bias, query_kernel, score_kernel = (np.float64(weight) for weight in layer.get_weights())
    captions, rows = len(query) // len(memory), []
    for row, q in enumerate(np.float64(query)):
        m = np.float64(memory[row // captions])
        scores = np.tanh(m @ memory_kernel + memory_bias + q @ query_kernel) @ score_kernel[:, 0]
        weights = np.exp(scores - scores.max())
        weights /= weights.sum()
        rows.append((weights @ m, weights))
    return tuple(np.stack(part) for part in zip(*rows, strict=True))


@pytest.mark.parametrize("size", [1e-3, 1.0, 5.0, 50.0, 1e4])
def test_attention_is_the_formula(size):
    """exp(2k) exp(2q) overflows or loses digits where tanh does not."""
    layer, memory = make(), numbers(2, 5, 6)
    query = size * numbers(6, 3, seed=1)
    assert_equal(attend(layer, query, memory), plainly(layer, query, memory), tolerance=1e-5)
    query, memory = numbers(6, 3, seed=1), size * memory
    context, weights = attend(layer, query, memory)
    expected_context, expected = plainly(layer, query, memory)
    assert_equal(weights, expected, tolerance=1e-5)
    assert_equal(context / max(size, 1), expected_context / max(size, 1), tolerance=1e-5)


def test_keys_and_queries_beyond_all_bounds_give_a_distribution():
    """Infinity times zero would spread through all weights in one step."""
    layer = AdditiveAttention(1)
    layer.build((None, 1), (None, None, 1))
    layer.set_weights([np.ones((1, 1)), np.zeros(1), np.ones((1, 1)), np.ones((1, 1))])
    memory = np.array([[[1e30], [0.0], [-1e30]]], "float32")
    for query in (-1e30, 0.0, 1e30):
        _, weights = attend(layer, np.array([[query]], "float32"), memory)
        assert np.isfinite(arrays(weights)[0]).all() and np.isclose(arrays(weights)[0].sum(), 1)


def test_captions_of_an_image_share_its_memory():
    """Rows folded in the other order would look at another image's memory."""
    layer, memory, query = make(), numbers(3, 5, 6), numbers(6, 3, seed=1)
    assert_equal(attend(layer, query, memory), attend(layer, query, np.repeat(memory, 2, axis=0)))
    swapped = attend(layer, query, np.tile(memory, (2, 1, 1)))
    assert np.abs(arrays(swapped)[0] - arrays(attend(layer, query, memory))[0]).max() > 1e-3


def test_weights_are_a_distribution_and_every_weight_is_learned():
    layer, memory, query = make(), numbers(2, 5, 6), numbers(2, 3, seed=1)
    _, weights = attend(layer, query, memory)
    assert_equal(ops.sum(weights, axis=-1), np.ones(2))
    assert_every_weight_learns(layer, lambda: attend(layer, query, memory))
    back = serialised(layer)
    assert back.get_config() == layer.get_config()


def test_coverage_pulls_or_repels_as_the_query_says():
    layer, memory, query = AdditiveAttention(4, coverage=True), numbers(2, 5, 6), numbers(4, 3, seed=1)
    layer.build((None, 3), (None, None, 6))
    randomise(layer)
    seen = np.abs(numbers(4, 5, 2, seed=2))
    _, weights = layer(query, memory, layer.project(memory), seen)
    _, unaware = layer(query, memory, layer.project(memory), np.zeros_like(seen))
    pull = query @ arrays(layer.coverage_kernel)[0] + arrays(layer.coverage_bias)[0]
    expected = arrays(unaware)[0] * np.exp((seen * pull[:, None]).sum(-1))
    assert_equal(weights, expected / expected.sum(-1, keepdims=True), tolerance=1e-5)
    assert np.abs(arrays(weights)[0] - arrays(unaware)[0]).max() > 1e-2
    assert serialised(layer).coverage


def test_coverage_counts_all_looks_and_keeps_the_last():
    layer = AdditiveAttention(4, coverage=True)
    seen = layer.initial_coverage(np.zeros((1, 2, 6), "float32"), captions=2)
    first, second = np.array([[[0.9, 0.1], [0.5, 0.5]], [[0.2, 0.8], [1.0, 0.0]]], "float32")
    seen = layer.update_coverage(layer.update_coverage(seen, first), second)
    assert_equal(seen, np.array([[[1.1, 0.2], [0.9, 0.8]], [[1.5, 1.0], [0.5, 0.0]]]), tolerance=1e-6)
