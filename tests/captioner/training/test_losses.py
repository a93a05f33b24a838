"""The loss against numbers worked out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from captioner.training.losses import MaskedCrossEntropy
from tests.support import numbers

PAD, START, END = 0, 1, 2


def logits_of(probabilities):
    return np.log(np.array(probabilities, "float32"))


def test_the_mean_is_over_words_that_are_no_padding():
    """-(ln 1/2 + ln 1/4) / 2 = 3/2 ln 2: padding adds neither to the sum nor to the count."""
    logits = logits_of([[[0.25, 0.125, 0.125, 0.5], [0.5, 0.125, 0.25, 0.125], [0.97, 0.01, 0.01, 0.01]]])
    assert float(MaskedCrossEntropy()([[3, END, PAD]], logits)) == pytest.approx(1.5 * np.log(2), rel=1e-6)


def test_label_smoothing_by_hand():
    """0.9 ln 2 + 0.1 (ln 4 + 2 ln 8 + ln 2) / 4 = 0.9 ln 2 + 0.1 (9 ln 2 / 4)."""
    logits = logits_of([[[0.25, 0.125, 0.125, 0.5]]])
    expected = (0.9 + 0.1 * 9 / 4) * np.log(2)
    assert float(MaskedCrossEntropy(0.1)([[3]], logits)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_padding_is_taken_from_the_targets(smoothing):
    """A mask taken from the inputs would learn the padding after the end word, or not learn the end word."""
    loss, logits = MaskedCrossEntropy(smoothing), numbers(2, 3, 4, 9)
    targets = np.array([[[4, 5, 6, END], [4, END, PAD, PAD], [3, 5, END, PAD]], [[7, END, PAD, PAD]] + [[PAD] * 4] * 2])
    with tf.GradientTape() as tape:
        watched = tf.constant(logits)
        tape.watch(watched)
        value = loss(targets, watched)
    felt = np.abs(tape.gradient(value, watched).numpy()).max(axis=-1) > 0
    assert (felt == (targets != PAD)).all()
    assert felt[targets == END].all(), "captions would never learn to end"
    changed = np.where((targets == PAD)[..., None], 100 * logits, logits)
    assert float(loss(targets, changed)) == pytest.approx(float(value), rel=1e-6)
    alone = [float(loss(targets[row], logits[row])) * (targets[row] != PAD).sum() for row in range(2)]
    assert float(value) == pytest.approx(sum(alone) / (targets != PAD).sum(), rel=1e-5), "words, not captions, count"


def test_it_is_keras_own_where_nothing_is_padded():
    targets, logits = np.array([[4, 5, 2], [1, 2, 3]]), numbers(2, 3, 6)
    theirs = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(MaskedCrossEntropy()(targets, logits)) == pytest.approx(float(theirs(targets, logits)), rel=1e-6)


def test_a_batch_of_nothing_but_padding_costs_nothing():
    assert float(MaskedCrossEntropy(0.1)([[PAD, PAD]], numbers(1, 2, 5))) == 0


def test_impossible_words_give_large_but_finite_losses():
    assert np.isfinite(float(MaskedCrossEntropy()([[1]], np.array([[[1e4, -1e4, 0.0]]], "float32"))))


def test_the_loss_comes_back_from_its_config():
    loss = MaskedCrossEntropy(0.2, pad_id=5)
    assert MaskedCrossEntropy.from_config(loss.get_config()).get_config() == loss.get_config()
