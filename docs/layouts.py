"""The table of layouts on the page about data, from the readers themselves: `python -m docs.layouts` writes it anew."""

from pathlib import Path

from captioner.files import atomic_write
from captioner.registry import Registry
from pipelines.data.datasets import DATASETS
from pipelines.data.question_datasets import QUESTION_DATASETS

PAGE = Path(__file__).parent.parent / "data" / "README.md"
BEGIN, END = "<!-- layouts: written by python -m docs.layouts -->\n", "<!-- end of layouts -->\n"


def table() -> str:
    """A line a layout: its name, what it is, the files that are looked for, and the licence that `check` shows."""
    lines = ["| layout | what it is | files that are looked for | licence |", "| --- | --- | --- | --- |"]
    for title, layouts in (("captions", DATASETS), ("questions", QUESTION_DATASETS)):
        lines.append(f"| **{title}** | | | |")
        for name in layouts.names():
            cells = (f"`{name}`", _what(layouts, name), layouts.get(name).EXPECTS, _licence(layouts, name))
            lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _what(layouts: Registry, name: str) -> str:
    return layouts.summary(name).rstrip(".")


def _licence(layouts: Registry, name: str) -> str:
    licence = getattr(layouts.get(name), "LICENCE", "yours")
    return licence.partition(": ")[2] or licence


def page(text: str) -> str:
    """The text of the page with its table written anew."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    atomic_write(PAGE, page(PAGE.read_text("utf-8")))
