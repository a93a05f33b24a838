"""Frames: clips of any length to memory, and padding that changes nothing, in the encoder and in every decoder."""

import keras
import numpy as np
import pytest
from keras import ops

from captioner.cells.build import build_cell
from captioner.decoders import DECODERS
from captioner.encoders import build_encoder
from captioner.encoders.frames import FrameEncoder
from captioner.images.clips import PADDING
from captioner.settings import CaptionerSettings, EncoderSettings
from captioner.text.vocabulary import Vocabulary
from tests.support import arrays, assert_equal, numbers, randomise
from tests.support_encoders import narrow_networks

ATTENDING = ("attention", "hard_attention", "up_down")


@pytest.fixture(scope="module", autouse=True)
def _narrow():
    with narrow_networks():
        yield


def tiny(frames=3, name="vgg_small", **changes):
    sizes = {"vgg_small": {"image_size": 16, "pool": 1, "options": {"channels": 16}}, "vgg16": {"image_size": 32}}[name]
    return build_encoder(EncoderSettings(name=name, weights="none", frames=frames, **{**sizes, **changes}))


def clips(encoder, lengths, seed=0):
    """Clips of these lengths, filled up with padding."""
    shape = (len(lengths), *encoder.spec.shape)
    pixels = np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")
    for row, length in zip(pixels, lengths, strict=True):
        row[length:] = PADDING
    return pixels


def test_memory_is_the_frames_in_the_order_of_time():
    """Wrong if places of different frames are mixed up: each frame's own part is what its image alone gives."""
    encoder = tiny()
    assert isinstance(encoder, FrameEncoder) and encoder.memory_shape == (3 * 4, 16) and encoder.grid is None
    pixels = clips(encoder, (3, 3))
    encoder.head.happened.kernel.assign(np.zeros(encoder.head.happened.kernel.shape))
    memory = np.asarray(encoder(pixels)).reshape(2, 3, 4, 16)
    for frame in range(3):
        assert_equal(memory[:, frame], encoder.encoder(pixels[:, frame]))


def test_every_place_is_told_the_frame_as_one_vector_and_what_has_happened():
    """The equations, step by step. Without the maximum over places a small thing is lost in the mean that decoders
    take: clips were then told with the right colour and direction and the wrong shape."""
    encoder = tiny()
    top, pixels = encoder.head, clips(encoder, (3, 3))
    encoder(pixels)
    randomise(top.vector), randomise(top.recurrent), randomise(top.happened)
    seen = np.stack([arrays(encoder.encoder(pixels[:, frame]))[0] for frame in range(3)], axis=1)
    kernel, bias = map(np.asarray, top.vector.weights)
    vectors = np.maximum(seen @ kernel + bias, 0).max(axis=2)
    states, before = top.recurrent.cell.get_initial_state(2), vectors[:, 0]
    memory = np.asarray(encoder(pixels)).reshape(2, 3, 4, 16)
    for frame in range(3):
        inputs = np.concatenate([vectors[:, frame], vectors[:, frame] - before], axis=-1)
        happened, states = top.recurrent.cell(inputs, states)
        told = np.concatenate([np.asarray(happened), vectors[:, frame]], axis=-1) @ np.asarray(top.happened.kernel)
        np.testing.assert_allclose(memory[:, frame], seen[:, frame] + told[:, None], rtol=1e-4, atol=1e-4)
        before = vectors[:, frame]


@pytest.mark.parametrize("cell", ["lstm", "gru", "mut1"])
def test_the_past_is_known_and_the_future_is_not(cell):
    """Wrong if left could not be told from right: every frame must know what came before it, in its order."""
    encoder = tiny(frames_cell=cell)
    pixels = clips(encoder, (3, 3))
    memory = np.asarray(encoder(pixels)).reshape(2, 3, 4, 16)
    changed = pixels.copy()
    changed[:, 2] *= -1
    assert_equal(np.asarray(encoder(changed)).reshape(2, 3, 4, 16)[:, :2], memory[:, :2])
    turned = np.asarray(encoder(pixels[:, ::-1].copy())).reshape(2, 3, 4, 16)
    assert np.abs(turned.mean(axis=(1, 2)) - memory.mean(axis=(1, 2))).max() > 1e-3, "the mean does not know the order"


@pytest.mark.parametrize("name", ["vgg_small", "vgg16"])
def test_padding_frames_change_nothing(name):
    """Wrong if a clip gets another memory, or another memory's padding, because a longer one is in the batch."""
    encoder = tiny(4, name)
    short, long = tiny(2, name), encoder
    short.head.set_weights(long.head.get_weights())
    pixels = clips(long, (2, 4))
    memory = np.asarray(long(pixels))
    places = memory.shape[1] // 4
    alone = np.asarray(short(pixels[:1, :2]))
    assert_equal(memory[:1, : 2 * places], alone, tolerance=1e-4)
    assert not memory[0, 2 * places :].any() and memory[1].any(axis=-1).all(), "padding is zeros, and nothing else is"


@pytest.mark.parametrize("name", DECODERS.names())
def test_every_decoder_skips_places_that_are_padding(name):
    """Wrong if a short clip is described otherwise beside a long one."""
    options = {"attention_size": 5} if name in ATTENDING else {}
    decoder = DECODERS.get(name)(9, 3, build_cell("lstm", 4), **options)
    memory, words = numbers(2, 5, 6), np.array([[1, 4, 5], [1, 6, 2]])
    decoder(words, memory)
    randomise(decoder)
    decoder.padded = True
    expected = decoder(words, memory)[0]
    filled = np.concatenate([memory, np.zeros((2, 4, 6), "float32")], axis=1)
    assert_equal(decoder(words, filled)[0], expected, why=f"{name} looks at padding")
    decoder.padded = False
    assert_equal(decoder(words, memory)[0], expected)
    assert np.abs(arrays(decoder(words, filled)[0])[0] - arrays(expected)[0]).max() > 1e-3, "the test shows nothing"


def test_a_captioner_of_clips_knows_of_padding():
    """Wrong if the encoder's zeros reach a decoder that takes them for places."""
    from captioner.models.captioning.image_captioner import ImageCaptioner

    settings = CaptionerSettings.model_validate(
        {
            "encoder": {"name": "vgg_small", "image_size": 16, "pool": 1, "options": {"channels": 8}, "frames": 4},
            "decoder": {"name": "lrcn", "units": 4, "embedding_size": 4},
            "search": {"num_beams": 1, "max_words": 3},
        }
    )
    captioner = ImageCaptioner(settings, Vocabulary(["left", "right", "moves"]))
    randomise(captioner.decoder, scale=2.0)
    clip = np.random.default_rng(0).integers(0, 255, (2, 16, 16, 3)).astype("uint8")
    long = np.random.default_rng(1).integers(0, 255, (9, 16, 16, 3)).astype("uint8")
    pixels = np.stack([captioner_pixels(captioner, clip), captioner_pixels(captioner, long)])
    assert (pixels[0, 2:] == PADDING).all() and (pixels[1] < PADDING).all()
    ids = np.array([[1, 4, 5], [1, 5, 6]])
    together = captioner.network({"image": pixels, "words": ids[:, None]})
    memory = captioner.encoder(pixels)[:1, : 2 * 4]
    assert_equal(captioner.decoder(ids[:1], memory)[0], together[0], tolerance=1e-4)


def captioner_pixels(captioner, clip):
    from captioner.images.clips import load_pixels

    return load_pixels(clip, captioner.encoder.spec)


def test_it_survives_its_config_and_trains_all_its_weights():
    encoder = tiny()
    again = FrameEncoder.from_config(encoder.get_config())
    assert again.memory_shape == encoder.memory_shape and again.identity() == encoder.identity()
    assert [weight.shape for weight in again.weights] == [weight.shape for weight in encoder.weights]
    pixels = clips(encoder, (3, 1))
    before = [ops.convert_to_numpy(weight).copy() for weight in encoder.trainable_weights]
    model = keras.Sequential([keras.Input(encoder.spec.shape), encoder])
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(pixels, numbers(2, *encoder.memory_shape, seed=3), verbose=0)
    for old, weight in zip(before, encoder.trainable_weights, strict=True):
        assert not np.array_equal(old, ops.convert_to_numpy(weight)), f"{weight.path} was not trained"
        assert np.isfinite(ops.convert_to_numpy(weight)).all(), "padding reached the network as it is"


def test_a_frozen_trunk_sees_frame_by_frame_and_can_be_kept():
    """Wrong if kept features of a clip are others than those of its frames, or of another number of frames."""
    encoder = tiny(3, "vgg16")
    pixels = clips(encoder, (3, 2))
    features = encoder.backbone.predict(pixels)
    assert encoder.cacheable and features.dtype == np.float16 and features.shape == (2, *encoder.backbone_shape)
    assert_equal(features[:, 0], encoder.encoder.backbone.predict(pixels[:, 0]))
    assert (features[1, 2] == PADDING).all(), "a padding frame must be known as one after it was kept"
    assert_equal(encoder.backbone(pixels), features, tolerance=1e-2)
    assert_equal(encoder.head(features.astype("float32")), encoder(pixels), tolerance=1e-2)
    assert tiny(2, "vgg16").identity() != encoder.identity() != encoder.encoder.identity()


def test_single_images_keep_their_identity():
    """Wrong if features that were kept before clips were known have to be computed again."""
    encoder = build_encoder(EncoderSettings(name="vgg16", weights="none", image_size=32))
    assert set(encoder.identity()) == {"network", "cut", "pool", "precision", "weights", "image"}
    assert encoder.identity()["image"] == {"height": 32, "width": 32, "preprocessing": "caffe"}
