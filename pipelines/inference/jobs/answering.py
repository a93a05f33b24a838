"""The work of answering: questions to records, batch by batch, in threads.

questions ──▶ batches ──▶ images, each once (threads) ──▶ network (a thread) ──▶ records (the caller's thread)
"""

import hashlib
import itertools
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.images.clips import pixel_batch
from captioner.images.decode import ImageLimits
from pipelines.inference.explanations import Look, attends, looks_by_attention, looks_by_occlusion
from pipelines.inference.jobs.captioning import Read, picture_path, read_image
from pipelines.inference.jobs.file_fingerprints import MISSING
from pipelines.inference.jobs.image_walk import Found
from pipelines.inference.jobs.question_files import Question, question_key
from pipelines.utils.atomic_files import as_user_error
from pipelines.utils.threads import background_iterator, parallel_map

_AHEAD = 3  # batches whose images are decoded before the network asks for them
NO_WORD_KNOWN = "the model knows none of the words of this question: the image alone decided"

Batch = tuple[list[Question], set[int]]  # questions, and the places of those that need a record


@dataclass(frozen=True)
class AskOptions:
    """How questions are answered.

    top: answers a question at most.
    batch_size: images at once.
    questions: questions at once.
    attention: a folder for pictures of where the model looked, one a question, or None.
    limits: what an image may ask for before it is refused.
    """

    top: int = 5
    batch_size: int = 16
    questions: int = 64
    attention: Path | None = None
    limits: ImageLimits = field(default_factory=ImageLimits)


@dataclass(frozen=True)
class Answered:
    """A record of a question; what its image was like before it was read; its picture, if one was drawn."""

    record: dict
    stamp: int
    picture: Path | None = None


def batches_of(questions: Sequence[Question], options: AskOptions, done: Callable[[Question], bool]) -> Iterator[Batch]:
    """Questions that follow one another, about at most `batch_size` images and at most `questions` of them.

    What is in a batch does not hang on what is done already, so that a resumed run computes what an unbroken one would.
    """
    batch: list[Question] = []
    for question in questions:
        images = {one.path for one in batch}
        if len(batch) == options.questions or len(images | {question.path}) > options.batch_size:
            yield batch, _missing(batch, done)
            batch = []
        batch.append(question)
    if batch:
        yield batch, _missing(batch, done)


def _missing(batch: list[Question], done: Callable[[Question], bool]) -> set[int]:
    return {place for place, question in enumerate(batch) if not done(question)}


def work(batches: Iterator[Batch], model, options: AskOptions) -> Iterator[list[Answered]]:
    """Records batch by batch.

    Args:
        batches: see `batches_of`; those of which nothing is missing are passed over.
        model: a `VisualQA`, or a function that loads one, called only if there is something to do.
        options: how.
    """
    yield from background_iterator(lambda stop: _work(batches, model, options, stop), _AHEAD, "answering")


def _work(batches: Iterator[Batch], model, options: AskOptions, stop: threading.Event) -> Iterator[list[Answered]]:
    batches = (batch for batch in batches if batch[1])
    first = next(batches, None)
    if first is None:
        return
    model = model() if callable(model) else model
    to_read, to_answer = itertools.tee(itertools.chain([first], batches))
    read = partial(read_image, spec=model.encoder.spec, limits=options.limits)
    images = parallel_map(read, (file for batch, _ in to_read for file in _files(batch)), _AHEAD * options.batch_size)
    try:
        for batch, missing in to_answer:
            if stop.is_set():
                return
            files = _files(batch)
            content = dict(zip((file.path for file in files), itertools.islice(images, len(files)), strict=True))
            yield _answered(batch, missing, content, model, options)
    finally:
        images.close()


def _files(batch: list[Question]) -> list[Found]:
    """The images of the questions that can be asked, each once."""
    return [Found(path, path) for path in dict.fromkeys(one.path for one in batch if not one.problem)]


def _answered(
    batch: list[Question], missing: set[int], content: dict[str, Read], model, options: AskOptions
) -> list[Answered]:
    readable = [path for path, one in content.items() if one.pixels is not None]
    batch = [_with_words(one, model) for one in batch]
    places = [n for n, one in enumerate(batch) if not one.problem and one.path in readable]
    found: dict[int, list] = {}
    pictures: dict[int, Path] = {}
    if missing.intersection(places):
        pixels = pixel_batch([content[path].pixels for path in readable], model.encoder.spec)
        features = _filled(model.encode(pixels, options.batch_size), options.batch_size)
        answers = model.answer_features(
            features,
            [batch[place].question for place in places],
            images=[readable.index(batch[place].path) for place in places],
            top=options.top,
            choices=[batch[place].choices or None for place in places],
            batch_size=options.questions,
        )
        found = dict(zip(places, answers, strict=True))
        if options.attention is not None:
            wanted = [place for place in places if place in missing and found[place]]
            for place, look in _looks(model, batch, wanted, found, content, features, readable).items():
                pictures[place] = _draw(batch[place], content[batch[place].path], found[place], look, options.attention)
    return [
        Answered(_record(batch[n], content, found, n, model), _stamp(batch[n], content), pictures.get(n))
        for n in sorted(missing)
    ]


def _with_words(question: Question, model) -> Question:
    """The question, with a problem if the model can read no word of it."""
    if question.problem:
        return question
    try:
        model.question_words(question.question)
    except UserError:
        return replace(question, problem="the question is empty")
    return question


def _filled(features: np.ndarray, rows: int) -> np.ndarray:
    """Features of always as many images, so that a network is compiled once."""
    return np.concatenate([features, np.repeat(features[-1:], rows - len(features), axis=0)])


def _record(question: Question, content: dict[str, Read], found: dict[int, list], place: int, model) -> dict:
    record = question.record()
    if place not in found:
        return {**record, "error": question.problem or content[question.path].problem}
    answers = [{"answer": one.text, "probability": round(float(one.probability), 4)} for one in found[place]]
    answers = answers or [{"answer": "", "probability": 0.0}]  # of written ones, none need have words
    record |= answers[0]
    if len(answers) > 1:
        record["answers"] = answers
    words = model.question_words(question.question)
    if len(model.unknown_words(question.question)) == len(words):
        record["warning"] = NO_WORD_KNOWN
    return record


def _stamp(question: Question, content: dict[str, Read]) -> int:
    return content[question.path].stamp if question.path in content else MISSING


def _looks(model, batch, places, found, content, features, readable) -> dict[int, Look]:
    """Where the model looked for the questions at some places of a batch."""
    if attends(model):
        questions = [batch[place].question for place in places]
        images = [readable.index(batch[place].path) for place in places]
        return dict(zip(places, looks_by_attention(model, features, questions, images), strict=True))
    looks = {}
    for path in readable:
        about = [place for place in places if batch[place].path == path]
        if about:
            questions, choices = zip(*((batch[n].question, batch[n].choices or None) for n in about), strict=True)
            answers = [found[place] for place in about]
            given = looks_by_occlusion(model, content[path].pixels, questions, answers, choices)
            looks |= dict(zip(about, given, strict=True))
    return looks


def _draw(question: Question, read: Read, answers: list, look: Look, folder: Path) -> Path:
    from pipelines.evaluation.reports.figures import attention_sheet

    path = question_picture(question, folder)
    title = (question.question, *(f"{one.text}  ({one.probability:.2f})" for one in answers[:1]))
    with as_user_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        attention_sheet(read.pixels, look.labels, look.weights, look.grid, title).save(path)
    return path


def question_picture(question: Question, folder: Path) -> Path:
    """Where the picture of a question goes: in a folder with the name of its image.

    >>> question_picture(Question("a/b.jpg", "", "What colour?"), Path("looks")).as_posix()
    'looks/a/b.jpg/what-colour-16219897.png'
    """
    words = re.sub(r"[^a-z0-9]+", "-", question.question.lower()).strip("-")[:60].strip("-")
    number = hashlib.blake2b(question_key(question.record()).encode(), digest_size=4).hexdigest()
    return picture_path(question.image, folder).with_suffix("") / f"{words or 'question'}-{number}.png"
