"""What may be drawn, and how often: against a plain reference, with both array libraries."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from captioner.decoding.logits_filters import suppress_tokens, top_k_top_p_filter
from captioner.layers.categorical import sample_categorical


def by_hand(scores, temperature, top_k, top_p):
    """The same distribution, word by word."""
    if temperature == 0:
        best = max(scores)
        kept = [float(score == best) for score in scores]
        return np.array(kept) / sum(kept)
    weights = [np.exp((float(score) - max(scores)) / temperature) for score in scores]
    if top_k:
        least = sorted(weights, reverse=True)[min(top_k, len(weights)) - 1]
        weights = [weight if weight >= least else 0.0 for weight in weights]
    shares = np.array(weights) / sum(weights)
    kept, total = [], 0.0
    for share in sorted(shares, reverse=True):
        if total >= top_p:
            break
        kept.append(share)
        total += share
    shares = np.where(shares >= kept[-1], shares, 0.0)
    return shares / shares.sum()


SCORES = st.lists(st.integers(-40, 40).map(lambda n: n / 8), min_size=2, max_size=7)


@given(SCORES, st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.integers(0, 4), st.sampled_from([0.13, 0.5, 0.77, 1.0]))
def test_it_is_the_distribution_that_the_options_say(scores, temperature, top_k, top_p):
    values = np.array([scores], "float64")
    kept = top_k_top_p_filter(values, temperature, top_k, top_p, xp=np)[0]
    wanted = by_hand(scores, temperature, top_k, top_p)
    np.testing.assert_allclose(kept / kept.sum(), wanted, atol=1e-9)
    compiled = np.asarray(
        top_k_top_p_filter(ops.convert_to_tensor(values.astype("float32")), temperature, top_k, top_p)
    )[0]
    np.testing.assert_allclose(compiled / compiled.sum(), wanted, atol=1e-5)


@pytest.mark.parametrize("xp", [np, ops], ids=["numpy", "keras"])
def test_each_word_is_drawn_as_often_as_its_probability_says(xp):
    """The noise that gives a word is an interval as long as its probability."""
    weights = np.array([[0.0, 2.0, 0.0, 5.0, 1.0, 0.0]], "float32").repeat(8000, axis=0)
    noise = ((np.arange(8000) + 0.5) / 8000).astype("float32")
    given = (weights, noise) if xp is np else (ops.convert_to_tensor(weights), ops.convert_to_tensor(noise))
    drawn = np.asarray(sample_categorical(*given, xp=xp))
    assert np.bincount(drawn, minlength=6).tolist() == [0, 2000, 0, 5000, 1000, 0]


def test_nothing_impossible_is_drawn_at_the_borders_of_the_noise():
    weights = np.array([0.0, 0.3, 0.0, 0.7, 0.0], "float32")
    below_one = np.nextafter(np.float32(1), np.float32(0))
    assert [int(sample_categorical(weights, np.float32(noise), xp=np)) for noise in (0.0, below_one)] == [1, 3]


def test_suppressed_tokens_are_never_drawn():
    scores = np.zeros((1, 4), "float32") + suppress_tokens(4, {0, 2})
    assert (top_k_top_p_filter(scores, xp=np)[0] > 0).tolist() == [False, True, False, True]
