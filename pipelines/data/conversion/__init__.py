"""A data set in one format -> the same examples in another: one file a format, and `convert`, which reads images once.

A writer is a module with `write(folder, content, images)`: into the new folder, what `Content` says, taking the images
in their order from `images`. Each format is read again by the layout of its name in `pipelines.data.datasets` or
`pipelines.data.question_datasets` (of `coco` with questions: `vqa`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from captioner.errors import UserError
from captioner.files import atomic_write, whole_folder
from captioner.registry import Registry
from pipelines.data.conversion.content import Content, ImageReader, content_of
from pipelines.data.examples import DataSet, Problem

FORMATS = Registry(
    "format of data sets",
    {
        "imagefolder": "pipelines.data.conversion.imagefolder",
        "parquet": "pipelines.data.conversion.parquet",
        "webdataset": "pipelines.data.conversion.webdataset",
        "coco": "pipelines.data.conversion.coco",
    },
)


@dataclass(frozen=True)
class Conversion:
    """What was written.

    Attributes:
        images, examples: how many.
        problems: images that could not be read, and what the format cannot hold; these were left out.
    """

    images: int
    examples: int
    problems: tuple[Problem, ...]


def convert(dataset: DataSet, out: Path, format: str, progress: Callable[[int, int], None] | None = None) -> Conversion:
    """Writes a data set of captions or of questions in another format; images are copied byte for byte.

    Names of images stay, but for folders that only say the split, and what other systems cannot have in a name. Memory
    does not grow with the images.

    Args:
        dataset: what a reader gave.
        out: a new or empty folder; after an error it is as it was.
        format: one of `FORMATS`.
        progress: called with (images done, images in all).

    Raises:
        UserError: `out` holds something, the format has no place for a split, nothing could be written, a package is
            not installed, or the disk refuses.
    """
    writer = FORMATS.get(format)
    content = content_of(dataset)
    if hasattr(writer, "check"):
        writer.check(content)
    images = ImageReader(content, progress or (lambda *_: None))
    with whole_folder(out) as folder:
        writer.write(folder, content, images)
        if not images.written:
            first = f" {images.problems[0]}" if images.problems else ""
            raise UserError(f"No image of {dataset.root} could be converted.{first}")
        atomic_write(folder / "README.md", _readme(dataset, content, images))
    return Conversion(images.written, images.examples, tuple(images.problems))


def _readme(dataset: DataSet, content: Content, images: ImageReader) -> str:
    """A page whose head says the licence, as the hub has it: `pipelines.data.datasets.licence` reads it."""
    name = json.dumps(dataset.licence, ensure_ascii=False)  # in YAML a colon would end a name without quotation marks
    head = f"---\nlicense: other\nlicense_name: {name}\n---\n\n" if dataset.licence else ""
    things = "questions" if content.questions else "captions"
    return (
        f"{head}# {dataset.root.name}\n\n{images.written:,} images with {things}, converted by `captioner data "
        f"convert` from the layout {dataset.name}.\n" + "".join(f"\n{note}\n" for note in dataset.notes)
    )
