"""Drawn clips of moving shapes with captions: animated GIFs, made from a seed.

    images/train_00000.gif ...   the clips
    captions.jsonl               {"image": "images/train_00000.gif", "split": "train", "captions": [...]}
    clips.jsonl                  {"image": ..., "split": ..., "direction": "left", "moving": {...}, ...}
    README.txt                   what this is
    drawn.json                   the settings it was drawn with; written last

Whoever looks at single images sees the first frame of each. The world itself is in `pipelines/shapes/clips.py`.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from types import MappingProxyType

from captioner.errors import UserError, nearest
from pipelines.datasets.drawn import LICENCE, drawn_with, read_captions, records, why, write_records, write_text
from pipelines.examples import DataSet
from pipelines.shapes.clips import Clip, draw_clip, sample_clips, save_frames, write_captions

EXPECTS = "captions.jsonl and clips.jsonl beside images/, as drawn by this program"
SIZES: Mapping[str, int] = MappingProxyType({"train": 3000, "dev": 200, "test": 400})
WORLD_VERSION = 1  # to be raised when the same seed no longer gives the same pixels and captions
_TITLE = "Clips: one shape moves, another may stand still"  # by which a folder of ours is known
_MARKS = ("captions.jsonl", "clips.jsonl")


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
    root = Path(root)
    for split, size in sizes.items():
        if split not in SIZES:
            raise UserError(
                f"Clips have no split called {split!r}. Their splits are: {', '.join(SIZES)}.{nearest(split, SIZES)}"
            )
        if not 0 <= size <= 99_999:
            raise UserError(f"The split {split!r} was to have {size} clips; between 0 and 99999 can be drawn.")
    if not 32 <= image_size <= 256:
        raise UserError(f"The clips were to be {image_size} pixels wide; 32 to 256 are possible.")
    sizes = {split: sizes[split] for split in SIZES if sizes.get(split)}  # always drawn in this order
    settings = {"version": WORLD_VERSION, "seed": seed, "sizes": sizes, "image_size": image_size}
    try:
        if drawn_with(root) != settings:
            _make_room(root)
            _draw(root, settings, progress)
    except OSError as error:
        raise UserError(f"The clips cannot be drawn into {root}: {error.strerror or error}.") from error


def recognise(root: Path) -> bool:
    return all((root / name).is_file() for name in _MARKS)


def read(root: Path) -> DataSet:
    """The clips with their captions; a line without use or without its GIF is a `Problem`."""
    root = Path(root)
    examples, problems = read_captions(root)
    return DataSet("clips", root, tuple(examples), tuple(problems), LICENCE)


def read_clips(root: Path, split: str | None = None) -> dict[str, Clip]:
    """Image id -> what the clip shows; of one split, or of all.

    Raises:
        UserError: a clip cannot be read: a score over the rest would be another score.
    """
    path, clips = Path(root) / "clips.jsonl", {}
    for line, record, problem in records(path):
        try:
            if problem is None and split in (None, record["split"]):
                clips[record["image"]] = Clip.from_record(record)
        except (KeyError, TypeError, ValueError) as error:
            problem = why(error)
        if problem is not None:
            raise UserError(f"{path}:{line}: {problem} Draw the data set again.")
    return clips


def _make_room(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    readme = root / "README.txt"
    if any(root.iterdir()) and not (readme.is_file() and readme.read_bytes().startswith(_TITLE.encode("utf-8"))):
        raise UserError(f"{root} already holds something else. Give a new folder to draw the clips into.")
    (root / "drawn.json").unlink(missing_ok=True)
    (root / "images").mkdir(exist_ok=True)
    for split in SIZES:
        for picture in (root / "images").glob(f"{split}_[0-9]*.gif"):
            picture.unlink()


def _draw(root: Path, settings: dict, progress: Callable[[int, int], None] | None) -> None:
    seed, sizes = settings["seed"], settings["sizes"]
    write_text(root / "README.txt", _readme(settings))
    captions, clips = [], []
    for drawn, (split, number, clip) in enumerate(sample_clips(seed, sizes), start=1):
        place = {"image": f"images/{split}_{number:05d}.gif", "split": split}
        save_frames(draw_clip(clip, settings["image_size"]), root / place["image"])
        written = write_captions(Random(f"clip captions/{seed}/{split}/{number}"), clip)
        captions.append({**place, "captions": written})
        clips.append({**place, **clip.record()})
        if progress:
            progress(drawn, sum(sizes.values()))
    write_records(root / "captions.jsonl", captions)
    write_records(root / "clips.jsonl", clips)
    write_text(root / "drawn.json", json.dumps(settings) + "\n")


def _readme(settings: dict) -> str:
    return (
        f"{_TITLE}; animated GIFs, each with three captions.\n\n"
        f"Drawn by captioner's `pipelines.datasets.clips.draw` with {json.dumps(settings)}.\n"
        "The same settings give the same pixels and words everywhere.\n\n"
        f"Licence: {LICENCE}.\n"
    )
