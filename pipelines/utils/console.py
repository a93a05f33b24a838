"""Text on the terminal, and Keras loaded without its notices."""

import sys
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


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = False) -> None:
    """Prints a table; with `numbers` all columns but the first are, which stand to the right and are never broken."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*(escape(printable(name)) for name in head), box=SIMPLE_HEAD, pad_edge=False)
    if numbers:
        drawn.padding = (0, 1, 0, 0)
        drawn.columns[0].overflow = "fold"
        for column in drawn.columns[1:]:
            column.justify, column.no_wrap = "right", True
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    Console(highlight=False).print(drawn)
