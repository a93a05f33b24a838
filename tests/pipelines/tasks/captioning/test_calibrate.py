"""From which score on captions are sure."""

import numpy as np
import pytest

from pipelines.tasks.captioning.calibrate import LEAST, MOST, SHARE, lowest_sure_score


def test_low_scores_that_are_worth_little_are_found():
    """Wrong if sure captions are marked, or if the threshold moves with the order of the images."""
    scores = np.linspace(-2, -0.1, 200)
    worth = np.where(scores < -1.8, 0.55, 1.0)
    order = np.random.default_rng(0).permutation(200)
    least = lowest_sure_score(scores[order], worth[order])
    assert least == lowest_sure_score(scores, worth)
    below, average = scores < least, worth.mean()
    assert worth[below].mean() <= SHARE * average < np.append(worth[below], worth[~below][:1]).mean()
    assert LEAST <= below.sum() < MOST * 200


def test_few_captions_are_unsure():
    """Wrong if every second caption is marked because half of them are worth little."""
    scores = np.linspace(-2, -0.1, 200)
    least = lowest_sure_score(scores, np.where(scores < -1.0, 0.2, 1.0))
    assert np.mean(scores < least) == MOST


@pytest.mark.parametrize(
    ("scores", "worth"),
    [
        (np.linspace(-2, -1, 100), np.ones(100)),  # scores say nothing
        (np.full(100, -1.0), np.linspace(0, 1, 100)),  # there is no score between equal ones
        (np.linspace(-2, -1, LEAST - 1), np.linspace(0, 1, LEAST - 1)),  # too few to tell
    ],
)
def test_without_evidence_there_is_no_threshold(scores, worth):
    assert lowest_sure_score(scores, worth) is None
