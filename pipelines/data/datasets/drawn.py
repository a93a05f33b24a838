"""What all data sets that this program draws have in common: JSON lines, and a file that says how they were drawn."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from captioner.errors import UserError, nearest
from pipelines.data.datasets.text import is_text, parse_json, read_lines
from pipelines.data.examples import CaptionExample, Problem

LICENCE = "drawn by this program; free to use without conditions (CC0)"


@dataclass(frozen=True)
class Drawing:
    """One kind of drawn data set, and what is alike in how all kinds are drawn.

    name: of the data set, as in "shapes have no split ...".
    counted, pictured: what a split is so many of, and what is so many pixels wide.
    title: the first words of its README.txt, by which a folder of ours is known.
    splits: in the order in which they are drawn.
    suffix: of its pictures.
    widest: pixels.
    records: the file beside captions.jsonl that says what each picture shows.
    """

    name: str
    counted: str
    pictured: str
    title: str
    splits: tuple[str, ...]
    suffix: str
    widest: int
    records: str

    def checked(self, sizes: Mapping[str, int], image_size: int) -> dict[str, int]:
        """The sizes of those splits that are not empty, in order.

        Raises:
            UserError: a split is unknown, or a number out of range.
        """
        for split, size in sizes.items():
            if split not in self.splits:
                raise UserError(
                    f"{self.name.capitalize()} have no split called {split!r}. Their splits are: "
                    f"{', '.join(self.splits)}.{nearest(split, self.splits)}"
                )
            if not 0 <= size <= 99_999:
                raise UserError(
                    f"The split {split!r} was to have {size} {self.counted}; between 0 and 99999 can be drawn."
                )
        if not 32 <= image_size <= self.widest:
            raise UserError(
                f"The {self.pictured} were to be {image_size} pixels wide; 32 to {self.widest} are possible."
            )
        return {split: sizes[split] for split in self.splits if sizes.get(split)}

    def make_room(self, root: Path) -> None:
        """Makes the folder, or removes what an earlier drawing left in it; never touches anything else.

        Raises:
            UserError: it holds something else.
        """
        root.mkdir(parents=True, exist_ok=True)
        readme = root / "README.txt"
        ours = readme.is_file() and readme.read_bytes().startswith(self.title.encode("utf-8"))
        if any(root.iterdir()) and not ours:
            raise UserError(f"{root} already holds something else. Give a new folder to draw the {self.name} into.")
        (root / "drawn.json").unlink(missing_ok=True)
        (root / "images").mkdir(exist_ok=True)
        for split in self.splits:
            for picture in (root / "images").glob(f"{split}_[0-9]*{self.suffix}"):
                picture.unlink()

    def write(
        self,
        root: Path,
        settings: Mapping[str, Any],
        sampled: Iterable[tuple[str, int, Any]],
        save: Callable[[Any, int, Path], None],
        captions_of: Callable[[Random, Any], list[str]],
        noise: str,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        """Draws every picture, and writes what it shows and what is said of it.

        Args:
            settings: what it is drawn with; `seed`, `sizes` and `image_size` among them.
            sampled: `(split, number, what is to be drawn)`.
            save: draws one, so many pixels wide, into a file.
            captions_of: what is said of one.
            noise: what the random numbers of captions are called after, beside the seed.
            progress: called with (pictures drawn, pictures in all).
        """
        captions, shown = [], []
        for drawn, (split, number, one) in enumerate(sampled, start=1):
            place = {"image": f"images/{split}_{number:05d}{self.suffix}", "split": split}
            save(one, settings["image_size"], root / place["image"])
            said = captions_of(Random(f"{noise}/{settings['seed']}/{split}/{number}"), one)
            captions.append({**place, "captions": said})
            shown.append({**place, **one.record()})
            if progress:
                progress(drawn, sum(settings["sizes"].values()))
        write_records(root / "captions.jsonl", captions)
        write_records(root / self.records, shown)

    def recognise(self, root: Path) -> bool:
        return all((root / name).is_file() for name in ("captions.jsonl", self.records))

    def read_shown(self, root: Path, split: str | None, from_record: Callable[[dict], Any]) -> dict[str, Any]:
        """Image id -> what the picture shows; of one split, or of all.

        Raises:
            UserError: a line cannot be read: a score over the rest would be another score.
        """
        path, shown = Path(root) / self.records, {}
        for line, record, problem in records(path):
            try:
                if problem is None and split in (None, record["split"]):
                    shown[record["image"]] = from_record(record)
            except (KeyError, TypeError, ValueError) as error:
                problem = why(error)
            if problem is not None:
                raise UserError(f"{path}:{line}: {problem} Draw the data set again.")
        return shown


def drawn_with(root: Path) -> dict | None:
    """The settings that a folder was drawn with, or None if its drawing was not finished."""
    try:
        return json.loads((root / "drawn.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return None


def write_records(path: Path, values: list[dict]) -> None:
    write_text(path, "".join(json.dumps(value) + "\n" for value in values))


def write_text(path: Path, text: str) -> None:
    """Writes the whole file or nothing, with the same bytes on every platform."""
    beside = path.with_name(path.name + ".part")
    beside.write_bytes(text.encode("utf-8"))
    os.replace(beside, path)


def read_captions(root: Path) -> tuple[list[CaptionExample], list[Problem]]:
    """The examples of `captions.jsonl`; a line without use or without its picture is a `Problem`."""
    examples, problems = [], []
    for line, record, problem in records(root / "captions.jsonl"):
        try:
            if problem is None:
                examples.append(_example(root, record))
        except (KeyError, TypeError, ValueError) as error:
            problem = why(error)
        if problem is not None:
            problems.append(Problem(root / "captions.jsonl", line, problem))
    return examples, problems


def records(path: Path) -> Iterator[tuple[int, dict, str | None]]:
    """`(line, record, what is wrong with it)` for every line that is not blank."""
    for line, text in read_lines(path):
        try:
            record = parse_json(text, "This line")
        except UserError as error:
            yield line, {}, str(error)
            continue
        yield ((line, record, None) if isinstance(record, dict) else (line, {}, "This line is not a JSON object."))


def why(error: Exception) -> str:
    """What is wrong with a record, from what reading it raised."""
    if isinstance(error, KeyError):
        return f"The key {error.args[0]!r} is missing."
    return str(error)


def _example(root: Path, record: dict) -> CaptionExample:
    image, captions, split = _image(root, record), _texts(record["captions"]), str(record["split"])
    if not all(map(is_text, (record["image"], *captions, split))):
        raise ValueError("It is not UTF-8 text; draw the pictures again, or save the file as UTF-8.")
    return CaptionExample(record["image"], image, captions, split)


def _image(root: Path, record: dict) -> Path:
    path = root / record["image"]
    if not path.is_file():
        raise ValueError(f"The picture {record['image']} is not there.")
    return path


def _texts(values: list) -> tuple[str, ...]:
    if not isinstance(values, list) or not values or not all(isinstance(v, str) and v.strip() for v in values):
        raise ValueError("There is no text, or an empty one.")
    return tuple(values)
