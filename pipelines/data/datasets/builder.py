"""Caption rows -> examples: what all readers share. Finds the images, leaves out what leads nowhere and says so.

Questions are collected in the same way, by `pipelines.data.question_datasets.builder`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets.archives import ArchivedImages
from pipelines.data.datasets.finder import ImageFinder
from pipelines.data.datasets.splits import hashed_splits, read_split_lists
from pipelines.data.datasets.text import NOT_TEXT_LEFT_OUT, is_missing, is_text, truncate
from pipelines.data.examples import (
    CaptionExample,
    DataSet,
    Id,
    Location,
    Problem,
    ProblemList,
    canonical_split,
    is_without_letters,
)


@dataclass
class ImageRows:
    """What is known of one image while rows come in; `rows` are its captions, or its questions."""

    name: str  # as the annotations write it
    source_id: Id
    split: str | None
    first: Location  # of the row that named it first
    rows: list = field(default_factory=list)
    seen: dict[tuple, Location] = field(default_factory=dict)  # caption and number -> its first row


class DatasetBuilder(ProblemList):
    """Takes the rows of a data set in and gives the `DataSet` out.

    Args:
        name: the layout's name.
        root: the data set's folder.
        folders: where its images may be, see `ImageFinder`; or the images in its archives.
        thing: what a row holds, in messages.
    """

    def __init__(self, name: str, root: Path, folders: Sequence[str] | ArchivedImages, thing: str = "caption"):
        super().__init__(thing)
        self.name = name
        self.root = root
        self.finder = folders if isinstance(folders, ArchivedImages) else ImageFinder(root, folders)
        self.notes: list[str] = []
        self._ids: dict[str, str | None] = {}  # name as written -> id
        self._images: dict[str, ImageRows] = {}  # id -> image
        self._absent: dict[str, list[Location]] = {}  # name -> the rows that name it

    def find(self, name: str) -> str | None:
        """The id of the image that the annotations call `name`, or None."""
        if name not in self._ids:
            self._ids[name] = self.finder.find(name)
        return self._ids[name]

    def first_found(self, names: Iterable[str]) -> str:
        """Of the names that an image may have, the one by which it is found, or that a message is to be about."""
        names = list(names)
        return next((name for name in names if self.find(name) is not None), self.finder.first_link(names) or names[0])

    def add(
        self,
        name: str,
        caption: str,
        location: Location,
        *,
        number: object = None,
        split: str | None = None,
        source_id: Id | None = None,
        keep_repeats: bool = False,
    ) -> None:
        """One caption row. What is wrong with it becomes a problem; where it cannot be used, it is left out.

        Args:
            name: the image as the annotations name it.
            caption: its caption; line breaks and runs of blanks become one blank.
            location: where it stands.
            number: the data set's number of the caption. Two people may write the same words, so rows with different
                numbers are different rows.
            split: of the image, where the row says so.
            source_id: the data set's own name of the image, by default `name`.
            keep_repeats: whether a row that says what an earlier row said is kept; it is reported anyway.
        """
        name = name.strip().replace("\\", "/")
        if not all(map(is_text, (name, caption, split or "", str(source_id)))):
            return self.problem(location, f"{truncate(name)}: {NOT_TEXT_LEFT_OUT}")
        caption = " ".join(caption.split())
        if not name:
            return self.problem(location, "no image is named; the row was left out")
        if not caption:
            return self.problem(location, f"the caption of {truncate(name)} is empty; the row was left out")
        if is_missing(caption):
            text = f"the caption of {truncate(name)} is {truncate(caption)}, which stands for a missing value"
            return self.problem(location, f"{text}; the row was left out")
        image = self.image(name, location, split=split, source_id=source_id)
        if image is None:
            return None
        key = (caption, number)
        if key in image.seen:
            kept = "kept, as two people may write the same" if keep_repeats else "left out"
            earlier = _relative_to(image.seen[key], location.path)
            self.problem(location, f"repeats {earlier} (same image, same caption); {kept}")
            if not keep_repeats:
                return None
        image.seen.setdefault(key, location)
        return image.rows.append(caption)

    def image(
        self, name: str, location: Location, *, split: str | None = None, source_id: Id | None = None
    ) -> ImageRows | None:
        """The image that a row belongs to; None, and a problem, where there is none or it is in another split.

        Arguments are those of `add`, but that `name` is clean.
        """
        image_id = self.find(name)
        if image_id is None:
            self._absent.setdefault(name, []).append(location)
            return None
        image = self._images.get(image_id)
        if image is None:
            image = ImageRows(name, name if source_id is None else source_id, split, location)
            self._images[image_id] = image
        elif split is not None and split != image.split:
            earlier = f"in {image.split} {_relative_to(image.first, location.path)}"
            text = f"{truncate(name)} is in {split} here, but {earlier}; it stays in {image.split}"
            self.problem(location, f"{text}, and this row was left out")
            return None
        return image

    def use_lists(self, lists: Mapping[str, Path], name_of: Callable[[str], str] = lambda name: name) -> None:
        """Gives every image the split that `lists` put it in; images in no list are left out and counted.

        Args:
            lists: see `read_split_lists`.
            name_of: the name in the annotations of a name in the lists.
        """
        splits = {}
        for listed, (split, location) in read_split_lists(lists, self).items():
            image_id = self.find(name_of(listed))
            if image_id is None:
                self.problem(location, f"{truncate(listed)} is listed in {split}, but there is no such image file")
            elif image_id not in self._images:
                self.problem(location, f"{truncate(listed)} is listed in {split}, but it has no caption")
            else:
                splits.setdefault(image_id, split)
        self._use(splits)

    def use_known(self, split_of: Callable[[str], str | None], note: str) -> bool:
        """Gives images the split that `split_of` knows of a file's name; False if it knows none."""
        known = {image_id: split_of(image_id.rpartition("/")[2]) for image_id in self._images}
        splits = {image_id: split for image_id, split in known.items() if split}
        if splits:
            self._use(splits)
            self.notes.append(note)
        return bool(splits)

    def _use(self, splits: Mapping[str, str]) -> None:
        """Gives the images their splits; those without are left out and counted."""
        unlisted = len(self._images) - len(splits)
        if unlisted:
            self.notes.append(f"{unlisted:,} captioned images are in no split list and are not used.")
        self._images = {image_id: image for image_id, image in self._images.items() if image_id in splits}
        for image_id, image in self._images.items():
            image.split = splits[image_id]

    def use_hash(self, share: float, reason: str = "Nothing says which image is in which split") -> None:
        """Splits the images by a hash of their names, see `hashed_splits`, and notes it with the reason."""
        splits = hashed_splits((image.name for image in self._images.values()), share)
        for image in self._images.values():
            image.split = splits[image.name]
        self.notes.append(
            f"{reason}: by a hash of its name, about {share:.1%} each are "
            "dev and test and the rest is train. Scores do not compare with those on a published split."
        )

    def use_folders(self, splits: Set[str | None], share: float, folder: str = "folder") -> None:
        """What follows where only folders say the splits: `splits` of the images, None for those in no such folder.

        Args:
            splits: see above.
            share: see `use_hash`.
            folder: what says the splits, such as "shard".
        """
        if splits <= {None}:
            self.use_hash(share)
        elif splits == {"train"}:
            self.use_hash(share, f"All images are in the {folder} train")
        elif None in splits:
            self.notes.append(f"Images that are in the {folder} of no split are train, as others are in one.")

    def finish(self, licence: str = "") -> DataSet:
        """The data set.

        Raises:
            UserError: there is no example in it at all.
        """
        for name, rows in self._absent.items():
            text = f"{self.finder.absence(name)}; {_left_out(rows, self.thing)}"
            self.problem(Location(rows[0].path, rows[0].line), text)
        examples = tuple(self._examples())
        problems = sorted(self.problems, key=lambda problem: (str(problem.path), problem.line or 0))
        if not examples:
            raise UserError(f"No image with a {self.thing} was found in {self.root}. {self._reason(problems)}")
        links = (
            f"{folder}/ is a link out of the data's folder, to {to}." for folder, to in self.finder.linked().items()
        )
        return DataSet(self.name, self.root, examples, tuple(problems), licence, (*self.notes, *links))

    def _examples(self) -> Iterator:
        for image_id, image in self._images.items():
            split = canonical_split(image.split or "train")
            path, captions = self.finder.image(image_id), tuple(image.rows)
            locations = tuple((text, where) for (text, _), where in image.seen.items() if is_without_letters(text))
            yield CaptionExample(image_id, path, captions, split, image.source_id, locations)

    def _reason(self, problems: list[Problem]) -> str:
        looked = f"Images were looked for in {self.finder.searched()}."
        if not problems:
            return f"The annotation files name none. {looked}"
        count = "" if len(problems) == 1 else f" (the first of {len(problems):,} problems)"
        return f"{problems[0]}{count}. {looked}"


def _relative_to(location: Location, path: Path) -> str:
    """An earlier row, as a message about a row of the file `path` names it."""
    file = "" if location.path == path else f" of {location.path.name}"
    return (f"line {location.line}" if location.line is not None else "an earlier row") + file


def _left_out(rows: list[Location], thing: str) -> str:
    captions = f"its {thing} was" if len(rows) == 1 else f"its {len(rows)} {thing}s were"
    if len(rows) == 1 or len({row.path for row in rows}) > 1 or rows[0].line is None:
        return f"{captions} left out"
    lines = [str(row.line) for row in rows]
    shortened = lines if len(lines) <= 10 else [*lines[:9], "...", lines[-1]]
    return f"{captions} left out (lines {', '.join(shortened)})"
