"""Text on the terminal, and Keras loaded without its notices."""

import sys
import textwrap
from collections.abc import Sequence

import typer

from captioner import backend


def load_keras() -> None:
    """Imports Keras for a command: quietly, and in the state that networks need.

    Raises:
        UserError: see `captioner.backend.load_keras`.
    """
    if "keras" not in sys.modules:
        backend.load_keras()
        backend.set_keras_state()


def printable(text: str, keep: str = "") -> str:
    """Text that cannot move the cursor, colour the terminal or break the line.

    >>> printable("a\\x1b[31m\\nb.jpg")
    'a\\\\x1b[31m\\\\nb.jpg'
    """
    return "".join(
        letter if letter.isprintable() or letter in keep else letter.encode("unicode_escape").decode()
        for letter in text
    )


def log(text: str, error: bool = False) -> None:
    """Prints text of any origin; `error` sends it to standard error."""
    typer.echo(printable(text, keep="\n\t"), err=error)


def log_errors(texts: Sequence[str], most: int, more: str = "") -> None:
    """Prints the first `most` texts to standard error, a line each, and how many there are besides; `more` follows."""
    for text in texts[:most]:
        log(printable(text), error=True)
    if len(texts) > most:
        log(f"... and {len(texts) - most:,} more{more}", error=True)


def paragraph(text: str, error: bool = False) -> None:
    """Prints text of any origin, in lines that end at a word."""
    from rich.console import Console

    width = Console(stderr=error).width
    for line in printable(text, keep="\n\t").split("\n"):
        typer.echo(textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False), err=error)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = False) -> None:
    """Prints a table.

    Args:
        numbers: all columns but the first are numbers, which stand to the right and are never broken. Those that find
            no room beside the others follow below, with the first column again.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    console, head = Console(highlight=False), list(map(printable, head))
    rows = [list(map(printable, row)) for row in rows]
    for columns in _that_fit(head, rows, console.width) if numbers else [range(len(head))]:
        drawn = Table(*(escape(head[n]) for n in columns), box=SIMPLE_HEAD, pad_edge=False)
        if numbers:
            drawn.padding = (0, 1, 0, 0)
            drawn.columns[0].overflow = "fold"
            for column in drawn.columns[1:]:
                column.justify, column.no_wrap = "right", True
        for row in rows:
            drawn.add_row(*(Text(row[n]) for n in columns))
        console.print(drawn)


def _that_fit(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[list[int]]:
    """The columns of each of the tables that so wide a terminal has room for; the first column is in all of them."""
    from rich.cells import cell_len

    beside, edges, broken = 2, 1, 24  # what a table adds to each column and to all, and a name that is broken
    widths = [max(map(cell_len, column)) + beside for column in zip(head, *rows, strict=True)]
    tables, free = [[0]], width - edges - min(widths[0], broken)
    for column in range(1, len(head)):
        if widths[column] > free and len(tables[-1]) > 1:
            tables.append([0])
            free = width - edges - min(widths[0], broken)
        tables[-1].append(column)
        free -= widths[column]
    return tables
