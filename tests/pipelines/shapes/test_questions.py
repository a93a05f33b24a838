"""Questions: right answers, the promised shares, and little to gain by guessing."""

import re
from collections import Counter, defaultdict

import pytest

from pipelines.shapes.questions import SHARES, write_questions
from pipelines.shapes.scenes import COLOURS, NOVEL_PAIRS, SHAPES, SIZES, Scene, Thing, sample_scenes


@pytest.fixture(scope="module")
def asked():
    scenes = [scene for _, _, scene in sample_scenes(0, {"train": 800})]
    return list(zip(scenes, write_questions("0/train", scenes), strict=True))


def every(asked):
    return [question for _, questions in asked for question in questions]


def test_shares_of_the_types(asked):
    """Counting and relations are the hard ones: too few of them would make any average look good."""
    types = Counter(question.type for question in every(asked))
    total = sum(types.values())
    assert types["counting"] / total >= 0.20
    assert types["relation"] / total >= 0.25
    assert set(types) == set(SHARES)


def test_answers_are_balanced_within_each_form(asked):
    """Otherwise the commonest answer earns points without a look at the picture."""
    answers = defaultdict(Counter)
    for question in every(asked):
        answers[question.form][question.answer] += 1
    for form, counts in answers.items():
        fair = 1 / len(counts)
        assert max(counts.values()) / sum(counts.values()) < fair + 0.15, (form, counts)


def test_guessing_from_the_question_alone_earns_little(asked):
    """Over all at most half may be guessed (and far less is)."""
    questions = every(asked)
    half = len(questions) // 2
    known = defaultdict(Counter)
    for question in questions[:half]:
        known[question.text][question.answer] += 1
    guessed = [bool(known[q.text]) and known[q.text].most_common(1)[0][0] == q.answer for q in questions[half:]]
    assert sum(guessed) / len(guessed) < 0.4


def test_answers_are_single_words_in_one_spelling(asked):
    """ "two" beside "2" would be two classes for one answer."""
    answers = {question.answer for question in every(asked)}
    assert answers <= {"yes", "no", *"01234", *SIZES, *COLOURS, *SHAPES}


def test_a_scene_is_not_asked_the_same_twice(asked):
    """The same question with its answer is no new information."""
    for _, questions in asked:
        assert len({question.text for question in questions}) == len(questions)


def test_novel_pairs_are_not_named_in_training(asked):
    """A question "is there a red heart?" would tell that the pair exists."""
    named = [q.text for q in every(asked) for colour, shape in NOVEL_PAIRS if f"{colour} {shape}" in q.text]
    assert not named


def test_answers_agree_with_a_plain_reading_of_the_scene(asked):
    """Written apart from the generator: counting and existence by looking the words up in the scene."""
    checked = Counter()
    several = {shape: f"{shape}es" if shape == "cross" else f"{shape}s" for shape in SHAPES}
    for scene, questions in asked:
        for question in questions:
            if match := re.fullmatch(r"how many (\w+)( shapes)? are there\?", question.text):
                looks = [("shapes", several[t.shape], t.colour, t.size) for t in scene.things]
                assert question.answer == str(sum(match[1] in words for words in looks)), (question, scene)
                checked["count"] += 1
            elif match := re.fullmatch(r"is there an? (\w+) (\w+)\?", question.text):
                there = any(thing.pair == (match[1], match[2]) for thing in scene.things)
                assert question.answer == ("yes" if there else "no")
                checked["pair"] += 1
            elif match := re.fullmatch(r"is the (\w+) (\w+) to the left of the (\w+) (\w+)\?", question.text):
                (first,) = (t for t in scene.things if t.pair == (match[1], match[2]))
                (second,) = (t for t in scene.things if t.pair == (match[3], match[4]))
                left = second.x - first.x > abs(second.y - first.y)
                assert question.answer == ("yes" if left else "no"), (question, scene)
                checked["left"] += 1
    assert min(checked[kind] for kind in ("count", "pair", "left")) > 50


def test_relations_are_asked_only_where_they_are_clear():
    """On the diagonal "left of" and "above" are both half right, so neither is a question."""
    first, second = Thing("circle", "red", "large", 15, 15, 11), Thing("star", "blue", "small", 47, 46, 7)
    diagonal = Scene((first, second), (230, 230, 230))
    (questions,) = write_questions("x", [diagonal], per_scene=100)
    assert questions and "relation" not in {question.type for question in questions}
