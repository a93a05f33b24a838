"""Paired bootstrap: it tells what differs from what does not, as often as it promises."""

import dataclasses
import math

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.metrics.bleu import Bleu
from captioner.metrics.rouge import RougeL
from captioner.metrics.score import score_captions
from pipelines.evaluation.bootstrap import paired_differences
from pipelines.evaluation.compare import Evaluated, compare_pair


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
    found = compare_pair(first, second, resamples=50)
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
        compare_pair(evaluated("A", ["x"], [0.1]), other)


def test_answers_are_compared_question_by_question():
    """Called images, a report of 5,000 questions about 500 pictures would claim ten times as many pictures."""
    first, second = (
        dataclasses.replace(evaluated(name, ["x#0", "x#1"], [0.1, 0.2]), evaluated={"images": 1, "questions": 2})
        for name in "AB"
    )
    assert compare_pair(first, second, resamples=50).counted == "questions"
    assert compare_pair(evaluated("A", ["x"], [0.1]), evaluated("B", ["x"], [0.1]), resamples=50).counted == "images"
