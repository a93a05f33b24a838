"""Question rows -> examples: what all readers of questions share."""

import reprlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from captioner.text.answers import answer_key
from pipelines.data.datasets.archives import ArchivedImages
from pipelines.data.datasets.builder import DatasetBuilder, ImageRows
from pipelines.data.datasets.text import NOT_TEXT_LEFT_OUT, is_missing, is_text, truncate
from pipelines.data.datasets.values import as_id, value_text
from pipelines.data.examples import Location, QuestionExample, canonical_split, is_without_letters

FEWEST_CHOICES = 2


@dataclass(frozen=True)
class AnnotatedQuestion:
    """A question as an annotation file has it; the builder makes texts of the values (`value_text`).

    answers: one a person; None where the data set withholds them.
    choices: None where the question is open.
    right_choice: the right one, where `answers` are what people said without choices.
    """

    question: object
    answers: Sequence[object] | None
    choices: Sequence[object] | None = None
    type: object = ""
    answer_type: object = ""
    source_id: object = ""
    right_choice: object = None


class QuestionDatasetBuilder(DatasetBuilder):
    """Takes the questions of a data set in and gives the `DataSet` out, in the order of the files."""

    def __init__(self, name: str, root: Path, folders: Sequence[str] | ArchivedImages):
        super().__init__(name, root, folders, "question")
        self._questions: list[tuple[ImageRows, QuestionExample]] = []  # whose splits are set when all is read
        self._unanswered: dict[str, Location] = {}  # id of a question -> where it stands
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
        question = self._normalise(row.question)
        answers = None if row.answers is None else list(map(self._normalise, row.answers))
        choices = None if row.choices is None else list(map(self._normalise, row.choices))
        kind, answer_kind = self._normalise(row.type), self._normalise(row.answer_type)
        source_id = as_id(row.source_id)
        right = self._normalise(row.right_choice)
        texts = (name, split or "", question, kind, answer_kind, str(source_id), *(answers or ()), *(choices or ()))
        if not all(map(is_text, texts)):
            return self.problem(location, f"{truncate(name)}: {NOT_TEXT_LEFT_OUT}")
        if not name:
            return self.problem(location, "no image is named; the row was left out")
        if not question.strip("? "):
            return self.problem(location, f"the question about {truncate(name)} is empty; the row was left out")
        if is_missing(question):
            text = f"the question about {truncate(name)} is {truncate(question)}, which stands for a missing value"
            return self.problem(location, f"{text}; the row was left out")
        if answers is not None and not any(answers):
            return self.problem(location, f"{truncate(question)} has no answer; the row was left out")
        image = self.image(name, location, split=split)
        if image is None:
            return None
        self._report_empty(answers, "answers to", question, location)
        self._report_empty(choices, "choices of", question, location)
        if source_id is None and isinstance(row.source_id, bool | list | dict):
            text = f"the id of {truncate(question)} is no text and no number: {reprlib.repr(row.source_id)}; left out"
            self.problem(location, text)
        image_id = self.find(name)
        example = QuestionExample(
            id=f"{image_id}#{len(image.rows)}",
            image=image.rows[0].image
            if image.rows
            else self.finder.image(image_id),  # one path for all of its questions
            question=question,
            answers=tuple(filter(None, answers or ())),
            split="",
            choices=self._choices(choices, question, [right] if right else answers, location),
            right_choice=right,
            type=kind,
            source_id="" if source_id is None else source_id,
            location=location if is_without_letters(question) else None,
            answer_type=answer_kind,
        )
        if right and not example.choices:
            example = replace(example, right_choice="")
        if not example.answers:
            self._unanswered[example.id] = location
        self._questions.append((image, example))
        return image.rows.append(example)

    def _report_empty(self, texts: list[str] | None, what: str, question: str, location: Location) -> None:
        """The problem that some of the answers or choices are empty."""
        if texts and (empty := texts.count("")):
            are = "is" if empty == 1 else "are"
            self.problem(location, f"{empty} of the {len(texts)} {what} {truncate(question)} {are} empty; left out")

    def _normalise(self, value: object) -> str:
        """A value as text without needless blanks, "" if it is none; equal texts are one string in memory."""
        text = value_text(value) or ""
        if text not in self._clean:
            self._clean[text] = " ".join(text.split())
        return self._clean[text]

    def _choices(
        self, texts: list[str] | None, question: str, answers: list[str] | None, location: Location
    ) -> tuple[str, ...]:
        """The choices, each once; none, and a problem, where there are not two."""
        if texts is None:
            return ()
        choices: dict[str, str] = {}
        repeated = []
        for choice in filter(None, texts):
            if answer_key(choice) in choices:
                repeated.append(choice)
            choices.setdefault(answer_key(choice), choice)
        name = truncate(question)
        if repeated:
            self.problem(location, f"the choices of {name} repeat {truncate(repeated[0])}; it was kept once")
        if len(choices) < FEWEST_CHOICES:
            text = f"{name} has {len(choices)} choices where there must be {FEWEST_CHOICES}; it is asked without"
            self.problem(location, text)
            return ()
        known = list(filter(None, answers or ()))
        if known and not any(answer_key(answer) in choices for answer in known):
            text = f"none of the choices of {name} is an answer, such as {truncate(known[0])}"
            self.problem(location, text)
        return tuple(choices.values())

    def _examples(self) -> Iterator[QuestionExample]:
        """The questions; without an answer only those of splits whose answers are withheld as a whole."""
        answered = {image.split for image, example in self._questions if example.answers}
        for image, example in self._questions:
            if not example.answers and image.split in answered:
                text = f"{truncate(example.question)} has no answer; the row was left out"
                self.problem(self._unanswered[example.id], text)
            else:
                yield replace(example, split=canonical_split(image.split or "train"))
