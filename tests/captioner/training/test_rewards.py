"""Rewards of single captions, with the end word counted."""

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.metrics.cider import CiderD
from captioner.training.rewards import CaptionReward

REFERENCES = [
    [["a", "dog", "runs", "with", "a", "ball"], ["a", "brown", "dog", "runs"]],
    [["a", "cat", "sleeps"], ["the", "cat", "is", "asleep"]],
    [["two", "men", "with", "a", "boat"]],
]


def test_a_caption_that_breaks_off_earns_less_than_one_that_ends():
    """Otherwise self-critical training ends in captions like "a dog runs with a"."""
    reward = CaptionReward(REFERENCES, {"cider_d": 1.0})
    whole, cut = reward([REFERENCES[0][1]] * 2, [True, False], [0, 0])
    assert whole > cut + 0.5


def test_the_reward_is_the_weighted_sum_of_both_metrics():
    captions, ended, images = [["a", "dog", "runs", "with", "a"], ["the", "cat", "is", "asleep"]], [True] * 2, [0, 1]
    both = CaptionReward(REFERENCES, {"cider_d": 2.0, "bleu_4": 3.0})(captions, ended, images)
    cider, bleu = (CaptionReward(REFERENCES, {name: 1.0})(captions, ended, images) for name in ("cider_d", "bleu_4"))
    np.testing.assert_allclose(both, 2 * cider + 3 * bleu)
    assert bleu[1] == pytest.approx(1.0, abs=1e-6) and 0 < cider[0] < cider[1]


def test_cider_is_the_metric_on_captions_with_their_end():
    """The document frequencies are those of the references it was made with."""
    ended = [[[*words, "<end>"] for words in given] for given in REFERENCES]
    expected = CiderD.from_references(ended).score([["two", "men", "<end>"]], [2])
    np.testing.assert_allclose(CaptionReward(REFERENCES, {"cider_d": 1.0})([["two", "men"]], [True], [2]), expected)


@pytest.mark.parametrize(
    ("weights", "said"), [({"cider_dd": 1.0}, "Did you mean `cider_d`"), ({"bleu_4": 0}, "weight 0")]
)
def test_rewards_that_teach_nothing_are_refused(weights, said):
    with pytest.raises(UserError, match=said):
        CaptionReward(REFERENCES, weights)
