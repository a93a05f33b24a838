"""What a caption example, a question example and a data set are: frozen dataclasses of paths and strings.

No tensors here, and no pixels: a reader in `pipelines.data.datasets` makes these from a folder on disk, everything
after it works on them.
"""

import reprlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from captioner.errors import UserError, nearest
from captioner.images.files import ImagePath
from captioner.text.answers import with_blanks
from captioner.text.comparable import comparable

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "dev", "test")
Id = str | int | float  # as an annotation file has it, so that it leaves as it came
_SAME_SPLIT = {
    "training": "train",
    "val": "dev",
    "valid": "dev",
    "validate": "dev",
    "validation": "dev",
    "development": "dev",
    "testing": "test",
}


def canonical_split(name: str) -> str:
    """One name for each split, whatever a data set calls it; a name of another kind stays as it is.

    >>> [canonical_split(name) for name in ("Train", "val", "validation", "test", "novel")]
    ['train', 'dev', 'dev', 'test', 'novel']
    """
    name = comparable(name)
    lowered = name.lower()
    return _SAME_SPLIT.get(lowered, lowered if lowered in SPLITS else name)


@dataclass(frozen=True, slots=True)
class Location:
    """Where something stands: the file, its line (None where lines say nothing, as in JSON), and the part, in words."""

    path: Path
    line: int | None = None
    part: str = ""


def is_without_letters(text: str) -> bool:
    """Whether a text has no letter and no digit: a tokenizer may find no word in it, and its location is kept.

    >>> is_without_letters("..."), is_without_letters("a dog")
    (True, False)
    """
    return not any(map(str.isalnum, text))


@dataclass(frozen=True)
class CaptionExample:
    """An image and what people wrote about it.

    `id` is the image's path below the data set's folder, with "/"; `source_id` is the data set's own name for it, a
    number where it is one there; "" if it has none. `locations` has the captions without letters (see
    `is_without_letters`), and where each stands.
    """

    id: str
    image: ImagePath
    captions: tuple[str, ...]
    split: str
    source_id: Id = ""
    locations: tuple[tuple[str, Location], ...] = field(default=(), compare=False, repr=False)

    def rows(self) -> list[dict]:
        """One row a caption."""
        first = {"id": self.id, "image": str(self.image)}
        last = {"split": self.split, "source_id": self.source_id}
        return [{**first, "caption": caption, **last} for caption in self.captions]


@dataclass(frozen=True)
class QuestionExample:
    """An image, a question about it and the answers that people gave.

    `id` is unique: the image's path below the data set's folder, "#" and the question's number among those of
    the image; `source_id` is the data set's own name for the question, as in `CaptionExample`. `answers` has one
    entry a person (ten in VQA, one in most others; none where a data set withholds them), as the data set spells
    it; an answer that is a set is a list with commas. `choices`, where it is multiple choice; `right_choice`, where
    `answers` are what people said without them. `type` is the question's, `answer_type` the answer's, as the data set
    has it; empty where it has none. `location` is where a question without letters stands (see `is_without_letters`).
    """

    id: str
    image: ImagePath
    question: str
    answers: tuple[str, ...]
    split: str
    choices: tuple[str, ...] = ()
    type: str = ""
    source_id: Id = ""
    answer_type: str = ""
    right_choice: str = ""
    location: Location | None = field(default=None, compare=False, repr=False)

    def rows(self) -> list[dict]:
        """One row an answer; one without an answer where none is known."""
        same = {"id": self.id, "image": str(self.image), "question": self.question}
        rest = {"split": self.split, "type": self.type, "source_id": self.source_id}
        answers = list(map(with_blanks, self.answers)) or [None]
        return [{**same, "answer": answer, **rest} for answer in answers]


@dataclass(frozen=True)
class Problem:
    """Something wrong with the data, and where. The rest of the data set is used all the same."""

    path: ImagePath
    line: int | None
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.line is None else f"{self.path}:{self.line}: {self.text}"


class ProblemList:
    """Collects what is wrong with rows while they are read; the base of whatever takes rows in.

    Attributes:
        thing: what a row holds, in messages.
        own_splits: names of splits that are neither train, dev nor test, and were reported.
    """

    def __init__(self, thing: str):
        self.thing = thing
        self.problems: list[Problem] = []
        self.own_splits: set[str] = set()

    def problem(self, location: Location, text: str) -> None:
        part = f"{location.part}: " if location.part else ""
        self.problems.append(Problem(location.path, location.line, part + text))

    def unexpected(self, location: Location, expected: str, value: object, consequence: str = "left out") -> None:
        """The problem that `value` stands where something else was expected, and what follows."""
        self.problem(location, f"expected {expected}, got {reprlib.repr(value)}; {consequence}")


@dataclass(frozen=True)
class DataSet:
    """A folder that was read: its examples, what was wrong with it, and what a reader of the scores must know.

    Args:
        name: the layout's name in `DATASETS`.
        root: the folder.
        examples: in the order of the annotation files.
        problems: rows that were left out or repaired.
        licence: under what terms the pictures may be used, in a few words.
        notes: sentences about the data set as a whole, such as how it was split. No fault of any row.
    """

    name: str
    root: Path
    examples: tuple
    problems: tuple[Problem, ...] = ()
    licence: str = ""
    notes: tuple[str, ...] = ()

    def splits(self) -> dict[str, int]:
        """Split -> number of examples: train, dev, test, then the others in order of appearance."""
        counts = dict.fromkeys(SPLITS, 0)
        for example in self.examples:
            counts[example.split] = counts.get(example.split, 0) + 1
        return {split: count for split, count in counts.items() if count}

    def split(self, name: str) -> tuple:
        """The examples of one split; "val" and "validation" are understood as "dev".

        Raises:
            UserError: there is no such split; the message names those that exist.
        """
        wanted = canonical_split(name)
        examples = tuple(example for example in self.examples if example.split == wanted)
        if not examples:
            known = self.splits()
            listed = ", ".join(f"{split} ({count:,})" for split, count in known.items()) or "none"
            raise UserError(
                f"{self.root} has no split called {name!r}. Its splits are: {listed}.{nearest(name, known)}"
            )
        return examples

    def table(self) -> "pd.DataFrame":
        """The examples as a long table: one row a caption (or one row an answer)."""
        import pandas as pd  # takes half a second, and most readers of data sets do without

        rows = [row for example in self.examples for row in example.rows()]
        return pd.DataFrame(rows, columns=None if rows else ["id", "image", "caption", "split", "source_id"])
