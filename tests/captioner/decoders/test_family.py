"""What sets each decoder of the family apart: where the image enters."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from captioner.cells.build import build_cell
from captioner.decoders import DECODERS
from captioner.models.captioning.training_network import TrainingNetwork
from tests.support import arrays, assert_equal, numbers, randomise

WORDS = np.array([[1, 4, 5], [1, 6, 4]])
MEMORY = numbers(2, 5, 6)


def make(name, cell="rnn", layers=1, **options):
    decoder = DECODERS.get(name)(vocabulary_size=9, embedding_size=3, cell=build_cell(cell, 4, layers), **options)
    decoder(WORDS, MEMORY)
    return randomise(decoder)


def array(values):
    return arrays(values)[0]


def vectors(decoder, t):
    return array(decoder.embedding(WORDS[:, t]))


def scores(decoder, hidden):
    return hidden @ array(decoder.output_kernel) + array(decoder.output_bias)


def deep(decoder, features):
    return np.tanh(array(decoder.deep_output(features)))


def test_neuraltalk_is_the_equation_of_the_paper():
    decoder, h = make("neuraltalk"), np.zeros((2, 4))
    kernel, recurrent, bias = (array(weight) for weight in decoder.cell.weights)
    logits = array(decoder(WORDS, MEMORY)[0])
    for t in range(3):
        x, v = vectors(decoder, t), MEMORY.mean(axis=1) * (t == 0)
        h = np.tanh(x @ kernel[:3] + h @ recurrent + v @ kernel[3:] + bias)
        assert_equal(logits[:, t], scores(decoder, deep(decoder, h)), tolerance=1e-5)


def test_show_and_tell_reads_the_image_as_its_first_word():
    decoder, cell = make("show_and_tell", "lstm"), None
    cell = decoder.cell
    _, state = cell(array(decoder.image_word(MEMORY.mean(axis=1))), cell.get_initial_state(2))
    logits = array(decoder(WORDS, MEMORY)[0])
    for t in range(3):
        output, state = cell(vectors(decoder, t), state)
        assert_equal(logits[:, t], scores(decoder, deep(decoder, output)), tolerance=1e-5)


def test_the_multimodal_layer_is_where_the_image_joins():
    decoder = make("m_rnn")
    state, logits = decoder.cell.get_initial_state(2), array(decoder(WORDS, MEMORY)[0])
    for t in range(3):
        x = vectors(decoder, t)
        output, state = decoder.cell(x, state)
        sums = array(decoder.deep_output(np.concatenate([x, array(output), MEMORY.mean(axis=1)], axis=-1)))
        assert_equal(logits[:, t], scores(decoder, 1.7159 * np.tanh(sums * 2 / 3)), tolerance=1e-5)


def test_only_the_upper_cell_of_lrcn_sees_the_image_and_at_every_step():
    decoder = make("lrcn", "gru")
    lower, upper = decoder.cell.get_initial_state(2), decoder.upper.get_initial_state(2)
    logits = array(decoder(WORDS, MEMORY)[0])
    for t in range(3):
        below, lower = decoder.cell(vectors(decoder, t), lower)
        output, upper = decoder.upper(np.concatenate([array(below), MEMORY.mean(axis=1)], axis=-1), upper)
        assert_equal(logits[:, t], scores(decoder, deep(decoder, output)), tolerance=1e-5)


def test_in_up_down_one_cell_attends_and_the_other_speaks():
    decoder = make("up_down", "lstm", attention_size=7)
    attend, speak = decoder.attend.get_initial_state(2), decoder.cell.get_initial_state(2)
    output, keys = np.zeros((2, 4), "float32"), decoder.attention.project(MEMORY)
    logits, extras = decoder(WORDS, MEMORY)
    for t in range(3):
        seen = np.concatenate([array(output), MEMORY.mean(axis=1), vectors(decoder, t)], axis=-1)
        attending, attend = decoder.attend(seen, attend)
        context, weights = decoder.attention(attending, MEMORY, keys)
        output, speak = decoder.cell(ops.concatenate([context, attending], axis=-1), speak)
        assert_equal(array(extras["attention"])[:, t], weights, tolerance=1e-5)
        assert_equal(array(logits)[:, t], scores(decoder, deep(decoder, output)), tolerance=1e-5)


def test_recurrent_visual_writes_from_the_image_and_what_it_remembers():
    decoder = make("recurrent_visual", "gru")
    state, remembered = decoder.cell.get_initial_state(2), decoder.remember.get_initial_state(2)
    logits = array(decoder(WORDS, MEMORY)[0])
    for t in range(3):
        u, remembered = decoder.remember(vectors(decoder, t), remembered)
        seen = np.concatenate([vectors(decoder, t), MEMORY.mean(axis=1), array(u)], axis=-1)
        output, state = decoder.cell(seen, state)
        hidden = np.concatenate([array(output), array(u)], axis=-1)
        assert_equal(logits[:, t], scores(decoder, deep(decoder, hidden)), tolerance=1e-5)


def test_the_visual_memory_sees_words_only_and_has_to_reconstruct_the_image():
    decoder = make("recurrent_visual", "gru", reconstruction_weight=0.5)
    state, (_, extras) = decoder.remember.get_initial_state(2), decoder(WORDS, MEMORY)
    for t in range(3):
        output, state = decoder.remember(vectors(decoder, t), state)
        missed = array(decoder.reconstruct(output)) - MEMORY.mean(axis=1)
        assert_equal(array(extras["reconstruction_error"])[:, t], (missed**2).mean(axis=-1), tolerance=1e-5)
    real = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]], "float32")
    errors = array(extras["reconstruction_error"])
    expected = 0.5 * (errors[0, 0] + errors[0, 1] + errors[1, 0]) / 3
    assert float(decoder.extra_loss(None, real, extras)) == pytest.approx(expected, rel=1e-5)
    memory = tf.Variable(MEMORY)
    with tf.GradientTape() as tape:
        error = tf.reduce_sum(decoder(WORDS, memory)[1]["reconstruction_error"])
    assert tape.gradient(error, memory) is None, "the image would move towards what is easy to reconstruct"


@pytest.mark.parametrize("name", ["lrcn", "up_down", "recurrent_visual"])
def test_both_networks_of_a_decoder_may_be_deep_and_drop_between_layers(name):
    options = {"attention_size": 7} if name == "up_down" else {}
    cell = build_cell("lstm", 4, layers=2, dropout=0.5)
    decoder = DECODERS.get(name)(vocabulary_size=9, embedding_size=3, cell=cell, **options)
    decoder(WORDS, MEMORY)
    randomise(decoder)
    calm = [array(decoder(WORDS, MEMORY)[0]) for _ in range(2)]
    noisy = [array(decoder(WORDS, MEMORY, training=True)[0]) for _ in range(2)]
    assert np.array_equal(*calm) and np.abs(noisy[0] - noisy[1]).max() > 1e-3
    back = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(decoder))
    back(WORDS, MEMORY)
    back.set_weights(decoder.get_weights())
    assert_equal(back(WORDS, MEMORY)[0], calm[0])


@pytest.mark.parametrize("name", DECODERS.names())
def test_any_cell_fits_any_decoder(name):
    options = {"attention_size": 7} if name in ("attention", "hard_attention", "up_down") else {}
    for cell in ("rnn_linear_memory", "lstm_peephole", "mut2"):
        assert np.isfinite(array(make(name, cell, **options)(WORDS, MEMORY)[0])).all()


class TestHardAttention:
    """One image of three places, captions of two words."""

    memory = numbers(1, 3, 6, seed=4)
    words, targets = np.array([[1, 4]]), np.array([[4, 5]])

    def make(self, **options):
        keras.utils.set_random_seed(0)
        decoder = DECODERS.get("hard_attention")(9, 3, build_cell("rnn", 4), 7, **options)
        decoder(self.words, self.memory)
        return randomise(decoder)

    def test_free_running_is_soft_attention(self):
        hard = self.make()
        soft = DECODERS.get("attention")(9, 3, build_cell("rnn", 4), 7)
        soft(self.words, self.memory)
        soft.set_weights([weight for weight in hard.get_weights() if weight.ndim])
        assert_equal(hard(self.words, self.memory), soft(self.words, self.memory))

    def test_one_place_is_read_while_it_learns(self):
        decoder, seen = self.make(soft_share=0.0), []
        look = decoder.look

        def watched(read, state, image):
            context, weights, extras = look(read, state, image)
            seen.append((array(context), array(weights), array(extras["position_log_probability"])))
            return context, weights, extras

        decoder.look = watched
        decoder(np.repeat(self.words, 50, axis=0), self.memory, training=True)
        places = set()
        for context, weights, log_probability in seen:
            distance = np.abs(context[:, None] - self.memory).max(axis=-1)
            assert (distance.min(axis=-1) < 1e-5).all()
            place = distance.argmin(axis=-1)
            places |= set(place.tolist())
            assert_equal(np.exp(log_probability), weights[np.arange(50), place], tolerance=1e-5)
        assert places == {0, 1, 2}

    def test_averaged_over_many_samples_the_gradient_is_the_exact_one(self):
        """Exact: the gradient of sum_s p(s) log p(y | s), by enumeration of the nine ways to look twice."""
        decoder = self.make(soft_share=0.0, entropy_weight=0.0)
        variables = decoder.trainable_variables
        with tf.GradientTape() as tape:
            bound = 0.0
            for places in itertools.product(range(3), repeat=2):
                chosen, log_p = self.forced(decoder, places)
                bound += tf.exp(chosen) * log_p
        exact = tape.gradient(bound, variables)

        rows, rounds = 20_000, 5
        network = TrainingNetwork(keras.layers.Identity(), decoder)
        inputs = {
            "image": self.memory,
            "words": np.repeat(self.words[None], rows, axis=1),
            "targets": np.repeat(self.targets[None], rows, axis=1),
        }
        decoder.baseline.assign(-3.0)  # any number: it must not move the mean
        total = [0.0] * len(variables)
        for _ in range(rounds):
            with tf.GradientTape() as tape:
                logits = network(inputs, training=True)
                log_p = ops.log_softmax(logits, axis=-1)
                cross_entropy = -ops.mean(ops.take_along_axis(log_p, inputs["targets"][..., None], axis=-1))
                loss = cross_entropy + sum(network.losses)
            found = tape.gradient(loss, variables, unconnected_gradients="zero")
            # A caption has two words, and the loss is a mean over words.
            total = [before - 2 * array(each) / rounds for before, each in zip(total, found, strict=True)]
        scale = max(np.abs(array(each)).max() for each in exact if each is not None)
        moved = 0
        for variable, one, other in zip(variables, exact, total, strict=True):
            expected = np.zeros(variable.shape) if one is None else array(tf.convert_to_tensor(one))
            np.testing.assert_allclose(other, expected, rtol=0, atol=0.03 * scale, err_msg=variable.path)
            moved += "attention" in variable.path and np.abs(expected).max() > 0.1 * scale
        assert moved, "the weights that draw places must have something to learn"

    def forced(self, decoder, places):
        """`(log p(places), log p(targets | places))`."""
        look, turn = decoder.look, iter(places)
        chosen = []

        def look_there(read, state, image):
            _, weights, extras = look(read, state, image)
            place = next(turn)
            chosen.append(tf.math.log(weights[:, place]))
            return image["memory"][:, place], weights, extras

        decoder.look = look_there
        try:
            logits, _ = decoder(self.words, self.memory)
        finally:
            decoder.look = look
        log_p = ops.log_softmax(logits, axis=-1)
        return tf.reduce_sum(chosen), sum(log_p[0, t, self.targets[0, t]] for t in range(2))

    def test_the_noise_of_drawn_places_has_the_weight_that_was_asked_for(self):
        """By hand: captions earn -3 and -4, 7 and 6 above the baseline; their places had log p = -3 each; 3 words."""
        decoder = self.make(reinforce_weight=0.25, entropy_weight=0.0)
        values = {
            "attention": np.full((2, 2, 3), 1 / 3), "position_log_probability": [[-1.0, -2.0], [-3.0, -9.0]],
            "log_p": [[-1.0, -2.0], [-4.0, -9.0]], "real": [[1.0, 1.0], [1.0, 0.0]],
        }  # fmt: skip
        extras = {name: ops.convert_to_tensor(value, "float32") for name, value in values.items()}
        decoder.baseline.assign(-10.0)
        loss = decoder.extra_loss(extras.pop("log_p"), extras.pop("real"), extras)
        assert float(loss) == pytest.approx(0.25 * (7 * 3 + 6 * 3) / 3, rel=1e-5)

    def test_the_baseline_is_a_moving_average_of_what_captions_earn(self):
        decoder = self.make()
        log_p, real = np.array([[-1.0, -2.0], [-4.0, -9.0]]), np.array([[1.0, 1.0], [1.0, 0.0]])
        extras = {"attention": np.full((2, 2, 3), 1 / 3), "position_log_probability": np.zeros((2, 2))}
        extras = {name: ops.convert_to_tensor(values, "float32") for name, values in extras.items()}
        decoder.baseline.assign(-10.0)
        loss = decoder.extra_loss(
            ops.convert_to_tensor(log_p, "float32"), ops.convert_to_tensor(real, "float32"), extras
        )
        assert float(decoder.baseline) == pytest.approx(0.9 * -10 + 0.1 * -3.5)
        assert float(loss) == pytest.approx(-0.002 * np.log(3), rel=1e-4), "the entropy of looking everywhere, a word"
