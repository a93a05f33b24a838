"""The expected calibration error: by hand, of true and of bold probabilities, and of accuracies between 0 and 1."""

import numpy as np
import pytest

from captioner.metrics.calibration import calibration


def test_the_error_by_hand():
    """0.95 twice, wholly right and 0.6 right: |0.8 - 0.95|; 0.25 twice, both wrong: |0 - 0.25|; half of all in each."""
    found = calibration([0.95, 0.25, 0.95, 0.25], [1, 0, 0.6, 0])
    assert found.error == pytest.approx(0.5 * 0.15 + 0.5 * 0.25)
    assert [(one.low, one.high, one.count) for one in found.bins if one.count] == [(0.2, 0.3, 2), (0.9, 1.0, 2)]
    assert len(found.bins) == 10 and found.bins[9].accuracy == pytest.approx(0.8)
    assert np.isnan(found.bins[0].accuracy)


def test_bounds_belong_to_one_bin_each():
    """A probability of 1 would fall out of the diagram, or be counted twice."""
    found = calibration([0.0, 0.5, 1.0], [0, 1, 1], bins=2)
    assert [one.count for one in found.bins] == [1, 2]
    assert sum(one.count for one in calibration(np.linspace(0, 1, 101), np.ones(101)).bins) == 101


def test_probabilities_that_are_true_have_a_small_error_and_bold_ones_a_large():
    """Of soft accuracies, as ten people's answers give, too: an answer of 0.7 is worth 0.7 on average."""
    generator = np.random.default_rng(0)
    shares = generator.uniform(0, 1, 20_000)
    soft = np.clip(shares + generator.choice([-0.1, 0.1], len(shares)), 0, 1)
    right = generator.uniform(0, 1, len(shares)) < shares
    assert calibration(shares, right).error < 0.02 and calibration(shares, soft).error < 0.02
    assert calibration(np.sqrt(shares), right).error == pytest.approx(np.mean(np.sqrt(shares) - shares), abs=0.02)


@pytest.mark.parametrize(
    "probabilities, accuracies, sentence",
    [
        ([], [], "received (0,)"),
        ([0.5], [1, 0], "a probability and an accuracy for each"),
        ([1.5], [1], "`probabilities` are from 0 to 1, received 1.5"),
        ([0.5], [-1], "`accuracies` are from 0 to 1"),
        ([float("nan")], [1], "`probabilities` are from 0 to 1"),
    ],
)
def test_what_is_no_probability_is_refused(probabilities, accuracies, sentence):
    with pytest.raises(ValueError) as error:
        calibration(probabilities, accuracies)
    assert sentence in str(error.value)
