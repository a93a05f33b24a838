"""Looks a data set of questions over before anybody trains on it: questions, answers, what a list of answers can reach
at most, what guessing earns, and everything that is wrong.

`QuestionReport.lines` says it in plain lines, which is what `captioner check DATA` prints.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from captioner.text.answers import AnswerList, agreed, answer_key
from captioner.text.tokenizers import Tokenizer, get_tokenizer
from pipelines.data.checks.captions import SameImages, aligned, count, fault_lines, open_all
from pipelines.data.examples import SPLITS, DataSet, Problem, QuestionExample
from pipelines.data.majority_answers import count_answers, most_frequent_of_type

SIZES = (10, 100, 1000)  # of answer lists


@dataclass(frozen=True)
class QuestionSplit:
    """What one split holds.

    Attributes:
        images, questions: how many.
        answered: questions whose answer is known.
        answers: different answers that were agreed on.
        unknown_rate: the share of the questions' words that the training questions do not have.
        lengths: words of a question at least, in the middle, at the 95th percentile and at most.
        ceilings: size of the answer list -> the share of questions whose answer is in it.
        guessed: the share of questions that the most frequent training answer of their type answers.
    """

    images: int
    questions: int
    answered: int
    answers: int
    unknown_rate: float
    lengths: tuple[int, int, int, int]
    ceilings: dict[int, float]
    guessed: float


@dataclass(frozen=True)
class QuestionReport:
    """What `check_questions` found. `problems` are those of the reader and the images that cannot be read."""

    dataset: DataSet
    splits: dict[str, QuestionSplit]
    tokenizer: str
    vocabulary_size: int
    answer_list_size: int
    types: dict[str, int]
    choices: dict[int, int]
    problems: tuple[Problem, ...]
    same_images: tuple[SameImages, ...]
    images_opened: bool

    def lines(self) -> Iterator[str]:
        """The report as plain lines; a problem is one line that starts with its file and line."""
        dataset = self.dataset
        yield f"{dataset.name} in {dataset.root}: questions"
        yield from filter(None, (dataset.licence, *dataset.notes))
        yield ""
        yield from _table(self.splits)
        yield ""
        yield (
            f"Vocabulary: {count(self.vocabulary_size, 'word')} of the training questions ({self.tokenizer} "
            f"tokenizer), {count(self.answer_list_size, 'answer')}; `unknown` is the share of words outside it."
        )
        yield (
            "`top K` is what a model that chooses from the K most frequent training answers can reach at most; `guess` "
            "what the most frequent answer to questions of the same type gets right."
        )
        if self.types:
            yield f"Types of question: {_shares(self.types)}."
        if self.choices:
            listed = ", ".join(f"{number:,} with {choices}" for choices, number in sorted(self.choices.items()))
            yield f"Questions with choices: {listed}."
        yield from fault_lines(self.problems, self.same_images, self.images_opened)


def check_questions(
    dataset: DataSet,
    tokenizer: str | Tokenizer = "ptb",
    minimum_count: int = 1,
    open_images: bool = True,
    progress: Callable[[int], object] | None = None,
) -> QuestionReport:
    """Looks over a data set of questions; the arguments are those of `pipelines.data.checks.captions.check`."""
    tokenizer = get_tokenizer(tokenizer) if isinstance(tokenizer, str) else tokenizer
    splits: dict[str, list[QuestionExample]] = {split: [] for split in dataset.splits()}
    for example in dataset.examples:
        splits[example.split].append(example)
    words = {split: [tokenizer.tokenize(one.question) for one in found] for split, found in splits.items()}
    counts = Counter(word for question in words.get("train", ()) for word in question)
    vocabulary = {word for word, number in counts.items() if number >= minimum_count}
    training = [one for one in splits.get("train", ()) if one.answers]
    answer_list = AnswerList.from_answers(one.answers for one in training)
    frequencies = count_answers(training) if training else None
    unreadable, same = open_all(dataset, progress) if open_images else ([], [])
    types = Counter(one.type for one in dataset.examples)
    return QuestionReport(
        dataset=dataset,
        splits={
            split: _split(found, words[split], vocabulary, answer_list, frequencies) for split, found in splits.items()
        },
        tokenizer=tokenizer.name,
        vocabulary_size=len(vocabulary),
        answer_list_size=len(answer_list),
        types={} if set(types) == {""} else dict(types.most_common()),
        choices=dict(Counter(len(one.choices) for one in dataset.examples if one.choices)),
        problems=(*dataset.problems, *unreadable),
        same_images=tuple(same),
        images_opened=open_images,
    )


def _split(questions, words, vocabulary, answer_list, frequencies) -> QuestionSplit:
    answered = [one for one in questions if one.answers]
    true = [agreed(one.answers) for one in answered]
    right = 0
    if frequencies:
        guesses = most_frequent_of_type(frequencies, answered)
        right = sum(answer_key(guesses[one.id]) == answer_key(t) for one, t in zip(answered, true, strict=True))
    total = sum(map(len, words))
    numbers = [answer_list.encode(answer) for answer in true]
    sizes = [size for size in SIZES if size < len(answer_list)] + [len(answer_list)]
    return QuestionSplit(
        images=len({one.image for one in questions}),
        questions=len(questions),
        answered=len(answered),
        answers=len(set(map(answer_key, true))),
        unknown_rate=sum(word not in vocabulary for one in words for word in one) / total if total else 0.0,
        lengths=tuple(np.percentile([len(one) for one in words] or [0], [0, 50, 95, 100], method="nearest").tolist()),
        # Answers are numbered by frequency, so the first K are the top K.
        ceilings={size: sum(n is not None and n < size for n in numbers) / max(1, len(true)) for size in sizes},
        guessed=right / max(1, len(true)),
    )


def _table(splits: dict[str, QuestionSplit]) -> Iterator[str]:
    sizes = next(iter(splits.values())).ceilings
    tops = [f"top {size:,}" for size in sizes if size]
    header = ("split", "images", "questions", "answers", "unknown", *tops, "guess", "words a question")
    rows = [
        (
            split,
            f"{found.images:,}",
            f"{found.questions:,}",
            f"{found.answers:,}",
            f"{found.unknown_rate:.2%}",
            *(f"{share:.1%}" if found.answered else "-" for size, share in found.ceilings.items() if size),
            f"{found.guessed:.1%}" if found.answered and tops else "-",
            "{}-{}, median {}, 95% up to {}".format(*(found.lengths[i] for i in (0, 3, 1, 2))),
        )
        for split, found in splits.items()
    ]
    yield from aligned([header, *rows])
    if "train" not in splits:
        yield f"There is no train split ({' and '.join(SPLITS[1:])} are only for scoring): no vocabulary, no answers."


def _shares(types: dict[str, int], most: int = 12) -> str:
    total = sum(types.values())
    listed = [f"{name or '(none)'} {number / total:.1%}" for name, number in types.items()]
    return ", ".join(listed[:most] + [f"and {len(listed) - most:,} more"] * (len(listed) > most))
