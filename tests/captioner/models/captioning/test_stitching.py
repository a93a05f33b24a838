"""A trained decoder behind another encoder."""

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.captioning.stitching import fit_projection, stitch
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings, TextSettings
from captioner.text.vocabulary import Vocabulary

pytestmark = pytest.mark.usefixtures("eager")
WORDS = Vocabulary(["a", "red", "blue", "circle"])


def made(channels, decoder="attention", words=WORDS, seed=0):
    settings = CaptionerSettings(
        encoder=EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": channels}),
        decoder=DecoderSettings(name=decoder, units=4, embedding_size=3, attention_size=5, dropout=0.0),
        text=TextSettings(max_length=6),
    )
    captioner = ImageCaptioner(settings, words)
    for number, variable in enumerate(captioner.decoder.trainable_variables):
        variable.assign(np.random.default_rng([seed, number]).normal(0, 1, variable.shape))
    return captioner


def test_what_is_linear_is_found_again():
    """Wrong if positions or images are mixed up on the way."""
    generator = np.random.default_rng(0)
    seen = generator.normal(size=(40, 9, 6))
    wanted = seen @ generator.normal(size=(6, 4)) + 0.01 * generator.normal(size=(40, 9, 4))
    projection, explained = fit_projection(seen, wanted)
    assert explained > 0.99
    assert np.abs(seen @ projection - wanted).mean() < 0.05
    _, nothing = fit_projection(seen, generator.permutation(wanted))
    assert nothing < 0.1
    with pytest.raises(ValueError, match="Ten images or more"):
        fit_projection(seen[:9], wanted[:9])


@pytest.mark.parametrize("decoder", ["attention", "show_and_tell"])
def test_a_stitched_decoder_reads_the_new_memory_as_it_read_the_old(decoder):
    """If the rows of the memory are taken for those of a word, the scores are others."""
    trained, target = made(8, decoder), made(16, decoder, seed=1)
    projection = np.random.default_rng(5).normal(size=(16, 8)).astype("float32")
    stitch(trained, target, projection)
    memory = np.random.default_rng(6).normal(size=(2, *target.encoder.memory_shape)).astype("float32")
    words = np.array([[1, 4, 5, 6], [1, 7, 4, 5]], "int32")
    expected, _ = trained.decoder(words, memory @ projection)
    found, _ = target.decoder(words, memory)
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=2e-4)


def test_other_decoders_are_refused_and_left_alone():
    target = made(16, seed=1)
    before = [np.array(weight) for weight in target.decoder.weights]
    for trained in (made(8, words=Vocabulary(["a"])), made(8, "show_and_tell"), made(8, "lrcn")):  # which reads it last
        with pytest.raises(UserError, match="taken over"):
            stitch(trained, target, np.ones((16, 8), "float32"))
    assert all(np.array_equal(old, np.array(new)) for old, new in zip(before, target.decoder.weights, strict=True))
