"""Captioners that write together: their mean in NumPy, one look an image, and whom they refuse."""

import itertools

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.models.captioning.ensemble import Ensemble
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings, SearchSettings, TextSettings
from captioner.text.vocabulary import Vocabulary
from tests.support import numbers
from tests.support_language import tiny_model

WORDS = ["a", "red", "cat"]
SEARCH = SearchSettings(num_beams=40, max_words=3, length_penalty=0.0)
TEXTS = [" ".join(words) for n in (1, 2, 3) for words in itertools.product(WORDS, repeat=n)]


pytestmark = pytest.mark.usefixtures("eager")


TINY = {"name": "vgg_small", "image_size": 16, "pool": 1, "options": {"channels": 8}}


def made(seed, decoder="inject", words=WORDS, **encoder):
    settings = CaptionerSettings(
        encoder=EncoderSettings(**{**TINY, **encoder}),
        decoder=DecoderSettings(name=decoder, units=4, embedding_size=3, attention_size=3),
        text=TextSettings(max_length=5),
        search=SEARCH,
    )
    captioner = ImageCaptioner(settings, Vocabulary(words))
    for number, variable in enumerate(captioner.network.trainable_variables):
        variable.assign(np.random.default_rng([seed, number]).normal(0, 0.8, variable.shape))
    return captioner


@pytest.fixture(scope="module")
def members():
    """Two kinds of decoders, with states of their own."""
    return made(60), made(80, "attention")


def sums(captioner, pixels):
    return np.array([[np.sum(row) for row in rows] for rows in captioner.score_features(pixels, [TEXTS] * len(pixels))])


def found(captioner, pixels, **options):
    return [{c.text: c.score * (len(c.words) + 1) for c in captions}
            for captions in captioner.caption_features(pixels, candidates=39, batch_size=2, **options)]  # fmt: skip


def test_a_word_is_as_likely_as_the_mean_of_what_each_thinks(members):
    """Word by word against NumPy: the mean of probabilities, of each model in its own state."""
    pixels = numbers(2, 16, 16, 3)
    alone = [member.score_features(pixels, [TEXTS] * 2) for member in members]
    together = Ensemble(members).score_features(pixels, [TEXTS] * 2)
    for image, text in itertools.product(range(2), range(len(TEXTS))):
        mean = np.mean([np.exp(one[image][text]) for one in alone], axis=0)
        np.testing.assert_allclose(together[image][text], np.log(mean), atol=1e-5)
    assert np.abs(alone[0][0][5] - alone[1][0][5]).max() > 0.1, "members that agree prove nothing"


def test_a_wide_beam_ranks_all_captions_by_that_mean_and_a_language_model(members):
    pixels, both, language = numbers(2, 16, 16, 3), Ensemble(members), tiny_model(WORDS, "ptb", cell="lstm", layers=1)
    wanted = sums(both, pixels)
    for image, captions in enumerate(found(both, pixels)):
        assert captions == pytest.approx(dict(zip(TEXTS, wanted[image], strict=True)), abs=1e-3)
    both.set_language_model(language, 0.5)
    wanted = wanted + 0.5 * np.array([scored.log_probability for scored in language.score(TEXTS)])
    search = SEARCH.model_copy(update={"force_words": ("cat",), "num_beam_groups": 1})
    for image, captions in enumerate(found(both, pixels, config=search)):
        with_cat = {text: score for text, score in zip(TEXTS, wanted[image], strict=True) if "cat" in text}
        assert captions == pytest.approx(with_cat, abs=1e-3)


def test_one_and_the_same_twice_is_one(members):
    """Also what is drawn by chance, and where attention looked."""
    one, twice, pixels = members[1], Ensemble([members[1]] * 2), numbers(2, 16, 16, 3)
    for options in ({}, {"do_sample": True, "seed": 3}):
        left, right = (c.caption_features(pixels, candidates=2, attention=True, **options) for c in (one, twice))
        for captions, others in zip(left, right, strict=True):
            assert [caption.text for caption in captions] == [caption.text for caption in others]
            np.testing.assert_allclose(captions[0].attention, others[0].attention, atol=1e-5)
            assert captions[0].score == pytest.approx(others[0].score, abs=1e-5)


def test_a_trunk_that_two_share_runs_once_and_others_run_each():
    """Twice the work for the same numbers; or one model that sees through the eyes of another."""
    vgg = {"name": "vgg16", "weights": "none", "image_size": 32, "pool": 2, "half_precision": False, "options": {}}
    first = made(1, "attention", **vgg)
    same, other = made(2, **vgg), made(3, **{**vgg, "pool": 1})
    same.encoder.backbone.model.set_weights(first.encoder.backbone.model.get_weights())
    for member in (same, other):
        member.encoder.backbone.__dict__.pop("fingerprint", None)
    pixels = numbers(2, 32, 32, 3)
    both, three = Ensemble([first, same]), Ensemble([first, same, other])
    assert (len(both.encoders), len(three.encoders)) == (1, 2) and same.encoder.backbone is first.encoder.backbone
    assert both.encode(pixels).shape == (2, 1, 1, 512) and three.encode(pixels).shape == (2, 512 + 4 * 512)
    likely = [np.exp(sums(member, member.encode(pixels))) for member in (first, same, other)]
    single = [text for text in range(len(TEXTS)) if " " not in TEXTS[text]]
    alone = [member.score_features(member.encode(pixels), [TEXTS] * 2) for member in (first, same, other)]
    together = three.score_features(three.encode(pixels), [TEXTS] * 2)
    for image, text in itertools.product(range(2), single):
        mean = np.mean([np.exp(one[image][text]) for one in alone], axis=0)
        np.testing.assert_allclose(together[image][text], np.log(mean), atol=1e-5)
    assert np.ptp(likely, axis=0).max() > 1e-3


def test_those_that_cannot_write_together_are_refused_in_a_sentence(members):
    with pytest.raises(UserError, match=r"a and b have different words \(7 and 8\): only models with the same"):
        Ensemble([members[0], made(1, words=[*WORDS, "dog"])], ["a", "b"])
    with pytest.raises(UserError, match="7, but not the same"):
        Ensemble([members[0], made(1, words=WORDS[::-1])])
    with pytest.raises(UserError, match="take the same pixels"):
        Ensemble([members[0], made(1, image_size=24)])
    with pytest.raises(UserError, match="Save its members"):
        Ensemble(members).save_to_preset("anywhere")


def test_what_is_no_list_of_captioners_is_refused(members):
    """A path is a sequence of letters, each of which would be looked for."""
    for make, given in ((Ensemble, []), (Ensemble, members[0]), (Ensemble.from_presets, "runs/one")):
        with pytest.raises(UserError, match=r"made of a list of captioners|is a list of presets, not one"):
            make(given)
