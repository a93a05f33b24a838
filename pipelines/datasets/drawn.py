"""What all data sets that this program draws have in common: JSON lines, and a file that says how they were drawn."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from captioner.errors import UserError
from pipelines.datasets.text import parse_json, read_lines
from pipelines.examples import CaptionExample, Problem

LICENCE = "drawn by this program; free to use without conditions (CC0)"


def drawn_with(root: Path) -> dict | None:
    """The settings that a folder was drawn with, or None if its drawing was not finished."""
    try:
        return json.loads((root / "drawn.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def write_records(path: Path, values: list[dict]) -> None:
    write_text(path, "".join(json.dumps(value) + "\n" for value in values))


def write_text(path: Path, text: str) -> None:
    """Writes the whole file or nothing, with the same bytes on every platform."""
    beside = path.with_name(path.name + ".part")
    beside.write_bytes(text.encode("utf-8"))
    os.replace(beside, path)


def read_captions(root: Path) -> tuple[list[CaptionExample], list[Problem]]:
    """The examples of `captions.jsonl`; a line without use or without its picture is a `Problem`."""
    examples, problems = [], []
    for line, record, problem in records(root / "captions.jsonl"):
        try:
            if problem is None:
                examples.append(CaptionExample(
                    record["image"], _image(root, record), _texts(record["captions"]), str(record["split"])
                ))  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            problem = why(error)
        if problem is not None:
            problems.append(Problem(root / "captions.jsonl", line, problem))
    return examples, problems


def records(path: Path) -> Iterator[tuple[int, dict, str | None]]:
    """`(line, record, what is wrong with it)` for every line that is not blank."""
    for line, text in read_lines(path):
        try:
            record = parse_json(text, "This line")
        except UserError as error:
            yield line, {}, str(error)
            continue
        yield ((line, record, None) if isinstance(record, dict) else (line, {}, "This line is not a JSON object."))


def why(error: Exception) -> str:
    """What is wrong with a record, from what reading it raised."""
    if isinstance(error, KeyError):
        return f"The key {error.args[0]!r} is missing."
    return str(error)


def _image(root: Path, record: dict) -> Path:
    path = root / record["image"]
    if not path.is_file():
        raise ValueError(f"The picture {record['image']} is not there.")
    return path


def _texts(values: list) -> tuple[str, ...]:
    if not isinstance(values, list) or not values or not all(isinstance(v, str) and v.strip() for v in values):
        raise ValueError("There is no text, or an empty one.")
    return tuple(values)
