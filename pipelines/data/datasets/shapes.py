"""Drawn scenes of coloured shapes with captions and questions: the embedded data set, made from a seed.

    images/train_00000.png ...   the pictures
    captions.jsonl               {"image": "images/train_00000.png", "split": "train", "captions": [...]}
    scenes.jsonl                 {"image": ..., "split": ..., "things": [...], "background": [...]}
    questions.jsonl              {"image": ..., "split": ..., "question": ..., "answer": ..., "type": ...}
    README.txt                   what this is
    drawn.json                   the settings it was drawn with; written last

Splits: train, dev, test, and novel, whose scenes each hold one colour-shape pair that the others never show.
The world itself is in `pipelines/data/synthetic/`; the questions are read by
`pipelines.data.question_datasets.shapes`.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from captioner.errors import UserError
from pipelines.data.datasets.drawn import LICENCE, Drawing, drawn_with, read_captions, write_records, write_text
from pipelines.data.examples import DataSet
from pipelines.data.synthetic.captions import write_captions
from pipelines.data.synthetic.drawing import draw_scene
from pipelines.data.synthetic.questions import PER_SCENE, PER_TRAINING_SCENE, write_questions
from pipelines.data.synthetic.scenes import NOVEL_PAIRS, Scene, sample_scenes

EXPECTS = "captions.jsonl and scenes.jsonl beside images/, as drawn by this program"
SIZES: Mapping[str, int] = MappingProxyType({"train": 4000, "dev": 500, "test": 500, "novel": 300})
WORLD_VERSION = 1  # to be raised when the same seed no longer gives the same pixels and captions
QUESTIONS_VERSION = 3  # the same of questions: of a drawing with older ones only these are written anew
DRAWING = Drawing(
    name="shapes", counted="scenes", pictured="pictures", title="Shapes: drawn scenes of one to four coloured shapes",
    splits=tuple(SIZES), suffix=".png", widest=1024, records="scenes.jsonl",
)  # fmt: skip
recognise = DRAWING.recognise


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
    root, sizes = Path(root), DRAWING.checked(sizes, image_size)
    world = {"version": WORLD_VERSION, "seed": seed, "sizes": sizes, "image_size": image_size}
    settings = {**world, "questions": QUESTIONS_VERSION}
    try:
        drawn = drawn_with(root)
        if drawn == settings:
            return
        if not isinstance(drawn, dict) or {**drawn, "questions": QUESTIONS_VERSION} != settings:
            DRAWING.make_room(root)
            write_text(root / "README.txt", _readme(settings))
            DRAWING.write(root, settings, sample_scenes(seed, sizes), _save, write_captions, "captions", progress)
        _write_questions(root, settings)
    except OSError as error:
        raise UserError(f"The shapes cannot be drawn into {root}: {error.strerror or error}.") from error


def read(root: Path) -> DataSet:
    """The pictures with their captions; a line without use or without its picture is a `Problem`."""
    root = Path(root)
    examples, problems = read_captions(root)
    notes = ("Pictures in the split 'novel' hold colour-shape pairs that the other splits never show.",)
    return DataSet("shapes", root, tuple(examples), tuple(problems), LICENCE, notes)


def read_scenes(root: Path, split: str | None = None) -> dict[str, Scene]:
    """Image id -> what the picture shows, for `faithfulness`. Arguments and errors: `Drawing.read_shown`."""
    return DRAWING.read_shown(root, split, Scene.from_record)


def _save(scene: Scene, image_size: int, path: Path) -> None:
    draw_scene(scene, image_size).save(path)


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
        f"{DRAWING.title}, each with five captions and some questions.\n\n"
        f"Drawn by captioner's `pipelines.data.datasets.shapes.draw` with {json.dumps(settings)}.\n"
        "The same settings give the same pixels and words everywhere.\n\n"
        f"The split `novel` shows these pairs, which the other splits never do: {pairs}.\n\n"
        f"Licence: {LICENCE}.\n"
    )
