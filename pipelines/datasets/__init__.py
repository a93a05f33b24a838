"""Folders on disk -> examples: one file a data set, and `read_dataset`, which finds out which one a folder
is.

A reader is a module with `recognise(root) -> bool`, `read(root) -> DataSet` and `EXPECTS`, a line that says
which files it looks for.
"""

from pathlib import Path

from captioner.errors import UserError
from captioner.registry import Registry
from pipelines.examples import DataSet

DATASETS = Registry(
    "data set layout",
    {
        "shapes": "pipelines.datasets.shapes",
        "flickr8k": "pipelines.datasets.flickr8k",
        "flickr30k": "pipelines.datasets.flickr30k",
        "coco": "pipelines.datasets.coco",
        "karpathy": "pipelines.datasets.karpathy",
        "table": "pipelines.datasets.table",
    },
)


def read_dataset(root: Path | str, name: str | None = None) -> DataSet:
    """Reads the data set in the folder `root`. Images are looked up, never opened.

    Args:
        root: the folder.
        name: a layout of `DATASETS`; by default the one that recognises the folder. A plain table is the most
            general layout, so it counts only where no other layout fits.

    Raises:
        UserError: there is no such folder, no layout or several fit, or nothing in it could be read.
    """
    root = Path(root)
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise UserError(f"{root} {what}. Give the folder that holds the captions and the images.")
    try:
        return DATASETS.get(name or _recognise(root)).read(root)
    except OSError as error:  # a folder that may not be listed, a disk that went away
        raise UserError(f"{error.filename or root} cannot be read: {error.strerror or error}.") from error


def _recognise(root: Path) -> str:
    fitting = [name for name in DATASETS.names() if name != "table" and DATASETS.get(name).recognise(root)]
    if not fitting and DATASETS.get("table").recognise(root):
        return "table"
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        found = "; ".join(f"{name} ({_expects(name)})" for name in fitting)
        raise UserError(
            f"{root} looks like several data sets at once: {found}. "
            "Name the one that is meant, or keep them in separate folders."
        )
    layouts = "\n".join(f"  {name}: {_expects(name)}" for name in DATASETS.names())
    raise UserError(f"{root} is not a data set in a layout that is known here. These are:\n{layouts}")


def _expects(name: str) -> str:
    return getattr(DATASETS.get(name), "EXPECTS", None) or DATASETS.summary(name)
