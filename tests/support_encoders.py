"""What every encoder has to keep, checked in one place."""

import contextlib
import json

import keras
import numpy as np
import pytest
from keras import ops

from captioner.images.decode import decode_image, normalise


def narrow_vgg(depths):
    """A VGG that builds in no time, under the same names of layers: 4 to 16 channels instead of 64 to 512."""

    def build(include_top=True, weights=None, input_shape=None):
        assert weights is None, "tests download nothing"
        outputs = inputs = keras.Input(input_shape or (32, 32, 3))
        for block, (depth, channels) in enumerate(zip(depths, (4, 8, 8, 16, 16), strict=True), start=1):
            for number in range(1, depth + 1):
                name = f"block{block}_conv{number}"
                outputs = keras.layers.Conv2D(channels, 3, padding="same", activation="relu", name=name)(outputs)
            outputs = keras.layers.MaxPooling2D(2, name=f"block{block}_pool")(outputs)
        if include_top:
            outputs = keras.layers.Flatten(name="flatten")(outputs)
            for name in ("fc1", "fc2"):
                outputs = keras.layers.Dense(24, activation="relu", name=name)(outputs)
            outputs = keras.layers.Dense(10, name="predictions")(outputs)
        return keras.Model(inputs, outputs)

    return build


@contextlib.contextmanager
def narrow_networks():
    """Inside, `keras.applications` builds narrow VGGs; the real ones are tested in `test_vgg.py`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, "VGG16", narrow_vgg((2, 2, 3, 3, 3)))
        patch.setattr(keras.applications, "VGG19", narrow_vgg((2, 2, 4, 4, 4)))
        yield


def some_images(encoder, count=3, seed=0):
    """Different pictures, as `load_image` would give them."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (count, 4, 4, 3), np.uint8)
    return normalise(np.stack([decode_image(pixels, encoder.spec) for pixels in coarse]), encoder.spec)


def check_encoder(encoder):
    """Keeps its shapes, survives its config, trains its top and nothing else, and sees each image alone."""
    images = some_images(encoder)
    memory = _check_shapes(encoder, images)
    _check_config(encoder)
    _check_training(encoder, images)
    if encoder.cacheable:
        _check_backbone(encoder, images, memory)
    else:
        assert encoder.backbone is None
        assert encoder.backbone_shape == images.shape[1:]


def _check_shapes(encoder, images):
    memory = ops.convert_to_numpy(encoder(images))
    positions, size = encoder.memory_shape
    assert memory.shape == (len(images), positions, size)
    assert memory.dtype == np.float32, "decoders compute in the policy of the model, not in that of the disk"
    assert encoder.compute_output_shape(images.shape) == memory.shape
    if encoder.grid is not None:
        assert encoder.grid[0] * encoder.grid[1] == positions
    assert np.isfinite(memory).all()
    assert np.abs(memory[0] - memory[1]).max() > 1e-3, "different pictures give the same memory"
    alone = ops.convert_to_numpy(encoder(images[1:2]))[0]
    # Half precision may round differently for another batch size; a mix-up of images is of the size of memory.
    assert np.abs(alone - memory[1]).max() <= 0.05 * np.abs(memory).max()
    return memory


def _check_config(encoder):
    config = encoder.get_config()
    json.dumps({key: value for key, value in config.items() if key != "dtype"})
    again = type(encoder).from_config(config)
    assert again.get_config() == config
    assert again.memory_shape == encoder.memory_shape
    assert again.identity() == encoder.identity(), "the same settings do not find their own features again"
    assert [weight.shape for weight in again.weights] == [weight.shape for weight in encoder.weights]


def _check_training(encoder, images):
    """One step of `fit`: every trained weight moves, the backbone does not."""
    frozen = [np.array(weight) for weight in encoder.backbone.model.get_weights()] if encoder.backbone else []
    before = [ops.convert_to_numpy(weight).copy() for weight in encoder.trainable_weights]
    inputs = keras.Input(images.shape[1:])
    model = keras.Model(inputs, encoder(inputs))
    assert len(model.weights) == len(encoder.weights), "the backbone is counted, and would be saved, with the model"
    if encoder.stochastic:
        model = RewardedEncoder(encoder)
    model.compile("sgd", "mse", jit_compile=False)
    wanted = np.random.default_rng(1).normal(0, 5, (len(images), *encoder.memory_shape))
    if encoder.trainable_weights:
        model.fit(images, wanted, verbose=0)
    for old, weight in zip(before, encoder.trainable_weights, strict=True):
        assert not np.array_equal(old, ops.convert_to_numpy(weight)), f"{weight.path} was not trained"
    if encoder.backbone:
        for old, new in zip(frozen, encoder.backbone.model.get_weights(), strict=True):
            assert np.array_equal(old, new), "a weight of the frozen backbone was trained: cached features are wrong"


class RewardedEncoder(keras.Model):
    """Trains what an encoder learns from a reward, as `TrainingNetwork` does; here the first image is worth more."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def call(self, images, training=False):
        memory, glimpses = self.encoder.head.take_glimpses(images, training=training)
        if training:
            self.add_loss(self.encoder.head.reinforce_loss(glimpses, ops.eye(ops.shape(images)[0])[0]))
        return memory


def _check_backbone(encoder, images, memory):
    features = encoder.backbone.predict(images)
    assert features.dtype == np.float16
    assert features.shape == (len(images), *encoder.backbone_shape)
    assert not encoder.backbone.model.trainable_weights
    ours = {id(weight) for weight in encoder.weights}
    assert not ours & {id(weight) for weight in encoder.backbone.model.weights}, "features passed a trained layer"
    if not encoder.trainable_weights:  # else `memory` is from before the training step
        through_disk = ops.convert_to_numpy(encoder.head(features))
        assert np.abs(through_disk - memory).max() <= 0.05 * np.abs(memory).max()
    identity = json.loads(json.dumps(encoder.identity()))
    assert identity == encoder.identity()
    assert {"network", "cut", "pool", "precision", "weights", "image"} <= set(identity)
