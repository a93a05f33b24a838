"""Captions without words are left out, each with a reason."""

from pathlib import Path

from captioner.text.tokenizers import get_tokenizer
from pipelines.data.examples import CaptionExample, QuestionExample
from pipelines.data.wordless import without_wordless


def test_captions_that_are_empty_to_the_tokenizer_are_left_out():
    """A network would learn to say nothing about these images."""
    example = CaptionExample("a.png", Path("a.png"), ("...", "a dog", "👍🏿", "—"), "train")
    (kept,), problems = without_wordless([example], get_tokenizer("ptb"))
    assert kept.captions == ("a dog",)
    assert [problem.text for problem in problems] == [
        "the caption '...' has no words (ptb tokenizer); it was left out",
        "the caption '👍🏿' has no words (ptb tokenizer); it was left out",
        "the caption '—' has no words (ptb tokenizer); it was left out",
    ]
    (kept,), problems = without_wordless([example], get_tokenizer("unicode"))
    assert kept.captions == ("a dog", "👍🏿"), "emoji are words to it"
    (kept,), problems = without_wordless([example], get_tokenizer("characters"))
    assert kept == example and not problems


def test_questions_without_words_are_left_out():
    """One of them stopped a whole training, and an evaluation."""
    empty, asked = (QuestionExample("a.png#0", Path("a.png"), text, ("red",), "train") for text in ("...", "what ?"))
    kept, problems = without_wordless([empty, asked], get_tokenizer("ptb"))
    assert kept == (asked,)
    assert [str(problem) for problem in problems] == [
        "a.png: the question '...' has no words (ptb tokenizer); it was left out"
    ]
