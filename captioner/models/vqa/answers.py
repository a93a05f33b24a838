"""Answers with probabilities, from the scores of a network that chooses from a list. Loads without Keras."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from captioner.text.answers import AnswerList, plain, with_blanks

Choices = Sequence[Sequence[str] | None]


@dataclass(frozen=True)
class Answer:
    """An answer to a question about an image.

    text: the answer, as people read it.
    probability: of a class its probability, among the answers that fit the question's form; of a choice its share of
        the probability of all choices, or its own where the model was trained to tell of each answer by itself whether
        it is right (`VisualQASettings.probabilities`); of a written answer exp(mean log-probability a word, the end
        counted as a word).
    spelling: the answer as the data set spells it: "garbage_bin", or a choice letter by letter. That is what is sent
        in to whoever scores answers to that data set.
    """

    text: str
    probability: float
    spelling: str = field(repr=False)


def class_answers(
    scores: np.ndarray,
    answers: AnswerList,
    questions: Sequence[str],
    choices: Choices,
    top: int,
    independent: bool,
) -> list[list[Answer]]:
    """Classes by their probability: of the choices where there are any, else of those that fit the question's form.

    A choice that is no class has no probability.

    Args:
        scores: log-probabilities `(N or more, K)`; further rows are padding.
        answers: the K classes.
        questions: N of them.
        choices: for each question its choices, or None.
        top: answers a question at most.
        independent: whether the probabilities of the classes do not sum to one (`VisualQASettings.probabilities`).
    """
    answered = []
    for row, question, offered in zip(np.exp(scores.astype("float64")), questions, choices, strict=False):
        if offered is None:
            fitting = np.array(answers.fitting(question))
            each = row[fitting] if independent or len(fitting) == len(row) else shares_of(row[fitting])
            best = np.argsort(-each, kind="stable")[:top]
            answered.append([_class_answer(answers, fitting[number], each[number]) for number in best])
        else:
            numbers = [answers.encode(choice) for choice in offered]
            each = np.array([0.0 if number is None else row[number] for number in numbers])
            answered.append(best_answers(each if independent else shares_of(each), offered, top))
    return answered


def _class_answer(answers: AnswerList, number: int, probability: float) -> Answer:
    return Answer(answers.decode(number), float(probability), answers.spellings[number])


def shares_of(scores: np.ndarray) -> np.ndarray:
    """The share of all scores that each has; equal ones where none has any."""
    scores = scores.astype("float64")
    return scores / scores.sum() if scores.sum() > 0 else np.full(len(scores), 1 / len(scores))


def best_answers(probabilities: np.ndarray, choices: Sequence[str], top: int) -> list[Answer]:
    """Choices with their probabilities, the likeliest first."""
    best = np.argsort(-probabilities, kind="stable")[:top]
    return [Answer(with_blanks(plain(choices[n])), float(probabilities[n]), choices[n]) for n in best]
