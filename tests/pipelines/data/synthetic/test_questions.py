"""Questions: right answers, the promised shares, and little to gain by guessing."""

import re
from collections import Counter, defaultdict
from itertools import combinations
from random import Random

import numpy as np
import pytest

from pipelines.data.synthetic.questions import PER_SCENE, PER_TRAINING_SCENE, SHARES, every_question, write_questions
from pipelines.data.synthetic.scenes import COLOURS, NOVEL_PAIRS, SHAPES, SIZES, Scene, Thing, sample_scenes


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


class Guesser:
    """Reads the question and nothing else: naive Bayes over its words, pairs of words and the whole.

    As good at it as a network of a few minutes, in a second: log p(answer) + sum over features log p(feature|answer).
    """

    def __init__(self, questions):
        self.answers = sorted({question.answer for question in questions})
        numbers = [self.answers.index(question.answer) for question in questions]
        asked = np.bincount(numbers)
        counts = defaultdict(lambda: np.full(len(asked), 0.1))
        for question, number in zip(questions, numbers, strict=True):
            for feature in self.features(question):
                counts[feature][number] += 1
        self.prior = np.log(asked)
        self.likelihood = {feature: np.log(found / (asked + 0.1 * len(asked))) for feature, found in counts.items()}

    @staticmethod
    def features(question):
        words = question.text.rstrip("?").split()
        return {question.text, *words, *combinations(words, 2)}

    def guess(self, question):
        seen = [self.likelihood[feature] for feature in self.features(question) if feature in self.likelihood]
        return self.answers[int(np.argmax(self.prior + sum(seen)))]

    def right(self, questions):
        """Type of question -> the share that is guessed, and "all"."""
        right, asked = Counter(), Counter()
        for question in questions:
            for kind in (question.type, "all"):
                asked[kind] += 1
                right[kind] += self.guess(question) == question.answer
        return {kind: right[kind] / asked[kind] for kind in asked}


@pytest.fixture(scope="module")
def splits():
    """Training, test and novel questions, as the data set draws them but fewer."""
    scenes = defaultdict(list)
    for split, _, scene in sample_scenes(0, {"train": 800, "test": 150, "novel": 150}):
        scenes[split].append(scene)
    many = {"train": PER_TRAINING_SCENE}
    return {
        split: [q for asked in write_questions(f"0/{split}", found, many.get(split, PER_SCENE)) for q in asked]
        for split, found in scenes.items()
    }


def test_every_split_has_the_shares(splits):
    """If this fails, the test or the novel split is easier than it looks, or has no questions of a type."""
    for split, questions in splits.items():
        shares = {kind: count / len(questions) for kind, count in Counter(q.type for q in questions).items()}
        assert set(shares) == set(SHARES) and shares["counting"] >= 0.20 and shares["relation"] >= 0.25, split
        assert min(shares.values()) >= 0.15, split


def test_no_answer_is_common_within_a_type(splits):
    """If this fails, always saying one word earns more than chance: a half of existence, a sixth (large, small; yes,
    no) of attributes and relations, a third (0, 1, 2) and more of counting."""
    most = {"existence": 0.52, "attribute": 0.20, "counting": 0.40, "relation": 0.20}
    for split in ("test", "novel"):
        answers = defaultdict(Counter)
        for question in splits[split]:
            answers[question.type][question.answer] += 1
        for kind, counts in answers.items():
            (answer, count), *_ = counts.most_common(1)
            assert count / counts.total() <= most[kind], (split, kind, answer)


def test_whoever_reads_only_the_question_guesses_little(splits):
    """If this fails, a network without eyes scores high, and so says nothing of one that looks."""
    guesser = Guesser(splits["train"])
    assert guesser.right(splits["train"][:1000])["all"] > 0.4, "a guesser that learns nothing would prove nothing"
    for split in ("test", "novel"):
        right = guesser.right(splits[split])
        assert right["all"] <= 0.42, (split, right)  # half is the most that may be
        limits = {"existence": 0.62, "attribute": 0.37, "counting": 0.42, "relation": 0.42}
        assert all(right[kind] <= limits[kind] for kind in limits), (split, right)


def test_the_guesser_would_notice_questions_that_are_not_balanced(splits):
    """Any question that can be asked, as it comes: "no" is nearly always right, and 0. If this fails, so does the
    test above, whatever the questions are."""
    asked = defaultdict(list)
    for split, number, scene in sample_scenes(0, {"train": 300, "test": 100}):
        random = Random(number)
        asked[split] += random.sample(sorted(every_question(random, scene), key=str), 8)
    assert Guesser(asked["train"]).right(asked["test"])["all"] > 0.5


def test_novel_scenes_are_asked_about_what_is_new_in_them(splits):
    """If this fails, the novel split asks only about what training has shown, and measures nothing new."""
    named = [q for q in splits["novel"] if any(f"{colour} {shape}" in q.text for colour, shape in NOVEL_PAIRS)]
    assert len(named) / len(splits["novel"]) > 0.15
    assert {question.type for question in named} >= {"existence", "attribute", "relation"}
    yes_no = Counter(q.answer for q in named if q.type == "existence")
    assert 0.45 < yes_no["yes"] / yes_no.total() < 0.55, "saying yes to a name that was never heard earns points"


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
