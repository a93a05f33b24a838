"""Texts without words: empty to a tokenizer, though there is something in them, such as "..." or an emoji."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from captioner.text.tokenizers import Tokenizer
from pipelines.data.datasets.text import truncate
from pipelines.data.examples import CaptionExample, Location, Problem, QuestionExample


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
        problems += [_problem(example.image, fault, location) for fault, location in faults]
        if isinstance(example, CaptionExample) or not faults:
            kept.append(example)
    return tuple(kept), problems


def _problem(image: Path, fault: str, location: Location | None) -> Problem:
    if location is None:
        return Problem(image, None, f"{fault}; it was left out")
    part = f"{location.part}: " if location.part else ""
    return Problem(location.path, location.line, f"{part}{image.name}: {fault}; it was left out")


def _without_captions(
    example: CaptionExample, tokenizer: Tokenizer
) -> tuple[CaptionExample, list[tuple[str, Location | None]]]:
    faults = {caption: fault for caption in example.captions if (fault := no_words(caption, tokenizer))}
    if not faults:
        return example, []
    captions, locations = tuple(caption for caption in example.captions if caption not in faults), {}
    for caption, location in example.locations:
        locations.setdefault(caption, location)
    found = [(faults[caption], locations.get(caption)) for caption in example.captions if caption in faults]
    return replace(example, captions=captions), found


def _without_question(
    example: QuestionExample, tokenizer: Tokenizer
) -> tuple[QuestionExample, list[tuple[str, Location | None]]]:
    fault = no_words(example.question, tokenizer, "question")
    return example, [(fault, example.location)] if fault else []
