"""The gradient that self-critical training estimates is that of the expected reward."""

import itertools

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from captioner.training.policy_gradient import PolicyGradient

VOCABULARY, LENGTH = 3, 2


def reward(words):
    return np.array([1.0, 0.2, -0.5])[words[0]] + 0.7 * (words[0] != words[1])


def test_averaged_over_all_captions_the_loss_has_the_exact_gradient():
    """Enumerated on two words of three: minus the gradient of sum_y p(y) r(y), whatever the baseline."""
    logits = tf.Variable(np.random.default_rng(0).normal(size=(LENGTH, VOCABULARY)).astype("float32"))
    captions = np.array(list(itertools.product(range(VOCABULARY), repeat=LENGTH)))
    rewards = np.array([reward(words) for words in captions], "float32")
    with tf.GradientTape() as tape:
        log_p = ops.log_softmax(logits, axis=-1)
        chosen = sum(tf.gather(log_p[t], captions[:, t]) for t in range(LENGTH))
        expected_reward = tf.reduce_sum(tf.exp(chosen) * rewards)
    exact = tape.gradient(expected_reward, logits)

    probabilities = np.exp(chosen.numpy())
    for baseline in (0.0, 0.8):
        # Each caption counts as often as it is drawn; ids are shifted by one, since 0 is padding.
        with tf.GradientTape() as tape:
            padded = tf.concat([tf.fill((LENGTH, 1), -1e9), logits], axis=-1)
            scores = tf.repeat(padded[None, None], len(captions), axis=1)
            advantages = (probabilities * (rewards - baseline))[None].astype("float32")
            loss = PolicyGradient()(captions[None] + 1, scores, advantages)
        words = LENGTH * len(captions)
        np.testing.assert_allclose(words * tape.gradient(loss, logits), -exact, atol=1e-5)


def test_words_that_are_never_drawn_are_left_alone():
    """With a mean advantage below zero, which is usual, each step would make the unknown word likelier."""
    pad, end, unknown = 0, 1, 2
    logits = tf.Variable(np.random.default_rng(0).normal(size=(LENGTH, 5)).astype("float32"))
    first, second = [3, 4], [1, 3, 4]  # what may be drawn: no caption is empty
    captions = np.array([(one, other) for one in first for other in second])
    rewards = np.random.default_rng(1).normal(size=len(captions)).astype("float32") - 3.0
    temperature = 0.7
    with tf.GradientTape() as tape:
        closed = np.array([[-1e9, -1e9, -1e9, 0, 0], [-1e9, 0, -1e9, 0, 0]], "float32")
        log_p = ops.log_softmax(logits / temperature + closed, axis=-1)
        chosen = sum(tf.gather(log_p[t], captions[:, t]) for t in range(LENGTH))
        expected_reward = tf.reduce_sum(tf.exp(chosen) * rewards)
    exact = tape.gradient(expected_reward, logits)
    loss_of = PolicyGradient(pad, suppressed=(pad, unknown), end_id=end, temperature=temperature)
    with tf.GradientTape() as tape:
        scores = tf.repeat(logits[None, None], len(captions), axis=1)
        loss = loss_of(captions[None], scores, (np.exp(chosen) * rewards)[None])
    gradient = LENGTH * len(captions) * tape.gradient(loss, logits).numpy()
    np.testing.assert_allclose(gradient, -exact, atol=1e-5)
    assert not gradient[:, [pad, unknown]].any() and not gradient[0, end], "nothing moves what cannot be drawn"
    again = PolicyGradient.from_config(loss_of.get_config())
    assert float(again(captions[None], scores, (np.exp(chosen) * rewards)[None])) == float(loss)


def test_padding_has_no_part_in_it():
    words, scores = np.array([[[1, 2, 0]]]), np.random.default_rng(1).normal(size=(1, 1, 3, 3)).astype("float32")
    one = PolicyGradient()(words, scores, np.array([[2.0]], "float32"))
    changed = scores.copy()
    changed[0, 0, 2] += np.array([5.0, -3.0, 1.0])
    assert float(one) == float(PolicyGradient()(words, changed, np.array([[2.0]], "float32")))
    log_p = scores[0, 0] - np.log(np.exp(scores[0, 0]).sum(-1, keepdims=True))
    np.testing.assert_allclose(float(one), -2.0 * (log_p[0, 1] + log_p[1, 2]) / 2, rtol=1e-5)


def test_fit_hands_the_advantages_on():
    """Keras would otherwise average over padding, or weigh rows wrongly."""
    model = keras.Sequential([keras.layers.Dense(3)])
    inputs = np.random.default_rng(0).normal(size=(2, 1, 3, 4)).astype("float32")
    words, advantages = np.array([[[1, 2, 0]], [[2, 2, 1]]]), np.array([[1.0], [-2.0]], "float32")
    model.compile(loss=PolicyGradient(), optimizer=keras.optimizers.SGD(0.0))
    told = model.train_on_batch(inputs, words, sample_weight=advantages)
    np.testing.assert_allclose(told, float(PolicyGradient()(words, model(inputs), advantages)), rtol=1e-5)
