"""Scheduled sampling against a loop in plain words."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from captioner.cells.lstm import LSTMCell
from captioner.decoders.attention import AttentiveDecoder
from captioner.decoding.scheduled_sampling import mix_sampled_tokens
from captioner.models.base.decode_step import END, PAD, START, step_of
from captioner.models.captioning.training_network import TrainingNetwork
from tests.support import arrays, assert_equal, by_steps, numbers, randomise

IMAGES, CAPTIONS, LENGTH, VOCABULARY = 2, 3, 6, 9
RIGHT = np.array(
    [[1, 4, 5, 6, 7, 2], [1, 8, 4, 2, 0, 0], [1, 5, 2, 0, 0, 0], [1, 7, 7, 6, 5, 4], [1, 6, 2, 0, 0, 0], [0] * 6],
    "int32",
)  # start and end, padding behind the end, a caption that is cut, a row that fills up


@pytest.fixture(scope="module")
def network():
    decoder = AttentiveDecoder(VOCABULARY, 3, LSTMCell(4), 5, dropout=0.0)
    made = TrainingNetwork(keras.layers.Identity(), decoder)
    made({"image": numbers(IMAGES, 5, 6), "words": RIGHT.reshape(IMAGES, CAPTIONS, LENGTH)})
    randomise(decoder)
    return made


MEMORY = numbers(IMAGES, 5, 6)
CHANCE = np.random.default_rng(3).random((IMAGES * CAPTIONS, LENGTH), dtype="float32")


def read(network, own, greedy=False):
    decoder = network.decoder
    fed = mix_sampled_tokens(
        step_of(decoder, decoder.prepare(MEMORY)), decoder.start(MEMORY, captions=CAPTIONS), RIGHT, own, CHANCE,
        fixed=(PAD, START, END), suppressed=(PAD, START, END), greedy=greedy,
    )  # fmt: skip
    return np.asarray(fed)


def written_by_hand(decoder, row, own, greedy):
    """One caption, one word at a time: the decoder is asked, and answers by the chance it is given."""
    image, memory = row // CAPTIONS, MEMORY[row // CAPTIONS : row // CAPTIONS + 1]
    assert len(memory) == 1, image
    prepared, state = decoder.prepare(memory), decoder.start(memory)
    fed = [RIGHT[row, 0]]
    for t in range(1, LENGTH):
        features, state, _ = decoder.step(decoder.read(np.array(fed[-1:])), state, prepared)
        scores = arrays(decoder.logits(features))[0][0].astype(float)
        scores[[PAD, START, END]] = -np.inf
        chances = np.exp(scores - scores.max())
        heaped = np.cumsum(chances / chances.sum())
        answer = int(np.argmax(chances)) if greedy else int(np.searchsorted(heaped, CHANCE[row, t], side="right"))
        replaced = own[row, t] and RIGHT[row, t] not in (PAD, START, END)
        fed.append(answer if replaced else RIGHT[row, t])
    return fed


@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_each_replaced_word_is_what_the_decoder_says_after_what_it_has_read(network, share, greedy):
    """If it were asked after the right words instead, it would never read its own mistakes' consequences."""
    own = np.random.default_rng(0).random(RIGHT.shape) < share
    fed = read(network, own, greedy)
    for row in range(len(RIGHT)):
        assert fed[row].tolist() == written_by_hand(network.decoder, row, own, greedy)
    assert np.array_equal(fed, RIGHT) == (share == 0.0)
    fixed = np.isin(RIGHT, (PAD, START, END))
    assert np.array_equal(fed[fixed], RIGHT[fixed]) and not np.isin(fed[~fixed], (PAD, START, END)).any()


def test_without_own_words_it_is_teacher_forcing_and_with_all_of_them_free_running(network):
    """A share of 0 that changes anything would make the schedule's first epochs another training."""
    words = RIGHT.reshape(IMAGES, CAPTIONS, LENGTH)
    given = {"image": MEMORY, "words": words, "uniform_noise": CHANCE.reshape(words.shape)}
    none, every = np.zeros(words.shape, bool), np.ones(words.shape, bool)
    plain = arrays(network({"image": MEMORY, "words": words}, training=True))[0]
    assert np.array_equal(arrays(network({**given, "sample_mask": none}, training=True))[0], plain)
    free = arrays(network({**given, "sample_mask": every}, training=True))[0]
    alone = by_steps(network.decoder, read(network, every.reshape(RIGHT.shape)), MEMORY, CAPTIONS)[0]
    assert_equal(free.reshape(-1, LENGTH, VOCABULARY), alone, why="what is learned from is not what was read")
    assert np.abs(free - plain).max() > 1e-3
    assert np.array_equal(arrays(network({**given, "sample_mask": every}))[0], plain), (
        "in use it reads what it is given"
    )


def test_the_compiled_step_is_traced_once_and_learns_as_the_eager_one(network):
    """The share grows with every step: a step that depended on it by value would be compiled for each of them."""
    words = RIGHT.reshape(IMAGES, CAPTIONS, LENGTH)
    traced = []

    @tf.function
    def gradients(own, chance):
        traced.append(1)
        with tf.GradientTape() as tape:
            inputs = {"image": MEMORY, "words": words, "sample_mask": own, "uniform_noise": chance}
            loss = ops.sum(network(inputs, training=True) * numbers(*words.shape, VOCABULARY))
        return tape.gradient(loss, [variable.value for variable in network.trainable_variables])

    for share in (0.3, 0.6, 1.0):
        own = np.random.default_rng(1).random(words.shape) < share
        compiled = gradients(tf.constant(own), tf.constant(CHANCE.reshape(words.shape)))
        with tf.GradientTape() as tape:
            inputs = {"image": MEMORY, "words": read(network, own.reshape(RIGHT.shape)).reshape(words.shape)}
            loss = ops.sum(network(inputs, training=True) * numbers(*words.shape, VOCABULARY))
        eager = tape.gradient(loss, [variable.value for variable in network.trainable_variables])
        for one, other in zip(compiled, eager, strict=True):
            one, other = (tf.convert_to_tensor(each).numpy() for each in (one, other))
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
    assert len(traced) == 1
