"""Recall at K by hand: places, ties, and what guessing reaches."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.metrics.recall import chance, recall


def test_ranks_derived_by_hand():
    scores = np.array([[0.9, 0.1, 0.5], [0.9, 0.1, 0.5], [0.2, 0.8, 0.5]])
    right = np.eye(3, dtype=bool)  # ranks 1, 3 and 2
    found = recall(scores, right, depths=(1, 2, 3))
    assert found.at == pytest.approx({1: 1 / 3, 2: 2 / 3, 3: 1.0}) and found.median_rank == 2


def test_the_first_of_several_right_answers_counts():
    right = np.array([[False, True, False, True]])
    assert recall(np.array([[4.0, 1.0, 2.0, 3.0]]), right, depths=(1, 2)).at == {1: 0.0, 2: 1.0}


def test_equal_scores_share_their_places():
    """A right answer among four equals behind one better: places 2 to 5, each as likely."""
    scores, right = np.array([[9.0, 5, 5, 5, 5, 1]]), np.array([[False, False, False, True, False, False]])
    found = recall(scores, right, depths=(1, 2, 3, 5))
    assert found.at == pytest.approx({1: 0.0, 2: 0.25, 3: 0.5, 5: 1.0}) and found.median_rank == 3
    # Two right ones among the four: among the first three places are two of the four, and 1 - C(2, 2) / C(4, 2) = 5/6.
    right[0, 1] = True
    assert recall(scores, right, depths=(2, 3)).at == pytest.approx({2: 0.5, 3: 5 / 6})


def test_chance_is_that_of_drawing_without_looking():
    """Of 5,000 captions 5 are right, as on Flickr8k; 1 - C(4995, K) / C(5000, K)."""
    right = np.zeros((1, 5000), bool)
    right[0, :5] = True
    found = chance(right)
    assert found.at == pytest.approx({k: 1 - math.comb(4995, k) / math.comb(5000, k) for k in (1, 5, 10)})
    assert found.median_rank == 647  # the first with 1 - C(4995, r) / C(5000, r) >= 1/2
    assert chance(np.eye(200, dtype=bool)).at == pytest.approx({1: 0.005, 5: 0.025, 10: 0.05})


def test_a_model_that_says_the_same_of_everything_is_as_good_as_chance_wherever_the_right_answer_stands():
    """Counting ties in the model's favour would make it perfect; counting the first column would, too, here."""
    right = np.eye(20, dtype=bool)
    assert recall(np.full((20, 20), -3.5), right) == chance(right) == recall(np.full((20, 20), np.nan), right)


@given(st.integers(0, 10_000), st.integers(2, 8), st.integers(2, 12))
def test_the_order_of_the_answers_is_all_the_same(seed, questions, answers):
    random = np.random.default_rng(seed)
    scores = random.integers(0, 4, (questions, answers)).astype(float)
    right = random.random((questions, answers)) < 0.3
    right[:, 0] |= ~right.any(axis=1)
    order = random.permutation(answers)
    found, moved = recall(scores, right), recall(scores[:, order], right[:, order])
    assert moved.at == pytest.approx(found.at) and moved.median_rank == found.median_rank
    assert list(found.at.values()) == sorted(found.at.values())
