"""DAQUAR: 1,449 photographs of rooms (NYU Depth v2) with 12,468 questions (Malinowski and Fritz, 2014).

Two layouts of the same: pairs of lines (`qa.894.raw.train.txt`: a question that ends with the name of its image, its
answer) and triples (`qa.894.raw.train.format_triple`: question, answer, name of the image). An answer may be a set,
written with commas. The name of the image is no part of the question that is read: "what is on the desk in the
image3 ?" is asked as "what is on the desk ?". The reduced set, with 37 kinds of answers, is `daquar-37`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from captioner.errors import UserError
from captioner.text.answers import plain
from pipelines.data.datasets.rows import SHARE
from pipelines.data.datasets.text import read_lines, truncate
from pipelines.data.examples import DataSet, Location, canonical_split
from pipelines.data.question_datasets.builder import AnnotatedQuestion, QuestionDatasetBuilder

EXPECTS = "qa.894.raw.train.txt and the like, or *.format_triple; images in images/, nyu_depth_images/ or dataset/"
LICENCE = "DAQUAR: questions free for research; photographs of NYU Depth v2, for research"
IMAGE_FOLDERS = ("images", "nyu_depth_images", "dataset", "dataset/images", ".")
_FILE = re.compile(r"qa\.(?P<classes>894|37)\.raw(?P<rest>(?:\.[a-z]+)*?)(?P<triples>\.format_triple)?(?:\.txt)?")
_SUFFIXES = (".png", ".jpg", ".jpeg")
_MENTION = re.compile(r"\bimage\s?(\d+)(\.\w+)?\b", re.IGNORECASE)
_NAME = re.compile(r"image\s?(\d+)(\.\w+)?", re.IGNORECASE)
_TAIL = re.compile(r"\s+(?:(?:in|on)\s+)?(?:(?:the|this)\s+)?image\s?\d+\s*\?*\s*$", re.IGNORECASE)
_OF_IMAGE = re.compile(r"\bof\s+(?:the\s+|this\s+)?image\s?\d+\s*\?*\s*$", re.IGNORECASE)


def recognise(root: Path) -> bool:
    """Whether `root` holds the full set."""
    return bool(find_files(root, "894"))


def read(root: Path) -> DataSet:
    """Reads the full DAQUAR from `root`."""
    return read_files(root, "894", "daquar")


def find_files(root: Path, classes: str) -> dict[str, Path]:
    """Split ("" if a file holds all) -> file; pairs before triples, which say the same."""
    files: dict[str, Path] = {}
    matches = [(path, _FILE.fullmatch(path.name)) for path in sorted(root.glob("qa.*")) if path.is_file()]
    for path, match in sorted(matches, key=lambda pair: bool(pair[1] and pair[1]["triples"])):
        if match and match["classes"] == classes:
            words = [word for word in match["rest"].split(".") if word not in ("", "reduced")]
            files.setdefault(canonical_split(words[-1]) if words else "", path)
    if len(files) > 1:
        files.pop("", None)  # the splits in one file
    return files


def read_files(root: Path, classes: str, name: str) -> DataSet:
    """Reads the files of one of the two sets.

    Raises:
        UserError: there are none, one cannot be read, or none of the images is there.
    """
    files = find_files(root, classes)
    if not files:
        raise UserError(f"There is no qa.{classes}.raw.*.txt and no qa.{classes}.raw.*.format_triple in {root}.")
    builder = QuestionDatasetBuilder(name, root, IMAGE_FOLDERS)
    for split in sorted(files, key=lambda split: (split == "train", split)):
        triples = ".format_triple" in files[split].name
        for line, asked, image in (_triples if triples else _pairs)(builder, files[split]):
            builder.add_question(_file(builder, image), asked, Location(files[split], line), split or None)
    if "" in files:
        builder.use_hash(SHARE)
    return builder.finish(LICENCE)


def _pairs(builder: QuestionDatasetBuilder, path: Path) -> Iterator[tuple[int, AnnotatedQuestion, str]]:
    """`(line, question, number of its image)`. Where a line is missing, the next question is found again."""
    waiting: tuple[int, str] | None = None
    for line, text in read_lines(path):
        if _MENTION.search(text) or text.rstrip().endswith("?"):
            _unanswered(builder, path, waiting)
            waiting = line, text
            continue
        asked, waiting = waiting, None
        if asked is None:
            builder.problem(Location(path, line), f"{truncate(text)} is an answer without its question; left out")
        elif not _MENTION.search(asked[1]):
            builder.problem(Location(path, asked[0]), f"{truncate(asked[1])} names no image; left out")
        else:
            yield asked[0], _asked(asked[1], text), _MENTION.findall(asked[1])[-1][0]
    _unanswered(builder, path, waiting)


def _triples(builder: QuestionDatasetBuilder, path: Path) -> Iterator[tuple[int, AnnotatedQuestion, str]]:
    """As `_pairs`: the line with the image's name ends a triple, whatever came before it."""
    before: list[tuple[int, str]] = []
    for line, text in read_lines(path):
        name = _NAME.fullmatch(text.strip())
        if name is None:
            before.append((line, text))
            continue
        if len(before) == 2:
            yield before[0][0], _asked(before[0][1], before[1][1]), name[1]
        else:
            text = f"{len(before)} lines before {truncate(text)}, not a question and an answer; left out"
            builder.problem(Location(path, line), text)
        before = []
    for line, text in before[:1]:
        builder.problem(Location(path, line), f"{truncate(text)} is followed by no name of an image; left out")


def _unanswered(builder: QuestionDatasetBuilder, path: Path, waiting: tuple[int, str] | None):
    if waiting is not None:
        builder.problem(Location(path, waiting[0]), f"{truncate(waiting[1])} has no answer; left out")


def _asked(question: str, answer: str) -> AnnotatedQuestion:
    return AnnotatedQuestion(without_image(question), [plain(answer)], type=question_type(question))


def _file(builder: QuestionDatasetBuilder, number: str) -> str:
    """The name of an image's file: png as published, jpg in copies."""
    return builder.first_found(f"image{number}{suffix}" for suffix in _SUFFIXES)


def without_image(question: str) -> str:
    """The question without the name of its image.

    >>> without_image("what is on the desk in the image3 ?")
    'what is on the desk ?'
    >>> without_image("what is at the left side of the image72 ?")
    'what is at the left side of the image ?'
    """
    question = " ".join(question.split())  # each pattern looks through a run of blanks from each of them
    if _OF_IMAGE.search(question):
        return _MENTION.sub("image", question)
    return _MENTION.sub("image", _TAIL.sub("", question)).rstrip(" ?") + " ?"


def question_type(question: str) -> str:
    """`number`, `colour` or `object`, by the question alone (Ren et al., 2015, count these three).

    >>> [question_type(q) for q in ("how many beds ?", "what color is it ?", "what is behind the sofa ?")]
    ['number', 'colour', 'object']
    """
    words = question.lower().split()
    if words[:2] == ["how", "many"]:
        return "number"
    return "colour" if {"color", "colour", "colors", "colours"} & set(words[:4]) else "object"
