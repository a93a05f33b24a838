"""VQA v1 (Antol et al., 2015) and v2 (Goyal et al., 2017): three questions an image of COCO, ten answers a question.

    OpenEnded_mscoco_train2014_questions.json        v2_OpenEnded_mscoco_train2014_questions.json
    MultipleChoice_mscoco_train2014_questions.json   (v1 only: the same questions with 18 choices)
    mscoco_train2014_annotations.json                v2_mscoco_train2014_annotations.json

The files are in the folder itself or in `questions/` and `annotations/`, images in `train2014/`, `val2014/`,
`test2015/`, or below `images/` or `images/mscoco/`, as the official toolkit has them; folders in any case. `val` is the
split dev. The test split comes without answers: its questions are read, for answers to be sent in
(`pipelines.evaluation.submission`). Where both versions are there, v2 is read.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from captioner.errors import UserError
from pipelines.data.datasets.finder import existing_folders
from pipelines.data.datasets.licence import licence_of
from pipelines.data.datasets.text import read_head, read_json_list, truncate
from pipelines.data.datasets.values import as_id, value_text
from pipelines.data.examples import DataSet, Location, canonical_split
from pipelines.data.question_datasets.builder import AnnotatedQuestion, QuestionDatasetBuilder
from pipelines.data.question_datasets.coco_images import CocoImages

EXPECTS = "*_questions.json and *_annotations.json of VQA v1 or v2; images in train2014/, val2014/, test2015/"
LICENCE = "VQA: annotations CC BY 4.0; the photographs are under the licences of their owners on Flickr"
_FOLDERS = (".", "questions", "annotations")
_QUESTIONS = re.compile(r"(?P<version>v\d+_)?(?:(?P<task>OpenEnded|MultipleChoice)_)?(?P<key>.+)_questions\.json")
_ANNOTATIONS = re.compile(r"(?P<version>v\d+_)?(?P<key>.+)_annotations\.json")
_ORDER = ("test", "test-dev", "val", "train")  # an image in several subsets stays in the one that is scored on
OK_VQA = "OK-VQA"  # in place of a version: its files are called as those of v1
_AS_IS: Mapping[str, str] = MappingProxyType({})
_SUBSET = re.compile(r"(?:(?P<source>.+)_)?(?P<split>train|val|test-dev|test)(?P<year>\d{4})?")


@dataclass
class _Files:
    """The files of one subset, such as `mscoco_train2014`."""

    questions: dict[str, Path] = field(default_factory=dict)  # task -> file
    annotations: Path | None = None


def recognise(root: Path) -> bool:
    return bool(set(find_versions(root)) - {OK_VQA})


def read(root: Path) -> DataSet:
    """Reads VQA from `root`.

    Raises:
        UserError: a file is not JSON or has not this form, or none of the images is there.
    """
    versions = {version: subsets for version, subsets in find_versions(root).items() if version != OK_VQA}
    if not versions:
        raise UserError(f"There is no *_questions.json of VQA in {root}, {root / 'questions'} or the like.")
    note = "Both versions are there; v2 was read." if len(versions) > 1 else ""
    return read_version(root, "vqa", versions[max(versions)], LICENCE, note)


def read_version(
    root: Path, name: str, subsets: dict[str, "_Files"], licence: str, note: str = "", types: Mapping[str, str] = _AS_IS
) -> DataSet:
    """Reads one of `find_versions`.

    Args:
        root: the folder.
        name: of the layout.
        subsets: subset -> its files.
        licence: of the data set.
        note: for whoever reads it.
        types: what types of questions are called, by what they are called in the files.

    Raises:
        UserError: as `read` does.
    """
    builder = QuestionDatasetBuilder(name, root, [*_image_folders(subsets), "images", "."])
    builder.notes += filter(None, [note])
    for key in sorted(subsets, key=lambda key: (_ORDER.index(_SUBSET.fullmatch(key)["split"]), key)):
        if "test-dev" in key and key.replace("test-dev", "test") in subsets:
            builder.notes.append(f"{key} is a part of {key.replace('test-dev', 'test')} and was not read.")
            continue
        _Subset(builder, key, subsets[key], types).add()
    return builder.finish(licence_of(root) or licence)


def find_versions(root: Path) -> dict[str, dict[str, _Files]]:
    """Version ("" for v1, "v2_", `OK_VQA`) -> subset -> its files."""
    versions: dict[str, dict[str, _Files]] = {}
    paths = [
        path
        for folder in existing_folders(root, _FOLDERS)
        for path in sorted((root / folder).glob("*.json"))
        if path.is_file()
    ]
    for path in paths:
        match = _QUESTIONS.fullmatch(path.name)
        if match and _SUBSET.fullmatch(match["key"]):
            files = versions.setdefault(match["version"] or "", {}).setdefault(match["key"], _Files())
            files.questions.setdefault(match["task"] or "OpenEnded", path)
    for path in paths:
        match = _ANNOTATIONS.fullmatch(path.name)
        files = versions.get(match["version"] or "", {}).get(match["key"]) if match else None
        if files is not None and files.annotations is None:
            files.annotations = path
    first = versions.get("", {})
    if any(files.annotations is not None and _is_ok_vqa(files.annotations) for files in first.values()):
        versions[OK_VQA] = versions.pop("")
    return versions


def _is_ok_vqa(annotations: Path) -> bool:
    """By its first annotation, whose answers have a `raw_answer`, or by its description."""
    head = read_head(annotations)
    return '"raw_answer"' in head or "OK-VQA" in head


def _image_folders(subsets: dict[str, _Files]) -> Iterator[str]:
    for key in subsets:
        match = _SUBSET.fullmatch(key)
        folder = match["split"].replace("test-dev", "test") + (match["year"] or "")
        yield from (folder, f"images/{folder}", f"images/{match['source'] or 'mscoco'}/{folder}", f"{folder}/{folder}")


class _Subset:
    """Reads the files of one subset into a builder."""

    def __init__(self, builder: QuestionDatasetBuilder, key: str, files: _Files, types: Mapping[str, str]):
        match = _SUBSET.fullmatch(key)
        self.builder, self.files, self.types = builder, files, types
        self.split = canonical_split(match["split"])
        folder = match["split"].replace("test-dev", "test") + (match["year"] or "")
        source = match["source"] or "mscoco"
        self.images = CocoImages(builder, [folder], "COCO" if source == "mscoco" else source)

    def add(self):
        path = self.files.questions.get("OpenEnded", self.files.questions.get("MultipleChoice"))
        choices = self._choices()
        annotations = self._annotations()
        if annotations is None:
            text = f"The questions of {path.name} have no annotations beside them: their answers are not known."
            self.builder.notes.append(text)
        asked = set()
        for index, row in enumerate(read_json_list(path, "questions", "VQA")):
            location = Location(path, part=f"questions[{index}]")
            question, image, number = value_text(_get(row, "question")), _id(row, "image_id"), _id(row, "question_id")
            if question is None or image is None or number is None:
                self.builder.unexpected(location, "question, image_id and question_id", row)
                continue
            if number in asked:
                self.builder.problem(location, f"the question_id {truncate(number)} is there already; left out")
                continue
            asked.add(number)
            answered = {} if annotations is None else annotations.get(number, (0, None))[1]
            answered_image = _id(answered, "image_id")
            if answered is None:
                fault = "has no annotation" if number not in annotations else "has an annotation that cannot be used"
                self.builder.problem(location, f"the question {truncate(number)} {fault}; left out")
            elif answered_image not in (None, image) and self.images.name(answered_image) != self.images.name(image):
                text = f"its annotation is of another image, {truncate(answered_image)}; left out"
                self.builder.problem(location, text)
            else:
                self._ask(location, row, answered if annotations is not None else None, choices)
        for number, (index, _) in (annotations or {}).items():
            if number not in asked:
                location = Location(self.files.annotations, part=f"annotations[{index}]")
                self.builder.problem(location, f"there is no question {truncate(number)}; left out")

    def _ask(self, location: Location, row: dict, answered: dict | None, choices: dict):
        own = row.get("multiple_choices")
        asked = AnnotatedQuestion(
            row["question"],
            None if answered is None else _answers(answered),
            choices.get(_id(row, "question_id"), own if isinstance(own, list) else None),
            type=self._type(answered),
            answer_type=_get(answered, "answer_type"),
            source_id=row["question_id"],
        )
        self.builder.add_question(self.images.name(_id(row, "image_id")), asked, location, self.split)

    def _type(self, answered: dict | None) -> object:
        kind = _get(answered, "question_type")
        return self.types.get(kind, kind) if isinstance(kind, str) else kind

    def _choices(self) -> dict:
        """question_id -> its choices, from the file of multiple choices if there is one."""
        path = self.files.questions.get("MultipleChoice")
        choices = {}
        for index, row in enumerate(read_json_list(path, "questions", "VQA") if path else ()):
            number, values = _id(row, "question_id"), _get(row, "multiple_choices")
            if number is not None and isinstance(values, list):
                choices.setdefault(number, values)
            else:
                location = Location(path, part=f"questions[{index}]")
                self.builder.unexpected(location, "question_id and multiple_choices", row, "asked without")
        return choices

    def _annotations(self) -> dict | None:
        """question_id -> (index, annotation, or None for one that cannot be used); None where there is no such file."""
        path = self.files.annotations
        if path is None:
            return None
        annotations = {}
        for index, row in enumerate(read_json_list(path, "annotations", "VQA", _lighter)):
            location, number = Location(path, part=f"annotations[{index}]"), _id(row, "question_id")
            usable = number is not None and _answers(row) is not None
            if not usable:
                self.builder.unexpected(location, "question_id and answers", row)
                if number is not None:
                    annotations.setdefault(number, (index, None))
            elif annotations.get(number, (0, None))[1] is not None:
                self.builder.problem(location, f"the question {truncate(number)} is answered already; left out")
            else:
                annotations[number] = index, row
        return annotations


def _lighter(row: dict) -> object:
    """Of one person's answer the answer alone: there are millions, and a dict takes several times the memory."""
    return row["answer"] if "answer" in row and "answer_id" in row else row


def _answers(annotation: dict) -> list | None:
    """What people answered, one value a person; None where the annotation does not have its form."""
    agreed = annotation.get("multiple_choice_answer")
    answers = annotation.get("answers", None if agreed is None else [agreed])
    if not isinstance(answers, list):
        return None
    return [answer.get("answer") if isinstance(answer, dict) else answer for answer in answers]


def _get(row: object, key: str) -> object:
    return row.get(key) if isinstance(row, dict) else None


def _id(row: object, key: str) -> str | None:
    """An id of a row as it is compared: 42 in one file is "42" in another."""
    return value_text(as_id(_get(row, key)))
