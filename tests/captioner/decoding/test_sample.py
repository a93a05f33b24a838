"""Sampling against the distribution that it is drawn from, written down in full."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from captioner.decoding.beam import BeamOptions, beam_search
from captioner.decoding.sample import SampleOptions, sample, uniform_noise
from captioner.layers.categorical import sample_categorical
from tests.captioner.decoding.test_beam import END, FORBIDDEN, SPECIAL, START, VOCABULARY, WORDS, Language

ROWS, LONGEST = 6000, 3


class Wavering(Language):
    """A language in which nothing is nearly certain, and captions often end."""

    def __init__(self):
        super().__init__(images=1, end=4.0)

    def step(self, words, state):
        log_probabilities, state = super().step(words, state)
        return ops.log_softmax(log_probabilities / 4, axis=-1), state


def draw(language, rows=ROWS, longest=LONGEST, seed=0, compiled=False, noise=None, **options):
    noise = uniform_noise(rows, longest, seed) if noise is None else noise

    def run():
        state = language.start([0], len(noise))
        return sample(language.step, state, noise, SPECIAL, SampleOptions(**options))

    drawn = tf.function(run, jit_compile=True)() if compiled else run()
    return [np.asarray(part) for part in drawn]


def caption(words, length):
    return tuple(words[:length].tolist())


def narrowed(log_probabilities, first, temperature=1.0, top_k=0, top_p=1.0):
    """The distribution of the next word, a word at a time."""
    open_words = [word for word in range(VOCABULARY) if word not in (*FORBIDDEN, START) and not (first and word == END)]
    scores = {word: np.exp(float(log_probabilities[word]) / temperature) for word in open_words}
    kept = sorted(scores, key=scores.get, reverse=True)[: top_k or None]
    total, heap, nucleus = sum(scores[word] for word in kept), 0.0, []
    for word in kept:
        if heap < top_p * total:
            nucleus.append(word)
        heap += scores[word]
    total = sum(scores[word] for word in nucleus)
    return {word: scores[word] / total for word in nucleus}


def distribution(language, **options):
    """The probability of every caption of at most LONGEST words, the end word among them."""
    found = {}

    def follow(words, last, state, probability):
        log_probabilities, state = language.step(np.array([last], "int32"), state)
        for word, share in narrowed(log_probabilities[0], not words, **options).items():
            if word == END or len(words) + 1 == LONGEST:
                ended = words if word == END else (*words, word)
                found[ended, word == END] = found.get((ended, word == END), 0.0) + probability * share
            else:
                follow((*words, word), word, state, probability * share)

    follow((), START, language.start([0], 1), 1.0)
    return found


@pytest.mark.parametrize(
    "options",
    [{}, {"temperature": 0.5}, {"temperature": 2.0}, {"top_k": 2}, {"top_p": 0.6}, {"top_k": 3, "top_p": 0.8}],
    ids=str,
)
def test_captions_come_as_often_as_they_should(options):
    language = Wavering()
    words, lengths, ended, _ = draw(language, **options)
    expected = distribution(language, **options)
    assert len(expected) > 3 and sum(expected.values()) == pytest.approx(1)
    counts = dict.fromkeys(expected, 0)
    for row in range(ROWS):
        key = caption(words[row], lengths[row]), bool(ended[row])
        assert key in counts, f"{key} has no probability"
        counts[key] += 1
    for key, probability in expected.items():
        # Five standard deviations: chance alone fails once in a million.
        assert abs(counts[key] / ROWS - probability) < 5 * np.sqrt(probability * (1 - probability) / ROWS) + 1e-9


def test_the_score_is_the_models_own_log_probability_whatever_was_left_out():
    language = Wavering()
    words, lengths, ended, scores = draw(language, rows=40, temperature=0.5, top_k=3)
    for row in np.flatnonzero(ended):
        expected = language.log_probability(0, caption(words[row], lengths[row]))
        assert scores[row] == pytest.approx(expected, abs=1e-4)
    assert 0 < ended.sum() < 40, "captions that were cut, and others"


def test_the_same_noise_gives_the_same_captions_compiled_or_not_and_other_noise_others():
    language = Wavering()
    plain, again, compiled, other = (
        draw(language, rows=50, seed=seed, compiled=xla)[0]
        for seed, xla in ((1, False), (1, False), (1, True), (2, False))
    )
    assert np.array_equal(plain, again) and np.array_equal(plain, compiled)
    assert not np.array_equal(plain, other)


def test_a_row_gets_the_same_caption_whatever_its_neighbours_draw():
    language, noise = Wavering(), uniform_noise(20, LONGEST, 3)
    together = draw(language, noise=noise)[0]
    alone = [draw(language, noise=noise[row : row + 1])[0][0] for row in range(20)]
    assert np.array_equal(together, alone)


def test_one_word_left_is_greedy_search():
    language = Wavering()
    found = beam_search(language.step, language.start([0], 1), 1, SPECIAL, BeamOptions(1, LONGEST))
    words, lengths, _, _ = draw(language, rows=5, top_k=1)
    greedy = caption(np.asarray(found.words)[0, 0], int(found.lengths[0, 0]))
    assert {caption(row, length) for row, length in zip(words, lengths, strict=True)} == {greedy}


def test_nothing_impossible_is_drawn_at_the_borders_of_the_noise():
    """Rounding at the top of the cumulative sum would draw a word without probability, or one that is none."""
    rng = np.random.default_rng(0)
    probabilities = rng.random((2000, 50), "float32") * (rng.random((2000, 50)) < 0.1)
    probabilities[:, 7] += 1e-3
    probabilities[:, -3:] = 0
    for uniform in (np.zeros(2000, "float32"), np.full(2000, np.nextafter(np.float32(1), np.float32(0)))):
        drawn = np.asarray(sample_categorical(probabilities, uniform))
        assert (probabilities[np.arange(2000), drawn] > 0).all()


def test_rare_words_and_long_captions_fit_the_noise():
    """Every caption that exists can be drawn by some noise."""
    language, found = Wavering(), set()
    for noise in itertools.product(np.linspace(0.02, 0.98, 13), repeat=2):
        words, lengths, _, _ = draw(language, noise=np.array([noise], "float32"))
        found.add(caption(words[0], lengths[0]))
    assert {words[0] for words in found} == set(WORDS)
