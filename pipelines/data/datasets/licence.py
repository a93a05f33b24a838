"""The licence that a data set's own page states: the head of README.md, as Hugging Face's hub has it."""

import json
from pathlib import Path

from captioner.errors import UserError
from pipelines.data.datasets.text import is_text, read_lines

_LONGEST = 300  # characters


def licence_of(root: Path) -> str:
    """`license_name`, or else `license`, in the head of README.md in the folder `root`; empty where there is none."""
    path = root / "README.md"
    if not path.is_file():
        return ""
    try:
        lines = [line.strip() for _, line in read_lines(path)]
    except UserError:
        return ""
    if lines[:1] != ["---"] or "---" not in lines[1:]:
        return ""
    fields = dict(_field(line) for line in reversed(lines[1 : lines.index("---", 1)]))
    licence = fields.get("license_name") or fields.get("license") or ""
    return licence[:_LONGEST] if is_text(licence) else ""


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        try:
            value = json.loads(value) if value[0] == '"' else value[1:-1]
        except ValueError:  # an escape of YAML's own
            value = value[1:-1]
    return name.strip(), value
