"""The outputs of a network that answers questions, as answers with probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from captioner.models.vqa.networks import Answerer, AnswerReader, AnswerSearcher
from captioner.models.vqa.preprocessing import encode_answer
from captioner.text.answer_tokens import answer_words, join_answer, known_spelling
from captioner.text.answers import answer_key, plain, with_blanks

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
    spelling: str


def choose(model, inputs, questions: Sequence[str], choices: Choices, top: int) -> list[list[Answer]]:
    """Classes by their probability: of the choices where there are any, else of those that fit the question's form.

    A choice that is no class has no probability.

    Args:
        model: a `VisualQA` that scores classes.
        inputs: of an `Answerer`, padded to a whole batch.
        questions: the real rows.
        choices: for each real row its choices, or None.
        top: answers a row at most.
    """
    settings, rows = model.settings, len(inputs["questions"])
    how = (settings.probabilities, settings.temperature)
    scores = model.run(Answerer, inputs, rows, how, jit_compile=False)
    independent = settings.probabilities == "sigmoid"
    answers = []
    for row, question, offered in zip(np.exp(scores.astype("float64")), questions, choices, strict=False):
        if offered is None:
            fitting = np.array(model.answers.fitting(question))
            each = row[fitting] if independent or len(fitting) == len(row) else _shares(row[fitting])
            best = np.argsort(-each, kind="stable")[:top]
            answers.append([_class_answer(model.answers, fitting[number], each[number]) for number in best])
        else:
            numbers = [model.answers.encode(choice) for choice in offered]
            each = np.array([0.0 if number is None else row[number] for number in numbers])
            answers.append(_best(each if independent else _shares(each), offered, top))
    return answers


def write(model, inputs, questions: Sequence[str], choices: Choices, top: int) -> list[list[Answer]]:
    """Answers outputs by beam search; where there are choices, these by their likelihood a word.

    Args:
        model: a `VisualQA` that writes.
        inputs, questions, choices, top: as in `choose`; what is written has no list to fit.
    """
    answers: list[list[Answer]] = [[] for _ in choices]
    if any(offered is None for offered in choices):
        answers = _search(model, inputs, top)
    if any(offered is not None for offered in choices):
        likelihoods = _likelihoods(model, inputs, choices)
        answers = [
            written if offered is None else _best(_shares(likelihood), offered, top)
            for written, offered, likelihood in zip(answers, choices, likelihoods, strict=False)
        ]
    return answers[: len(choices)]


def _search(model, inputs, top) -> list[list[Answer]]:
    search = model.settings.answer.search
    options = (max(search.num_beams, top), search.max_words, search.length_penalty)
    outputs = model.run(AnswerSearcher, inputs, len(inputs["questions"]), options)
    answers = []
    for words, lengths, totals in zip(outputs["words"], outputs["lengths"], outputs["log_probabilities"], strict=True):
        different: dict[str, Answer] = {}  # two sequences of words may spell the same
        for ids, length, total in zip(words, lengths, totals, strict=True):
            spelling = join_answer(model.vocabulary.decode(ids[:length]))
            probability = float(np.exp(total / (length + 1)))
            if spelling and probability > 0:
                different.setdefault(answer_key(spelling), Answer(with_blanks(spelling), probability, spelling))
        answers.append(list(different.values())[:top])
    return answers


def _likelihoods(model, inputs, choices: Choices) -> list[np.ndarray]:
    """exp(mean log-probability a word) of the choices of each question, the end counted as a word."""
    # Multiples of four: few shapes, few compilations.
    rows, vocabulary = len(inputs["questions"]), model.vocabulary
    spelled = [[known_spelling(choice, vocabulary) for choice in offered or ()] for offered in choices]
    most = -(-max(map(len, spelled)) // 4) * 4
    length = -(-max(len(answer_words(choice)) for offered in spelled for choice in offered) // 4) * 4 + 2
    ids = np.full((rows, most, length), vocabulary.pad_id, "int32")
    for row, offered in enumerate(spelled):
        for column, choice in enumerate(offered):
            ids[row, column] = encode_answer(choice, vocabulary, length)
    read = model.run(AnswerReader, {**inputs, "answers": ids}, rows, jit_compile=False)
    words = np.maximum((ids[:, :, 1:] != vocabulary.pad_id).sum(axis=-1), 1)
    means = np.exp(read.sum(axis=-1) / words)
    return [means[row, : len(offered)] for row, offered in enumerate(spelled)]


def _class_answer(answers, number: int, probability: float) -> Answer:
    return Answer(answers.decode(number), float(probability), answers.spellings[number])


def _shares(scores: np.ndarray) -> np.ndarray:
    """The share of all scores that each has; equal ones where none has any."""
    scores = scores.astype("float64")
    return scores / scores.sum() if scores.sum() > 0 else np.full(len(scores), 1 / len(scores))


def _best(probabilities: np.ndarray, choices: Sequence[str], top: int) -> list[Answer]:
    """Choices with their probabilities, the likeliest first."""
    best = np.argsort(-probabilities, kind="stable")[:top]
    return [Answer(with_blanks(plain(choices[n])), float(probabilities[n]), choices[n]) for n in best]
