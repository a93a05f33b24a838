"""Beam search against exhaustive search, on a language small enough to write down."""

import itertools
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from captioner.decoding.beam import IMPOSSIBLE, BeamOptions, beam_search
from captioner.decoding.constraints import SpecialTokens
from tests.support import numbers

PAD, START, END, UNKNOWN = range(4)
FORBIDDEN = (PAD, UNKNOWN)
SPECIAL = SpecialTokens(START, END, FORBIDDEN)
VOCABULARY, HIDDEN, MEMORIES = 7, 5, 13
WORDS = [word for word in range(VOCABULARY) if word not in (*FORBIDDEN, START, END)]


class Language:
    """Random log-probabilities that depend on the image and on all words before.

    They do so through states of three kinds (a vector, a matrix and a whole number), so that a state which does not
    move with its beam shows.

    Args:
        end: added to the end word's score.
    """

    def __init__(self, images=2, seed=0, end=0.0):
        self.images = images
        self.image = 3 * numbers(images, HIDDEN, seed=seed)
        self.words = numbers(VOCABULARY, HIDDEN, seed=seed + 1)
        self.turn = 1.2 * numbers(HIDDEN, HIDDEN, seed=seed + 2)
        self.out = numbers(HIDDEN, VOCABULARY, seed=seed + 3)
        self.table = numbers(MEMORIES, VOCABULARY, seed=seed + 4)
        self.pairs = numbers(VOCABULARY, 2, 3, seed=seed + 5)
        self.bias = np.zeros(VOCABULARY, "float32")
        self.bias[END] = end
        # Tempting, so that a search which forgets what is forbidden is seen.
        self.bias[[PAD, UNKNOWN, START]] = 1.5

    def start(self, image, width):
        rows = len(image) * width
        return {
            "vector": ops.convert_to_tensor(np.repeat(self.image[image], width, axis=0)),
            "matrix": ops.zeros((rows, 2, 3)),
            "number": ops.zeros((rows,), dtype="int32"),
        }

    def step(self, words, state):
        vector = ops.tanh(ops.matmul(state["vector"], self.turn) + ops.take(self.words, words, axis=0))
        matrix = 0.5 * state["matrix"] + ops.take(self.pairs, words, axis=0)
        number = (3 * state["number"] + words) % MEMORIES
        logits = ops.matmul(vector, self.out) + ops.take(self.table, number, axis=0) + self.bias
        logits = logits + ops.sum(matrix, axis=(1, 2))[:, None] * ops.cast(ops.arange(VOCABULARY) % 3, "float32")
        return ops.log_softmax(logits, axis=-1), {"vector": vector, "matrix": matrix, "number": number}

    def log_probability(self, image, words):
        """Of a caption with its end word, a word at a time."""
        state, total = self.start([image], 1), 0.0
        for word, following in itertools.pairwise([START, *words, END]):
            scores, state = self.step(np.array([word], "int32"), state)
            total += float(scores[0, following])
        return total


class Found(NamedTuple):
    """A caption of a search."""

    words: tuple
    score: float


def search(language, width, images=None, compiled=False, max_words=3, **options):
    """For each image its captions, best first."""
    images = list(range(language.images)) if images is None else images

    def run():
        wanted = BeamOptions(width, max_words, **options)
        return beam_search(language.step, language.start(images, wanted.slots), len(images), SPECIAL, wanted)

    found = [np.asarray(part) for part in (tf.function(run, jit_compile=True)() if compiled else run())]
    assert (found[0][np.arange(max_words) >= found[1][:, :, None]] == END).all(), "words after the end"
    return [
        [Found(tuple(words[:length].tolist()), float(score)) for words, length, score in zip(*rows, strict=True)]
        for rows in zip(*found, strict=True)
    ]


@pytest.fixture(scope="module")
def everything():
    """All captions of one to three words with their log-probabilities, for each of two images."""
    language = Language(seed=30)
    captions = [words for length in (1, 2, 3) for words in itertools.product(WORDS, repeat=length)]
    return language, [{words: language.log_probability(image, words) for words in captions} for image in (0, 1)]


@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 1.0])
def test_a_wide_beam_finds_the_best_of_all_captions(everything, length_penalty):
    """States that stay behind when beams are re-ordered, best beams that are dropped, a length counted wrongly: all
    give another order than exhaustive search does."""
    language, scores = everything
    found = search(language, width=39, length_penalty=length_penalty, early_stop=False)
    assert [c.words for c in found[0]] != [c.words for c in found[1]], "images that are alike prove little"
    for captions, known in zip(found, scores, strict=True):
        assert len(known) == 39
        ranked = sorted(known, key=lambda words: known[words] / (len(words) + 1) ** length_penalty, reverse=True)
        assert [caption.words for caption in captions] == ranked
        np.testing.assert_allclose([caption.score for caption in captions], [known[w] for w in ranked], rtol=1e-5)


@pytest.mark.parametrize("end", [-3.0, 0.0, 3.0])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
@pytest.mark.parametrize("early_stop", [False, True])
def test_scores_are_the_sums_of_log_probabilities_of_words_and_end(end, length_penalty, early_stop):
    """Finished captions go on losing score, or probabilities are multiplied: the oldest faults of beam search."""
    language = Language(seed=20, end=end)
    for image, captions in enumerate(
        search(language, width=3, length_penalty=length_penalty, early_stop=early_stop, max_words=5)
    ):
        assert len({caption.words for caption in captions}) == 3, "the same caption twice among the best"
        ranks = [caption.score / (len(caption.words) + 1) ** length_penalty for caption in captions]
        assert ranks == sorted(ranks, reverse=True), "best first"
        for words, score in captions:
            assert 1 <= len(words) <= 5 and set(words) <= set(WORDS), f"a forbidden word in {words}"
            assert score == pytest.approx(language.log_probability(image, words), abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_one_beam_is_greedy(seed, length_penalty):
    """One beam must say what taking the likeliest word each time says, whatever it might have said by stopping sooner
    or later."""
    language = Language(images=4, seed=10 * seed)
    found = search(language, width=1, length_penalty=length_penalty, max_words=6)
    for image, (caption,) in enumerate(found):
        words, last, state = [], START, language.start([image], 1)
        while len(words) < 6:
            scores, state = language.step(np.array([last], "int32"), state)
            allowed = [*WORDS, END] if words else WORDS
            last = max(allowed, key=lambda word: float(scores[0, word]))
            if last == END:
                break
            words.append(last)
        assert caption.words == tuple(words)
        assert caption.score == pytest.approx(language.log_probability(image, words), abs=1e-4)


@pytest.mark.parametrize("width", [1, 3])
def test_captions_that_never_end_are_closed_at_full_length(width):
    """Elsewhere the search crashes, or returns nothing, where no beam ends."""
    language = Language(end=-50.0)
    for image, captions in enumerate(search(language, width, length_penalty=1.0, max_words=4)):
        for words, score in captions:
            assert len(words) == 4 and END not in words
            assert score == pytest.approx(language.log_probability(image, words), abs=1e-3)


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
@pytest.mark.parametrize("width", [1, 2])
def test_an_image_gets_the_same_captions_alone_and_in_a_batch(width, length_penalty):
    """A search that goes on for others must not change what was found: captions would depend on the neighbours."""
    language = Language(images=6, seed=210, end=0.5)
    together = search(language, width, length_penalty=length_penalty, max_words=6)
    assert len({captions[0].words for captions in together}) > 2
    for image, captions in enumerate(together):
        (alone,) = search(language, width, images=[image], length_penalty=length_penalty, max_words=6)
        assert [caption.words for caption in alone] == [caption.words for caption in captions]
        np.testing.assert_allclose([c.score for c in alone], [c.score for c in captions], atol=1e-5)


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("early_stop", [False, True])
def test_compiled_is_eager(width, early_stop):
    language = Language(images=3, seed=60)
    options = {"length_penalty": 0.7, "early_stop": early_stop}
    eager, compiled = (search(language, width, compiled=way, **options) for way in (False, True))
    for one, other in zip(eager, compiled, strict=True):
        assert [caption.words for caption in one] == [caption.words for caption in other]
        np.testing.assert_allclose([c.score for c in one], [c.score for c in other], atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_stopping_early_loses_nothing_without_a_length_penalty(seed):
    language = Language(images=4, seed=100 + 10 * seed, end=1.0)
    early, late = (search(language, 3, max_words=6, early_stop=stop) for stop in (True, False))
    assert [[c.words for c in captions] for captions in early] == [[c.words for c in captions] for captions in late]


def test_stopping_early_stops():
    """Else every batch takes as long as its longest possible caption."""
    language, steps = Language(end=20.0), []

    def counted(words, state):
        steps.append(words)
        return language.step(words, state)

    beam_search(counted, language.start([0, 1], 2), 2, SpecialTokens(START, END), BeamOptions(2, 20))
    assert len(steps) < 8


def test_more_beams_than_captions_leave_places_empty():
    """Three words and one place for them: the fourth and fifth beam have nothing to say, and must not say it loudly."""
    for captions in search(Language(), width=5, max_words=1):
        assert sorted(words for words, score in captions[:3]) == [(word,) for word in WORDS]
        assert all(score < IMPOSSIBLE / 10 for _, score in captions[3:])
