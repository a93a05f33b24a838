"""The loss on the development split: the same examples each time, in inference mode, never too many."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from captioner.training.losses import MaskedCrossEntropy
from pipelines.data.epoch_order import EpochOrder
from pipelines.training import development_loss as module
from pipelines.training.development_loss import development_loss


class Batches(EpochOrder):
    """Word 1 of each image as the target, in batches of two; the third image fills up the last batch with padding."""

    read = 0

    def epoch(self, epoch, skip=0):
        images, mask = self.order(epoch)

        def generate():
            for step, real in zip(images, mask, strict=True):
                self.read += 1
                yield step.astype("float32")[:, None], np.where(real, 1, 0)[:, None].astype("int32")

        shapes = (tf.TensorSpec((2, 1), tf.float32), tf.TensorSpec((2, 1), tf.int32))
        batches = tf.data.Dataset.from_generator(generate, output_signature=shapes)
        return batches.apply(tf.data.experimental.assert_cardinality(self.steps))


@pytest.fixture
def network():
    """Says all four words to be equally likely, but for noise in training."""
    inputs = keras.Input((1,))
    logits = keras.layers.Dense(4, kernel_initializer="zeros")(inputs)
    logits = keras.layers.GaussianNoise(1.0)(logits)
    network = keras.Model(inputs, keras.layers.Reshape((1, 4))(logits))
    network.compile(loss=MaskedCrossEntropy(), run_eagerly=True)
    return network


def test_it_is_the_loss_without_noise_and_padding_does_not_count(network):
    assert development_loss(network, Batches(np.arange(3), 2, seed=0)) == pytest.approx(np.log(4), abs=1e-5)


def test_a_large_split_is_read_in_part(network, monkeypatch):
    monkeypatch.setattr(module, "MOST_IMAGES", 4)
    batches = Batches(np.arange(100), 2, seed=0)
    development_loss(network, batches)
    assert batches.read <= 3, "of fifty batches two are enough, and one may be fetched ahead"


def test_without_targets_there_is_none(network):
    assert development_loss(network, Batches(np.arange(0), 2, seed=0)) is None
