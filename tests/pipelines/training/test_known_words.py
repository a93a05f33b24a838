"""Texts that a model cannot know are refused, and those it hardly knows are reported."""

import pytest

from captioner.errors import UserError
from captioner.text.vocabulary import Vocabulary
from pipelines.training.known_words import check_known, check_learned, check_lengths


def test_a_text_of_unknown_words_is_refused_and_one_with_many_is_reported():
    """A network that learned <unk> predicts it with ease: 98 % of them gave a perplexity of 1.77 without a warning."""
    warnings = []
    check_known(0.2, "ptb", "the text", "Give more.", warnings.append)
    check_known(0.0, "ptb", "the text", "Give more.", warnings.append)
    assert not warnings
    check_known(0.98, "characters", "the text", "Give more.", warnings.append)
    assert warnings[0].startswith("98% of the characters of the text are not known to the model.")
    assert warnings[0].endswith("Give more.")
    with pytest.raises(UserError, match=r"None of the words of the text is known to the model\. Give more\."):
        check_known(1.0, "ptb", "the text", "Give more.", warnings.append)


def test_texts_that_are_cut_are_reported():
    """Characters make long texts: most captions ended in the middle, in silence."""
    warnings = []
    check_lengths(["a dog runs"] * 9 + ["a dog runs fast"], "ptb", 3, "text.max_length", warnings.append)
    assert not warnings
    check_lengths(["a dog runs"] * 8 + ["a dog runs fast"] * 2, "ptb", 3, "text.max_length", warnings.append)
    assert warnings == [
        "20% of the texts to learn from have more than 3 words or characters and are cut there; the longest has 4. "
        "Raise text.max_length."
    ]


def test_texts_to_learn_from_are_looked_at_as_a_whole():
    warnings = []
    texts = ["a dog"] * 30_000 + ["x y"] * 30_000
    check_learned(texts, Vocabulary(["a", "dog"]), warnings.append)
    assert len(warnings) == 1 and warnings[0].startswith("50% of the words of the texts to learn from")
    check_learned(["一只狗在草地上奔跑"], Vocabulary(["一只狗在草地上奔跑"]), warnings.append)
    assert len(warnings) == 2 and "`characters` fits" in warnings[1]
    with pytest.raises(UserError, match="None of the words of the texts to learn from"):
        check_learned(["a", "b"], Vocabulary([]), warnings.append)
