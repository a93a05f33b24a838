"""Drawn clips of moving shapes with captions: animated GIFs, made from a seed.

    images/train_00000.gif ...   the clips
    captions.jsonl               {"image": "images/train_00000.gif", "split": "train", "captions": [...]}
    clips.jsonl                  {"image": ..., "split": ..., "direction": "left", "moving": {...}, ...}
    README.txt                   what this is
    drawn.json                   the settings it was drawn with; written last

Whoever looks at single images sees the first frame of each. The world itself is in `pipelines/data/synthetic/clips.py`.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from captioner.errors import UserError
from pipelines.data.datasets.drawn import LICENCE, Drawing, drawn_with, read_captions, write_text
from pipelines.data.examples import DataSet
from pipelines.data.synthetic.clips import Clip, draw_clip, sample_clips, save_frames, write_captions

EXPECTS = "captions.jsonl and clips.jsonl beside images/, as drawn by this program"
SIZES: Mapping[str, int] = MappingProxyType({"train": 3000, "dev": 200, "test": 400})
WORLD_VERSION = 1  # to be raised when the same seed no longer gives the same pixels and captions
DRAWING = Drawing(
    name="clips", counted="clips", pictured="clips", title="Clips: one shape moves, another may stand still",
    splits=tuple(SIZES), suffix=".gif", widest=256, records="clips.jsonl",
)  # fmt: skip
recognise = DRAWING.recognise


def draw(
    root: Path | str,
    seed: int = 0,
    sizes: Mapping[str, int] = SIZES,
    image_size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draws the data set into the folder `root`. A folder that already holds just this is left as it is.

    Args:
        root: a new or empty folder, or one drawn before, which is replaced where the settings differ.
        seed: the same seed gives the same pixels and words everywhere.
        sizes: clips a split; of train, dev and test.
        image_size: pixels each way.
        progress: called with (clips drawn, clips in all).

    Raises:
        UserError: a split is unknown or a number out of range; `root` holds something else or cannot be written.
    """
    root, sizes = Path(root), DRAWING.checked(sizes, image_size)
    settings = {"version": WORLD_VERSION, "seed": seed, "sizes": sizes, "image_size": image_size}
    try:
        if drawn_with(root) == settings:
            return
        DRAWING.make_room(root)
        write_text(root / "README.txt", _readme(settings))
        DRAWING.write(root, settings, sample_clips(seed, sizes), _save, write_captions, "clip captions", progress)
        write_text(root / "drawn.json", json.dumps(settings) + "\n")
    except OSError as error:
        raise UserError(f"The clips cannot be drawn into {root}: {error.strerror or error}.") from error


def read(root: Path) -> DataSet:
    """The clips with their captions; a line without use or without its GIF is a `Problem`."""
    root = Path(root)
    examples, problems = read_captions(root)
    return DataSet("clips", root, tuple(examples), tuple(problems), LICENCE)


def read_clips(root: Path, split: str | None = None) -> dict[str, Clip]:
    """Image id -> what the clip shows. Arguments and errors: `Drawing.read_shown`."""
    return DRAWING.read_shown(root, split, Clip.from_record)


def _save(clip: Clip, image_size: int, path: Path) -> None:
    save_frames(draw_clip(clip, image_size), path)


def _readme(settings: dict) -> str:
    return (
        f"{DRAWING.title}; animated GIFs, each with three captions.\n\n"
        f"Drawn by captioner's `pipelines.data.datasets.clips.draw` with {json.dumps(settings)}.\n"
        "The same settings give the same pixels and words everywhere.\n\n"
        f"Licence: {LICENCE}.\n"
    )
