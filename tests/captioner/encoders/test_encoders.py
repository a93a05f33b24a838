"""Encoders: all of them by `check_encoder`, and what is special to each."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from captioner.encoders import ENCODERS, build_encoder, has_grid
from captioner.encoders.application import ApplicationEncoder, preprocessing_of
from captioner.encoders.backbone import LARGEST, StoredPrecision, precision
from captioner.encoders.fingerprint import fingerprint, same_weights
from captioner.encoders.vgg import VGG16Encoder
from captioner.encoders.vgg_small import PositionEmbedding, SmallVGGEncoder
from captioner.errors import UserError
from captioner.settings import EncoderSettings
from tests.support_encoders import check_encoder, narrow_networks

TINY = {
    "vgg16": {"image_size": 32},
    "vgg19": {"image_size": 32, "pool": 1},
    "vgg_small": {"image_size": 16, "pool": 1, "options": {"channels": 16}},
    "efficientnet_lite2": {"image_size": 64, "pool": 1},
    "keras_application": {"image_size": 64, "pool": 1, "options": {"application": "MobileNet"}},
    "glimpses": {"image_size": 16, "options": {"units": 8, "glimpses": 3, "size": 4, "scales": 2}},
}


@pytest.fixture(scope="module", autouse=True)
def _narrow():
    with narrow_networks():
        yield


@functools.cache
def tiny(name, **changes):
    """A small encoder with random weights; what is no setting of all encoders is an option."""
    values = {"name": name, "weights": "none", **TINY[name], **changes}
    options = {key: values.pop(key) for key in changes if key not in EncoderSettings.model_fields}
    return build_encoder(EncoderSettings(**{**values, "options": {**values.get("options", {}), **options}}))


@pytest.mark.parametrize("name", ENCODERS.names())
def test_encoder(name):
    encoder = tiny(name)
    check_encoder(encoder)
    settings = EncoderSettings(name=name, options=TINY[name].get("options", {}))
    assert has_grid(settings) == (encoder.grid is not None), "pictures of attention would be refused, or fail late"


def test_encoder_with_a_trained_last_block():
    check_encoder(tiny("vgg16", train_last_block=True))


def test_encoder_of_components():
    """Fitted, it tells a place in few numbers; the features of the backbone, which are kept on disk, stay the same."""
    encoder, whole = tiny("vgg16", pca_components=3), tiny("vgg16")
    check_encoder(encoder)
    assert encoder.memory_shape == (*whole.memory_shape[:1], 3)
    assert encoder.identity() == {**whole.identity(), "weights": encoder.identity()["weights"]}
    assert whole.components is None and encoder.components.components == 3
    assert not any("components" in weight.path for weight in encoder.trainable_weights)


@pytest.mark.parametrize(
    ("name", "changes", "sentence"),
    [
        ("vgg16", {"pca_components": 17}, "a position has 16 channels"),
        ("vgg16", {"pca_components": 3, "train_last_block": True}, "Set one of the two"),
        ("vgg16", {"pca_components": 3, "frames": 2}, "clips are seen here"),
        ("glimpses", {"frames": 2}, "chooses where to look in a single image"),
        ("vgg_small", {"pca_components": 3}, "`vgg_small` is trained"),
    ],
)
def test_settings_that_contradict_each_other(name, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        tiny(name, **changes)


def test_encoder_of_vectors():
    encoder = tiny("vgg16", features="fc7")
    check_encoder(encoder)
    assert encoder.memory_shape == (1, 24)
    assert encoder.backbone_shape == (24,)
    assert encoder.grid is None


def test_every_encoder_has_a_summary_and_a_tiny_size():
    assert set(TINY) == set(ENCODERS.names())
    for name in ENCODERS.names():
        assert ENCODERS.summary(name)


def test_weights_in_half_precision_are_the_same_weights():
    """Wrong if a preset trained on ImageNet's weights refuses the same weights from a file in half precision."""
    encoder = tiny("vgg16")
    weights = encoder.backbone.model.get_weights()
    halves = [weight.astype(np.float16).astype(np.float32) for weight in weights]
    assert same_weights(fingerprint(weights), encoder.weights_fingerprint)
    assert same_weights(fingerprint(halves), encoder.weights_fingerprint)


@pytest.mark.parametrize(
    "change", ["one layer fine-tuned", "filters permuted", "colours swapped", "another seed", "a layer less"]
)
def test_other_weights_are_told_apart(change):
    """Wrong if a decoder is run on features that it was not trained on, without a word."""
    weights = tiny("vgg16").backbone.model.get_weights()
    others = [weight.copy() for weight in weights]
    generator = np.random.default_rng(3)
    if change == "one layer fine-tuned":
        others[8] += generator.normal(0, 0.05 * others[8].std(), others[8].shape).astype(np.float32)
    elif change == "filters permuted":
        others[4] = others[4][..., ::-1]
    elif change == "colours swapped":
        others[0] = others[0][:, :, ::-1]
    elif change == "another seed":
        others = [generator.permutation(weight.ravel()).reshape(weight.shape) for weight in others]
    else:
        others = others[:-2]
    assert not same_weights(fingerprint(weights), fingerprint(others))


def test_the_cut_and_the_precision_are_part_of_the_identity():
    """Wrong if features of one kind are read where another is expected."""
    kinds = [
        tiny("vgg16"),
        tiny("vgg16", pool=1),
        tiny("vgg16", train_last_block=True),
        tiny("vgg16", features="fc7"),
        tiny("vgg16", image_size=64),
        tiny("vgg19"),
    ]
    identities = [str(encoder.identity()) for encoder in kinds]
    assert len(set(identities)) == len(kinds)
    assert tiny("vgg16").identity()["precision"] in ("bfloat16", "float32")
    assert tiny("vgg16", half_precision=False).identity()["precision"] == "float32"


def test_fc7_needs_the_dense_layers(tmp_path):
    path = tmp_path / "notop.weights.h5"
    keras.applications.VGG16(include_top=False).save_weights(path)
    with pytest.raises(UserError, match=r"a `notop` file.*fc7 features need its dense layers"):
        build_encoder(EncoderSettings(options={"features": "fc7"}), str(path))


def test_a_file_of_the_whole_network_will_do_for_a_grid(tmp_path):
    """Wrong if someone who has the file with dense layers needs a second one."""
    whole, path = keras.applications.VGG16(), tmp_path / "whole.weights.h5"
    whole.save_weights(path)
    grid = build_encoder(EncoderSettings(image_size=64, half_precision=False), str(path))
    expected = whole.get_layer("block3_conv2").get_weights()
    for ours, theirs in zip(grid.backbone.model.get_layer("block3_conv2").get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "there is no such file"), (b"no weights", r"is not a weights file \(HDF5\)")],
)
def test_weights_that_cannot_be_read(content, words, tmp_path):
    path = tmp_path / "vgg.weights.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        build_encoder(EncoderSettings(image_size=32), str(path))
    assert str(path) in str(caught.value)


def test_weights_of_another_network_are_refused(tmp_path):
    """Wrong if they are loaded as far as they go, and the rest stays random."""
    path = tmp_path / "small.weights.h5"
    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)]).save_weights(path)
    with pytest.raises(UserError, match=r"small\.weights\.h5 does not hold weights that fit VGG16"):
        build_encoder(EncoderSettings(image_size=32), str(path))


def test_no_download_says_what_to_do(monkeypatch):
    def fail(*_, **__):
        raise Exception("URL fetch failure on https://example.org/vgg16.h5")

    monkeypatch.setattr(keras.applications, "VGG16", fail)
    with pytest.raises(UserError, match=r"could not be downloaded.*--encoder-weights PATH.*Only a new training"):
        build_encoder(EncoderSettings(image_size=32))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"options": {"features": "fc7", "train_last_block": True}}, "fc7 features come after them"),
        ({"options": {"features": "fc7"}, "image_size": 64}, "need images of 224 x 224"),
        ({"name": "vgg17"}, "no encoder called 'vgg17'"),
        (
            {"name": "keras_application", "options": {"application": "ResNet5"}, "weights": "none"},
            "Did you mean `ResNet50`",
        ),
        (
            {"name": "keras_application", "options": {"application": "VGG16", "features": "fc7"}},
            "keras_application has no option `features`. Available: application",
        ),
        ({"name": "keras_application"}, "needs the option `application`"),
        ({"name": "vgg16", "options": {"features": "fc6"}}, "features is one of grid, fc7, received 'fc6'"),
        (
            {"name": "keras_application", "options": {"application": "ResNet50"}, "image_size": 16, "weights": "none"},
            "cannot be built for images of 16 x 16",
        ),
        (
            {"name": "keras_application", "options": {"application": "MobileNet"}, "image_size": 32, "weights": "none"},
            "could be pooled by 2",
        ),
        ({"name": "vgg_small", "image_size": 60}, "a multiple of 16"),
    ],
)
def test_settings_that_do_not_go_together(settings, words):
    with pytest.raises(UserError, match=words):
        build_encoder(EncoderSettings(**settings))


def test_random_weights_are_the_same_every_time():
    """Wrong if a preset with `weights = "none"`, which does not save its backbone, loads as another model."""
    first = VGG16Encoder(weights="none", image_size=32)
    keras.utils.set_random_seed(123)
    second = VGG16Encoder(weights="none", image_size=32)
    assert first.identity() == second.identity()


def test_building_an_encoder_leaves_the_policy_alone():
    """Wrong if the decoder trains in half precision because a backbone was built before it."""
    before = keras.config.dtype_policy()
    with pytest.raises(RuntimeError), precision(half=True):
        raise RuntimeError
    assert keras.config.dtype_policy() == before
    assert tiny("vgg16", train_last_block=True).head.layers[0].compute_dtype == "float32"


def test_what_is_stored_never_becomes_infinite():
    """Wrong if one large activation turns into infinity in half precision and every caption into NaN."""
    stored = ops.convert_to_numpy(StoredPrecision()(np.array([[1e9, -1e9, 0.5]], np.float32)))
    assert stored.tolist() == [[LARGEST, -LARGEST, 0.5]]


@pytest.mark.parametrize(
    ("application", "expected"),
    [
        ("ResNet50", "caffe"),
        ("ResNet50V2", "tf"),
        ("DenseNet121", "torch"),
        ("EfficientNetB0", "raw"),
    ],
)
def test_preprocessing_is_found_out(application, expected):
    """Wrong if a network is fed colours or ranges that it was not trained on."""
    assert preprocessing_of(application) == expected


def test_an_application_is_pooled_where_it_can_be():
    encoder = ApplicationEncoder("MobileNet", "none", pool=2, image_size=128)
    assert encoder.grid == (2, 2)
    assert encoder.memory_shape == (4, 1024)


def test_a_small_vgg_knows_where_things_are():
    """Wrong if memory is the same wherever an object lies: `left of` could not be learned."""
    encoder = SmallVGGEncoder(channels=16, image_size=32)
    memory = ops.convert_to_numpy(encoder(np.zeros((1, 32, 32, 3), np.float32)))[0].reshape(4, 4, 16)
    inner = memory[1:3, 1:3].reshape(4, 16)  # far from the border, convolutions of nothing are all the same
    for first in range(4):
        for second in range(first):
            assert np.abs(inner[first] - inner[second]).max() > 0.05


def test_the_position_embedding_is_a_row_and_a_column():
    layer = PositionEmbedding()
    layer.build((None, 2, 3, 4))
    row, column = np.arange(8.0).reshape(2, 1, 4), 10 * np.arange(12.0).reshape(1, 3, 4)
    layer.set_weights([row, column])
    inputs = np.random.default_rng(0).normal(size=(1, 2, 3, 4)).astype(np.float32)
    result = ops.convert_to_numpy(layer(inputs))
    np.testing.assert_allclose(result[0, 1, 2], inputs[0, 1, 2] + row[1, 0] + column[0, 2], rtol=1e-5)


def test_a_small_vgg_halves_three_times():
    encoder = SmallVGGEncoder(channels=32, image_size=64)
    assert encoder.memory_shape == (64, 32)
    assert encoder.grid == (8, 8)
    assert not encoder.cacheable
