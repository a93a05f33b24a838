"""The job of answering questions about images: one record a question."""

import hashlib
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.images.clips import pixel_batch
from captioner.images.decode import ImageLimits
from captioner.models.base.batching import pad_batch
from captioner.models.vqa.preprocessing import unknown_choices_text
from pipelines.inference.explanations import attends, maps_by_attention, maps_by_occlusion
from pipelines.inference.jobs.file_fingerprints import MISSING
from pipelines.inference.jobs.images import DecodedImage, picture_path, read_image, save_attention
from pipelines.inference.jobs.job import Job, JobSummary
from pipelines.inference.jobs.question_files import QUESTION_FIELDS, Question, question_key

NO_WORD_KNOWN = "the model knows none of the words of this question: the image alone decided"


@dataclass(frozen=True)
class AskOptions:
    """How questions are answered.

    top: answers a question at most.
    batch_size: images at once.
    questions: questions at once.
    attention: a folder for pictures of the attention maps, one a question, or None.
    limits: what an image may ask for before it is refused.
    """

    top: int = 5
    batch_size: int = 16
    questions: int = 64
    attention: Path | None = None
    limits: ImageLimits = field(default_factory=ImageLimits)


@dataclass
class AskSummary(JobSummary):
    """What a run did, with `warnings`: its answers to questions or among choices that the model does not know."""

    warnings: int = 0

    def add(self, record: dict) -> None:
        super().add(record)
        self.warnings += "warning" in record


class AskJob(Job):
    """Answers questions about images; items are `Question`s.

    Questions that are new, or whose images changed since they were answered, get a new record; all others keep theirs.

    Args:
        questions: see `pipelines.inference.jobs.question_files.read_questions_file`.
        model: a `VisualQA`, or a function that loads one, called only if there is work to do.
        options: how.
        made_with: what must be the same for two runs to write to one file, such as the model's checksum.
    """

    things = "answers"
    key_fields = QUESTION_FIELDS

    def __init__(self, questions: Sequence[Question], model, options: AskOptions, made_with: dict | None = None):
        self.questions, self.model, self.limits = questions, model, options.limits
        images = len(_paths(questions))
        self.options = options = replace(  # one question about one image needs no batch of 16
            options,
            batch_size=max(1, min(options.batch_size, images)),
            questions=max(1, min(options.questions, len(questions))),
        )
        self._made_with = {**(made_with or {}), "number of answers": options.top}
        self.read_ahead = 3 * options.batch_size
        more = [name for name in ("id", "choices") if any(name in question.record() for question in questions)]
        several = ["answers"] if options.top > 1 else []
        self.columns = ["image", "question", "answer", "probability", *several, *more, "warning", "error"]

    def made_with(self) -> dict:
        return self._made_with

    def batches(self) -> Iterator[list[Question]]:
        """Questions that follow one another, about at most `batch_size` images and at most `questions` of them."""
        batch: list[Question] = []
        images: set[str] = set()
        for question in self.questions:
            if len(batch) == self.options.questions or len(images | {question.path}) > self.options.batch_size:
                yield batch
                batch, images = [], set()
            batch.append(question)
            images.add(question.path)
        if batch:
            yield batch

    def describe(self, item: Question) -> dict:
        return item.record()

    def load(self) -> None:
        self.model = self.model() if callable(self.model) else self.model

    def inputs(self, batch: Sequence[Question]) -> list[str]:
        return _paths(batch)

    def read(self, source: str) -> DecodedImage:
        return read_image(source, self.model.encoder.spec, self.limits)

    def places(self) -> list[str]:
        paths = (question.path for question in self.questions if not question.problem)
        return list(itertools.islice(filter(os.path.exists, paths), 1))

    def fingerprint(self, item: Question, contents: dict) -> int:
        return contents[item.path].fingerprint if item.path in contents else MISSING

    def files(self) -> Iterator[tuple[str, str]]:
        return ((question_key(each.record()), each.path) for each in self.questions if not each.problem)

    def summary(self) -> AskSummary:
        return AskSummary()

    def work(self, batch: Sequence[Question], missing: list[int], contents: dict[str, DecodedImage]) -> list[dict]:
        model, options = self.model, self.options
        batch = [_checked_words(question, model) for question in batch]
        readable = [path for path, image in contents.items() if image.pixels is not None]
        askable = [n for n, question in enumerate(batch) if not question.problem and question.path in readable]
        answers: dict[int, list] = {}
        if set(missing).intersection(askable):
            pixels = pixel_batch([contents[path].pixels for path in readable], model.encoder.spec)
            features = pad_batch(model.encode(pixels, options.batch_size), options.batch_size)
            image_rows = {path: row for row, path in enumerate(readable)}
            candidates = model.answer_features(
                features,
                [batch[index].question for index in askable],
                images=[image_rows[batch[index].path] for index in askable],
                top=options.top,
                choices=[batch[index].choices or None for index in askable],
                batch_size=options.questions,
            )
            answers = dict(zip(askable, candidates, strict=True))
            if options.attention is not None:
                answered = [(batch[index], answers[index]) for index in missing if answers.get(index)]
                if answered:
                    self._draw(answered, contents, features, image_rows)
        return [self._outcome(batch[index], answers.get(index), contents) for index in missing]

    def _outcome(self, question: Question, answers: list | None, contents: dict[str, DecodedImage]) -> dict:
        if answers is None:
            return {"error": question.problem or contents[question.path].problem}
        listed = [{"answer": each.text, "probability": round(float(each.probability), 4)} for each in answers]
        listed = listed or [{"answer": "", "probability": 0.0}]  # a model that writes answers may write no word
        fields = dict(listed[0])
        if len(listed) > 1:
            fields["answers"] = listed
        warnings = []
        words = self.model.question_words(question.question)
        if len(self.model.unknown_words(question.question)) == len(words):
            warnings.append(NO_WORD_KNOWN)
        if unknown := self.model.unknown_choices(question.choices):
            warnings.append(unknown_choices_text(unknown))
        if warnings:
            fields["warning"] = "; ".join(warnings)
        return fields

    def _draw(self, answered: list, contents, features: np.ndarray, image_rows: dict[str, int]) -> None:
        """Saves the maps of `(question, answers)`."""
        if attends(self.model):
            questions = [question.question for question, _ in answered]
            maps = maps_by_attention(self.model, features, questions, [image_rows[item.path] for item, _ in answered])
        else:
            maps = []
            for path, pairs in itertools.groupby(answered, key=lambda pair: pair[0].path):  # an image is occluded once
                items, answers = zip(*pairs, strict=True)
                choices = [item.choices or None for item in items]
                texts = [item.question for item in items]
                maps += maps_by_occlusion(self.model, contents[path].pixels, texts, answers, choices)
        for (question, answers), explained in zip(answered, maps, strict=True):
            folder = self.options.attention
            path = question_picture(question, folder)
            title = (question.question, f"{answers[0].text}  ({answers[0].probability:.2f})")
            save_attention(folder, path, question.path, contents[question.path].pixels, explained, title)


def _paths(questions: Sequence[Question]) -> list[str]:
    """The images of the questions that can be asked, each once."""
    return list(dict.fromkeys(question.path for question in questions if not question.problem))


def _checked_words(question: Question, model) -> Question:
    """The question, with a problem if the model can read no word of it, or knows none of its choices."""
    if question.problem:
        return question
    try:
        model.question_words(question.question)
    except UserError:
        return replace(question, problem="the question is empty")
    problem = model.choices_problem(question.choices) if question.choices else ""
    return replace(question, problem=problem) if problem else question


def question_picture(question: Question, folder: Path) -> Path:
    """Where the picture of a question goes: in a folder with the name of its image.

    >>> question_picture(Question("a/b.jpg", "", "What colour?"), Path("attention")).as_posix()
    'attention/a/b.jpg/what-colour-16219897.png'
    """
    words = re.sub(r"[^a-z0-9]+", "-", question.question.lower()).strip("-")[:60].strip("-")
    number = hashlib.blake2b(question_key(question.record()).encode(), digest_size=4).hexdigest()
    return picture_path(question.image, folder).with_suffix("") / f"{words or 'question'}-{number}.png"
