"""Paired bootstrap: it tells what differs from what does not, as often as it promises."""

import dataclasses
import math

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.metrics.bleu import Bleu
from captioner.metrics.rouge import RougeL
from captioner.metrics.score import score_captions
from pipelines.evaluation.bootstrap import holm, paired_differences, resamples_for
from pipelines.evaluation.compare import compare_all
from pipelines.evaluation.evaluated import Evaluated


def normal(seed, size=400, shift=0.0):
    return np.random.default_rng(seed).normal(0.5 + shift, 0.2, (size, 1))


def test_the_interval_is_that_of_paired_means():
    # Of means it is known: 1.96 standard deviations of the differences / sqrt(N) each way.
    first, second = normal(0), normal(1, shift=0.05)
    found = paired_differences(RougeL, first, second)["rouge_l"]
    spread = 1.96 * np.std(second - first) / math.sqrt(len(first))
    assert found.value == pytest.approx(np.mean(second - first))
    assert (found.low, found.high) == pytest.approx((found.value - spread, found.value + spread), abs=0.15 * spread)


def test_pairing_counts():
    """Images are much harder or easier than the two models differ: unpaired, nothing would show."""
    hard = np.random.default_rng(0).normal(0.5, 0.3, (200, 1))
    better = hard + 0.01 + np.random.default_rng(1).normal(0, 0.02, (200, 1))
    found = paired_differences(RougeL, hard, better)["rouge_l"]
    assert found.significant and 0 < found.low < 0.01 < found.high
    shuffled = paired_differences(RougeL, hard, np.roll(better, 1, axis=0))["rouge_l"]
    assert not shuffled.significant


def test_equal_captions_do_not_differ():
    rows = normal(0)
    found = paired_differences(RougeL, rows, rows)["rouge_l"]
    assert (found.value, found.low, found.high, found.p, found.significant) == (0, 0, 0, 1, False)


def test_false_alarms_are_as_rare_as_promised():
    """Twice the same model: p < 0.05 may come up in about one comparison of twenty, and p is spread evenly."""
    p = [
        paired_differences(RougeL, normal(2 * n, 60), normal(2 * n + 1, 60), resamples=100)["rouge_l"].p
        for n in range(120)
    ]
    assert 0.005 <= np.mean(np.array(p) < 0.05) <= 0.12
    assert 0.35 < np.median(p) < 0.65


def test_bleu_is_that_of_the_corpus_not_a_mean():
    predictions = {"a": "a dog runs on grass", "b": "a cat"}
    others = {"a": "a dog", "b": "a cat sits on the mat"}
    references = {"a": ["a dog runs on the grass"], "b": ["a cat sits on a mat"]}
    first, second = score_captions(predictions, references), score_captions(others, references)
    found = paired_differences(Bleu, first.rows["bleu"], second.rows["bleu"], resamples=20)
    assert found["bleu_1"].value == pytest.approx(second.scores["bleu_1"] - first.scores["bleu_1"])
    assert "prediction_words" not in found


def test_the_sign_is_that_of_the_second_and_the_same_seed_gives_the_same():
    first, second = normal(0), normal(1, shift=0.1)
    there, back = (paired_differences(RougeL, *pair)["rouge_l"] for pair in ((first, second), (second, first)))
    assert there.value == -back.value and there.low == pytest.approx(-back.high) and there.p == back.p < 0.01
    assert there == paired_differences(RougeL, first, second)["rouge_l"]
    with pytest.raises(ValueError, match="Rows of the same images"):
        paired_differences(RougeL, first, second[:-1])


def evaluated(name, images, values, references=None):
    digests = np.array(references or range(len(images)), np.uint64)
    rows = {"rouge_l": np.array(values, float).reshape(-1, 1)}
    return Evaluated(name, {"rouge_l": float(np.sum(values))}, {}, {}, tuple(images), digests, rows)


def test_images_meet_by_name_and_those_of_one_side_are_left_out():
    """Rows that met by their place would compare the captions of different images."""
    first = evaluated("A", ["x", "y", "z"], [0.1, 0.2, 0.3], [7, 8, 9])
    second = evaluated("B", ["z", "w", "x"], [0.4, 0.9, 0.2], [9, 1, 7])
    (found,) = compare_all([first, second], resamples=50).pairs
    assert (found.images, found.left_out) == (2, 2)
    assert found.differences["rouge_l"].value == pytest.approx(0.1)
    assert found.rows()[0][:2] == ["ROUGE-L", "+10.0"]


@pytest.mark.parametrize(
    "other, sentence",
    [
        (evaluated("B", ["q"], [0.1]), "none of their images in common"),
        (evaluated("B", ["x"], [0.1], [5]), "scored against other references"),
        (evaluated("B", [], []), "cannot be compared image by image"),
    ],
)
def test_what_cannot_be_compared_is_said(other, sentence):
    with pytest.raises(UserError, match=sentence):
        compare_all([evaluated("A", ["x"], [0.1]), other])


def test_answers_are_compared_question_by_question():
    """Called images, a report of 5,000 questions about 500 pictures would claim ten times as many pictures."""
    first, second = (
        dataclasses.replace(evaluated(name, ["x#0", "x#1"], [0.1, 0.2]), evaluated={"images": 1, "questions": 2})
        for name in "AB"
    )
    assert compare_all([first, second], resamples=50).pairs[0].counted == "questions"
    images = [evaluated(name, ["x"], [0.1]) for name in "AB"]
    assert compare_all(images, resamples=50).counted == "images"


@pytest.mark.parametrize(
    "p_values, expected",
    [
        ([], []),
        ([0.02], [0.02]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # the worked case of R's p.adjust, method "holm"
        ([0.5, 0.4, 0.6], [1, 1, 1]),
        ([0.01, 0.01], [0.02, 0.02]),
    ],
)
def test_holm_multiplies_by_what_is_left(p_values, expected):
    """If it multiplied all by their number it were Bonferroni, and if none could rise above the next, no correction."""
    assert holm(p_values) == pytest.approx(expected)


def test_false_alarms_stay_rare_among_many_pairs():
    """Six equal systems are fifteen pairs: uncorrected, about every third comparison would find a difference."""
    uncorrected = corrected = 0
    for seed in range(20):
        systems = [evaluated(str(n), range(60), normal(100 * seed + n, 60)[:, 0]) for n in range(6)]
        systems = [dataclasses.replace(one, images=tuple(map(str, one.images))) for one in systems]
        found = compare_all(systems, resamples=400)
        assert len(found.pairs) == found.tests == 15
        differences = [pair.differences["rouge_l"] for pair in found.pairs]
        assert all(one.p <= one.adjusted_p for one in differences)
        uncorrected += any(one.p < 0.05 for one in differences)
        corrected += any(one.significant for one in differences)
    assert uncorrected >= 5 and corrected <= 3


def test_a_large_family_can_find_something():
    """With too few draws the smallest p times the number of tests is above 0.05: nothing that differs would show."""
    for tests in (1, 24, 500):
        smallest = 2 / (resamples_for(tests) + 1)
        assert holm([smallest] * tests)[0] < 0.05


def test_scores_of_systems_with_other_images_are_of_those_in_common():
    """Side by side stood scores of different images, of which the pairs say nothing."""
    first = evaluated("A", ["x", "y", "z"], [0.1, 0.2, 0.3], [7, 8, 9])
    second = evaluated("B", ["z", "w", "x"], [0.4, 0.9, 0.2], [9, 1, 7])
    found = compare_all([first, second], resamples=50)
    assert [one.scores["rouge_l"] for one in found.evaluations] == pytest.approx([0.2, 0.3])
    assert [one.images for one in found.evaluations] == [("x", "z"), ("x", "z")] and found.left_out == 2
    assert found.evaluations[1].references.tolist() == [7, 9]
