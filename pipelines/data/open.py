"""The data of a recipe: where it lies, read from there, and drawn first where it is the project's own and missing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets import DATASETS, read_dataset
from pipelines.data.datasets.drawn import drawn_with
from pipelines.data.datasets.splits import set_aside
from pipelines.data.examples import DataSet, QuestionExample
from pipelines.data.question_datasets import read_questions
from pipelines.data.question_datasets.easy_vqa import installed

DRAWN = ("shapes", "clips")  # data sets that the program draws where they are missing

Log = Callable[[str], None]


@dataclass(frozen=True)
class DataSource:
    """Where the data of a recipe lies.

    recipe: its name, for messages.
    directory: folder that is read where the user names none; empty for none.
    layout: of that folder; empty: it is found out.
    sizes: split -> images, for data that is drawn; empty for the usual sizes.
    """

    recipe: str
    directory: str = ""
    layout: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)


def open_captions(data: Path | None, source: DataSource, log: Log) -> DataSet:
    """Reads captions; a data set of the project's own is drawn first where it is missing.

    Args:
        data: folder that the user names; it may be in any layout.
        source: what is read where there is none.
        log: told before data is drawn.

    Raises:
        UserError: there is no such folder, or it holds no captions.
    """
    root = Path(_named(data, source))
    if source.layout in DRAWN and not data and not root.exists():
        _draw(root, source, log)
    return read_dataset(_existing(root), None if data else source.layout)


def open_questions(
    data: Path | None, source: DataSource, log: Log, development_share: float = 0.0, choices: bool = True
) -> DataSet:
    """Reads questions; the project's own are drawn first where they are missing.

    Args:
        data, source, log: see `open_captions`.
        development_share: share of the training images that become the development split where there is none.
        choices: see `as_asked`.

    Raises:
        UserError: there is no such folder, or it holds no questions.
    """
    root = installed(_named(data, source))
    if source.layout == "shapes" and not data:
        if root.exists():
            _renew_questions(root)
        else:
            _draw(root, source, log)
    dataset = as_asked(read_questions(_existing(root), None if data else source.layout or None), choices)
    return set_aside(dataset, development_share) if development_share else dataset


def as_asked(dataset: DataSet, choices: bool = True) -> DataSet:
    """The questions as a model is asked them.

    Args:
        dataset: of questions.
        choices: whether those that have choices are asked with them. Then the right choice is the answer, where the
            data says which it is; else what people answered without choices is.
    """
    if not any(example.choices for example in dataset.examples):
        return dataset
    return replace(dataset, examples=tuple(_asked(example, choices) for example in dataset.examples))


def _asked(example: QuestionExample, choices: bool) -> QuestionExample:
    if not choices:
        return replace(example, choices=(), right_choice="") if example.choices else example
    return replace(example, answers=(example.right_choice,)) if example.right_choice else example


def _draw(root: Path, source: DataSource, log: Log) -> None:
    log(f"Drawing the {source.layout} data set into {root}")
    DATASETS.get(source.layout).draw(root, sizes=source.sizes or None)


def _renew_questions(root: Path) -> None:
    """Writes the questions of shapes anew where an earlier version drew them; costs nothing where they are new."""
    from pipelines.data.datasets.shapes import DRAWING

    drawn = drawn_with(root)
    if isinstance(drawn, dict) and drawn.get("version") == DRAWING.version:
        DRAWING.draw(root, drawn["seed"], drawn["sizes"], drawn["image_size"])


def _named(data: Path | None, source: DataSource) -> Path | str:
    if not data and not source.directory:
        raise UserError(f"The recipe {source.recipe} names no data. Say where it is with --data DIR.")
    return data or source.directory


def _existing(root: Path) -> Path:
    if not root.exists():
        raise UserError(
            f"{root} does not exist. Put the data there (data/README.md says how to get it), or say where it is with "
            "--data DIR."
        )
    return root
