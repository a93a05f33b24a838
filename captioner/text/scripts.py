"""Which tokenizer fits a text: not all scripts put blanks between words, or write a word with letters alone."""

import re
import unicodedata
from collections.abc import Sequence

SAMPLE = 1000  # texts that are looked at, at equal distances
LENGTH = 1000  # characters of each
SHARE = 0.3  # of a text in such a script, from which on it is noticed
MARKS = 0.05  # the same for marks that belong to words

# Characters between two blanks, from which on they are taken for a sentence: words of Chinese and Japanese have two on
# average, those of the others some five.
_UNSPACED = {
    re.compile("[\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]"): 4,
    re.compile("[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff]"): 8,  # Thai, Lao, Tibetan, Burmese, Khmer
}


def tokenizer_hint(texts: Sequence[str], tokenizer: str) -> str:
    """A sentence that names the tokenizer that fits texts, or nothing where theirs does.

    >>> tokenizer_hint(["一只狗在草地上奔跑"], "ptb")[:60]
    'These texts are written without blanks between words, as in '
    >>> tokenizer_hint(["一只狗在草地上奔跑"], "characters"), tokenizer_hint(["a dog runs"], "ptb")
    ('', '')
    """
    if tokenizer == "characters":
        return ""
    sample = [text[:LENGTH] for text in texts[:: max(len(texts) // SAMPLE, 1)]]
    if all(map(str.isascii, sample)):
        return ""
    chunks = [chunk for text in sample for chunk in unicodedata.normalize("NFC", text).split()]
    total = max(sum(map(len, chunks)), 1)
    for script, length in _UNSPACED.items():
        counts = [count for count in (len(script.findall(chunk)) for chunk in chunks) if count]
        if sum(counts) >= max(SHARE * total, length * len(counts), 1):
            return _sentence(
                "are written without blanks between words, as in Chinese, Japanese and Thai",
                f"{tokenizer} finds a word or two in a whole sentence, so that scores such as BLEU say nothing",
                "characters",
            )
    marks = sum(_is_mark(character) for chunk in chunks for character in chunk)
    if tokenizer == "ptb" and marks >= MARKS * total:
        return _sentence("have marks inside words, as in Hindi", "ptb cuts words at them", "unicode")
    return ""


def is_unspaced(text: str) -> bool:
    """Whether a text holds a character of a script that writes no blanks between words.

    >>> is_unspaced("一只狗在草地上奔跑"), is_unspaced("a dog runs")
    (True, False)
    """
    return not text.isascii() and any(map(re.Pattern.search, _UNSPACED, [text] * len(_UNSPACED)))


def _is_mark(character: str) -> bool:
    """Whether a character is a mark of a letter; selectors of variants are not."""
    return unicodedata.category(character) in ("Mn", "Mc") and not "\ufe00" <= character <= "\ufe0f"


def _sentence(texts: str, consequence: str, fitting: str) -> str:
    return (
        f"These texts {texts}: the tokenizer {consequence}. The tokenizer `{fitting}` fits (`--tokenizer {fitting}`, "
        "or `text.tokenizer` of a recipe)."
    )
