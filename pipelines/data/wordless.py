"""Texts without words: empty to a tokenizer, though there is something in them, such as "..." or an emoji."""

from collections.abc import Iterable
from dataclasses import replace

from captioner.text.tokenizers import Tokenizer
from pipelines.data.datasets.text import truncate
from pipelines.data.examples import CaptionExample, Problem, QuestionExample


def no_words(text: str, tokenizer: Tokenizer, thing: str = "caption") -> str:
    """The problem of a text without words; nothing where it has any.

    >>> from captioner.text.ptb import PTB
    >>> no_words("...", PTB), no_words("a dog", PTB)
    ("the caption '...' has no words (ptb tokenizer)", '')
    """
    if tokenizer.tokenize(text):
        return ""
    return f"the {thing} {truncate(text)} has no words ({tokenizer.name} tokenizer)"


def without_wordless(examples: Iterable, tokenizer: Tokenizer) -> tuple[tuple, list[Problem]]:
    """The examples without captions that have no words, or without questions that have none; and a problem for each."""
    kept, problems = [], []
    for example in examples:
        without = _without_captions if isinstance(example, CaptionExample) else _without_question
        example, faults = without(example, tokenizer)
        problems += [Problem(example.image, None, f"{fault}; it was left out") for fault in faults]
        if isinstance(example, CaptionExample) or not faults:
            kept.append(example)
    return tuple(kept), problems


def _without_captions(example: CaptionExample, tokenizer: Tokenizer) -> tuple[CaptionExample, list[str]]:
    faults = {caption: fault for caption in example.captions if (fault := no_words(caption, tokenizer))}
    if not faults:
        return example, []
    captions = tuple(caption for caption in example.captions if caption not in faults)
    return replace(example, captions=captions), [faults[caption] for caption in example.captions if caption in faults]


def _without_question(example: QuestionExample, tokenizer: Tokenizer) -> tuple[QuestionExample, list[str]]:
    fault = no_words(example.question, tokenizer, "question")
    return example, [fault] if fault else []
