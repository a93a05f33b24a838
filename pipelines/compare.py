"""Several evaluations side by side."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from captioner.errors import UserError

SHOWN = ("faithfulness", "coverage", "novel_object_right", "bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider_d",
         "rouge_l", "coco_meteor", "brevity_penalty", "distinct_captions")  # fmt: skip
MUST_AGREE = ("data set", "references", "split", "images", "references an image", "tokeniser")


@dataclass(frozen=True)
class Evaluated:
    """What a metrics.json says."""

    name: str
    scores: dict[str, float]
    intervals: dict[str, list[float]]
    evaluated: dict[str, object]


def read_evaluations(paths: Sequence[Path]) -> list[Evaluated]:
    """The evaluations in paths: metrics.json files, folders with one, or runs with `evaluation-*` in them.

    Raises:
        UserError: a path holds none, or one that cannot be read.
    """
    return [_read(file) for path in paths for file in _files(Path(path))]


def comparison(evaluations: Sequence[Evaluated]) -> tuple[list[str], list[list[str]]]:
    """A table, one row a score: `(head, rows)`; scores x 100, with their intervals."""
    rows = []
    for name in SHOWN:
        if any(name in one.scores for one in evaluations):
            rows.append([name, *(_cell(one, name) for one in evaluations)])
    return ["score", *(one.name for one in evaluations)], rows


def disagreements(evaluations: Sequence[Evaluated]) -> list[str]:
    """In what the evaluations differ that makes their scores hard to compare."""
    return [
        f"{name}: {', '.join(str(one.evaluated.get(name, '?')) for one in evaluations)}"
        for name in MUST_AGREE
        if len({str(one.evaluated.get(name)) for one in evaluations}) > 1
    ]


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif (path / "metrics.json").is_file():
        yield path / "metrics.json"
    else:
        found = sorted(path.glob("evaluation-*/metrics.json"))
        if not found:
            raise UserError(f"{path} holds no evaluation (no metrics.json). Run `captioner evaluate {path}` first.")
        yield from found


def _read(path: Path) -> Evaluated:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        scores = {name: float(value) for name, value in content["scores"].items()}
        return Evaluated(content["title"], scores, dict(content["intervals"]), dict(content["evaluated"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is not an evaluation that `captioner evaluate` wrote: {error}.") from None


def _cell(one: Evaluated, name: str) -> str:
    if name not in one.scores:
        return ""
    factor, digits = (1, 3) if name == "brevity_penalty" else (100, 1)
    text = f"{factor * one.scores[name]:.{digits}f}"
    if name in one.intervals:
        low, high = (factor * end for end in one.intervals[name])
        text += f" ({low:.{digits}f} to {high:.{digits}f})"
    return text
