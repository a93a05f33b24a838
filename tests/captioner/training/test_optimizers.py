"""Optimizers: the schedule's values and what is clipped."""

import keras
import numpy as np
import pytest

from captioner.training.optimizers import build_optimizer, learning_rate_schedule


def rates(steps, **options):
    """The learning rate at each step."""
    optimizer = build_optimizer("adam", learning_rate_schedule(0.1, steps, **options))
    variable = keras.Variable(np.zeros(2, "float32"))
    optimizer.build([variable])
    values = []
    for _ in range(steps + 1):
        values.append(float(optimizer.learning_rate))
        optimizer.apply([np.ones(2, "float32")], [variable])
    return np.array(values)


def test_a_constant_rate_rises_first_and_stays():
    assert rates(8) == pytest.approx(0.1)
    assert rates(8, warmup_steps=4) == pytest.approx([0, 0.025, 0.05, 0.075, *[0.1] * 5], abs=1e-7)


def test_cosine_falls_from_the_rate_to_its_share_at_the_last_step():
    """A schedule that ends before or after the training wastes it."""
    down = rates(8, schedule="cosine", final_learning_rate=0.2)
    angles = np.pi * np.arange(9) / 8
    assert down == pytest.approx(0.1 * (0.2 + 0.8 * (1 + np.cos(angles)) / 2), rel=1e-5)
    warmed = rates(8, schedule="cosine", warmup_steps=4)
    assert warmed[:5] == pytest.approx([0, 0.025, 0.05, 0.075, 0.1], abs=1e-7)
    assert warmed[-1] == pytest.approx(0, abs=1e-7) and (np.diff(warmed[4:]) < 0).all()


def test_warming_up_takes_at_most_half_of_a_short_training():
    assert rates(4, warmup_steps=200) == pytest.approx([0, 0.05, 0.1, 0.1, 0.1], abs=1e-7)
    assert rates(4, warmup_steps=200, schedule="cosine").max() == pytest.approx(0.1)


def clipped_by(gradients, **options):
    """What is left of gradients: the roots of what Adagrad adds to its sums of squares in a first step."""
    optimizer = build_optimizer("adagrad", 1.0, **options)
    variables = [keras.Variable(np.zeros_like(g)) for g in gradients]
    optimizer.build(variables)
    before = [np.asarray(v) for v in optimizer.variables[2:]]
    optimizer.apply(gradients, variables)
    return [np.sqrt(np.asarray(v) - b) for v, b in zip(optimizer.variables[2:], before, strict=True)]


def test_gradients_are_clipped_by_the_norm_of_all_together():
    """Clipped one by one, the direction of the step would change."""
    gradients = [np.array([3.0, 0.0], "float32"), np.array([4.0], "float32")]
    clipped = clipped_by(gradients, clip_norm=1.0)
    assert clipped[0] == pytest.approx([0.6, 0], abs=1e-5) and clipped[1] == pytest.approx([0.8], rel=1e-5)
    for clip_norm in (10.0, 0.0):
        free = clipped_by(gradients, clip_norm=clip_norm)
        assert free[0] == pytest.approx([3, 0], abs=1e-4) and free[1] == pytest.approx([4], rel=1e-5)


def test_gradients_are_clipped_by_value_if_that_is_asked_for():
    clipped = clipped_by([np.array([3.0, 0.5], "float32")], clip_value=1.0, clip_norm=5.0)
    assert clipped[0] == pytest.approx([1.0, 0.5], rel=1e-5)


@pytest.mark.parametrize("name", ["adam", "rmsprop", "adagrad"])
def test_every_optimiser_goes_downhill(name):
    optimizer = build_optimizer(name, 0.1, clip_norm=1.0, weight_decay=0.01, average_weights=0.5)
    variable = keras.Variable(np.array([5.0], "float32"))
    optimizer.build([variable])
    for _ in range(5):
        optimizer.apply([2 * np.asarray(variable)], [variable])
    assert float(variable[0]) < 5
