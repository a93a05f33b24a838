"""Drawn scenes of coloured shapes with captions and questions: the embedded data set, made from a seed.

    images/train_00000.png ...   the pictures
    captions.jsonl               {"image": "images/train_00000.png", "split": "train", "captions": [...]}
    scenes.jsonl                 {"image": ..., "split": ..., "things": [...], "background": [...]}
    questions.jsonl              {"image": ..., "split": ..., "question": ..., "answer": ..., "type": ...}
    README.txt                   what this is
    drawn.json                   the settings it was drawn with; written last
 Splits: train, dev, test, and novel, whose scenes each hold one colour-shape pair that the others never show.
The world itself is in `pipelines/shapes/`; the questions are read by
`pipelines.datasets.questions.shapes`.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from types import MappingProxyType

from captioner.errors import UserError, nearest
from pipelines.datasets.drawn import LICENCE, drawn_with, read_captions, records, why, write_records, write_text
from pipelines.examples import DataSet
from pipelines.shapes.captions import write_captions
from pipelines.shapes.drawing import draw_scene
from pipelines.shapes.questions import PER_SCENE, PER_TRAINING_SCENE, write_questions
from pipelines.shapes.scenes import NOVEL_PAIRS, Scene, sample_scenes

EXPECTS = "captions.jsonl and scenes.jsonl beside images/, as drawn by this program"
SIZES: Mapping[str, int] = MappingProxyType({"train": 4000, "dev": 500, "test": 500, "novel": 300})
WORLD_VERSION = 1  # to be raised when the same seed no longer gives the same pixels and captions
QUESTIONS_VERSION = 3  # the same of questions: of a drawing with older ones only these are written anew
_TITLE = "Shapes: drawn scenes of one to four coloured shapes"  # by which a folder of ours is known


def draw(
    root: Path | str,
    seed: int = 0,
    sizes: Mapping[str, int] = SIZES,
    image_size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draws the data set into the folder `root`. A folder that already holds just this is left as it is; where only
    its questions are of an older version, they alone are written anew.

    Args:
        root: a new or empty folder, or one drawn before, which is replaced where the settings differ.
        seed: the same seed gives the same pixels and words everywhere.
        sizes: scenes a split; of train, dev, test and novel.
        image_size: pixels each way.
        progress: called with (pictures drawn, pictures in all).

    Raises:
        UserError: a split is unknown or a number out of range; `root` holds something else or cannot be
        written.
    """
    root = Path(root)
    sizes = _checked(sizes, image_size)
    world = {"version": WORLD_VERSION, "seed": seed, "sizes": sizes, "image_size": image_size}
    settings = {**world, "questions": QUESTIONS_VERSION}
    try:
        drawn = drawn_with(root)
        if drawn == settings:
            return
        if not isinstance(drawn, dict) or {**drawn, "questions": QUESTIONS_VERSION} != settings:
            _make_room(root)
            _draw(root, settings, progress)
        _write_questions(root, settings)
    except OSError as error:
        raise UserError(f"The shapes cannot be drawn into {root}: {error.strerror or error}.") from error


def recognise(root: Path) -> bool:
    return all((root / name).is_file() for name in ("captions.jsonl", "scenes.jsonl"))


def read(root: Path) -> DataSet:
    """The pictures with their captions; a line without use or without its picture is a `Problem`."""
    root = Path(root)
    examples, problems = read_captions(root)
    notes = ("Pictures in the split 'novel' hold colour-shape pairs that the other splits never show.",)
    return DataSet("shapes", root, tuple(examples), tuple(problems), LICENCE, notes)


def read_scenes(root: Path, split: str | None = None) -> dict[str, Scene]:
    """Image id -> what the picture shows, for `faithfulness`; of one split, or of all.

    Raises:
        UserError: a scene cannot be read: a score over the rest would be another score.
    """
    path = Path(root) / "scenes.jsonl"
    scenes = {}
    for line, record, problem in records(path):
        try:
            if problem is None and split in (None, record["split"]):
                scenes[record["image"]] = Scene.from_record(record)
        except (KeyError, TypeError, ValueError) as error:
            problem = why(error)
        if problem is not None:
            raise UserError(f"{path}:{line}: {problem} Draw the data set again.")
    return scenes


# Writing.


def _checked(sizes: Mapping[str, int], image_size: int) -> dict[str, int]:
    for split, size in sizes.items():
        if split not in SIZES:
            raise UserError(
                f"Shapes have no split called {split!r}. Their splits are: {', '.join(SIZES)}.{nearest(split, SIZES)}"
            )
        if not 0 <= size <= 99_999:
            raise UserError(f"The split {split!r} was to have {size} scenes; between 0 and 99999 can be drawn.")
    if not 32 <= image_size <= 1024:
        raise UserError(f"The pictures were to be {image_size} pixels wide; 32 to 1024 are possible.")
    return {split: sizes[split] for split in SIZES if sizes.get(split)}  # always drawn in this order


def _make_room(root: Path) -> None:
    """Makes the folder, or removes what an earlier drawing left in it; never touches anything else."""
    root.mkdir(parents=True, exist_ok=True)
    readme = root / "README.txt"
    if any(root.iterdir()) and not (readme.is_file() and readme.read_bytes().startswith(_TITLE.encode("utf-8"))):
        raise UserError(f"{root} already holds something else. Give a new folder to draw the shapes into.")
    (root / "drawn.json").unlink(missing_ok=True)
    (root / "images").mkdir(exist_ok=True)
    for split in SIZES:
        for picture in (root / "images").glob(f"{split}_[0-9]*.png"):
            picture.unlink()


def _draw(root: Path, settings: dict, progress: Callable[[int, int], None] | None) -> None:
    seed, sizes = settings["seed"], settings["sizes"]
    write_text(root / "README.txt", _readme(settings))
    captions, scenes = [], []
    for drawn, (split, number, scene) in enumerate(sample_scenes(seed, sizes), start=1):
        place = {"image": f"images/{split}_{number:05d}.png", "split": split}
        draw_scene(scene, settings["image_size"]).save(root / place["image"])
        written = write_captions(Random(f"captions/{seed}/{split}/{number}"), scene)
        captions.append({**place, "captions": written})
        scenes.append({**place, **scene.record()})
        if progress:
            progress(drawn, sum(sizes.values()))
    write_records(root / "captions.jsonl", captions)
    write_records(root / "scenes.jsonl", scenes)


def _write_questions(root: Path, settings: dict) -> None:
    """The questions of a drawing, and then the settings, which say that all is there."""
    seed, by_split = settings["seed"], {}
    for split, number, scene in sample_scenes(seed, settings["sizes"]):
        place = {"image": f"images/{split}_{number:05d}.png", "split": split}
        by_split.setdefault(split, []).append((place, scene))
    questions = []
    for split, placed in by_split.items():
        scenes = [scene for _, scene in placed]
        written = write_questions(f"{seed}/{split}", scenes, PER_TRAINING_SCENE if split == "train" else PER_SCENE)
        questions += [
            {**place, "question": question.text, "answer": question.answer, "type": question.type}
            for (place, _), asked in zip(placed, written, strict=True)
            for question in asked
        ]
    write_records(root / "questions.jsonl", questions)
    write_text(root / "README.txt", _readme(settings))
    write_text(root / "drawn.json", json.dumps(settings) + "\n")


def _readme(settings: dict) -> str:
    pairs = ", ".join(" ".join(pair) for pair in NOVEL_PAIRS)
    return (
        f"{_TITLE}, each with five captions and some questions.\n\n"
        f"Drawn by captioner's `pipelines.datasets.shapes.draw` with {json.dumps(settings)}.\n"
        "The same settings give the same pixels and words everywhere.\n\n"
        f"The split `novel` shows these pairs, which the other splits never do: {pairs}.\n\n"
        f"Licence: {LICENCE}.\n"
    )
