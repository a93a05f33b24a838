"""What captions keep to: a wide search finds exactly the captions that do, and chance draws no others."""

import itertools

import numpy as np
import pytest

from captioner.decoding.constraints import Constraints, transition_table
from captioner.decoding.sample import SampleOptions, sample, uniform_noise
from tests.captioner.decoding.reference import Spoken, bank_of, keeps
from tests.captioner.decoding.test_beam import SPECIAL, VOCABULARY, WORDS, Language, search

A, B, C = WORDS
CAPTIONS = [words for length in (1, 2, 3) for words in itertools.product(WORDS, repeat=length)]
RULES = {
    "no word twice": Constraints(no_repeat_ngram_size=1),
    "no two words twice": Constraints(no_repeat_ngram_size=2),
    "not short": Constraints(min_words=3),
    "a word never": Constraints(bad_phrases=((B,),)),
    "phrases never": Constraints(bad_phrases=((A, B), (C, C, A))),
    "a word always": Constraints(force_phrases=((B,),)),
    "three words always": Constraints(force_phrases=((A,), (B,), (C,))),
    "a phrase always": Constraints(force_phrases=((A, A, B),)),
    "a phrase and a word that is in it": Constraints(force_phrases=((C, A), (A,))),
    "all at once": Constraints(min_words=3, no_repeat_ngram_size=1, bad_phrases=((A, B),), force_phrases=((B,), (C,))),
}


@pytest.fixture(scope="module")
def spoken():
    return Spoken(Language(seed=30))


@pytest.mark.parametrize("constraints", RULES.values(), ids=RULES.keys())
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_a_wide_beam_finds_all_captions_that_keep_to_the_rules_and_no_other(spoken, constraints, length_penalty):
    allowed = [words for words in CAPTIONS if keeps(words, constraints)]
    assert 0 < len(allowed) < len(CAPTIONS), "a rule that changes nothing proves nothing"
    early = length_penalty == 0  # then stopping early is exact
    found = search(spoken.language, 39, constraints=constraints, length_penalty=length_penalty, early_stop=early)
    for image, captions in enumerate(found):
        scores = {words: spoken.score(image, words) for words in allowed}
        ranked = sorted(allowed, key=lambda words: scores[words] / (len(words) + 1) ** length_penalty, reverse=True)
        real = [caption for caption in captions if caption.score > -1e8]
        assert [caption.words for caption in real] == ranked
        np.testing.assert_allclose([c.score for c in real], [scores[words] for words in ranked], rtol=1e-5)


def test_banks_tell_how_far_a_caption_has_come():
    """The machine behind the banks against looking at the whole caption each time, on all captions of five words."""
    always = ((A, A, B), (B,))
    moves, places = transition_table(always, VOCABULARY), list(itertools.product(range(4), range(2)))
    assert moves.shape == (Constraints(force_phrases=always).num_states, VOCABULARY) == (8, VOCABULARY)
    for words in itertools.product(WORDS, repeat=5):
        bank = 0
        for length, word in enumerate(words, start=1):
            bank = moves[bank, word]
            assert places[bank] == bank_of(words[:length], Constraints(force_phrases=always))


@pytest.mark.parametrize("name", ["no word twice", "no two words twice", "not short", "a word never", "phrases never"])
def test_what_is_drawn_keeps_to_the_rules_too(name):
    language, rows = Language(images=1, end=1.0), 300
    drawn = [
        sample(
            language.step, language.start([0], rows), uniform_noise(rows, 4, 0), SPECIAL,
            SampleOptions(temperature=3.0, constraints=constraints),
        )
        for constraints in (Constraints(), RULES[name])
    ]  # fmt: skip
    free, kept = ([tuple(row[:n]) for row, n in zip(np.asarray(one.words), np.asarray(one.lengths), strict=True)]
                  for one in drawn)  # fmt: skip
    kept_to = [all(keeps(tuple(map(int, words)), RULES[name]) for words in captions) for captions in (free, kept)]
    assert kept_to == [False, True] and len(set(kept)) > 5


def test_what_must_occur_cannot_be_drawn():
    with pytest.raises(ValueError, match="searched for, not sampled"):
        SampleOptions(constraints=Constraints(force_phrases=((A,),)))
