"""How often a right answer is among the first K, of answers ranked by score: recall at K and the median rank.

Equal scores share their ranks: the result is the average over all their orders. A model that gives all answers the same
score therefore has exactly the recall of guessing, whatever order they come in.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

DEPTHS = (1, 5, 10)


@dataclass(frozen=True)
class Recall:
    """How well questions are answered by ranking.

    at: K -> share of the questions with a right answer among the first K.
    median_rank: of the first right answer.
    """

    at: dict[int, float]
    median_rank: float


def recall(scores: np.ndarray, right: np.ndarray, depths=DEPTHS) -> Recall:
    """Ranks the answers of each question by score, highest first.

    With scores 0.9, 0.7, 0.7 and 0.1, of which the second answer is right, it has rank 2 or 3: it is among the first
    two with a probability of one half.

    Args:
        scores: `(Q, A)`, of A answers to each of Q questions. What is not a number counts as the worst.
        right: bool `(Q, A)`, at least one True in each row.

    >>> recall(np.array([[0.9, 0.7, 0.7, 0.1]]), np.array([[False, True, False, False]]), depths=(1, 2, 3))
    Recall(at={1: 0.0, 2: 0.5, 3: 1.0}, median_rank=2.0)
    """
    scores = np.nan_to_num(np.asarray(scores, float), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    best = np.max(np.where(right, scores, -np.inf), axis=1, keepdims=True)
    before = np.sum(scores > best, axis=1)
    level = scores == best
    return _recall(before, np.sum(level, axis=1), np.sum(level & right, axis=1), depths)


def chance(right: np.ndarray, depths=DEPTHS) -> Recall:
    """The recall of guessing: of scores that are all equal."""
    return recall(np.zeros(right.shape), right, depths)


def _recall(before: np.ndarray, level: np.ndarray, right: np.ndarray, depths) -> Recall:
    at = {depth: float(np.mean(_within(depth, before, level, right))) for depth in depths}
    middle = [_middle(*pair) for pair in zip(level.tolist(), right.tolist(), strict=True)]
    return Recall(at, float(np.median(before + middle)))


@cache
def _middle(level: int, right: int) -> int:
    """The first of `level` ranks by which one of the `right` answers has come with a probability of one half."""
    missed = 1.0
    for number in range(level):
        missed *= max(level - right - number, 0) / (level - number)
        if missed <= 0.5 + 1e-12:
            return number + 1
    return level


def _within(ranks, before: np.ndarray, level: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The probability `(Q,)` that one of the `right` ones is among the first `ranks`.

        1 - C(level - right, n) / C(level, n),    n = ranks - before

    Args:
        before: how many answers are ranked before.
        level: how many share the ranks behind these, the right ones among them.
    """
    taken = np.clip(ranks - before, 0, level)
    missed = np.ones(len(before))
    for number in range(int(taken.max(initial=0))):
        wrong = np.maximum(level - right - number, 0) / np.maximum(level - number, 1)
        missed = np.where(number < taken, missed * wrong, missed)
    return 1.0 - missed
