"""VQA accuracy: an answer is right as far as three people gave it.

    accuracy = mean over the annotators left out of  min(1, others who gave this answer / 3)

With ten annotators these are the ten subsets of nine. Prediction and answers are normalised as the official evaluation
does it, step by step: punctuation, lower case, number words, articles, contractions. Oddities are part of that
standard and kept, such as "none" = "0". The official `vqaEval.py` leaves answers alone where all ten are equal letter
by letter; the evaluation's description (https://visualqa.org/evaluation.html) and its server normalise all, as here. On
the published answers, which are normalised already, the two differ only for a prediction that is not.

Sources: [Antol et al., 2015](https://arxiv.org/abs/1505.00468), section 3; https://github.com/GT-Vision-Lab/VQA,
`PythonEvaluationTools/vqaEvaluation/vqaEval.py`.
"""

import functools
import re

import numpy as np

from captioner.metrics.base import ItemMetric, MetricUnavailable, Prominence, Score
from captioner.text.answers import with_blanks

PEOPLE = 3  # as many make an answer wholly right
FEWEST_ANSWERS = PEOPLE + 1  # with less, no answer can be: one is left out

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_FULL_STOP = re.compile(r"\.(?!\d)")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {"none": "0"} | {word: str(number) for number, word in enumerate(_DIGITS)}
_ARTICLES = ("a", "an", "the")

_APOSTROPHES = (
    "ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd "
    "he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've "
    "needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've "
    "somebody'll somebody's someone'd someone'd've someone'll someone's something'd something'd've something'll "
    "that's there'd there'd've there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've "
    "we've weren't what'll what're what's what've when's where'd where's where've who'd who'd've who'll who's "
    "who've why'll why're why's won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've "
    "you'll you're you've"
)
_CONTRACTED = _APOSTROPHES.split()


def _without_one_apostrophe(word: str) -> list[str]:
    """`couldn't've` -> `couldnt've`, `couldn'tve`."""
    return [word[:position] + word[position + 1 :] for position, letter in enumerate(word) if letter == "'"]


_CONTRACTIONS = {wrong: word for word in _CONTRACTED for wrong in _without_one_apostrophe(word)}
_CONTRACTIONS["somebody'd"] = "somebodyd"  # the wrong way round, but official


class VqaAccuracy(ItemMetric):
    """The VQA accuracy; it needs several answers a question, ten by the book. A row is `[accuracy]`.

    >>> VqaAccuracy().statistics("Two.", ["2"] * 3 + ["3"] * 7).round(4).tolist()     # (3 * 2/3 + 7 * 1) / 10
    [0.9]
    """

    scores = (Score("vqa_accuracy", "VQA accuracy", "VQA", "VQA: VQA accuracy", Prominence.MAIN, per_item=True),)

    @classmethod
    def for_corpus(cls, references, training=None):
        counts = [len(answers) for answers in references]
        if min(counts, default=0) < FEWEST_ANSWERS:
            reason = f"It needs at least {FEWEST_ANSWERS} people's answers to each question."
            raise MetricUnavailable("VQA accuracy", reason, silent=max(counts, default=0) < FEWEST_ANSWERS)
        return cls()

    def statistics(self, prediction, answers):
        predicted = normalise(with_blanks(prediction))
        people = len(answers)
        same = sum(normalise(with_blanks(answer)) == predicted for answer in answers)
        without_one_of_them = same * min(1.0, (same - 1) / PEOPLE)
        without_another = (people - same) * min(1.0, same / PEOPLE)
        return np.array([(without_one_of_them + without_another) / people])


@functools.lru_cache(maxsize=1 << 17)
def normalise(answer: str) -> str:
    """An answer as the official evaluation compares it.

    >>> [normalise(answer) for answer in ("The two dogs!", "Dont know", "1,000.5", "t-shirt", "None.")]
    ['2 dogs', "don't know", '1000.5', 't shirt', '0']
    """
    return _words(_without_punctuation(answer.replace("\n", " ").replace("\t", " ").strip()))


def _without_punctuation(text: str) -> str:
    """Marks beside a blank vanish, others become a blank; in a text with a number like 1,000 all vanish."""
    result = text
    for mark in _PUNCTUATION:
        vanishes = f"{mark} " in text or f" {mark}" in text or _COMMA_IN_NUMBER.search(text)
        result = result.replace(mark, "" if vanishes else " ")
    return _FULL_STOP.sub("", result)


def _words(text: str) -> str:
    """Lower case, numbers as digits, no articles, apostrophes where they belong."""
    words = (_NUMBERS.get(word, word) for word in text.lower().split())
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)
