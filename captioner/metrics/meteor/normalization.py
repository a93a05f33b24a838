"""METEOR's own words: those of the Moses tokenizer, with quotes and dashes of one kind and abbreviations undotted.

What is written "1,000", "U.S.-based" or "don't" becomes `1,000`, `us based` and `don 't`.

Source: the normalizer of METEOR 1.5 (option `-norm`), after Moses' `tokenizer.perl`.
"""

import re
from collections.abc import Mapping

_LETTERS = "A-Za-zŠŽšžŸÀ-ÖØ-öø-žЀ-ӿԀ-ԧꙀ-ꙮ꙾-ꚗᴀ-ᵿ"
_SPACES = " \t\n\r\f"  # what separates words; other spaces are single characters until the end

_SEPARATE = re.compile(rf"([^0-9{_LETTERS} \t\n\x0b\f\r.'`,\-‘’])")
_DOTS = re.compile(r"\.{2,}+")
_DOTS_KEPT = re.compile(r"((?:DOT)++)(MULTI)?")
_COMMAS = tuple(map(re.compile, ("([^0-9]),([^0-9])", "([0-9]),([^0-9])", "([^0-9]),([0-9])")))
_SINGLE_QUOTES = re.compile("[`‘’]")
_DOUBLE_QUOTES = re.compile("[“”]|''")
_DASH_IN_WORD = re.compile(rf"([0-9{_LETTERS}.])-([0-9{_LETTERS}])")
# Contractions are split before the apostrophe, as are "1990's"; other apostrophes stand alone.
_APOSTROPHES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (rf"([^{_LETTERS}])'([^{_LETTERS}])", r"\1 ' \2"),
        (rf"([^{_LETTERS}0-9])'([{_LETTERS}])", r"\1 ' \2"),
        (rf"([{_LETTERS}])'([^{_LETTERS}])", r"\1 ' \2"),
        (rf"([{_LETTERS}])'([{_LETTERS}])", r"\1 '\2"),
        (r"([0-9])'(s)", r"\1 '\2"),
    )
)
_LETTER = re.compile(f"[{_LETTERS}]")


def meteor_words(text: str, prefixes: Mapping[str, bool]) -> list[str]:
    """The words of a sentence, in lower case.

    Args:
        text: a sentence.
        prefixes: see `MeteorResources.prefixes`.

    >>> meteor_words("The U.S.-based dog's 1,000 friends don't bark...", {})
    ['the', 'us', 'based', 'dog', "'s", '1,000', 'friends', 'don', "'t", 'bark', '...']
    """
    line = _SEPARATE.sub(r" \1 ", f" {text} ")
    line = _DOTS.sub(lambda dots: f" {'DOT' * len(dots[0])}MULTI ", line)
    for comma in _COMMAS:
        line = comma.sub(r"\1 , \2", line)
    line = _DOUBLE_QUOTES.sub(' " ', _SINGLE_QUOTES.sub("'", line))
    line = _DASH_IN_WORD.sub(r"\1 \2", line.replace("–", "-").replace("--", "-"))
    for apostrophe, replacement in _APOSTROPHES:
        line = apostrophe.sub(replacement, line)
    words = [word for word in re.split(f"[{_SPACES}]+", line) if word]
    line = " ".join(_final_dot(word, words[index + 1 : index + 2], prefixes) for index, word in enumerate(words))
    line = _DOTS_KEPT.sub(lambda kept: "." * (len(kept[1]) // len("DOT")) if kept[2] else kept[0], line)
    return line.lower().split()


def _final_dot(word: str, following: list[str], prefixes: Mapping[str, bool]) -> str:
    """A word whose full stop is separated where it ends a sentence."""
    if len(word) < 2 or not word.endswith("."):
        return word
    before = word[:-1]
    if "." in before and _LETTER.search(before):
        return word.replace(".", "")  # U.S. -> US
    if prefixes.get(before) is False or (following and "a" <= following[0][0] <= "z"):
        return word
    if prefixes.get(before) and following and "0" <= following[0][0] <= "9":
        return word
    return f"{before} ."
