"""What a data set holds, image by image, under names that every system and format can have."""

import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from captioner.images.decode import ImageError, read_bytes
from captioner.images.files import ArchivedImage, ImagePath
from captioner.images.formats import HEAD, decodable_extensions, format_of
from pipelines.data.datasets.splits import split_of_folder
from pipelines.data.datasets.table import is_list_of_tokens
from pipelines.data.datasets.values import value_text
from pipelines.data.examples import SPLITS, CaptionExample, DataSet, Id, Problem, QuestionExample

FOLDERS = {"train": "train", "dev": "validation", "test": "test"}  # as Hugging Face calls splits
_IMAGE_FOLDERS = ("images", "data")  # that only say what is in them
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]|[. ]+$')
_LONGEST = 100  # bytes of a part of a name


@dataclass
class ImageItem:
    """An image, and what is known about it.

    image: where it is. split: its split. path: its name in the data set, without folders that only say the split; its
    ending may be missing. own_id: what the data set itself calls it, if that is not its path; else None. examples: the
    one with its captions, or all questions about it.
    """

    image: ImagePath
    split: str
    path: str
    own_id: Id | None
    examples: list = field(default_factory=list)


@dataclass(frozen=True)
class Content:
    """A data set, image by image.

    splits: name -> images, in the order of the data set. questions: whether they are asked about, else captioned.
    caption_columns: the columns `caption_0` ... that are needed where a list would look like the words of one caption;
    0: a list says all.
    """

    splits: dict[str, list[ImageItem]]
    questions: bool
    caption_columns: int = 0

    def caption_fields(self, item: ImageItem) -> dict:
        """The captions of an image, as readers take them."""
        captions = item.examples[0].captions
        if self.caption_columns:
            return {f"caption_{number}": caption for number, caption in enumerate(captions)}
        return {"captions": list(captions)}

    @property
    def names_splits(self) -> bool:
        """Whether a row has to say its split: names of files and folders do not, or readers split what is all train."""
        return set(self.splits) == {"train"} or not set(self.splits) <= set(SPLITS)

    def folders(self) -> dict[str, str]:
        """Split -> a name for its folder or files, each a different one."""
        taken = Names()
        return {split: FOLDERS.get(split) or taken.unique(_clean(split) or "split") for split in self.splits}


def content_of(dataset: DataSet) -> Content:
    """The data set, image by image."""
    items: dict[ImagePath, ImageItem] = {}
    for example in dataset.examples:
        item = items.get(example.image)
        if item is None:
            item = items[example.image] = _item(example)
        item.examples.append(example)
    ids = [value_text(item.own_id) for item in items.values() if item.own_id is not None]
    if len(set(ids)) < len(ids):  # equal ones would make one image of several
        for item in items.values():
            item.own_id = None
    splits: dict[str, list[ImageItem]] = {}
    for item in items.values():
        splits.setdefault(item.split, []).append(item)
    questions = any(isinstance(example, QuestionExample) for example in dataset.examples[:1])
    captions = [] if questions else [example.captions for example in dataset.examples]
    columns = max(map(len, captions)) if any(map(is_list_of_tokens, captions)) else 0
    return Content(splits, questions, columns)


def _item(example) -> ImageItem:
    is_captioned = isinstance(example, CaptionExample)
    image_id = example.id if is_captioned else example.id.rpartition("#")[0]
    if isinstance(example.image, ArchivedImage):  # archives say splits by their own names, not by those of images
        known = example.image.file_name
        path = portable(known)
    else:
        known = image_id
        path = portable(known, example.split)
    own = example.source_id if is_captioned else ""
    names = (image_id, known, path)
    is_name = isinstance(own, str) and any(own == name or name.endswith(f"/{own}") for name in names)
    return ImageItem(example.image, example.split, path, None if own == "" or is_name else own)


def portable(path: str, split: str | None = None) -> str:
    """A relative path that every system can have, without the folders that only say that there are images of a split.

    >>> portable("images/train/a.jpg", "train"), portable("../x/a?.jpg"), portable("Validation/0.png", "dev")
    ('a.jpg', 'x/a_.jpg', '0.png')
    """
    parts = [_clean(part) for part in path.split("/") if part.strip() not in ("", ".", "..")]
    if split is None:
        return "/".join(parts)
    of_split = _clean(split)
    for is_needless in (
        lambda part: part.lower() in _IMAGE_FOLDERS,
        lambda part: part == of_split or split_of_folder(part) == split,
    ):
        if len(parts) > 1 and is_needless(parts[0]):
            parts = parts[1:]
    return "/".join(parts)


def _clean(part: str) -> str:
    """A part of a path with what some system cannot have replaced, and not too long."""
    part = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", part).strip())
    if len(part.encode()) <= _LONGEST:
        return part
    stem, ending = posixpath.splitext(part)
    ending = ending if len(ending) <= 8 else ""
    return stem.encode()[: _LONGEST - 10].decode("utf-8", "ignore").rstrip(". ") + ending


class Names:
    """Names that were given: on some systems two that differ in case alone are one."""

    def __init__(self):
        self._taken: set[str] = set()

    def unique(self, stem: str, ending: str = "") -> str:
        """`stem + ending`, with a number where that was given before.

        >>> names = Names()
        >>> names.unique("a", ".jpg"), names.unique("A", ".jpg")
        ('a.jpg', 'A-2.jpg')
        """
        name, number = stem + ending, 1
        while (key := unicodedata.normalize("NFC", name).casefold()) in self._taken:
            number += 1
            name = f"{stem}-{number}{ending}"
        self._taken.add(key)
        return name


class ImageReader:
    """Reads images one by one; what cannot be read is left out.

    Attributes:
        written, examples: images that were given out, and the examples about them.
        problems: of the others.
    """

    def __init__(self, content: Content, progress: Callable[[int, int], None]):
        self._progress, self._total = progress, sum(map(len, content.splits.values()))
        self.done = self.written = self.examples = 0
        self.problems: list[Problem] = []

    def read(self, items: list[ImageItem], most: int | None = None) -> Iterator[tuple[ImageItem, str, str, bytes]]:
        """`(image, path without its ending, ending, bytes)` of images."""
        endings = decodable_extensions()
        for item in items:
            self.done += 1
            try:
                data = read_bytes(item.image)
            except ImageError as error:
                self.problems.append(Problem(item.image, None, error.reason))
                continue
            stem, ending = posixpath.splitext(item.path or f"{self.done:06d}")
            if ending.lower() not in endings:
                announced = format_of(data[:HEAD])
                known = announced.endings[0] if announced is not None and announced.endings else "img"
                stem, ending = stem + ending, f".{known}"
            self.written += 1
            self.examples += len(item.examples)
            yield item, stem, ending.lower(), data
            self._progress(self.done, self._total)


def question_fields(example: QuestionExample) -> dict:
    """A question as rows of parquet and objects of WebDataset have it, without what it does not have."""
    fields = {
        "question_id": example.source_id,
        "question": example.question,
        "answers": list(example.answers),
        "choices": list(example.choices),
        "question_type": example.type,
        "answer_type": example.answer_type,
    }
    return {name: value for name, value in fields.items() if value not in ("", []) or name in ("question", "answers")}
