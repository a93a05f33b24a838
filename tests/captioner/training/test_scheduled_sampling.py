"""How the share of own words grows."""

import itertools

import pytest

from captioner.training.scheduled_sampling import SCHEDULES, sampling_probability


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_share_never_falls_and_stays_where_it_ends(schedule):
    shares = [sampling_probability(schedule, 0.4, step, 50) for step in range(80)]
    assert all(one <= other for one, other in itertools.pairwise(shares))
    assert shares[0] < 0.01 and 0.39 < shares[50] <= 0.4 and len(set(shares[50:])) == 1
    assert sampling_probability(schedule, 0.4, 25, 50) == pytest.approx(
        {"linear": 0.2, "exponential": 0.36, "inverse_sigmoid": 0.2}[schedule]  # 1 - 0.01 ** 0.5 = 0.9
    )


def test_a_share_of_all_words_is_reached():
    assert sampling_probability("linear", 1.0, 10, 10) == 1.0
