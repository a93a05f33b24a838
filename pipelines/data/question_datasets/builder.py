"""Question rows -> examples: what all readers of questions share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from captioner.text.answers import answer_key, plain
from pipelines.data.datasets.builder import DatasetBuilder, ImageRows
from pipelines.data.datasets.text import NOT_TEXT_LEFT_OUT, is_text, truncate
from pipelines.data.examples import Location, QuestionExample, canonical_split

FEWEST_CHOICES = 2


@dataclass(frozen=True)
class AnnotatedQuestion:
    """A question as an annotation file has it.

    answers: one a person; None where the data set withholds them.
    choices: None where the question is open.
    """

    question: str
    answers: Sequence[str] | None
    choices: Sequence[str] | None = None
    type: str = ""
    answer_type: str = ""
    source_id: str = ""

    def texts(self) -> Iterator[str]:
        """Everything in it that is written into files again."""
        yield from (self.question, self.type, self.answer_type, self.source_id)
        yield from self.answers or ()
        yield from self.choices or ()


class QuestionDatasetBuilder(DatasetBuilder):
    """Takes the questions of a data set in and gives the `DataSet` out, in the order of the files."""

    def __init__(self, name: str, root: Path, folders: Sequence[str]):
        super().__init__(name, root, folders, "question")
        self._questions: list[tuple[ImageRows, QuestionExample]] = []  # whose splits are set when all is read
        self._clean: dict[str, str] = {}  # ten people answer half a million questions with few different words

    def add_question(self, name: str, row: AnnotatedQuestion, location: Location, split: str | None = None) -> None:
        """One question. What is wrong with it becomes a problem; where it cannot be used, it is left out.

        Args:
            name: the image as the annotations name it.
            row: the question, as it stands there.
            location: where it stands.
            split: of the image, where that is known.
        """
        name = name.strip().replace("\\", "/")
        if not all(map(is_text, (name, split or "", *row.texts()))):
            return self.problem(location, f"{truncate(name)}: {NOT_TEXT_LEFT_OUT}")
        question = " ".join(row.question.split())
        answers = None if row.answers is None else list(filter(None, map(self._normalise, row.answers)))
        if not name:
            return self.problem(location, "no image is named; the row was left out")
        if not question.strip("? "):
            return self.problem(location, f"the question about {truncate(name)} is empty; the row was left out")
        if answers is not None and not answers:
            return self.problem(location, f"{truncate(question)} has no answer; the row was left out")
        image = self.image(name, location, split=split)
        if image is None:
            return None
        image_id = self.find(name)
        example = QuestionExample(
            id=f"{image_id}#{len(image.rows)}",
            image=image.rows[0].image if image.rows else self.root / image_id,  # one path for all of its questions
            question=question,
            answers=tuple(answers or ()),
            split="",
            choices=self._choices(row, question, answers, location),
            type=row.type.strip(),
            source_id=row.source_id,
            answer_type=row.answer_type.strip(),
        )
        self._questions.append((image, example))
        return image.rows.append(example)

    def _normalise(self, text: str) -> str:
        """`text` without needless blanks; equal ones are one string in memory."""
        if text not in self._clean:
            self._clean[text] = " ".join(text.split())
        return self._clean[text]

    def _choices(
        self, row: AnnotatedQuestion, question: str, answers: list[str] | None, location: Location
    ) -> tuple[str, ...]:
        """The choices, each once; none, and a problem, where there are not two."""
        if row.choices is None:
            return ()
        choices: dict[str, str] = {}
        repeated = []
        for choice in filter(None, map(self._normalise, row.choices)):
            if plain(choice) in choices:
                repeated.append(choice)
            choices.setdefault(plain(choice), choice)
        name = truncate(question)
        if repeated:
            self.problem(location, f"the choices of {name} repeat {truncate(repeated[0])}; it was kept once")
        if len(choices) < FEWEST_CHOICES:
            text = f"{name} has {len(choices)} choices where there must be {FEWEST_CHOICES}; it is asked without"
            self.problem(location, text)
            return ()
        keys = set(map(answer_key, choices))
        if answers and not any(answer_key(answer) in keys for answer in answers):
            text = f"none of the choices of {name} is an answer, such as {truncate(answers[0])}"
            self.problem(location, text)
        return tuple(choices.values())

    def _examples(self) -> Iterator[QuestionExample]:
        for image, example in self._questions:
            yield replace(example, split=canonical_split(image.split or "train"))
