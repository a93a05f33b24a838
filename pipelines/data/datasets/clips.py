"""Drawn clips of moving shapes with captions: animated GIFs, made from a seed.

    images/train_00000.gif ...   the clips
    captions.jsonl               {"image": "images/train_00000.gif", "split": "train", "captions": [...]}
    clips.jsonl                  {"image": ..., "split": ..., "direction": "left", "moving": {...}, ...}
    README.txt                   what this is
    drawn.json                   the settings it was drawn with; written last

Whoever looks at single images sees the first frame of each. The world itself is in `pipelines/data/synthetic/clips.py`.
"""

from typing import BinaryIO

from pipelines.data.datasets.drawn import LICENCE as LICENCE
from pipelines.data.datasets.drawn import Drawing
from pipelines.data.synthetic.clips import Clip, draw_clip, sample_clips, save_frames, write_captions

EXPECTS = "captions.jsonl and clips.jsonl beside images/, as drawn by this program"


def _save(clip: Clip, image_size: int, file: BinaryIO) -> None:
    save_frames(draw_clip(clip, image_size), file)


DRAWING = Drawing(
    name="clips",
    counted="clips",
    pictured="clips",
    title="Clips: one shape moves, another may stand still",
    about="; animated GIFs, each with three captions",
    version=1,
    sizes={"train": 3000, "dev": 200, "test": 400},
    suffix=".gif",
    widest=256,
    records="clips.jsonl",
    sample=sample_clips,
    save=_save,
    from_record=Clip.from_record,
    write_captions=write_captions,
    stream="clip captions",
)
SIZES, recognise, draw, read = DRAWING.sizes, DRAWING.recognise, DRAWING.draw, DRAWING.read
read_clips = DRAWING.read_contents
