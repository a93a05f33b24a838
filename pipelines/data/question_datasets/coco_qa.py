"""COCO-QA: 117,684 questions on COCO's images, made from their captions (Ren, Kiros and Zemel, 2015).

    train/questions.txt    what is the color of the boat
    train/answers.txt      red
    train/img_ids.txt      458752
    train/types.txt        2            object, number, color or location, counted from 0

and the same in `test/`. Lines of the same number belong together. There is no split dev.
"""

from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets.splits import split_folders
from pipelines.data.datasets.text import read_lines, truncate
from pipelines.data.examples import DataSet, Location
from pipelines.data.question_datasets.builder import AnnotatedQuestion, QuestionDatasetBuilder
from pipelines.data.question_datasets.coco_images import FOLDERS, SPLITS, CocoImages

EXPECTS = (
    "train/ and test/ with questions.txt, answers.txt, img_ids.txt (and types.txt); images in train2014/, val2014/"
)
LICENCE = "COCO-QA: of COCO's captions, CC BY 4.0; the photographs are under the licences of their owners on Flickr"
TYPES = ("object", "number", "color", "location")
_NEEDED = {"questions.txt": "question", "answers.txt": "answer", "img_ids.txt": "image"}


def recognise(root: Path) -> bool:
    """Whether a folder of a split holds questions, answers and the numbers of their images."""
    return bool(_splits(root))


def read(root: Path) -> DataSet:
    """Reads COCO-QA from `root`.

    Raises:
        UserError: a file is missing or cannot be read, or none of the images is there.
    """
    splits = _splits(root)
    if not splits:
        raise UserError(f"There is no train/ with questions.txt, answers.txt and img_ids.txt in {root}.")
    builder = QuestionDatasetBuilder("coco-qa", root, FOLDERS)
    for folder, split in splits:
        likeliest = "train2014" if split == "train" else "val2014"
        _add(builder, CocoImages(builder, (likeliest, *SPLITS)), folder, split)
    return builder.finish(LICENCE)


def _splits(root: Path) -> list[tuple[Path, str]]:
    """The folders and their splits, test first: an image that is in both stays in the one that is scored on."""
    return [(path, split) for path, split in split_folders(root) if all((path / name).is_file() for name in _NEEDED)]


def _add(builder: QuestionDatasetBuilder, images: CocoImages, folder: Path, split: str) -> None:
    files = {name: dict(read_lines(folder / name)) for name in _NEEDED}
    types = dict(read_lines(folder / "types.txt")) if (folder / "types.txt").is_file() else None
    for line in sorted(set().union(*files.values(), types or ())):
        missing = [what for name, what in _NEEDED.items() if line not in files[name]]
        location = Location(folder / next((name for name in files if line in files[name]), "types.txt"), line)
        if missing:
            builder.problem(location, f"this line has no {' and no '.join(missing)} in the files beside it; left out")
            continue
        question, answer, number = (files[name][line].strip() for name in _NEEDED)
        kind = _type(builder, Location(folder / "types.txt", line), types)
        asked = AnnotatedQuestion(question, [answer], type=kind, source_id=f"{split}/{line}")
        builder.add_question(images.name(number), asked, location, split)


def _type(builder: QuestionDatasetBuilder, location: Location, types: dict[int, str] | None) -> str:
    if types is None:
        return ""
    number = types.get(location.line, "").strip()
    if number in map(str, range(len(TYPES))):
        return TYPES[int(number)]
    text = f"expected a type from 0 to {len(TYPES) - 1}, got {truncate(number)}; the question has none"
    return builder.problem(location, text) or ""
