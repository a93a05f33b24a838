"""Checks a data set of questions before anybody trains on it: questions, answers, what a list of answers can reach at
most, the majority baseline, and everything that is wrong.

`QuestionReport.lines` is what `captioner check DATA` prints.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from captioner.text.answers import AnswerList, agreed, answer_key
from captioner.text.scripts import tokenizer_hint
from captioner.text.tokenizers import Tokenizer, get_tokenizer
from pipelines.data.checks.report import Report, count, open_all, word_counts, word_counts_text
from pipelines.data.examples import DataSet, QuestionExample
from pipelines.data.majority_answers import count_answers, most_frequent_of_type
from pipelines.data.wordless import without_wordless

SIZES = (10, 100, 1000)  # of answer lists


@dataclass(frozen=True)
class QuestionSplit:
    """What one split holds.

    Attributes:
        images, questions: how many.
        answered: questions whose answer is known.
        answers: different answers that were agreed on.
        unknown_rate: the share of the questions' words that the training questions do not have.
        lengths: as in `word_counts`.
        ceilings: size of the answer list -> the share of questions whose answer is in it.
        majority: the share of questions that the most frequent training answer of their type answers.
    """

    images: int
    questions: int
    answered: int
    answers: int
    unknown_rate: float
    lengths: tuple[int, int, int, int]
    ceilings: dict[int, float]
    majority: float


@dataclass(frozen=True, kw_only=True)
class QuestionReport(Report):
    """What `check_questions` found.

    Attributes:
        types: type of question -> how many; empty where the data set has none.
        choices: number of choices -> how many questions have so many.
    """

    answer_list_size: int
    types: dict[str, int]
    choices: dict[int, int]

    suffix: ClassVar[str] = ": questions"
    without_train: ClassVar[str] = "no vocabulary, no answers"

    def rows(self):
        sizes = [size for size in next(iter(self.splits.values())).ceilings if size]
        tops = [f"top {size:,}" for size in sizes]
        yield ("split", "images", "questions", "answers", "unknown", *tops, "guess", "words a question")
        for split, report in self.splits.items():
            numbers = (report.images, report.questions, report.answers)
            shares = [report.ceilings[size] for size in sizes] + [report.majority]
            yield (
                split, *(f"{number:,}" for number in numbers), f"{report.unknown_rate:.2%}",
                *(f"{share:.1%}" if report.answered and tops else "-" for share in shares),
                word_counts_text(report.lengths),
            )  # fmt: skip

    def details(self) -> Iterator[str]:
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


def check_questions(
    dataset: DataSet,
    tokenizer: str | Tokenizer = "ptb",
    minimum_count: int = 1,
    open_images: bool = True,
    progress: Callable[[int], object] | None = None,
) -> QuestionReport:
    """Checks a data set of questions; the arguments are those of `pipelines.data.checks.captions.check`."""
    tokenizer = get_tokenizer(tokenizer) if isinstance(tokenizer, str) else tokenizer
    splits: dict[str, list[QuestionExample]] = {split: [] for split in dataset.splits()}
    examples, wordless = without_wordless(dataset.examples, tokenizer)
    for example in examples:
        splits[example.split].append(example)
    words = {split: [tokenizer.tokenize(item.question) for item in items] for split, items in splits.items()}
    counts = Counter(word for question in words.get("train", ()) for word in question)
    vocabulary = {word for word, number in counts.items() if number >= minimum_count}
    training = [question for question in splits.get("train", ()) if question.answers]
    answer_list = AnswerList.from_answers(question.answers for question in training)
    frequencies = count_answers(training) if training else None
    unreadable, same = open_all(dataset, progress) if open_images else ((), ())
    types = Counter(question.type for question in dataset.examples)
    return QuestionReport(
        dataset=dataset,
        splits={
            split: _split(items, words[split], vocabulary, answer_list, frequencies) for split, items in splits.items()
        },
        tokenizer=tokenizer.name,
        vocabulary_size=len(vocabulary),
        answer_list_size=len(answer_list),
        types={} if set(types) == {""} else dict(types.most_common()),
        choices=dict(Counter(len(question.choices) for question in dataset.examples if question.choices)),
        tokenizer_hint=tokenizer_hint([example.question for example in dataset.examples], tokenizer.name),
        problems=(*dataset.problems, *wordless, *unreadable),
        same_images=same,
        images_opened=open_images,
    )


def _split(questions, words, vocabulary, answer_list, frequencies) -> QuestionSplit:
    answered = [question for question in questions if question.answers]
    true = [agreed(question.answers) for question in answered]
    right = 0
    if frequencies:
        baseline = most_frequent_of_type(frequencies, answered)
        pairs = zip(answered, true, strict=True)
        right = sum(answer_key(baseline[question.id]) == answer_key(answer) for question, answer in pairs)
    total = sum(map(len, words))
    numbers = [answer_list.encode(answer) for answer in true]
    sizes = [size for size in SIZES if size < len(answer_list)] + [len(answer_list)]
    return QuestionSplit(
        images=len({question.image for question in questions}),
        questions=len(questions),
        answered=len(answered),
        answers=len(set(map(answer_key, true))),
        unknown_rate=sum(word not in vocabulary for text in words for word in text) / total if total else 0.0,
        lengths=word_counts(words),
        # Answers are numbered by frequency, so the first K are the top K.
        ceilings={size: sum(n is not None and n < size for n in numbers) / max(1, len(true)) for size in sizes},
        majority=right / max(1, len(true)),
    )


def _shares(types: dict[str, int], most: int = 12) -> str:
    total = sum(types.values())
    listed = [f"{name or '(none)'} {number / total:.1%}" for name, number in types.items()]
    return ", ".join(listed[:most] + [f"and {len(listed) - most:,} more"] * (len(listed) > most))
