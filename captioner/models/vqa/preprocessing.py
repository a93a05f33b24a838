"""Questions, answers and choices as the arrays that a network takes, and back."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from captioner.errors import UserError
from captioner.settings import QuestionTextSettings
from captioner.text.answer_tokens import answer_words
from captioner.text.answers import answer_key
from captioner.text.tokenizers import get_tokenizer
from captioner.text.vocabulary import SPECIALS, Vocabulary


def count_words(text: QuestionTextSettings, questions: Iterable[str], answers: Iterable[str] = ()) -> Vocabulary:
    """The words of training questions, and of training answers where these are written word by word.

    Args:
        text: the tokenizer, and how often a word has to be there.
        questions, answers: of the training split only: nothing here knows of splits.
    """
    tokenize = get_tokenizer(text.tokenizer).tokenize
    counts = Counter(word for question in questions for word in tokenize(question))
    counts.update(word for answer in answers for word in answer_words(answer))
    kept = [word for word, count in counts.items() if count >= text.minimum_count and word not in SPECIALS]
    kept.sort(key=lambda word: (-counts[word], word))
    return Vocabulary(kept[: text.maximum_size], text.tokenizer)


def words_of(question: str, text: QuestionTextSettings) -> list[str]:
    """The words of a question that are read: the first `max_words`.

    Raises:
        UserError: there are none.
    """
    words = get_tokenizer(text.tokenizer).tokenize(question)
    if not words:
        raise UserError(f'The question {question[:60]!r} holds no words. Ask something, like "what is on the table?"')
    return words[: text.max_words]


def encode_questions(questions: Sequence[str], vocabulary: Vocabulary, text: QuestionTextSettings) -> np.ndarray:
    """Word ids int32 `(N, max_words)`, padded.

    Raises:
        UserError: a question holds no words.
    """
    ids = np.full((len(questions), text.max_words), vocabulary.pad_id, "int32")
    for row, question in zip(ids, questions, strict=True):
        words = words_of(question, text)
        row[: len(words)] = vocabulary.encode_words(words)
    return ids


def encode_answer(answer: str, vocabulary: Vocabulary, length: int) -> list[int]:
    """An answer as exactly `length` ids: start, words, end, padding; a longer one is cut and has no end."""
    ids = [vocabulary.start_id, *vocabulary.encode_words(answer_words(answer)), vocabulary.end_id]
    return ids[:length] + [vocabulary.pad_id] * (length - len(ids))


def choices_problem(choices: Sequence[str]) -> str:
    """Why an answer cannot be chosen from these; "" if it can.

    >>> choices_problem(["red", "Red."])
    "the choices repeat 'Red.'"
    """
    keys: set[str] = set()
    for choice in choices:
        key = answer_key(choice)
        if not key:
            return "one of the choices is empty"
        if key in keys:
            return f"the choices repeat {choice[:60]!r}"
        keys.add(key)
    return "" if len(choices) > 1 else f"there must be at least 2 choices, and here is {len(choices)}"


def unknown_choices_text(unknown: Sequence[str]) -> str:
    """What is reported where some of the choices are unknown to a model.

    >>> unknown_choices_text(["sunny", "rainy"])
    "the model never learned these choices as answers, and their probabilities say nothing: 'sunny', 'rainy'"
    """
    listed = ", ".join(repr(choice[:60]) for choice in unknown)
    return f"the model never learned these choices as answers, and their probabilities say nothing: {listed}"
