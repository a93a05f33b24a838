"""The search in NumPy and the search of Keras are one: each was written without the other."""

import numpy as np
import pytest

from captioner.decoding.constraints import Constraints
from captioner.runtime.search import SearchOptions, beam_search
from tests.captioner.decoding.test_beam import SPECIAL, WORDS, Found, Language, search

IMAGES, LONGEST = 3, 6


def numpy_search(language, width, length_penalty, min_words, bad_words):
    def step(words, state):
        scores, state = language.step(words, state)
        return np.asarray(scores), {name: np.asarray(values) for name, values in state.items()}

    state = {name: np.asarray(values) for name, values in language.start(list(range(IMAGES)), width).items()}
    found = beam_search(
        step, state, IMAGES, SPECIAL, SearchOptions(width, LONGEST, length_penalty, min_words, bad_words)
    )
    return [
        [Found(tuple(words[:length].tolist()), float(score)) for words, length, score in zip(*rows, strict=True)]
        for rows in zip(*found, strict=True)
    ]


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("length_penalty", [0.0, 0.7])
@pytest.mark.parametrize("end", [-2.0, 0.0, 2.0])
def test_it_finds_what_the_other_finds(width, length_penalty, end):
    for seed, min_words, bad_words in ((10, 1, ()), (20, 2, (WORDS[1],))):
        language = Language(images=IMAGES, seed=seed, end=end)
        constraints = Constraints(min_words=min_words, bad_phrases=tuple((word,) for word in bad_words))
        expected = search(language, width, max_words=LONGEST, length_penalty=length_penalty, constraints=constraints)
        found = numpy_search(language, width, length_penalty, min_words, bad_words)
        for captions, wanted in zip(found, expected, strict=True):
            assert [caption.words for caption in captions] == [caption.words for caption in wanted]
            assert [caption.score for caption in captions] == pytest.approx([c.score for c in wanted], abs=1e-4)
