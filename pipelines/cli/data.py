"""`captioner data ...`: the data that comes with the program, and data in another format."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.command import SKIPPED

Out = Annotated[Path, typer.Option(help="A new folder.")]
Seed = Annotated[int, typer.Option(help="The same seed draws the same pixels and words.")]
Size = Annotated[list[str] | None, typer.Option(help="Pictures of a split, like train=1000; may be repeated.")]
ImageSize = Annotated[int, typer.Option(help="Pixels each way.")]


def shapes(out: Out, seed: Seed = 0, size: Size = None, image_size: ImageSize = 64):
    """Draw scenes of coloured shapes with captions and questions."""
    from pipelines.data.datasets.shapes import SIZES, draw

    _draw("shapes", draw, out, seed, size, SIZES, image_size)


def clips(out: Out, seed: Seed = 0, size: Size = None, image_size: ImageSize = 64):
    """Draw clips, animated GIFs in which a shape moves, with captions that say in which direction."""
    from pipelines.data.datasets.clips import SIZES, draw

    _draw("clips", draw, out, seed, size, SIZES, image_size)


def convert(
    source: Annotated[Path, typer.Argument(help="Folder of a data set, a table beside its images, or an archive.")],
    out: Out,
    format: Annotated[str, typer.Option(help="imagefolder, parquet, webdataset or coco.")],
    layout: Annotated[str | None, typer.Option(help="Of the source; by default it is found out.")] = None,
    questions: Annotated[bool, typer.Option(help="The questions, where there are captions, too.")] = False,
):
    """Write a data set in another format: the same images, captions or questions, splits and ids."""
    from pipelines.data.checks.inspect import kinds_of
    from pipelines.data.conversion import FORMATS, convert
    from pipelines.data.datasets import DATASETS, read_dataset
    from pipelines.data.question_datasets import read_questions
    from pipelines.utils.progress import Reporter

    reporter = Reporter()
    FORMATS.path(format)
    if layout is None:
        has_captions = not questions and kinds_of(source)[0]
    else:
        has_captions = not questions and layout in DATASETS.names()
    dataset = read_dataset(source, layout) if has_captions else read_questions(source, layout)
    reporter.problems(dataset.problems)
    for note in dataset.notes:
        reporter.log(note)
    with reporter.progress("Images") as advance:
        result = convert(dataset, out, format, advance)
    reporter.problems(result.problems, most=1000)
    what = "captioned" if has_captions else f"and {result.examples:,} questions"
    splits = ", ".join(f"{count:,} {split}" for split, count in dataset.splits().items())
    reporter.log(f"{result.images:,} images {what} ({splits}) are in {out}")
    return SKIPPED if dataset.problems or result.problems else 0


def _draw(
    what: str, draw: Callable, out: Path, seed: int, size: list[str] | None, usual: Mapping[str, int], image_size: int
) -> None:
    from pipelines.utils.progress import Reporter

    sizes = _sizes(size) or usual
    reporter = Reporter()
    with reporter.progress(what.capitalize()) as advance:
        draw(out, seed, sizes, image_size, advance)
    reporter.log(f"The {what} are in {out}")


def _sizes(options: list[str] | None) -> dict[str, int]:
    sizes = {}
    for option in options or []:
        split, _, number = option.partition("=")
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise typer.BadParameter(f"{option!r} is not understood; write it like train=1000.", param_hint="--size")
        sizes[split] = int(number)
    return sizes
