"""What all data sets that this program draws have in common: JSON lines, and a file that says how they were drawn."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, BinaryIO

from captioner.errors import UserError, nearest
from captioner.files import LOCK, atomic_file, atomic_write, flush_files, locked_folder, make_folder, remove_leftovers
from captioner.text.files import read_text
from pipelines.data.datasets.builder import DatasetBuilder
from pipelines.data.datasets.rows import json_rows, named_split
from pipelines.data.datasets.table import add_captions
from pipelines.data.datasets.text import parse_json, read_lines
from pipelines.data.datasets.values import value_text
from pipelines.data.examples import DataSet, Location

LICENCE = "drawn by this program; free to use without conditions (CC0)"


@dataclass(frozen=True)
class Drawing:
    """One kind of drawn data set, and what is alike in how all kinds are drawn and read.

    name: of the data set, as in "shapes have no split ...".
    counted, pictured: what a split is so many of, and what is so many pixels wide.
    title: the first words of its README.txt, by which a folder of ours is known. about: the rest of its first sentence.
    version: to be raised when the same seed no longer gives the same pixels and captions.
    sizes: split -> how many are drawn where nobody says, in the order in which they are drawn.
    suffix: of its pictures. widest: pixels. records: the file beside captions.jsonl that says what each picture shows.
    sample: from the seed and sizes, yields `(split, number, content)`; a content has a method `record`.
    save: draws a content, so many pixels wide, into an open file.
    from_record: the content of a line of `records`; raises KeyError, TypeError or ValueError.
    write_captions: of a content, with a random generator. stream: its name, from which the generator is seeded.
    more_versions: as `version`, of files that `write_more` makes: of a drawing with older ones only these are written.
    write_more: writes further files; called with the folder and the settings.
    notes: sentences for whoever reads the data set. readme: lines for its README.txt.
    """

    name: str
    counted: str
    pictured: str
    title: str
    about: str
    version: int
    sizes: Mapping[str, int]
    suffix: str
    widest: int
    records: str
    sample: Callable[[int, dict[str, int]], Iterable[tuple[str, int, Any]]]
    save: Callable[[Any, int, BinaryIO], None]
    from_record: Callable[[dict], Any]
    write_captions: Callable[[Random, Any], Sequence[str]]
    stream: str
    more_versions: Mapping[str, int] = field(default_factory=dict)
    write_more: Callable[[Path, dict], None] | None = None
    notes: tuple[str, ...] = ()
    readme: str = ""

    def draw(
        self,
        root: Path | str,
        seed: int = 0,
        sizes: Mapping[str, int] | None = None,
        image_size: int = 64,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Draws the data set into the folder `root`. A folder that already holds just this is left as it is; where only
        the files of `write_more` are of an older version, they alone are written anew.

        Args:
            root: a new or empty folder, or one drawn before, which is replaced where the settings differ.
            seed: the same seed gives the same pixels and words everywhere.
            sizes: pictures a split; `self.sizes` by default.
            image_size: pixels each way.
            progress: called with (pictures drawn, pictures in all).

        Raises:
            UserError: a split is unknown or a number out of range; `root` holds something else or cannot be written.
        """
        root, sizes = Path(root), self._checked(self.sizes if sizes is None else sizes, image_size)
        settings = {"version": self.version, "seed": seed, "sizes": sizes, "image_size": image_size}
        settings |= self.more_versions
        try:
            if drawn_with(root) == settings:
                return
            with locked_folder(root):
                drawn = drawn_with(root)
                if drawn == settings:
                    return
                is_new = not isinstance(drawn, dict) or {**drawn, **self.more_versions} != settings
                if is_new:
                    self._check_room(root)
                    (root / "drawn.json").unlink(missing_ok=True)
                atomic_write(root / "README.txt", self._readme(settings))  # by which a folder of ours is known
                if is_new:
                    self._remove_pictures(root)
                    self._write_pictures(root, settings, progress)
                if self.write_more:
                    self.write_more(root, settings)
                atomic_write(root / "drawn.json", json.dumps(settings) + "\n")
        except OSError as error:
            raise UserError(f"The {self.name} cannot be drawn into {root}: {error.strerror or error}.") from error

    def _checked(self, sizes: Mapping[str, int], image_size: int) -> dict[str, int]:
        """The sizes of those splits that are not empty, in order; errors are those of `draw`."""
        for split, size in sizes.items():
            if split not in self.sizes:
                raise UserError(
                    f"{self.name.capitalize()} have no split called {split!r}. Their splits are: "
                    f"{', '.join(self.sizes)}.{nearest(split, self.sizes)}"
                )
            if not 0 <= size <= 99_999:
                raise UserError(
                    f"The split {split!r} was to have {size} {self.counted}; between 0 and 99999 can be drawn."
                )
        if not 32 <= image_size <= self.widest:
            raise UserError(
                f"The {self.pictured} were to be {image_size} pixels wide; 32 to {self.widest} are possible."
            )
        return {split: sizes[split] for split in self.sizes if sizes.get(split)}

    def _check_room(self, root: Path) -> None:
        """
        Raises:
            UserError: the folder holds anything but an earlier drawing.
        """
        readme = root / "README.txt"
        ours = readme.is_file() and readme.read_bytes().startswith(self.title.encode("utf-8"))
        if any(path.name != LOCK for path in root.iterdir()) and not ours:
            raise UserError(f"{root} already holds something else. Give a new folder to draw the {self.name} into.")

    def _remove_pictures(self, root: Path) -> None:
        """Removes what an earlier drawing left in the folder, and nothing else."""
        remove_leftovers(make_folder(root / "images", below=root))
        for split in self.sizes:
            for picture in (root / "images").glob(f"{split}_[0-9]*{self.suffix}"):
                picture.unlink()

    def _write_pictures(self, root: Path, settings: dict, progress: Callable[[int, int], None] | None) -> None:
        """Draws every picture, and writes its captions and what it shows."""
        captions, contents, pictures = [], [], []
        seed, total = settings["seed"], sum(settings["sizes"].values())
        for drawn, (split, number, content) in enumerate(self.sample(seed, settings["sizes"]), start=1):
            image = {"image": self.image_id(split, number), "split": split}
            pictures.append(root / image["image"])
            with atomic_file(pictures[-1], flush=False) as file:
                self.save(content, settings["image_size"], file)
            random = Random(f"{self.stream}/{seed}/{split}/{number}")
            captions.append({**image, "captions": self.write_captions(random, content)})
            contents.append({**image, **content.record()})
            if progress:
                progress(drawn, total)
        flush_files(pictures)
        write_records(root / "captions.jsonl", captions)
        write_records(root / self.records, contents)

    def image_id(self, split: str, number: int) -> str:
        return f"images/{split}_{number:05d}{self.suffix}"

    def _readme(self, settings: dict) -> str:
        return (
            f"{self.title}{self.about}.\n\n"
            f"Drawn by captioner's `pipelines.data.datasets.{self.name}.draw` with {json.dumps(settings)}.\n"
            f"The same settings give the same pixels and words everywhere.\n\n{self.readme}Licence: {LICENCE}.\n"
        )

    def recognise(self, root: Path) -> bool:
        return all((root / name).is_file() for name in ("captions.jsonl", self.records))

    def read(self, root: Path) -> DataSet:
        """The pictures with their captions; a line without use or without its picture is a `Problem`.

        Raises:
            UserError: the file cannot be read, or none of the pictures is there.
        """
        path = Path(root) / "captions.jsonl"
        builder = DatasetBuilder(self.name, path.parent, (".",))
        builder.notes += self.notes
        for line, row in json_rows(builder, path):
            location, image, captions = Location(path, line), value_text(row.get("image")), row.get("captions")
            if image is None or not isinstance(captions, list):
                builder.unexpected(location, "image, captions and split", row, "the row was left out")
            elif (split := named_split(builder, image, row.get("split"), location)) is not None:
                add_captions(builder, image, {"captions": captions}, location, split, source_id="")
        return builder.finish(LICENCE)

    def read_contents(self, root: Path, split: str | None = None) -> dict[str, Any]:
        """Image id -> what the picture shows; of one split, or of all.

        Raises:
            UserError: a line cannot be read: a score over the rest would be another score.
        """

        def parse(record: dict) -> tuple[str, Any] | None:
            return (record["image"], self.from_record(record)) if split in (None, record["split"]) else None

        path, contents = Path(root) / self.records, []
        for line, content, problem in _parse_lines(path, parse):
            if problem is not None:
                raise UserError(f"{path}:{line}: {problem} Draw the data set again.")
            contents += [content] if content else []
        return dict(contents)


def drawn_with(root: Path) -> dict | None:
    """The settings that a folder was drawn with, or None if its drawing was not finished."""
    try:
        return json.loads(read_text(root / "drawn.json"))
    except (ValueError, RecursionError):  # a UserError is a ValueError
        return None


def write_records(path: Path, values: list[dict]) -> None:
    atomic_write(path, "".join(json.dumps(value) + "\n" for value in values))


def _parse_lines(path: Path, parse: Callable[[dict], Any]) -> Iterator[tuple[int, Any, str | None]]:
    """`(line, parse(record), None)` for each line that is not blank, or `(line, None, what is wrong with it)`."""
    for line, text in read_lines(path):
        try:
            record = parse_json(text, "This line")
            if not isinstance(record, dict):
                raise ValueError("This line is not a JSON object.")
            value = parse(record)
        except KeyError as error:
            yield line, None, f"The key {error.args[0]!r} is missing."
        except (UserError, TypeError, ValueError) as error:
            yield line, None, str(error)
        else:
            yield line, value, None
