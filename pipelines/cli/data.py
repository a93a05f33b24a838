"""`captioner data ...`: the data that comes with the program."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

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
