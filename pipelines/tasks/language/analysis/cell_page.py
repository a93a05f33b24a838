"""The page of `captioner language inspect`: a text coloured by what single cells remember. Needs nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np

from pipelines.utils.atomic_files import atomic_write

TEMPLATES = Path(__file__).parents[3] / "evaluation" / "reports" / "templates"
SHOWN = 4000  # characters or words of the text
LEVELS = 10  # shades on each side of zero


@dataclass(frozen=True)
class Stretch:
    """Characters in a row that look alike.

    level: -LEVELS to LEVELS, the shade.
    marked: whether the signal is on.
    """

    text: str
    level: int
    marked: bool


@dataclass(frozen=True)
class Section:
    """One cell over the text."""

    title: str
    told: str
    stretches: list[Stretch]


def write_page(output: Path, title, activity, followers, by_chance, cell=None) -> None:
    """Writes the page: a section a signal with the cell that follows it best, or one for `cell`.

    The text shown is of the second half, where cells were judged.

    Raises:
        UserError: it cannot be written.
    """
    ranked = sorted(followers.items(), key=lambda item: -abs(item[1][0].held))
    if cell is not None:
        sections = [_section(f"Cell {cell}", "What it remembers after each character.", activity, cell, None)]
    else:
        sections = [_section(name, _told(best), activity, best[0].cell, name) for name, best in ranked]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("cells.html").render(
        title=title, sections=sections, ranked=ranked, by_chance=by_chance, levels=LEVELS,
        words=len(activity.words), shown=min(SHOWN, len(activity.words) - activity.half),
    )  # fmt: skip
    output.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(output, page)


def _told(best) -> str:
    others = ", ".join(f"{follower.cell} ({follower.held:+.3f})" for follower in best[1:])
    after = f" The next, with r on the same half: {others}." if others else ""
    return f"Cell {best[0].cell}, r = {best[0].held:+.3f} on the half that is shown.{after}"


def _section(title, told, activity, cell, signal) -> Section:
    shown = slice(activity.half, activity.half + SHOWN)
    values = activity.column(cell)[shown]
    marked = activity.signals[signal][shown] if signal else np.zeros(len(values))
    on_or_off = signal is not None and set(np.unique(activity.signals[signal])) <= {0.0, 1.0}
    return Section(title, told, list(stretches(activity.words[shown], values, marked if on_or_off else 0 * marked)))


def stretches(letters, values, marked) -> Iterator[Stretch]:
    """Joins neighbours of one shade, so that the page stays small."""
    levels = np.rint(np.clip(np.nan_to_num(values), -1, 1) * LEVELS).astype(int)
    begin = 0
    for index in range(1, len(letters) + 1):
        if index == len(letters) or (levels[index], marked[index]) != (levels[begin], marked[begin]):
            yield Stretch("".join(letters[begin:index]), int(levels[begin]), bool(marked[begin]))
            begin = index
