"""What a network that answers questions says, as answers with probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from captioner.models.base.batching import pad_batch
from captioner.models.vqa.networks import Answerer, AnswerReader, AnswerSearcher, ImageEncoder, VisualQANetwork
from captioner.models.vqa.preprocessing import encode_answer
from captioner.settings import BeamSettings
from captioner.text.answer_tokens import answer_words, join_answer
from captioner.text.answers import AnswerList, plain
from captioner.text.vocabulary import Vocabulary

SEEN_AT_ONCE = 16  # images

Choices = Sequence[Sequence[str] | None]


@dataclass(frozen=True)
class Answer:
    """An answer to a question about an image.

    text: the answer.
    probability: of a class its probability; of a choice its share of the probability of all choices, or its own where
        the model was trained to tell of each answer by itself whether it is right (`VisualQASettings.probabilities`);
        of a written answer exp(mean log-probability a word, the end counted as a word).
    """

    text: str
    probability: float


class Running:
    """A network at work: compiled once for each shape of its inputs, which are whole batches.

    Args:
        network: what answers.
    """

    def __init__(self, network: VisualQANetwork):
        self.network = network
        self._compiled: dict[tuple, keras.Model] = {}

    def __call__(self, kind: type, inputs, options: tuple = (), jit_compile: bool = False):
        """What a `kind` of `captioner.models.vqa.networks` makes of arrays.

        Given inputs of a second shape, Keras would compile a network anew for any; so each shape has its own.
        """
        shapes = tuple(values.shape for values in keras.tree.flatten(inputs))
        key = (kind, shapes, *options)
        if key not in self._compiled:
            part = self.network.image_encoder if kind is ImageEncoder else self.network
            self._compiled[key] = kind(part, *options)
            self._compiled[key].compile(jit_compile=jit_compile)
        return self._compiled[key].predict_on_batch(inputs)

    def memory(self, features: np.ndarray) -> np.ndarray | None:
        """What is seen `(N, P, D)`, each image once; None if the network never looks."""
        if self.network.image_encoder is None:
            return None
        size = SEEN_AT_ONCE if len(features) > 1 else 1  # two shapes to compile for, whatever comes
        made = []
        for start in range(0, len(features), size):
            batch = np.asarray(features[start : start + size], "float32")
            made.append(self(ImageEncoder, pad_batch(batch, size))[: len(batch)])
        return np.concatenate(made) if made else np.zeros((0, 1, 1), "float32")


def choose(
    running: Running, answers: AnswerList, probabilities: str, inputs, choices: Choices, top: int
) -> list[list[Answer]]:
    """Classes by their probability; where there are choices, of these. A choice that is no class has none.

    Args:
        running: of a network that scores classes.
        answers: the classes.
        probabilities: "softmax" or "sigmoid", see `Answerer`.
        inputs: of an `Answerer`, filled up to a whole batch.
        choices: for each real row its choices, or None.
        top: answers a row at most.
    """
    found = []
    for row, given in zip(running(Answerer, inputs, (probabilities,)), choices, strict=False):
        likely = np.exp(row.astype("float64"))
        if given is None:
            best = np.argsort(-likely, kind="stable")[:top]
            found.append([Answer(answers.decode(number), float(likely[number])) for number in best])
        else:
            numbers = [answers.encode(choice) for choice in given]
            each = np.array([0.0 if number is None else likely[number] for number in numbers])
            found.append(_best(each if probabilities == "sigmoid" else _shares(each), given, top))
    return found


def write(
    running: Running, vocabulary: Vocabulary, search: BeamSettings, inputs, choices: Choices, top: int
) -> list[list[Answer]]:
    """Answers found by beam search; where there are choices, these by their likelihood a word.

    Args:
        running: of a network that writes.
        inputs, choices, top: as in `choose`.
    """
    found: list[list[Answer]] = [[] for _ in choices]
    if any(given is None for given in choices):
        searched = _search(running, vocabulary, search, inputs, top)
        found = [searched[row] if given is None else [] for row, given in enumerate(choices)]
    if any(given is not None for given in choices):
        likelihoods = _likelihoods(running, vocabulary, inputs, choices)
        for row, given in enumerate(choices):
            if given is not None:
                found[row] = _best(_shares(likelihoods[row]), given, top)
    return found


def _search(running, vocabulary, search, inputs, top) -> list[list[Answer]]:
    options = (max(search.num_beams, top), search.max_words, search.length_penalty)
    made = running(AnswerSearcher, inputs, options, jit_compile=True)
    answers = []
    for words, lengths, totals in zip(made["words"], made["lengths"], made["log_probabilities"], strict=True):
        of_text: dict[str, Answer] = {}  # two sequences of words may spell the same
        for ids, length, total in zip(words, lengths, totals, strict=True):
            text = join_answer(vocabulary.decode(ids[:length]))
            probability = float(np.exp(total / (length + 1)))
            if text and text not in of_text and probability > 0:
                of_text[text] = Answer(text, probability)
        answers.append(list(of_text.values())[:top])
    return answers


def _likelihoods(running, vocabulary, inputs, choices: Choices) -> list[np.ndarray]:
    """exp(mean log-probability a word) of the choices of each question, the end counted as a word."""
    # Multiples of four: few shapes, few compilations.
    most = -(-max(len(given or ()) for given in choices) // 4) * 4
    length = -(-max(len(answer_words(one)) for given in choices for one in given or ()) // 4) * 4 + 2
    ids = np.full((len(inputs["questions"]), most, length), vocabulary.pad_id, "int32")
    for row, given in enumerate(choices):
        for place, choice in enumerate(given or ()):
            ids[row, place] = encode_answer(choice, vocabulary, length)
    read = running(AnswerReader, {**inputs, "answers": ids})
    words = np.maximum((ids[:, :, 1:] != vocabulary.pad_id).sum(axis=-1), 1)
    means = np.exp(read.sum(axis=-1) / words)
    return [means[row, : len(given or ())] for row, given in enumerate(choices)]


def _shares(scores: np.ndarray) -> np.ndarray:
    """The share of all scores that each has; equal ones where none has any."""
    scores = scores.astype("float64")
    return scores / scores.sum() if scores.sum() > 0 else np.full(len(scores), 1 / len(scores))


def _best(probabilities: np.ndarray, choices: Sequence[str], top: int) -> list[Answer]:
    """Choices with their probabilities, the likeliest first."""
    best = np.argsort(-probabilities, kind="stable")[:top]
    return [Answer(plain(choices[number]), float(probabilities[number])) for number in best]
