"""Drawn scenes of coloured shapes with captions and questions: the embedded data set, made from a seed.

    images/train_00000.png ...   the pictures
    captions.jsonl               {"image": "images/train_00000.png", "split": "train", "captions": [...]}
    scenes.jsonl                 {"image": ..., "split": ..., "things": [...], "background": [...]}
    questions.jsonl              {"image": ..., "split": ..., "question": ..., "answer": ..., "type": ...}
    README.txt                   what this is
    drawn.json                   the settings it was drawn with; written last

Splits: train, dev, test, and novel, whose scenes each hold one colour-shape pair that the others never show. The world
itself is in `pipelines/data/synthetic/`; the questions are read by `pipelines.data.question_datasets.shapes`.
"""

from pathlib import Path
from typing import BinaryIO

from pipelines.data.datasets.drawn import LICENCE as LICENCE
from pipelines.data.datasets.drawn import Drawing, write_records
from pipelines.data.synthetic.captions import write_captions
from pipelines.data.synthetic.drawing import draw_scene
from pipelines.data.synthetic.questions import PER_SCENE, PER_TRAINING_SCENE, write_questions
from pipelines.data.synthetic.scenes import NOVEL_PAIRS, Scene, sample_scenes

EXPECTS = "captions.jsonl and scenes.jsonl beside images/, as drawn by this program"
_NOVEL_PAIRS = ", ".join(" ".join(pair) for pair in NOVEL_PAIRS)


def _save(scene: Scene, image_size: int, file: BinaryIO) -> None:
    draw_scene(scene, image_size).save(file, format="PNG")


def _write_questions(root: Path, settings: dict) -> None:
    images: dict[str, list[str]] = {}
    scenes: dict[str, list[Scene]] = {}
    for split, number, scene in sample_scenes(settings["seed"], settings["sizes"]):
        images.setdefault(split, []).append(DRAWING.image_id(split, number))
        scenes.setdefault(split, []).append(scene)
    rows = []
    for split in scenes:
        per_scene = PER_TRAINING_SCENE if split == "train" else PER_SCENE
        questions = write_questions(f"{settings['seed']}/{split}", scenes[split], per_scene)
        rows += [
            {
                "image": image,
                "split": split,
                "question": question.text,
                "answer": question.answer,
                "type": question.type,
            }
            for image, of_image in zip(images[split], questions, strict=True)
            for question in of_image
        ]
    write_records(root / "questions.jsonl", rows)


DRAWING = Drawing(
    name="shapes",
    counted="scenes",
    pictured="pictures",
    title="Shapes: drawn scenes of one to four coloured shapes",
    about=", each with five captions and some questions",
    version=1,
    sizes={"train": 4000, "dev": 500, "test": 500, "novel": 300},
    suffix=".png",
    widest=1024,
    records="scenes.jsonl",
    sample=sample_scenes,
    save=_save,
    from_record=Scene.from_record,
    write_captions=write_captions,
    stream="captions",
    more_versions={"questions": 3},
    write_more=_write_questions,
    notes=("Pictures in the split 'novel' hold colour-shape pairs that the other splits never show.",),
    readme=f"The split `novel` shows these pairs, which the other splits never do: {_NOVEL_PAIRS}.\n\n",
)
SIZES, recognise, draw, read = DRAWING.sizes, DRAWING.recognise, DRAWING.draw, DRAWING.read
read_scenes = DRAWING.read_contents
