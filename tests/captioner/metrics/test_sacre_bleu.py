"""BLEU as SacreBLEU computes it."""

import pytest

from captioner.metrics.sacre_bleu import SacreBleu, words_13a
from captioner.metrics.score import score_captions

PAIRS = [
    ("A man, riding a bike.", ["A man rides a bicycle.", "a person on a bike"]),
    ("two dogs", ["Two dogs run.", "dogs play in snow"]),
    ("the U.S. team's 1,000 fans &amp; friends", ["1,000 fans of the U.S. team"]),
]


@pytest.mark.parametrize("count, golden", [(1, 19.64073254502566), (2, 19.11766064436317), (3, 35.26061745146842)])
def test_scores_are_those_of_sacrebleu(count, golden):
    # `sacrebleu.corpus_bleu(..., lowercase=True).score` of sacrebleu 2.6.0 over the first pairs. Wrong if smoothing,
    # the closest reference, or a word differ.
    captions, references = zip(*PAIRS[:count], strict=True)
    rows = SacreBleu().rows(captions, references)
    assert 100 * SacreBleu.combine(rows)["sacre_bleu"] == pytest.approx(golden)


def test_words_are_those_of_13a():
    # What `sacrebleu.tokenizers.tokenizer_13a.Tokenizer13a` of sacrebleu 2.6.0 writes.
    assert words_13a("A dog's 3-year,old (1,000.50) U.S. toy...") == [
        "A", "dog's", "3", "-", "year", ",", "old", "(", "1,000.50", ")", "U", ".", "S", ".", "toy", ".", ".", ".",
    ]  # fmt: skip


def test_it_sees_the_captions_as_they_are_written():
    # The tokenizer `ptb` drops the full stop, and with it a match that SacreBLEU counts.
    texts = {"1": "a dog runs ."}, {"1": ["a dog runs ."]}
    scores = score_captions(*texts, metrics=["sacre_bleu", "bleu"]).scores
    assert scores["sacre_bleu"] == pytest.approx(1)
    assert scores["prediction_words"] == 3
