"""Probabilities of answers that say how often the answers are right."""

import numpy as np
import pytest

from pipelines.tasks.vqa.calibrate import TEMPERATURES, cross_entropy


def test_probabilities_are_best_where_they_are_how_often_answers_are_right():
    right = np.array([1.0, 1.0, 1.0, 0.0])
    losses = {told: cross_entropy(np.full(4, told), right) for told in (0.6, 0.75, 0.9)}
    assert min(losses, key=losses.get) == 0.75
    assert losses[0.75] == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))
    assert np.isfinite(cross_entropy(np.array([1.0, 0.0]), np.array([0.0, 1.0])))


def test_no_temperature_is_one_of_the_temperatures():
    assert 1.0 in TEMPERATURES.round(3)
