"""Texts and the words that a model knows: what does not fit is reported before anything is learned or scored.

All unknown words are one to a model, and that one is easy to predict: the loss and the perplexity of a text with many
of them are low and mean little.
"""

from collections.abc import Callable, Sequence

from captioner.errors import UserError
from captioner.text.scripts import tokenizer_hint
from captioner.text.tokenizers import get_tokenizer
from captioner.text.vocabulary import Vocabulary

MOST = 0.2  # share of unknown words, above which they are worth a warning
MOST_CUT = 0.1  # share of texts that are cut, above which they are
SAMPLE = 10_000  # texts that are looked at, at equal distances

Warn = Callable[[str], object]


def check_learned(texts: Sequence[str], vocabulary: Vocabulary, warn: Warn, unknown_rate: float | None = None) -> None:
    """Warns where another tokenizer fits the texts to learn from, or where many of their words are unknown.

    Args:
        texts: all of them.
        vocabulary: of the model.
        warn: takes a warning.
        unknown_rate: share of their words that are unknown, where it is known already.

    Raises:
        UserError: none of their words is known.
    """
    hint = tokenizer_hint(texts, vocabulary.tokenizer)
    if hint:
        warn(hint)
    if unknown_rate is None:
        unknown_rate = vocabulary.unknown_rate(texts[:: max(len(texts) // SAMPLE, 1)])
    remedy = "Give more text, lower text.minimum_count, or raise text.maximum_size."
    check_known(unknown_rate, vocabulary.tokenizer, "the texts to learn from", remedy, warn)


def check_lengths(texts: Sequence[str], tokenizer: str, most: int, setting: str, warn: Warn) -> None:
    """Warns where many texts to learn from are longer than what is read of them.

    Args:
        texts: all of them.
        tokenizer: its name.
        most: words that are read.
        setting: what limits them.
        warn: takes the warning.
    """
    tokenize = get_tokenizer(tokenizer).tokenize
    lengths = [len(tokenize(text)) for text in texts[:: max(len(texts) // SAMPLE, 1)]]
    cut = sum(length > most for length in lengths)
    if cut > MOST_CUT * len(lengths):
        warn(
            f"{cut / len(lengths):.0%} of the texts to learn from have more than {most} words or characters and are "
            f"cut there; the longest has {max(lengths):,}. Raise {setting}."
        )


def check_known(share: float, tokenizer: str, texts: str, remedy: str, warn: Warn) -> None:
    """Warns where more than a fifth of the words of texts is unknown.

    Args:
        share: of unknown words.
        tokenizer: its name.
        texts: which texts they are.
        remedy: a sentence that says what to do.
        warn: takes the warning.

    Raises:
        UserError: there are words, and none is known.
    """
    unit = "characters" if tokenizer == "characters" else "words"
    if share == 1:
        raise UserError(f"None of the {unit} of {texts} is known to the model. {remedy}")
    if share > MOST:
        warn(
            f"{share:.0%} of the {unit} of {texts} are not known to the model. They count as one, which is easy to "
            f"predict: a low loss or perplexity means little. {remedy}"
        )
