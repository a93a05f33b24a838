"""Scores of answers: worked examples by hand, the official program's numbers, and what holds for every metric."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.metrics import ANSWER_METRICS
from captioner.metrics.exact_match import ExactMatch
from captioner.metrics.vqa_accuracy import VqaAccuracy, normalise
from captioner.metrics.wups import Wups
from captioner.text import wordnet

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "answers.json").read_text(encoding="utf-8"))
ANSWER = st.sampled_from(["yes", "no", "2", "two dogs", "cat, dog", "dog", "a kid"]) | st.text(max_size=6)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A WordNet of nine words, so that every metric can be made wherever the tests run."""
    from tests.support_wordnet import write_wordnet

    return wordnet._open_folder(write_wordnet(tmp_path_factory.mktemp("wordnet")))


def make(name, tiny):
    return Wups(tiny) if name == "wups" else ANSWER_METRICS.get(name)()


def vqa_accuracy(prediction, answers):
    return VqaAccuracy().statistics(prediction, answers)[0]


@pytest.mark.parametrize(("raw", "expected"), GOLDEN["normalised"])
def test_answers_are_normalised_as_the_official_program_does(raw, expected):
    """Golden values (tests/golden/make_answers.py). If they differ, no accuracy compares with a published one."""
    assert normalise(raw) == expected


def test_accuracies_are_those_of_the_official_program():
    """Golden values; among them every number of people who agree, from none to nine."""
    for prediction, answers, expected in GOLDEN["vqa_accuracy"]:
        assert vqa_accuracy(prediction, answers) == pytest.approx(expected), (prediction, answers)
    assert len({round(expected, 4) for _, _, expected in GOLDEN["vqa_accuracy"]}) == 5  # 0, 0.3, 0.6, 0.9, 1


@pytest.mark.parametrize(
    ("agree", "expected"),
    [
        # One of ten said it. Leave him out: nobody of nine, 0. Leave one of the nine others out: 1 of 9, 1/3.
        (1, (1 * 0 + 9 * (1 / 3)) / 10),  # 0.3
        # Two. Without one of the two: 1 is left, 1/3. Without one of the eight: 2, 2/3.
        (2, (2 * (1 / 3) + 8 * (2 / 3)) / 10),  # 0.6
        # Three. Without one of the three: 2/3. Without one of the seven: 3/3.
        (3, (3 * (2 / 3) + 7 * 1) / 10),  # 0.9
        # Four and more: three are left whoever is out.
        (4, 1.0),
        (10, 1.0),
        (0, 0.0),
    ],
)
def test_the_ten_subsets_of_nine_by_hand(agree, expected):
    """If this fails, accuracy is the simple min(n/3, 1), which is 1/3, 2/3 and 1 for one, two and three."""
    answers = ["red"] * agree + [f"colour {n}" for n in range(10 - agree)]
    assert vqa_accuracy("Red!", answers) == pytest.approx(expected)


def test_an_answer_is_compared_after_normalising_both_sides():
    """If this fails, "2 dogs" is wrong where ten people wrote "Two dogs." """
    assert vqa_accuracy("The two dogs", ["Two dogs."] * 10) == 1
    assert vqa_accuracy("dont", ["don't"] * 10) == 1


def test_exact_match_by_hand():
    """The agreed answer counts, in one spelling and as a set: 1, 1, 0 (order), 1 (two of three said it), 0."""
    cases = [
        ("Red.", ["red"], 1),
        ("lamp, book", ["book, lamp"], 1),
        ("book", ["book, lamp"], 0),
        ("two", ["2", "two", "two"], 1),
        ("2", ["2", "two", "two"], 0),
    ]
    rows = ExactMatch().rows([p for p, _, _ in cases], [a for _, a, _ in cases])
    assert rows[:, 0].tolist() == [right for _, _, right in cases]
    assert ExactMatch().combine(rows) == {"exact_match": 3 / 5}


@pytest.mark.parametrize("name", ANSWER_METRICS.names())
@given(prediction=ANSWER, answers=st.lists(ANSWER, min_size=1, max_size=10))
def test_any_answer_gets_a_score_between_0_and_1(name, tiny, prediction, answers):
    """If this fails, one odd answer of a model or a person ends an evaluation."""
    metric = make(name, tiny)
    row = metric.statistics(prediction, answers)
    assert row.shape == (len(metric.scores),) and np.all((row >= 0) & (row <= 1 + 1e-12))


@pytest.mark.parametrize("name", ANSWER_METRICS.names())
def test_scores_are_means_of_rows(name, tiny):
    """If this fails, scores by type and intervals do not belong to the score of the whole."""
    metric = make(name, tiny)
    predictions = ["dog", "cat", "kid", "2"]
    answers = [["dog"] * 10, ["dog"] * 9 + ["cat"], ["child"] * 10, ["two", "2"] * 5]
    rows = metric.rows(predictions, answers)
    one_by_one = [metric.statistics(p, a) for p, a in zip(predictions, answers, strict=True)]
    np.testing.assert_array_equal(rows, one_by_one)
    assert rows.dtype == np.float64 and rows.shape == (4, len(metric.scores))
    scores = metric.combine(rows)
    assert list(scores) == [score.name for score in metric.scores]
    for column, values in metric.per_item(rows).items():
        assert scores[column] == pytest.approx(values.mean())
    assert len(set(map(tuple, rows))) > 1, "otherwise the lines above prove nothing"
    with pytest.raises(ValueError, match="nothing to score"):
        metric.combine(rows[:0])
