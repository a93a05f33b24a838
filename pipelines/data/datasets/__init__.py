"""Folders on disk -> examples: one file a data set, and `read_dataset`, which finds out which one a folder
is.

A reader is a module with `recognise(root) -> bool`, `read(root) -> DataSet` and `EXPECTS`, a line that says
which files it looks for.
"""

import itertools
from pathlib import Path

from captioner.errors import UserError
from captioner.registry import Registry
from pipelines.data.datasets.archives import is_archive
from pipelines.data.datasets.boundary import REMEDY, link_out, reading
from pipelines.data.datasets.rows import is_table
from pipelines.data.examples import DataSet

DATASETS = Registry(
    "data set layout",
    {
        "shapes": "pipelines.data.datasets.shapes",
        "clips": "pipelines.data.datasets.clips",
        "flickr8k": "pipelines.data.datasets.flickr8k",
        "flickr30k": "pipelines.data.datasets.flickr30k",
        "coco": "pipelines.data.datasets.coco",
        "karpathy": "pipelines.data.datasets.karpathy",
        "vizwiz": "pipelines.data.datasets.vizwiz",
        "textcaps": "pipelines.data.datasets.textcaps",
        "imagefolder": "pipelines.data.datasets.imagefolder",
        "parquet": "pipelines.data.datasets.parquet",
        "webdataset": "pipelines.data.datasets.webdataset",
        "table": "pipelines.data.datasets.table",
        "sidecar": "pipelines.data.datasets.sidecar",
    },
)
_GENERAL = ("table", "sidecar")  # layouts that count only where none before them fits
_OF_ONE_FILE = ("table", "parquet", "webdataset")  # layouts that a single file may have


def read_dataset(root: Path | str, name: str | None = None) -> DataSet:
    """Reads the data set of captions in the folder `root`. Images are looked up, never opened.

    Args:
        root: the folder, a table beside its images, or an archive that holds them.
        name: a layout of `DATASETS`; by default the one that recognises the folder. A plain table and texts
            beside images are general layouts: they count only where no other layout fits.

    Raises:
        UserError: there is no such folder, no layout or several fit, or nothing in it could be read.
    """
    return read_layout(DATASETS, root, name, "captions")


def read_layout(layouts: Registry, root: Path | str, name: str | None, what: str) -> DataSet:
    """Reads the folder or file `root` in the layout called `name`, or in the one of `layouts` that recognises it.

    Args:
        what: what the annotations are, in messages.

    Raises:
        UserError: as `read_dataset` does.
    """
    root = Path(root)
    if not root.is_dir() and not is_data_file(root):
        is_there = "is a file, and no table" if root.exists() else "does not exist"
        raise UserError(
            f"{root} {is_there}. Give the folder that holds the {what} and the images, a table of {what} (csv, tsv "
            "or jsonl) that lies beside its images, or a tar or parquet file that holds both."
        )
    if is_table(root):
        name = name or "table"
    try:
        with reading(root):
            return layouts.get(name or _one_layout(layouts, root)).read(root)
    except OSError as error:  # a folder that may not be listed, a disk that went away
        raise UserError(f"{error.filename or root} cannot be read: {error.strerror or error}.") from error


def is_data_file(path: Path) -> bool:
    """Whether a path is a file that may be a whole data set: a table, or an archive."""
    return is_table(path) or is_archive(path)


def fitting_layouts(layouts: Registry, root: Path) -> list[str]:
    """The names of the layouts that the folder or file fits; a general one only where no other does."""
    with reading(root):
        if root.is_file():
            return [name for name in _OF_ONE_FILE if layouts.get(name).recognise(root)]
        fitting = [name for name in layouts.names() if name not in _GENERAL and layouts.get(name).recognise(root)]
        general = (name for name in _GENERAL if name in layouts.names() and layouts.get(name).recognise(root))
        return fitting or [*itertools.islice(general, 1)]


def _one_layout(layouts: Registry, root: Path) -> str:
    fitting = fitting_layouts(layouts, root)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        listed = "; ".join(f"{name} ({_expects(layouts, name)})" for name in fitting)
        raise UserError(
            f"{root} looks like several data sets at once: {listed}. "
            "Name the one that is meant, or keep them in separate folders."
        )
    raise layouts_known(root, layouts)


def layouts_known(root: Path, *registries: Registry) -> UserError:
    """The error that a folder is in none of the layouts, with a list of them."""
    listed = "\n".join(f"  {name}: {_expects(layouts, name)}" for layouts in registries for name in layouts.names())
    links = [f"{path.name} (to {target})" for path in sorted(root.iterdir()) if (target := _link_out(path, root))]
    unread = f" Links that lead out of it are not read: {', '.join(links)}; {REMEDY}." if links else ""
    return UserError(f"{root} is not a data set in a layout that is known here.{unread} These are:\n{listed}")


def _link_out(path: Path, root: Path) -> str:
    return link_out(path, root) if path.is_symlink() and not path.is_dir() else ""


def _expects(layouts: Registry, name: str) -> str:
    return getattr(layouts.get(name), "EXPECTS", None) or layouts.summary(name)
