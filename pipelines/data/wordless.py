"""Captions without words: empty to a tokenizer, though there is something in them, such as "..." or an emoji."""

from collections.abc import Iterable
from dataclasses import replace

from captioner.text.tokenizers import Tokenizer
from pipelines.data.datasets.text import truncate
from pipelines.data.examples import CaptionExample, Problem


def no_words(caption: str, tokenizer: Tokenizer) -> str:
    """The problem of a caption without words; nothing where it has any.

    >>> from captioner.text.ptb import PTB
    >>> no_words("...", PTB), no_words("a dog", PTB)
    ("the caption '...' has no words (ptb tokenizer)", '')
    """
    return (
        ""
        if tokenizer.tokenize(caption)
        else f"the caption {truncate(caption)} has no words ({tokenizer.name} tokenizer)"
    )


def without_wordless(
    examples: Iterable[CaptionExample], tokenizer: Tokenizer
) -> tuple[tuple[CaptionExample, ...], list[Problem]]:
    """The examples without such captions, and a problem for each of these."""
    kept, problems = [], []
    for example in examples:
        faults = [no_words(caption, tokenizer) for caption in example.captions]
        problems += [Problem(example.image, None, f"{fault}; it was left out") for fault in faults if fault]
        pairs = zip(example.captions, faults, strict=True)
        kept.append(replace(example, captions=tuple(caption for caption, fault in pairs if not fault)))
    return tuple(kept), problems
