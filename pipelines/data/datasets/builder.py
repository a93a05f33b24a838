"""Caption rows -> examples: what all readers share. Finds the images, drops what leads nowhere and says so.

Questions are gathered in the same way, by `pipelines.data.question_datasets.builder`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets.finder import ImageFinder
from pipelines.data.datasets.splits import SplitLists, hashed_splits
from pipelines.data.datasets.text import NOT_TEXT, is_text, shown
from pipelines.data.examples import CaptionExample, DataSet, Problem, canonical_split


@dataclass
class GatheredImage:
    """What is known of one image while rows come in; `rows` are its captions, or its questions."""

    name: str  # as the annotations write it
    source_id: str
    split: str | None
    place: tuple[Path, int | None]  # the row that named it first
    rows: list = field(default_factory=list)
    seen: dict[tuple, tuple[Path, int | None]] = field(default_factory=dict)  # caption and number -> place


class DatasetBuilder:
    """Takes the rows of a data set in and gives the `DataSet` out.

    Args:
        name: the layout's name.
        root: the data set's folder.
        folders: where its images may be, see `ImageFinder`.
    """

    thing = "caption"  # what a row holds, in messages

    def __init__(self, name: str, root: Path, folders: Sequence[str]):
        self.name = name
        self.root = root
        self.finder = ImageFinder(root, folders)
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.own_splits: set[str] = set()  # names that are neither train, dev nor test
        self._found: dict[str, str | None] = {}  # name as written -> id
        self._images: dict[str, GatheredImage] = {}  # id -> image
        self._absent: dict[str, list[tuple[Path, int | None]]] = {}  # name -> the rows that name it

    def problem(self, path: Path, line: int | None, text: str):
        self.problems.append(Problem(path, line, text))

    def find(self, name: str) -> str | None:
        """The id of the image that the annotations call `name`, or None."""
        if name not in self._found:
            self._found[name] = self.finder.find(name)
        return self._found[name]

    def add(
        self,
        name: str,
        caption: str,
        path: Path,
        line: int | None,
        *,
        number: object = None,
        split: str | None = None,
        source_id: str | None = None,
        keep_repeats: bool = False,
        where: str = "",
    ):
        """One caption row.

        Args:
            name: the image as the annotations name it.
            caption: its caption; line breaks and runs of blanks become one blank.
            path, line: where it stands.
            number: the data set's number of the caption. Two people may write the same words, so rows with
                different numbers are different rows.
            split: of the image, where the row says so.
            source_id: the data set's own name of the image, by default `name`.
            keep_repeats: whether a row that says what an earlier row said is kept; it is reported anyway.
            where: the place inside the line or file, in words, for messages.
        """
        where = f"{where}: " if where else ""
        name = name.strip().replace("\\", "/")
        if not all(map(is_text, (name, caption, split or "", source_id or ""))):
            return self.problem(path, line, f"{where}{shown(name)}: {NOT_TEXT}")
        caption = " ".join(caption.split())
        if not name:
            return self.problem(path, line, f"{where}no image is named; the row was left out")
        if not caption:
            text = f"{where}the caption of {shown(name)} is empty; the row was left out"
            return self.problem(path, line, text)
        image = self.image(name, path, line, split=split, source_id=source_id, where=where)
        if image is None:
            return None
        same = (caption, number)
        if same in image.seen:
            kept = "kept, as two people may write the same" if keep_repeats else "left out"
            text = f"{where}repeats {_at(image.seen[same], path)} (same image, same caption); {kept}"
            self.problem(path, line, text)
            if not keep_repeats:
                return None
        image.seen.setdefault(same, (path, line))
        return image.rows.append(caption)

    def image(
        self,
        name: str,
        path: Path,
        line: int | None,
        *,
        split: str | None = None,
        source_id: str | None = None,
        where: str = "",
    ) -> GatheredImage | None:
        """The image that a row belongs to; None, and a problem, where there is none or it is in another split.

        Arguments are those of `add`, but that `name` is clean and `where` ends with ": " if it is not empty.
        """
        image_id = self.find(name)
        if image_id is None:
            self._absent.setdefault(name, []).append((path, line))
            return None
        image = self._images.get(image_id)
        if image is None:
            image = GatheredImage(name, name if source_id is None else source_id, split, (path, line))
            self._images[image_id] = image
        elif split is not None and split != image.split:
            text = f"{where}{shown(name)} is in {split} here, but in {image.split} {_at(image.place, path)}"
            self.problem(path, line, f"{text}; it stays in {image.split}, and this row was left out")
            return None
        return image

    def use_lists(self, lists: SplitLists, name_of: Callable[[str], str] = lambda name: name):
        """Gives every image the split that `lists` put it in; images in no list are left out and counted.

        Args:
            lists: the data set's split lists.
            name_of: the name in the annotations of a name in the lists.
        """
        self.problems += lists.problems
        splits = {}
        for listed, (split, path, line) in lists.rows.items():
            name = name_of(listed)
            image_id = self.find(name)
            if image_id is None:
                text = f"{shown(listed)} is listed in {split}, but there is no such image file"
                self.problem(path, line, text)
            elif image_id not in self._images:
                self.problem(path, line, f"{shown(listed)} is listed in {split}, but it has no caption")
            else:
                splits.setdefault(image_id, split)
        unlisted = [image_id for image_id in self._images if image_id not in splits]
        if unlisted:
            self.notes.append(f"{len(unlisted):,} captioned images are in no split list and are not used.")
        self._images = {image_id: self._images[image_id] for image_id in self._images if image_id in splits}
        for image_id, image in self._images.items():
            image.split = splits[image_id]

    def use_hash(self, share: float):
        """Splits the images by a hash of their names, see `hashed_splits`, and notes it."""
        splits = hashed_splits((image.name for image in self._images.values()), share)
        for image in self._images.values():
            image.split = splits[image.name]
        self.notes.append(
            f"Nothing says which image is in which split: by a hash of its name, about {share:.1%} each are "
            "dev and test and the rest is train. Scores do not compare with those on a published split."
        )

    def finish(self, licence: str = "") -> DataSet:
        """The data set.

        Raises:
            UserError: there is no example in it at all.
        """
        for name, rows in self._absent.items():
            self.problem(*rows[0], f"there is no image {shown(name)}; {_left_out(rows, self.thing)}")
        examples = tuple(self._examples())
        problems = sorted(self.problems, key=lambda problem: (str(problem.path), problem.line or 0))
        if not examples:
            raise UserError(f"No image with a {self.thing} was found in {self.root}. {self._why(problems)}")
        return DataSet(self.name, self.root, examples, tuple(problems), licence, tuple(self.notes))

    def _examples(self) -> Iterator:
        for image_id, image in self._images.items():
            split = canonical_split(image.split or "train")
            yield CaptionExample(image_id, self.root / image_id, tuple(image.rows), split, image.source_id)

    def _why(self, problems: list[Problem]) -> str:
        looked = f"Images were looked for in {self.finder.where() or 'no folder'}."
        if not problems:
            return f"The annotation files name none. {looked}"
        count = "" if len(problems) == 1 else f" (the first of {len(problems):,} problems)"
        return f"{problems[0]}{count}. {looked}"


def _at(place: tuple[Path, int | None], path: Path) -> str:
    file = "" if place[0] == path else f" of {place[0].name}"
    return (f"line {place[1]}" if place[1] is not None else "an earlier row") + file


def _left_out(rows: list[tuple[Path, int | None]], thing: str) -> str:
    files = Counter(path for path, _ in rows)
    captions = f"its {thing} was" if len(rows) == 1 else f"its {len(rows)} {thing}s were"
    if len(rows) == 1 or len(files) > 1 or rows[0][1] is None:
        return f"{captions} left out"
    lines = [str(line) for _, line in rows]
    shortened = lines if len(lines) <= 10 else [*lines[:9], "...", lines[-1]]
    return f"{captions} left out (lines {', '.join(shortened)})"
