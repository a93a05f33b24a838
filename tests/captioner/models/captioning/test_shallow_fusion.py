"""A language model in the search for captions: against brute force, and by the names of words."""

import itertools

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.captioning.shallow_fusion import ids_by_name
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings, SearchSettings, TextSettings
from captioner.text.vocabulary import Vocabulary
from tests.support import numbers
from tests.support_language import tiny_model

WORDS = ["a", "red", "cat"]
SETTINGS = CaptionerSettings(
    encoder=EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": 8}),
    decoder=DecoderSettings(name="inject", units=4, embedding_size=3),
    text=TextSettings(max_length=5),
    search=SearchSettings(num_beams=40, max_words=3, length_penalty=0.0),
)


pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture
def captioner():
    made = ImageCaptioner(SETTINGS, Vocabulary(WORDS))
    for seed, variable in enumerate(made.network.trainable_variables):
        variable.assign(np.random.default_rng(60 + seed).normal(0, 0.8, variable.shape))
    return made


@pytest.fixture
def pixels():
    return numbers(2, 16, 16, 3)


def language(words=WORDS, seed=5):
    return tiny_model(words, tokenizer="ptb", cell="lstm", layers=1, seed=seed)


def found(captioner, pixels):
    return [[(c.text, c.score * (len(c.words) + 1)) for c in captions] for captions in
            captioner.caption_features(pixels, candidates=39, batch_size=2)]  # fmt: skip


@pytest.mark.parametrize("weight", [0.0, 0.3, 2.0])
def test_a_wide_beam_ranks_all_captions_by_the_sum_of_both(captioner, pixels, weight):
    """All 39 captions of one to three words, each scored by both models reading it whole."""
    other = language()
    texts = [" ".join(words) for n in (1, 2, 3) for words in itertools.product(WORDS, repeat=n)]
    decoder = captioner.score_features(pixels, [texts, texts])
    ours = {scored.text: scored.log_probability for scored in other.score(texts)}
    captioner.set_language_model(other, weight)
    for image, ranked in enumerate(found(captioner, pixels)):
        wanted = {t: float(np.sum(s)) + weight * ours[t] for t, s in zip(texts, decoder[image], strict=True)}
        assert dict(ranked) == pytest.approx(wanted, abs=1e-3)
        assert [text for text, _ in ranked][:5] == sorted(wanted, key=lambda text: -wanted[text])[:5]


def test_words_are_matched_by_name_not_by_number(captioner, pixels):
    other = language()
    captioner.set_language_model(other, 1.0)
    wanted = found(captioner, pixels)
    shuffled = language(["cat", "green", "a", "red"])
    old, new = other.network, shuffled.network
    places = [0, 1, 2, 3, 6, 6, 4, 5]  # of cat, green (any), a, red among the others' words
    table = np.asarray(old.embedding.embeddings)
    new.embedding.embeddings.assign(table[places])
    new.output_kernel.assign(np.asarray(old.output_kernel)[:, places])
    bias = np.asarray(old.output_bias)[places]
    bias[5] = -1e9  # never green, so that the others' probabilities are the same
    new.output_bias.assign(bias)
    for left, right in zip(new.cell.weights, old.cell.weights, strict=True):
        left.assign(np.asarray(right))
    captioner.set_language_model(shuffled, 1.0)
    for left, right in zip(found(captioner, pixels), wanted, strict=True):
        assert dict(left) == pytest.approx(dict(right), abs=1e-3)


def test_ids_by_name():
    ours, theirs = Vocabulary(["a", "dog", "cat"]), Vocabulary(["cat", "a"])
    assert ids_by_name(ours, theirs).tolist() == [0, 1, 2, 3, 5, theirs.unknown_id, 4]
    with pytest.raises(UserError, match="tokenizer ptb, the language model's by characters"):
        ids_by_name(ours, Vocabulary(["a"], "characters"))
    with pytest.raises(UserError, match="share no word"):
        ids_by_name(ours, Vocabulary(["bird"]))


def test_it_is_no_longer_what_the_captioner_says_alone(captioner, pixels):
    alone = found(captioner, pixels)
    captioner.set_language_model(language(), 2.0)
    assert found(captioner, pixels) != alone
