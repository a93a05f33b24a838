"""An evaluation as Markdown, to paste into a document: scores, how they were computed, some captions. No pictures."""

import re
from collections.abc import Iterable, Sequence

import captioner
from pipelines.evaluation.reports.sections import MARKDOWN_SECTIONS, functions
from pipelines.evaluation.results import Evaluation

_SPECIAL = re.compile(r"([\\`*_\[\]|~^$])")
_BEGINNING = re.compile(r"^(\d*)([-+#=:.)])")


def render_markdown(evaluation: Evaluation) -> str:
    """The report as text; whatever stands in names and captions stays text in it."""
    lines = [f"# {as_text(evaluation.title)}", ""]
    for note in evaluation.notes:
        lines += [f"> {as_text(note)}", ""]
    for section in functions(MARKDOWN_SECTIONS):
        lines += section(evaluation)
    return "\n".join([*lines, f"Written by captioner {captioner.__version__}.", ""])


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]], sides: str) -> list[str]:
    """The lines of a table and an empty one; `sides`: "l" or "r" a column, where its cells are aligned."""
    marks = {"l": ":--", "r": "--:"}
    cells = [[as_text(str(cell)) for cell in row] for row in (head, *rows)]
    cells.insert(1, [marks[side] for side in sides])
    return [*(f"| {' | '.join(row)} |" for row in cells), ""]


def as_text(text: str) -> str:
    r"""Text in which Markdown and HTML see nothing but text, on one line.

    >>> as_text("a *dog* <b>\n| x")
    'a \\*dog\\* &lt;b&gt; \\| x'
    """
    text = " ".join(str(text).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _SPECIAL.sub(r"\\\1", text)
    # Addresses would become links by themselves.
    return re.sub(r"(?i)\b(https?|ftp)(?=:)|\bwww(?=\.)", lambda match: match[0][0] + "&#8203;" + match[0][1:], text)


def as_item(text: str) -> str:
    r"""Text for the beginning of a line, which makes neither a list nor a heading of it.

    >>> as_item("1. dog"), as_item("# dog")
    ('1\\. dog', '\\# dog')
    """
    return _BEGINNING.sub(r"\1\\\2", as_text(text))
