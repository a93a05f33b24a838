"""Fills the pages of the documentation from the tables that the program itself uses: a hook of MkDocs (`mkdocs.yml`).

A page may have three kinds of lines, which `make docs` replaces:

    <!-- include: CHANGELOG.md -->                  a file of the repository
    <!-- table: recipes -->                         what a function of `TABLES` writes
    <!-- notebook: notebooks/01_quickstart.ipynb -->    its cells, with what they gave at toy size

Links to files of the repository become links to the pages that show them, so that they lead somewhere in a checkout and
on the site; a link to a file that has no page stays as its text.
"""

import csv
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import typer

from captioner.presets.installed import CARD, MODELS, installed_models, model_summary
from captioner.registry import Registry
from pipelines.cli.app import app
from pipelines.cli.list_names import REGISTRIES
from pipelines.recipes.describe import describe_part, describe_settings
from pipelines.recipes.parts import CELLS, PARTS, imported
from pipelines.recipes.recipe import RECIPES, recipe_names, recipe_summary
from pipelines.recipes.task_registry import RECIPE_KINDS
from pipelines.utils.console import load_keras

ROOT = Path(__file__).resolve().parents[1]
RUN_NOTEBOOKS = ROOT / "build" / "toy"  # `tests.run_notebooks` writes them
MEASURED = ROOT / "docs" / "measured.csv"

# Files outside of docs/, and the pages that show them.
SHOWN = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "data/README.md": "reference/data.md",
    "docs/tasks.md": "concepts/cells.md#what-cells-can-learn",
    **{f"notebooks/{path.name}": f"notebooks/{path.stem}.md" for path in (ROOT / "notebooks").glob("*.ipynb")},
    **{f"captioner/presets/models/{name}/{CARD}": f"reference/models.md#{name}" for name in installed_models()},
}

# Kinds of recipes as people call them.
KINDS = {
    "captioner": "Captions",
    "visual_qa": "Questions about images",
    "language": "Language models",
    "sequence": "Sequences",
    "glimpses": "Glimpses",
}

AT_TOY_SIZE = "The results on this page are those of a run at toy size, with smaller values: they show the form only."

_MARKER = re.compile(r"^<!-- (include|table|notebook): (\S+) -->$", re.MULTILINE)
_FENCE = re.compile(r"^( *)(```|~~~).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def on_page_markdown(markdown: str, page, **_) -> str:
    """What MkDocs calls with the text of each page, before it becomes HTML."""
    return page_text(markdown, page.file.src_uri)


def page_text(markdown: str, uri: str) -> str:
    """The text of a page with its markers replaced and its links turned.

    Args:
        markdown: as it stands in the file.
        uri: the file's path below docs/.
    """

    def replaced(marker: re.Match) -> str:
        if marker[1] == "table":
            return "\n".join(TABLES[marker[2]]())
        if marker[1] == "notebook":
            text = "\n".join(notebook_cells(ROOT / marker[2]))
        else:
            text = (ROOT / marker[2]).read_text(encoding="utf-8")
        return turn_links(text, posixpath.dirname(marker[2]), uri)

    return _MARKER.sub(replaced, turn_links(markdown, posixpath.dirname(f"docs/{uri}"), uri))


def turn_links(text: str, folder: str, uri: str) -> str:
    """The text with its links to files made relative to a page; code is left alone.

    Args:
        text: Markdown.
        folder: of the repository, from which the links lead.
        uri: of the page, below docs/.
    """

    def turned(link: re.Match) -> str:
        picture, label, target = link.groups()
        if re.match(r"[a-z]+:|#", target):
            return link[0]
        path, hash_mark, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(folder, path))
        shown = SHOWN.get(path, path.removeprefix("docs/") if path.startswith("docs/") else None)
        if shown is None:
            return label
        if "#" not in shown:
            shown += hash_mark + anchor
        return f"{picture}[{label}]({posixpath.relpath(shown, posixpath.dirname(uri) or '.')})"

    pieces, end = [], 0
    for fence in _FENCE.finditer(text):
        pieces += [_LINK.sub(turned, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*pieces, _LINK.sub(turned, text[end:])])


def notebook_cells(path: Path) -> Iterator[str]:
    """The cells of a notebook in Markdown: texts, code, and what it printed and drew where it has been run.

    Args:
        path: the notebook; a copy of its name in `RUN_NOTEBOOKS` is taken in its place.
    """
    copy = RUN_NOTEBOOKS / path.name
    notebook = json.loads((copy if copy.is_file() else path).read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if "toy" in cell["metadata"].get("tags", []):
            yield f"!!! note\n\n    {AT_TOY_SIZE}\n"
            continue
        if cell["cell_type"] == "markdown":
            yield f"{source}\n"
            continue
        yield f"```python\n{source}\n```\n"
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                picture = "".join(data["image/png"]).replace("\n", "")
                yield f'<img alt="Output of the cell above" src="data:image/png;base64,{picture}">\n'
            elif text := "".join(output.get("text", data.get("text/plain", ""))).rstrip():
                yield f"```text\n{_without_colours(text)}\n```\n"


def _without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def recipes_table() -> Iterator[str]:
    """Every recipe by kind, with what was measured of it, and its settings."""
    with MEASURED.open(encoding="utf-8", newline="") as file:
        measured = {row["recipe"]: row for row in csv.DictReader(file)}
    for kind, title in KINDS.items():
        names = recipe_names(kind)
        yield f"## {title}\n"
        rows = [
            [
                f"[`{name}`](#{name})",
                *(measured.get(name, {}).get(column, "") for column in ("time", "memory", "score")),
            ]
            for name in names
        ]
        yield from table(["recipe", "training", "memory", "score"], rows)
        for name in names:
            yield f'\n### {name}\n\n{escaped(recipe_summary(name))}.\n\n??? note "Settings"\n\n    ```toml'
            text = (RECIPES / f"{name}.toml").read_text(encoding="utf-8")
            yield from (f"    {line}".rstrip() for line in text.splitlines() if not line.startswith("description"))
            yield "    ```\n"


def settings_table() -> Iterator[str]:
    """Every setting of every kind of recipe, then the options that only single parts have."""
    load_keras()
    for kind, title in KINDS.items():
        yield f"## {title}\n"
        groups: dict[str, list] = {}
        for path, kind_of_value, default, meaning in describe_settings(RECIPE_KINDS.get(kind)):
            groups.setdefault(path.rpartition(".")[0], []).append(
                [code(path), code(kind_of_value), code(default), meaning]
            )
        for group, rows in groups.items():
            if group:
                yield f"\n### {title}: {group}\n"
            yield from table(["setting", "type", "default", "meaning"], rows, plain=[3])
    yield "\n## Options of single parts\n"
    for group, (registry, base) in PARTS.items():
        parts, common = imported(registry), _settings_of(group)
        for name in parts.names():
            yield from _options(f"{group} {name}", parts.get(name), imported(base), common, f"{group}.options")
    cells = imported(CELLS[0])
    for name in cells.names():
        yield from _options(f"cell {name}", cells.get(name), imported(CELLS[1]), ["units"], "decoder.cell_options")


def _settings_of(group: str) -> Iterable[str]:
    """The settings that every part of a group has."""
    for kind in RECIPE_KINDS.names():
        fields = RECIPE_KINDS.get(kind).model_fields
        if group in fields:
            return fields[group].annotation.model_fields
    raise LookupError(group)


def _options(title: str, part: type, base: type, common: Iterable[str], path: str) -> Iterator[str]:
    rows = [
        [code(option), code(kind), code(default), meaning]
        for option, kind, default, meaning in describe_part(part, base, common, path)
    ]
    if rows:
        yield f"\n### {title}\n"
        yield from table(["option", "type", "default", "meaning"], rows, plain=[3])


def commands_table() -> Iterator[str]:
    """Every command with its usage, arguments and options, as `--help` has them."""
    yield from _commands(typer.main.get_command(app), "captioner")


def _commands(command, name: str) -> Iterator[str]:
    if hasattr(command, "commands"):
        if " " in name and command.help:
            yield f"\n{escaped(command.help)}\n"
        for word, child in command.commands.items():
            yield from _commands(child, f"{name} {word}")
        return
    context = command.make_context(name, [], resilient_parsing=True)
    usage = " ".join(piece.replace("{", "").replace("}", "").upper() for piece in command.collect_usage_pieces(context))
    yield f"\n## {name}\n\n{escaped(_paragraphs(command.help or ''))}\n\n```\n{name} {usage}\n```\n"
    panels: dict[str, list] = {}
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None:
            panels.setdefault(parameter.rich_help_panel or "", []).append([code(record[0]), record[1]])
    for panel, rows in panels.items():
        yield from table([panel or "argument or option", "meaning"], rows, plain=[1])
        yield ""


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def models_table() -> Iterator[str]:
    """The installed models, and the card of each."""
    rows = []
    for name in installed_models():
        size = sum(path.stat().st_size for path in (MODELS / name).iterdir()) / 1e6
        rows.append([f"[`{name}`](#{name})", f"{size:.0f} MB", model_summary(name)])
    yield from table(["model", "size", "what it does"], rows, plain=[2])
    for name in installed_models():
        card = (MODELS / name / CARD).read_text(encoding="utf-8")
        yield "\n" + re.sub(r"^(#+ )", r"#\1", card, flags=re.MULTILINE)


def parts_table() -> Iterator[str]:
    """Every part that is chosen by name, with its class."""
    for kind, paths in REGISTRIES.items():
        yield f"## {kind.capitalize().replace('-', ' ')}\n"
        for path in paths:
            registry: Registry = imported(path)
            rows = [[code(name), registry.summary(name)] for name in registry.names()]
            yield from table(["name", "what it is"], rows, plain=[1])
            yield ""


def cells_reference() -> Iterator[str]:
    """The classes of the cells, for mkdocstrings."""
    yield from _classes("captioner.cells:CELLS")


def encoders_reference() -> Iterator[str]:
    yield from _classes("captioner.encoders:ENCODERS")


def decoders_reference() -> Iterator[str]:
    yield from _classes("captioner.decoders:DECODERS")


def metrics_reference() -> Iterator[str]:
    yield from _classes("captioner.metrics:METRICS")


def _classes(path: str) -> Iterator[str]:
    registry = imported(path)
    for name in registry.names():
        yield f"::: {registry.path(name).replace(':', '.')}\n    options:\n      members: []\n"


TABLES = {
    "recipes": recipes_table,
    "settings": settings_table,
    "commands": commands_table,
    "models": models_table,
    "parts": parts_table,
    "cells": cells_reference,
    "encoders": encoders_reference,
    "decoders": decoders_reference,
    "metrics": metrics_reference,
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]], plain: Sequence[int] = ()) -> Iterator[str]:
    """The lines of a table in Markdown; cells of the columns `plain` are text, whose signs mean nothing."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        cells = [escaped(cell) if column in plain else cell for column, cell in enumerate(row)]
        yield "| " + " | ".join(cell.replace("\n", " ") for cell in cells) + " |"


def code(text: str) -> str:
    """Text as code inside of a table."""
    return f"`{text}`".replace("|", "\\|") if text else ""


def escaped(text: str) -> str:
    """Text with what would be Markdown or HTML escaped, but for code between backticks."""
    pieces = text.split("`")
    pieces[1::2] = [piece.replace("|", "\\|") for piece in pieces[1::2]]
    pieces[::2] = [re.sub(r"([*_\[\]|])", r"\\\1", piece).replace("<", "&lt;") for piece in pieces[::2]]
    return "`".join(pieces)
