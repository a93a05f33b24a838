"""Given captions: their likelihood is that of teacher forcing, alone, beside others, and with every image."""

import numpy as np
import pytest
from keras import ops

from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.captioning.networks import CaptionNetwork
from captioner.models.captioning.reconstruction import can_reconstruct, images_and_captions
from captioner.models.captioning.scoring import LONGEST, likelihoods, padded_length, score_captions
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings
from captioner.text.vocabulary import Vocabulary
from tests.support import numbers

WORDS = ["a", "red", "blue", "dog", "runs", "sleeps"]
GIVEN = [["a red dog runs", "a cat"], ["blue"], ["a dog sleeps", "red red red", "dog"]]


def made(decoder):
    settings = CaptionerSettings(
        encoder=EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": 8}),
        decoder=DecoderSettings(name=decoder, units=5, embedding_size=4, attention_size=6),
    )
    captioner = ImageCaptioner(settings, Vocabulary(WORDS))
    for seed, variable in enumerate(captioner.network.trainable_variables):
        variable.assign(np.random.default_rng(seed).normal(0, 0.8, variable.shape))

    def eagerly(kind, shape, *options, **_):  # the same numbers without seconds of compilation
        network = kind(captioner.image_encoder, captioner.decoder, *options)
        network.compile(run_eagerly=True, jit_compile=False)
        return network

    captioner.compiled = eagerly
    return captioner


@pytest.fixture(scope="module")
def captioner():
    return made("attention")


@pytest.fixture(scope="module")
def features():
    return numbers(3, 16, 16, 3)


def forced(captioner, feature, caption):
    """Log-probabilities by the network that learns, a caption at a time and without padding."""
    ids = [1, *captioner.vocabulary.encode_words(caption.split()), 2]
    network = CaptionNetwork(captioner.image_encoder, captioner.decoder)
    logits = network({"image": feature[None], "words": np.array([[ids[:-1]]])})[0, 0]
    return np.asarray(ops.log_softmax(logits))[np.arange(len(ids) - 1), ids[1:]]


def test_scores_are_those_of_teacher_forcing(captioner, features):
    """Images with one caption and with three, in pages and filled-up batches, each as if alone."""
    for options in ({}, {"batch_size": 2, "width": 2}, {"batch_size": 1, "width": 1}):
        found = score_captions(captioner, features, GIVEN, **options)
        assert [[one.text for one in each] for each in found] == GIVEN
        for feature, each in zip(features, found, strict=True):
            for one in each:
                np.testing.assert_allclose(one.log_probabilities, forced(captioner, feature, one.text), atol=1e-4)


def test_what_follows_from_the_words(captioner, features):
    one = score_captions(captioner, features[:1], [["a cat runs"]])[0][0]
    assert one.unknown == ("cat",) and one.words == ("a", "cat", "runs") and len(one.log_probabilities) == 4
    assert one.log_probability == pytest.approx(one.log_probabilities.sum())
    assert one.score == pytest.approx(one.log_probability / 4) and one.perplexity == pytest.approx(np.exp(-one.score))


def test_every_caption_is_read_with_every_image(captioner, features):
    texts = [text for given in GIVEN for text in given]
    told = []
    sums, words = likelihoods(captioner, features, texts, 2, 4, lambda done, total: told.append((done, total)))
    one_by_one = [[forced(captioner, feature, text).sum() for text in texts] for feature in features]
    np.testing.assert_allclose(sums, one_by_one, atol=1e-4)
    assert words.tolist() == [len(text.split()) + 1 for text in texts] and told[-1] == (18, 18)


def test_images_are_scored_from_what_people_have(captioner):
    pictures = [np.random.default_rng(n).integers(0, 256, (16, 16, 3), np.uint8) for n in range(2)]
    together = captioner.score(pictures, [["a red dog", "blue"], ["a dog"]])
    alone = captioner.score(pictures[1], ["a dog"])
    assert [len(each) for each in together] == [2, 1]
    assert alone[0].score == pytest.approx(together[1][0].score, abs=1e-4)
    assert captioner.score([], []) == []
    for images, captions in ((pictures, ["a dog", "a dog"]), (pictures, [["a dog"]]), (pictures[0], [["a"]])):
        with pytest.raises(UserError, match=r"list of captions|list of texts|is a text"):
            captioner.score(images, captions)
    for captions, said in (
        ("the cat", r"not a text: write \['the cat'\]"),
        ([None], "received None"),
        (3, "received 3"),
    ):
        with pytest.raises(UserError, match=said):
            captioner.score(pictures[0], captions)


def test_an_image_that_cannot_be_read_costs_no_other_its_score(captioner, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    with pytest.warns(UserWarning, match=r"1 of 2 images left out: .*bad\.jpg: not an image"):
        skipped, scored = captioner.score([tmp_path / "bad.jpg", picture], [["a dog"], ["a dog"]], on_error="skip")
    assert skipped == [] and scored[0].score == pytest.approx(captioner.score(picture, ["a dog"])[0].score, abs=1e-4)


def test_captions_without_end_are_refused(captioner, features):
    """The network is unrolled over the words: a book would take hours to compile."""
    with pytest.raises(UserError, match=f"301 words cannot be scored: the longest has {LONGEST}"):
        score_captions(captioner, features[:1], [["a " * 301]])
    assert [padded_length(words) for words in (0, 7, 8, 15, 16)] == [9, 9, 17, 17, 25]


def test_what_a_decoder_imagines_is_what_it_was_trained_to_reconstruct(features, captioner):
    """A second copy of the visual memory that drifted apart would rank by something nobody trained."""
    visual = made("recurrent_visual")
    assert can_reconstruct(visual) and not can_reconstruct(captioner)
    seen, imagined = images_and_captions(visual, features, GIVEN, batch_size=2)
    assert seen.shape[0] == 3 and imagined.shape == (6, seen.shape[1])
    row = 0
    for image, given in enumerate(GIVEN):
        for text in given:
            ids = np.array([[1, *visual.vocabulary.encode_words(text.split())]])
            memory = visual.image_encoder(features[image : image + 1])
            _, extras = visual.decoder(ids, memory)
            error = np.mean((seen[image] - imagined[row]) ** 2)
            assert error == pytest.approx(float(extras["reconstruction_error"][0, -1]), rel=1e-4)
            row += 1
