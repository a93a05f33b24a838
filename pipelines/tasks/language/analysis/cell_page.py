"""The page of `captioner language inspect`: a text coloured by the memory of single cells. It needs no other file."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from captioner.files import atomic_write, make_folder
from pipelines.evaluation.reports.html_page import render_page

SHOWN = 4000  # characters or words of the text
LEVELS = 10  # shades on each side of zero


class Stretch(NamedTuple):
    """Characters in a row that look alike: `level` is the shade, -LEVELS to LEVELS; `marked` where the signal is on."""

    text: str
    level: int
    marked: bool


class Section(NamedTuple):
    """One cell over the text."""

    title: str
    note: str
    stretches: list[Stretch]


def write_page(output: Path, title, activity, followers, baseline, cell=None) -> None:
    """Writes the page: a section a signal with the cell that follows it best, or one for `cell`.

    The text shown is of the second half, where cells were tested.

    Raises:
        UserError: it cannot be written.
    """
    if cell is not None:
        sections = [_section(f"Cell {cell}", "What it remembers after each character.", activity, cell, None)]
    else:
        sections = [_section(name, _note(*best), activity, best[0].cell, name) for name, best in followers.items()]
    page = render_page(
        "cells.html", title=title, sections=sections, ranked=followers.items(), baseline=baseline, levels=LEVELS,
        titles=[(f"signal-{number}", section.title) for number, section in enumerate(sections, start=1)],
        words=len(activity.words), shown=min(SHOWN, len(activity.words) - activity.half),
    )  # fmt: skip
    make_folder(output.parent)
    atomic_write(output, page, follow_link=True)


def _note(best, *others) -> str:
    listed = ", ".join(f"{follower.cell} ({follower.test_r:+.3f})" for follower in others)
    after = f" The next, with r on the same half: {listed}." if others else ""
    return f"Cell {best.cell}, r = {best.test_r:+.3f} on the half that is shown.{after}"


def _section(title, note, activity, cell, signal) -> Section:
    shown = slice(activity.half, activity.half + SHOWN)
    values = activity.column(cell)[shown]
    marked = np.zeros(len(values))
    if signal and set(np.unique(activity.signals[signal])) <= {0.0, 1.0}:
        marked = activity.signals[signal][shown]
    return Section(title, note, list(stretches(activity.words[shown], values, marked)))


def stretches(letters, values, marked) -> Iterator[Stretch]:
    """Joins neighbours of one shade, so that the page stays small."""
    levels = np.rint(np.clip(np.nan_to_num(values), -1, 1) * LEVELS).astype(int)
    begin = 0
    for index in range(1, len(letters) + 1):
        if index == len(letters) or (levels[index], marked[index]) != (levels[begin], marked[begin]):
            yield Stretch("".join(letters[begin:index]), int(levels[begin]), bool(marked[begin]))
            begin = index
