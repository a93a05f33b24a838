"""Learning from all ten people's answers: where training begins."""

import numpy as np
import pytest

from captioner.text.answers import AnswerList
from captioner.training.soft_targets import base_rate_logits


def test_training_begins_at_the_base_rates():
    """Wrong if the first epochs only learn that rare answers are rare."""
    answers = [["yes"] * 10, ["yes"] * 10, ["no"] * 10, ["yes"] * 9 + ["no"]]
    logits = base_rate_logits(answers, AnswerList(["yes", "no", "zebra"]))
    rates = 1 / (1 + np.exp(-logits))
    assert rates[:2] == pytest.approx([3 / 4, (1 + 1 / 3) / 4], rel=1e-5)
    assert 0 < rates[2] < 1e-3 and np.isfinite(logits).all(), "an answer that nobody gave can still be learned"
