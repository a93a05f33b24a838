"""One-line tables from a name to the place where the thing is defined.

A registry holds import paths and imports a thing when it is asked for, so that help texts, lists and tables can
be made without loading Keras. Adding a cell, an encoder, a decoder, a metric or a data set is one file and one
line in such a table; the tests run over every name in it.
"""

import ast
import importlib
import importlib.util
from pathlib import Path
from typing import Any

from captioner.errors import UserError, alternatives


class Registry:
    """Names of one kind of thing, and where each is defined.

    Args:
        kind: what the things are called in messages, as in "There is no cell called ...".
        table: name -> `"module.path:Attribute"`, or `"module.path"` for a whole module.
    """

    def __init__(self, kind: str, table: dict[str, str]):
        self.kind = kind
        self._table = dict(table)

    def names(self) -> list[str]:
        return list(self._table)

    def register(self, name: str, path: str) -> None:
        """Adds a name: the one line for a part that another package defines.

        Raises:
            ValueError: the name is taken.
        """
        if name in self._table:
            raise ValueError(f"There is a {self.kind} called {name!r} already: {self._table[name]}. Choose another.")
        self._table[name] = path

    def __contains__(self, name: str) -> bool:
        return name in self._table

    def path(self, name: str) -> str:
        """The import path of `name`.

        Raises:
            UserError: there is no such name; the message lists those that exist.
        """
        if name not in self._table:
            raise UserError(f"There is no {self.kind} called {name!r}.{alternatives(name, self._table)}")
        return self._table[name]

    def get(self, name: str) -> Any:
        """The class, function or module called `name`, imported now."""
        module, _, attribute = self.path(name).partition(":")
        imported = importlib.import_module(module)
        return getattr(imported, attribute) if attribute else imported

    def summary(self, name: str) -> str:
        """The first line of the docstring of `name`, read from the source file without importing it."""
        module, _, attribute = self.path(name).partition(":")
        tree = ast.parse(_source_of(module))
        node = tree
        if attribute:
            for statement in tree.body:
                if getattr(statement, "name", None) == attribute:
                    node = statement
        return (ast.get_docstring(node) or "").split("\n")[0]


def _source_of(module: str) -> str:
    """The source text of a module. Only its parent packages, which are light, get imported."""
    specification = importlib.util.find_spec(module)
    if specification is None or not specification.origin:
        raise ImportError(f"There is no module {module}.")
    return Path(specification.origin).read_text(encoding="utf-8")
