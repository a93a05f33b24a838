"""The outputs of a network that answers questions, as answers with probabilities."""

from collections.abc import Sequence

import numpy as np

from captioner.models.base.memory import rows_at_once
from captioner.models.vqa.answers import Answer, Choices, best_answers, class_answers, shares_of
from captioner.models.vqa.networks import Answerer, AnswerReader, AnswerSearcher
from captioner.models.vqa.preprocessing import encode_answer
from captioner.text.answer_tokens import answer_words, join_answer, known_spelling
from captioner.text.answers import answer_key, with_blanks


def choose(model, inputs, questions: Sequence[str], choices: Choices, top: int) -> list[list[Answer]]:
    """Classes by their probability, see `class_answers`.

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
    return class_answers(scores, model.answers, questions, choices, top, settings.probabilities == "sigmoid")


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
            written if offered is None else best_answers(shares_of(likelihood), offered, top)
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
    at_once = rows_at_once(rows, model.answering_memory(most, length))
    read = model.run(AnswerReader, {**inputs, "answers": ids}, at_once, jit_compile=False)
    words = np.maximum((ids[:, :, 1:] != vocabulary.pad_id).sum(axis=-1), 1)
    means = np.exp(read.sum(axis=-1) / words)
    return [means[row, : len(offered)] for row, offered in enumerate(spelled)]
