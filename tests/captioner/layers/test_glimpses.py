"""Glimpses: what the retina sees, and that the estimated gradient of where to look is the exact one."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from captioner.cells.build import build_cell
from captioner.layers.glimpses import GlimpseCore, crop, log_density, pyramid, retina
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.captioning.training_network import TrainingNetwork
from captioner.models.glimpses.networks import GlimpseNetwork, centred
from captioner.settings import CaptionerSettings
from captioner.text.vocabulary import Vocabulary
from tests.support import assert_equal, numbers, randomise, serialised

IMAGES = numbers(3, 8, 8, 3, seed=1)


def place_of(x, y, size=8):
    """The place whose middle lies between the pixels x - 1 and x, and y - 1 and y."""
    return np.array([[2 * x / size - 1, 2 * y / size - 1]], "float32")


def array(values):
    return ops.convert_to_numpy(values)


def core(**options):
    keras.utils.set_random_seed(0)
    made = GlimpseCore(build_cell("rnn", 5), **{"glimpses": 3, "size": 4, "scales": 2, "units": 6, **options})
    made.build((None, 8, 8, 3))
    return randomise(made, scale=0.5)


def test_a_patch_between_pixels_is_a_piece_of_the_image():
    """Wrong if places are mirrored, x taken for y, or half a pixel off."""
    assert_equal(crop(IMAGES[:1], place_of(5, 3), 4), IMAGES[:1, 1:5, 3:7])
    assert_equal(crop(IMAGES[:1], place_of(4, 4), 8), IMAGES[:1])


def test_between_places_it_is_bilinear():
    half = (IMAGES[:1, 1:5, 3:7] + IMAGES[:1, 1:5, 4:8]) / 2
    assert_equal(crop(IMAGES[:1], place_of(5.5, 3), 4), half)


def test_beyond_the_edge_there_is_nothing():
    patch = array(crop(IMAGES[:1], place_of(8, 0), 4))
    assert_equal(patch[:, 2:, :2], IMAGES[:1, :2, 6:])
    assert not patch[:, :2].any() and not patch[:, :, 2:].any()


def test_every_image_is_cut_at_its_own_place():
    places = np.concatenate([place_of(5, 3), place_of(2, 6), place_of(4, 4)])
    together = array(crop(IMAGES, places, 4))
    for row in range(3):
        assert_equal(together[row : row + 1], crop(IMAGES[row : row + 1], places[row : row + 1], 4))


def test_each_scale_shows_twice_as_much_at_half_the_resolution():
    """Wrong if the coarse patch is not around the same place: what is beside it could not be found."""
    levels = pyramid(IMAGES[:1], 2)
    halves = IMAGES[:1].reshape(1, 4, 2, 4, 2, 3).mean(axis=(2, 4))
    assert_equal(levels[1], halves)
    assert_equal(retina(levels, place_of(4, 4), 4), [IMAGES[:1, 2:6, 2:6], halves])


def test_nothing_is_left_to_chance_in_use():
    """Wrong if an image gets another label or caption each time, or another one in a batch."""
    layer = core()
    first, glimpses = layer.take_glimpses(IMAGES)
    assert_equal(first, layer(IMAGES))
    assert_equal(layer(IMAGES[1:2]), array(first)[1:2])
    places = array(glimpses["locations"])
    assert not places[:, 0].any() and np.abs(places[:, 1:]).min() > 0, "the first glimpse is at the middle"
    drawn = [array(layer.take_glimpses(IMAGES, training=True)[1]["locations"]) for _ in range(2)]
    assert np.abs(drawn[0][:, 1:] - drawn[1][:, 1:]).min() > 0 and not drawn[0][:, 0].any()
    assert serialised(layer).get_config() == layer.get_config()


def test_places_are_drawn_with_the_density_that_is_told():
    layer = core(glimpses=2, spread=0.3)
    many = np.repeat(IMAGES[:1], 4000, axis=0)
    mean = array(layer.take_glimpses(IMAGES[:1])[1]["locations"])[0, 1]
    _, glimpses = layer.take_glimpses(many, training=True)
    places = array(glimpses["locations"])[:, 1]
    np.testing.assert_allclose(places.mean(axis=0), mean, atol=0.02)
    np.testing.assert_allclose(places.std(axis=0), 0.3, atol=0.02)
    np.testing.assert_allclose(
        array(glimpses["log_probability"])[:, 0], array(log_density(places, mean, 0.3)), rtol=1e-4, atol=1e-4
    )
    grid = np.stack(np.meshgrid(*[np.linspace(-3, 3, 241)] * 2), axis=-1).reshape(-1, 2)
    assert np.exp(array(log_density(grid, mean, 0.3))).sum() * 0.025**2 == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("rollouts", [1, 4])
def test_averaged_over_many_samples_the_gradient_is_the_exact_one(rollouts):
    """Exact: the gradient of the expected reward, the integral over the one place that is drawn, by a fine grid.

    The reward is the probability of the right class; where to look does not learn from its own gradient.
    """
    layer = core(glimpses=2, spread=0.4)
    randomise(layer, seed=3, scale=0.3)
    network = GlimpseNetwork(layer, 3, rollouts=rollouts)
    pixels = (127.5 * (1 + np.tanh(IMAGES[:1]))).astype("float32")
    image = centred(pixels)
    network({"image": pixels, "label": np.array([0])})
    randomise(network.classify, seed=3, scale=2.0)
    variables = [variable for variable in layer.trainable_variables if "expect" not in variable.path]

    step = 0.05
    axis = np.arange(-2.6, 2.6, step)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype("float32")
    levels = pyramid(image, layer.scales)
    many = [ops.repeat(level, len(grid), axis=0) for level in levels]
    with tf.GradientTape() as tape:
        output, states = layer.cell(layer.glimpse(levels, np.zeros((1, 2), "float32")), layer.cell.get_initial_state(1))
        mean = ops.tanh(layer.locate(output))
        density = ops.exp(log_density(grid, mean, layer.spread))
        after, _ = layer.cell(layer.glimpse(many, grid), [ops.repeat(state, len(grid), axis=0) for state in states])
        said = ops.softmax(ops.stop_gradient(network.classify(after)), axis=-1)
        chances = ops.sum(density[:, None] * said, axis=0) * step**2  # of each class
        label = int(np.abs(array(chances) - 0.5).argmin())
        expected = chances[label]
    assert float(ops.sum(chances)) == pytest.approx(1, abs=1e-3), "the grid leaves places out"
    rewards = array(said)[:, label]
    assert np.ptp(rewards) > 0.2, "with a reward that is the same everywhere there is nothing to learn"
    exact = tape.gradient(expected, variables, unconnected_gradients="zero")

    layer.expect.set_weights([np.zeros((5, 1)), np.array([0.3])])  # any number: it must not move the mean
    rows, rounds = 20_000, 3
    inputs = {"image": np.repeat(pixels, rows, axis=0), "label": np.full(rows, label)}
    total = [0.0] * len(variables)
    for _ in range(rounds):
        with tf.GradientTape() as tape:
            network(inputs, training=True)
            loss = sum(network.losses)
        found = tape.gradient(loss, variables, unconnected_gradients="zero")
        total = [before - array(tf.convert_to_tensor(each)) / rounds for before, each in zip(total, found, strict=True)]
    scale = max(np.abs(array(tf.convert_to_tensor(each))).max() for each in exact)
    assert scale > 0.02
    for variable, one, other in zip(variables, exact, total, strict=True):
        np.testing.assert_allclose(
            other, array(tf.convert_to_tensor(one)), rtol=0, atol=0.06 * scale, err_msg=variable.path
        )


def test_the_baseline_learns_the_reward_and_rows_that_fill_up_count_nothing():
    layer = core(glimpses=3)
    chances = {
        "baseline": ops.convert_to_tensor([[0.5, 0.25], [9.0, 9.0]]),
        "log_probability": ops.convert_to_tensor([[-1.0, -2.0], [7.0, 7.0]]),
    }
    reward = rows = ops.convert_to_tensor([1.0, 0.0])
    loss = layer.reinforce_loss(chances, reward, rows, weight=0.5)
    assert float(loss) == pytest.approx(0.5 * (0.5 * 1 + 0.75 * 2) + (0.25 + 0.5625) / 2)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="even number of pixels"):
        core(size=3)
    with pytest.raises(ValueError, match="at least 2 glimpses"):
        core(glimpses=1)
    with pytest.raises(ValueError, match="cannot be halved 4 times"):
        core(scales=5)


def test_captions_teach_a_captioner_where_to_look():
    """Wrong if the weights that choose places learn nothing when glimpses are an encoder for captions."""
    settings = CaptionerSettings.model_validate(
        {
            "encoder": {"name": "glimpses", "image_size": 8,
                        "options": {"units": 6, "glimpses": 3, "size": 4, "scales": 2}},
            "decoder": {"name": "inject", "units": 4, "embedding_size": 4},
        }
    )  # fmt: skip
    captioner = ImageCaptioner(settings, Vocabulary(["left", "right", "moves"]))
    assert not captioner.encoder.cacheable and captioner.encoder.memory_shape == (3, 6)
    words = np.array([[[1, 4, 5]], [[1, 6, 5]]])
    inputs = {"image": IMAGES[:2], "words": words[..., :-1], "targets": words[..., 1:]}
    variables = captioner.encoder.head.locate.trainable_variables
    network = TrainingNetwork(captioner.image_encoder, captioner.decoder)
    with tf.GradientTape() as tape:
        network(inputs, training=True)
        loss = sum(network.losses)
    for gradient in tape.gradient(loss, variables):
        assert np.abs(array(tf.convert_to_tensor(gradient))).max() > 0
