"""Guessing without a look at the image: the most frequent answers, counted by hand."""

from pathlib import Path

import pytest

from captioner.errors import UserError
from pipelines.data.examples import QuestionExample
from pipelines.data.majority_answers import count_answers, most_frequent, most_frequent_of_type


def ask(number, answers, kind, choices=()):
    return QuestionExample(f"a.jpg#{number}", Path("a.jpg"), "What?", answers, "train", choices, kind)


# By hand: white 3, 2 2, table 1 over all; colour: white 3, 2 1; number: 2 1; object: table 1.
TRAINING = [
    ask(0, ("white",), "colour"),
    ask(1, ("White.",), "colour"),
    ask(2, ("red", "white", "white"), "colour"),
    ask(3, ("2",), "colour"),
    ask(4, ("2",), "number"),
    ask(5, ("table",), "object"),
    ask(6, (), "object"),
]
FREQUENCIES = count_answers(TRAINING)
QUESTIONS = [ask(7, ("red",), "colour"), ask(8, ("3",), "number"), ask(9, ("on",), "where")]


def test_the_most_frequent_answer_over_all():
    """If this fails, "what guessing earns" is too low, and models look better than they are."""
    assert most_frequent(FREQUENCIES, QUESTIONS) == {"a.jpg#7": "white", "a.jpg#8": "white", "a.jpg#9": "white"}


def test_the_most_frequent_answer_of_a_type():
    """A type that training does not have gets the answer most frequent over all."""
    assert most_frequent_of_type(FREQUENCIES, QUESTIONS) == {"a.jpg#7": "white", "a.jpg#8": "2", "a.jpg#9": "white"}


def test_with_choices_it_is_one_of_them():
    """If this fails, guessing at multiple choice says what cannot be chosen, and earns nothing.

    By hand: of blue, 2 and table, 2 was the answer twice; among types of objects, table was, 2 never.
    """
    question = ask(7, ("blue",), "object", ("blue", "2", "Table."))
    assert most_frequent(FREQUENCIES, [question]) == {"a.jpg#7": "2"}
    assert most_frequent_of_type(FREQUENCIES, [question]) == {"a.jpg#7": "Table."}


def test_the_answers_of_the_questions_are_not_looked_at():
    """If this fails, the baseline knows the test answers."""
    unknown = [ask(7, (), "colour")]
    assert most_frequent_of_type(FREQUENCIES, unknown) == {"a.jpg#7": "white"}


def test_equally_frequent_answers_are_taken_by_alphabet():
    """If this fails, the baseline depends on the order of the file."""
    some = [ask(0, ("b",), ""), ask(1, ("a",), "")]
    for order in (some, some[::-1]):
        assert most_frequent(count_answers(order), QUESTIONS[:1]) == {"a.jpg#7": "a"}


def test_without_answers_there_is_nothing_to_guess():
    """If this fails, a data set without answers ends in a traceback."""
    with pytest.raises(UserError, match="nothing that could be guessed"):
        count_answers([ask(0, (), "")])
