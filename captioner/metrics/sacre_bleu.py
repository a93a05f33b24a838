"""BLEU as SacreBLEU computes it, for comparison with numbers from machine translation and from KerasHub.

It differs from COCO's BLEU (`bleu`) in three ways: its words are those of the tokenizer 13a, punctuation included; an
order without any match counts as half of one match, the next as a quarter (smoothing "exp"); and it knows BLEU-4 only.
Its signature is `nrefs:var|case:lc|eff:no|tok:13a|smooth:exp`.

Source: [Post, 2018](https://aclanthology.org/W18-6319/); the tokenizer is that of NIST's `mteval-v13a.pl`.
"""

import html
import re
from collections.abc import Sequence

import numpy as np

from captioner.metrics.base import Score, image_numbers
from captioner.metrics.bleu import Bleu
from captioner.metrics.ngrams import ORDERS, References

_SYMBOLS = re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])")
_RULES = (
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),  # full stops and commas, unless a digit is before them
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),  # or behind them
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),  # dashes after a digit
)


class SacreBleu(Bleu):
    """BLEU of SacreBLEU (tokenizer 13a, lower case) over captions as they are written.

    A row is that of `Bleu`, of other words.

    >>> row = SacreBleu().statistics("A dog runs, fast.", ["a dog runs fast."])
    >>> row.astype(int).tolist()
    [6, 5, 5, 3, 1, 0, 6, 5, 4, 3]
    >>> round(SacreBleu.combine(row[None])["sacre_bleu"], 4)      # (5/6 * 3/5 * 1/4 * (1/2)/3)^(1/4)
    0.3799
    """

    scores = (Score("sacre_bleu", "BLEU of SacreBLEU (13a, lower case)"),)
    in_training = False
    of_texts = True

    def rows(self, predictions, references, images=None):
        numbers = image_numbers(predictions, references, images)
        expected = References([list(map(_words, references[number])) for number in numbers.tolist()])
        return super().rows(list(map(_words, predictions)), expected)

    def statistics(self, prediction, references):
        return self.rows([prediction], [references])[0]

    @classmethod
    def combine(cls, rows):
        length, reference_length, *counts = np.sum(rows, axis=0)
        matches, totals = counts[:ORDERS], counts[ORDERS:]
        if not matches[0] or not all(totals):
            return {"sacre_bleu": 0.0}
        smoothing, logarithms = 1.0, []
        for matched, total in zip(matches, totals, strict=True):
            if not matched:
                smoothing *= 2
            logarithms.append(np.log((matched or 1 / smoothing) / total))
        penalty = min(0.0, 1 - reference_length / length)
        return {"sacre_bleu": float(np.exp(np.mean(logarithms) + penalty))}

    @classmethod
    def per_item(cls, rows):
        return {}


def words_13a(text: str) -> list[str]:
    """The words of the tokenizer 13a.

    >>> words_13a("A dog (brown), 1,000 m &amp; a half-hour.")
    ['A', 'dog', '(', 'brown', ')', ',', '1,000', 'm', '&', 'a', 'half-hour', '.']
    """
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity in ("&quot;", "&amp;", "&lt;", "&gt;"):
        text = text.replace(entity, html.unescape(entity))
    text = _SYMBOLS.sub(r" \1 ", f" {text} ")
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text.split()


def _words(caption: str | Sequence[str]) -> list[str]:
    return words_13a((caption if isinstance(caption, str) else " ".join(caption)).lower())
