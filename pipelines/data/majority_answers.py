"""Majority baselines: what a score of answers has to be compared with.

The most frequent answer of the training split, over all or of each type of question. Where there are choices, it is
the choice that was the answer most often.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from captioner.errors import UserError
from captioner.text.answers import agreed, answer_key, plain
from pipelines.data.examples import QuestionExample


@dataclass(frozen=True)
class Frequencies:
    """How often each answer was agreed on in training, over all and by type of question, in one spelling."""

    overall: Counter[str]
    by_type: dict[str, Counter[str]] = field(default_factory=dict)


def count_answers(training: Iterable[QuestionExample]) -> Frequencies:
    """The answers of the training split.

    Raises:
        UserError: no question has an answer.
    """
    overall: Counter[str] = Counter()
    by_type: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for example in training:
        if example.answers:
            answer = agreed(example.answers)
            overall[answer] += 1
            by_type[example.type][answer] += 1
    if not overall:
        raise UserError("No training question has an answer: there is nothing that could be guessed.")
    return Frequencies(overall, dict(by_type))


def most_frequent(frequencies: Frequencies, questions: Sequence[QuestionExample]) -> dict[str, str]:
    """Id of a question -> the answer that is most frequent over all."""
    baseline = _Baseline(frequencies.overall)
    return {question.id: baseline(question) for question in questions}


def most_frequent_of_type(frequencies: Frequencies, questions: Sequence[QuestionExample]) -> dict[str, str]:
    """Id of a question -> the answer most frequent among questions of its type, or over all if there were none."""
    baselines = {type: _Baseline(counts) for type, counts in frequencies.by_type.items()}
    overall = _Baseline(frequencies.overall)
    return {question.id: baselines.get(question.type, overall)(question) for question in questions}


class _Baseline:
    """The most frequent answer, of equals the first by alphabet; with choices, of these."""

    def __init__(self, counts: Counter[str]):
        self._best = min(counts, key=lambda answer: (-counts[answer], plain(answer)))
        self._of_key: Counter[str] = Counter()
        for answer, count in counts.items():
            self._of_key[answer_key(answer)] += count

    def __call__(self, question: QuestionExample) -> str:
        if question.choices:
            return max(question.choices, key=lambda choice: self._of_key[answer_key(choice)])
        return self._best
