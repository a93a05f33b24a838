"""Makes docstrings Markdown for mkdocstrings: doctests and examples become code, and other sections lists."""

import re
import textwrap
from typing import Any

import griffe

_DOCTEST = re.compile(r"^>>> .*?(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)
_EXAMPLE = re.compile(r"^Example:\n\s*\n((?:(?: {4}.*)?(?:\n|\Z))+)", re.MULTILINE)
_SECTION = re.compile(r"^(Call arguments):\n((?: {4}.*(?:\n|\Z))+)", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}(\w[\w, ]*): ", re.MULTILINE)
_BLOCK = re.compile(r"^(\S.*`.*:)\n(?= {4}\S)", re.MULTILINE)


class Markdown(griffe.Extension):
    """Changes the docstrings that griffe has read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(docstring: str) -> str:
    """A docstring of this project as Markdown with Google's sections."""
    text = _EXAMPLE.sub(lambda match: f"**Example**\n\n{fenced(match[1], 'python')}\n\n", docstring)
    text = _DOCTEST.sub(lambda match: fenced(match[0], "pycon"), text)
    text = _SECTION.sub(_as_list, text)
    return _BLOCK.sub(r"\1\n\n", text)


def _as_list(section: re.Match) -> str:
    return f"**{section[1]}**\n\n" + _ENTRY.sub(r"- `\1`: ", section[2])


def fenced(code: str, language: str) -> str:
    return f"```{language}\n{textwrap.dedent(code).strip()}\n```"
