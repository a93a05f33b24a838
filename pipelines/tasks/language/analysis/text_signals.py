"""Signals of a text that a cell might follow, as a number for each character.

A signal is the value after a character was read: "inside quotes" is 1 from the opening quotation mark to the
character before the closing one.
"""

import ast
import io
import itertools
import tokenize
from collections.abc import Iterator

import numpy as np

QUOTES, TRIPLE, LINE_STRING = "inside quotes", "inside triple quotes", "inside a one-line string"
COMMENT, DEPTH, COLUMN, INDENTATION = "inside a comment", "nesting depth", "position in line", "indentation"
POSITION = "position in the text"
OPENING, CLOSING = "([{", ")]}"


def signals_of(text: str, python: bool | None = None) -> dict[str, np.ndarray]:
    """Name -> float32 `(len(text),)`.

    Python sources are read by Python's own tokenizer; in any other text a quotation is what stands between double
    quotation marks of one paragraph, and there are no comments.

    Args:
        text: with line breaks as `\\n`.
        python: whether it is Python; None to find out.
    """
    signals = _python_signals(text) if python or (python is None and is_python(text)) else None
    column, indentation = _lines(text)
    return {**(signals or _plain_signals(text)), COLUMN: column, INDENTATION: indentation}


def is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _python_signals(text: str) -> dict[str, np.ndarray] | None:
    """None where the tokenizer gives up."""
    inside = {name: np.zeros(len(text), "float32") for name in (QUOTES, TRIPLE, LINE_STRING, COMMENT)}
    hidden = np.zeros(len(text), bool)  # brackets that are no brackets
    try:
        spans = list(_spans(text))
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return None
    for kind, begin, end in spans:
        hidden[begin:end] = True
        if kind == "comment":
            inside[COMMENT][begin:end] = 1
            continue
        quote = begin
        while text[quote] not in "'\"":
            quote += 1  # past r, b, f
        triple = text[quote : quote + 3] in ('"""', "'''") and end - quote >= 6
        for name in (QUOTES, TRIPLE if triple else LINE_STRING):
            inside[name][quote : end - 1] = 1
    return {**inside, DEPTH: _depth(text, hidden)}


def _spans(text: str) -> Iterator[tuple[str, int, int]]:
    """`(kind, begin, end)` of strings and comments. A string with expressions in it counts as a whole."""
    starts = list(itertools.accumulate(map(len, io.StringIO(text)), initial=0))  # of lines
    opened: list[int] = []
    opening, closing = {"FSTRING_START", "TSTRING_START"}, {"FSTRING_END", "TSTRING_END"}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        name = tokenize.tok_name[token.type]
        begin, end = (starts[line - 1] + column for line, column in (token.start, token.end))
        if name == "ERRORTOKEN" and token.string.strip():
            raise tokenize.TokenError("a character that is no Python")
        if name in opening:
            opened.append(begin)
        elif name in closing:
            begin = opened.pop()
            if not opened:
                yield "string", begin, end
        elif name in ("STRING", "COMMENT") and not opened:
            yield name.lower(), begin, end


def _plain_signals(text: str) -> dict[str, np.ndarray]:
    inside, is_open = np.zeros(len(text), "float32"), False
    for index, letter in enumerate(text):
        if letter == "“":
            is_open = True
        elif letter == "”" or text.startswith("\n\n", index):
            is_open = False
        elif letter == '"':
            is_open = not is_open
        inside[index] = is_open
    return {QUOTES: inside, DEPTH: _depth(text, np.zeros(len(text), bool))}


def _depth(text: str, hidden: np.ndarray) -> np.ndarray:
    """Brackets that are open; one that was never opened closes nothing."""
    depth, count = np.zeros(len(text), "float32"), 0
    for index, letter in enumerate(text):
        if not hidden[index]:
            count = max(count + (letter in OPENING) - (letter in CLOSING), 0)
        depth[index] = count
    return depth


def _lines(text: str) -> tuple[np.ndarray, np.ndarray]:
    """The position of each character in its line, and the indentation of the line as far as it was read."""
    column, indentation = np.zeros(len(text), "float32"), np.zeros(len(text), "float32")
    position, spaces, blank = 0, 0, True
    for index, letter in enumerate(text):
        if letter == "\n":
            position, spaces, blank = 0, 0, True
        else:
            position += 1
            blank = blank and letter in " \t"
            spaces += blank
        column[index], indentation[index] = position, spaces
    return column, indentation


def word_positions(words: int) -> dict[str, np.ndarray]:
    """The only signal of a text in words: their number so far."""
    return {POSITION: np.arange(1, words + 1, dtype="float32")}
