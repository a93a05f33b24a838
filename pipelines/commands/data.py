"""`captioner data ...`: the data that comes with the program."""

from pathlib import Path
from typing import Annotated

import typer


def shapes(
    out: Annotated[Path, typer.Option(help="A new folder.")],
    seed: Annotated[int, typer.Option(help="The same seed draws the same pixels and words.")] = 0,
    size: Annotated[list[str] | None, typer.Option(help="Scenes of a split, like train=1000; may be repeated.")] = None,
    image_size: Annotated[int, typer.Option(help="Pixels each way.")] = 64,
):
    """Draw scenes of coloured shapes with captions and questions."""
    from pipelines.datasets.shapes import SIZES, draw
    from pipelines.show import Show

    sizes = _sizes(size)
    show = Show()
    with show.progress("Scenes") as advance:
        draw(out, seed, sizes or SIZES, image_size, advance)
    show.say(f"The shapes are in {out}")


def clips(
    out: Annotated[Path, typer.Option(help="A new folder.")],
    seed: Annotated[int, typer.Option(help="The same seed draws the same pixels and words.")] = 0,
    size: Annotated[list[str] | None, typer.Option(help="Clips of a split, like train=1000; may be repeated.")] = None,
    image_size: Annotated[int, typer.Option(help="Pixels each way.")] = 64,
):
    """Draw clips, animated GIFs in which a shape moves, with captions that say in which direction."""
    from pipelines.datasets.clips import SIZES, draw
    from pipelines.show import Show

    sizes = _sizes(size)
    show = Show()
    with show.progress("Clips") as advance:
        draw(out, seed, sizes or SIZES, image_size, advance)
    show.say(f"The clips are in {out}")


def _sizes(given: list[str] | None) -> dict[str, int]:
    sizes = {}
    for one in given or []:
        split, _, number = one.partition("=")
        if not number.isdigit():
            raise typer.BadParameter(f"{one!r} is not understood; write it like train=1000.", param_hint="--size")
        sizes[split] = int(number)
    return sizes
