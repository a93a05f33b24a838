"""Captions without words are left out, each with a reason."""

from pathlib import Path

from PIL import Image

from captioner.text.tokenizers import get_tokenizer
from pipelines.data.datasets import read_dataset
from pipelines.data.examples import CaptionExample, QuestionExample
from pipelines.data.question_datasets import read_questions
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


def test_what_has_no_words_is_reported_with_file_and_line(tmp_path):
    """The image alone does not say which of its five captions to mend."""
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    table = tmp_path / "captions.csv"
    table.write_text("image,caption\na.png,a dog\na.png,...\nb.png,\N{THUMBS UP SIGN}\n", encoding="utf-8")
    _, problems = without_wordless(read_dataset(tmp_path).examples, get_tokenizer("ptb"))
    assert list(map(str, problems)) == [
        f"{table}:3: a.png: the caption '...' has no words (ptb tokenizer); it was left out",
        f"{table}:4: b.png: the caption '\N{THUMBS UP SIGN}' has no words (ptb tokenizer); it was left out",
    ]
    table.unlink()
    table = tmp_path / "questions.csv"
    table.write_text("image,question,answer\na.png,what?,red\nb.png,...,blue\n")
    _, problems = without_wordless(read_questions(tmp_path).examples, get_tokenizer("ptb"))
    assert [str(each).partition(": the")[0] for each in problems] == [f"{table}:3: b.png"]
