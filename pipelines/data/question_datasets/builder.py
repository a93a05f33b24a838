"""Question rows -> examples: what all readers of questions share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from captioner.text.answers import answer_key, plain
from pipelines.data.datasets.builder import DatasetBuilder, GatheredImage
from pipelines.data.datasets.text import NOT_TEXT, is_text, shown
from pipelines.data.examples import QuestionExample, canonical_split

FEWEST_CHOICES = 2


@dataclass(frozen=True)
class Asked:
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

    thing = "question"

    def __init__(self, name: str, root: Path, folders: Sequence[str]):
        super().__init__(name, root, folders)
        self._asked: list[tuple[str, GatheredImage, int, Asked]] = []  # image's id, image, number there
        self._clean: dict[str, str] = {}  # ten people answer half a million questions with few different words

    def ask(
        self, name: str, asked: Asked, path: Path, line: int | None, *, split: str | None = None, where: str = ""
    ) -> None:
        """One question. What is wrong with it is told; where it cannot be used, it is left out.

        Args:
            name: the image as the annotations name it.
            asked: the question, as it stands there.
            path, line: where it stands.
            split: of the image, where that is known.
            where: the place inside the line or file, in words, for messages.
        """
        where = f"{where}: " if where else ""
        name = name.strip().replace("\\", "/")
        if not all(map(is_text, (name, split or "", *asked.texts()))):
            return self.problem(path, line, f"{where}{shown(name)}: {NOT_TEXT}")
        question = " ".join(asked.question.split())
        answers = None if asked.answers is None else [found for given in asked.answers if (found := self._one(given))]
        if not name:
            return self.problem(path, line, f"{where}no image is named; the row was left out")
        if not question.strip("? "):
            return self.problem(path, line, f"{where}the question about {shown(name)} is empty; the row was left out")
        if answers is not None and not answers:
            return self.problem(path, line, f"{where}{shown(question)} has no answer; the row was left out")
        image = self.image(name, path, line, split=split, where=where)
        if image is None:
            return None
        choices = self._choices(asked, question, answers, path, line, where)
        clean = Asked(question, answers, choices, asked.type.strip(), asked.answer_type.strip(), asked.source_id)
        self._asked.append((self.find(name), image, len(image.rows), clean))
        return image.rows.append(None)

    def _one(self, text: str) -> str:
        """`text` without needless blanks; equal ones are one string in memory."""
        found = self._clean.get(text)
        if found is None:
            found = self._clean[text] = " ".join(text.split())
        return found

    def _choices(self, asked: Asked, question: str, answers, path: Path, line: int | None, where: str) -> tuple:
        """The choices, each once; none, and a problem, where there are not two."""
        if asked.choices is None:
            return ()
        choices: dict[str, str] = {}
        twice = []
        for choice in filter(None, map(self._one, asked.choices)):
            if plain(choice) in choices:
                twice.append(choice)
            choices.setdefault(plain(choice), choice)
        if twice:
            text = f"{where}the choices of {shown(question)} repeat {shown(twice[0])}; it was kept once"
            self.problem(path, line, text)
        if len(choices) < FEWEST_CHOICES:
            text = f"{where}{shown(question)} has {len(choices)} choices where there must be {FEWEST_CHOICES}"
            self.problem(path, line, f"{text}; it is asked without")
            return ()
        keys = set(map(answer_key, choices))
        if answers and not any(answer_key(answer) in keys for answer in answers):
            text = f"{where}none of the choices of {shown(question)} is an answer, such as {shown(answers[0])}"
            self.problem(path, line, text)
        return tuple(choices.values())

    def _examples(self) -> Iterator[QuestionExample]:
        files = {image_id: self.root / image_id for image_id in self._images}
        for image_id, image, number, asked in self._asked:
            yield QuestionExample(
                id=f"{image_id}#{number}",
                image=files[image_id],
                question=asked.question,
                answers=tuple(asked.answers or ()),
                split=canonical_split(image.split or "train"),
                choices=tuple(asked.choices or ()),
                type=asked.type,
                source_id=asked.source_id,
                answer_type=asked.answer_type,
            )
