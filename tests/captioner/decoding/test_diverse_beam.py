"""Diverse beam search, alone and with constraints, against a search that is written down caption by caption."""

import numpy as np
import pytest

from captioner.decoding.constraints import Constraints
from tests.captioner.decoding.reference import Spoken
from tests.captioner.decoding.reference import search as plain_search
from tests.captioner.decoding.test_beam import WORDS, Language, search

A, B, C = WORDS
EVERYTHING = Constraints(min_words=2, no_repeat_ngram_size=2, bad_phrases=((A, C),), force_phrases=((B,), (C, A)))


@pytest.fixture(scope="module")
def spoken():
    return Spoken(Language(seed=30, end=1.0))


def assert_same(found, wanted):
    assert [words for words, _ in found[: len(wanted)]] == [words for words, _ in wanted]
    np.testing.assert_allclose([score for _, score in found[: len(wanted)]], [s for _, s in wanted], atol=1e-4)
    assert all(score < -1e8 for _, score in found[len(wanted) :]), "captions that there are not"


@pytest.mark.parametrize(
    ("width", "num_beam_groups", "diversity_penalty", "constraints"),
    [
        (6, 3, 0.7, Constraints()),  # several beams a group
        (4, 2, 3.0, Constraints()),  # a penalty that decides nearly everything
        (3, 3, 1.0, Constraints()),  # groups of one beam, which are not greedy
        (3, 3, 1.0, Constraints(min_words=3, no_repeat_ngram_size=1)),
        (2, 1, 0.0, Constraints(force_phrases=((C,), (A,)))),  # banks of two beams
        (2, 2, 1.0, Constraints(force_phrases=((B, B),))),  # banks of one beam
        (4, 2, 0.7, EVERYTHING),
    ],
    ids=str,
)
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_it_is_the_search_that_is_written_down(
    spoken, width, num_beam_groups, diversity_penalty, constraints, length_penalty
):
    """Groups that do not see each other, a penalty that is kept in the scores or counted in another bank, beams that
    leave their bank: each gives other captions."""
    options = {
        "num_beam_groups": num_beam_groups, "diversity_penalty": diversity_penalty, "constraints": constraints,
        "length_penalty": length_penalty,
    }  # fmt: skip
    early = length_penalty == 0  # then stopping early is exact
    found = search(spoken.language, width, max_words=4, early_stop=early, **options)
    for image, captions in enumerate(found):
        assert_same(captions, plain_search(spoken, image, width, 4, **options))


def test_groups_find_what_one_search_does_not(spoken):
    """A penalty that does nothing would leave all groups with the same captions, as no penalty does."""
    alone = [{c.words for c in captions} for captions in search(spoken.language, 2, max_words=4)]
    numbers = []
    for diversity_penalty in (0.0, 5.0):
        found = search(spoken.language, 6, max_words=4, num_beam_groups=3, diversity_penalty=diversity_penalty,
                       early_stop=False)  # fmt: skip
        for captions, first in zip(found, alone, strict=True):
            assert first <= {caption.words for caption in captions}, "the first group searches as if it were alone"
        numbers.append(sum(len({caption.words for caption in captions}) for captions in found))
    assert numbers[0] == 4 < numbers[1]


def test_compiled_is_eager_and_an_image_gets_the_same_captions_alone():
    language = Language(images=3, seed=60)
    options = {
        "width": 4, "num_beam_groups": 2, "diversity_penalty": 0.7, "constraints": EVERYTHING, "length_penalty": 0.7,
        "max_words": 5,
    }  # fmt: skip
    eager, compiled = (search(language, compiled=way, **options) for way in (False, True))
    alone = [search(language, images=[image], **options)[0] for image in range(3)]
    assert len({captions[0].words for captions in eager}) > 1, "images that are alike prove little"
    for others in (compiled, alone):
        for one, other in zip(eager, others, strict=True):
            assert_same(one, other)


def test_beams_that_cannot_be_shared_out_are_refused():
    with pytest.raises(ValueError, match="5 is no multiple of 2"):
        search(Language(), 5, num_beam_groups=2)
    with pytest.raises(ValueError, match="at least 4 and at most 3 words"):
        search(Language(), 2, constraints=Constraints(min_words=4))
