"""What a training run leaves for people to read: a line an epoch, a table of epochs and a picture of its curves."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from captioner.files import atomic_file, atomic_write
from captioner.metrics.base import Prominence
from pipelines.evaluation.metrics import score_texts
from pipelines.evaluation.reports.charts import LOSSES, draw_panel, training_panels
from pipelines.utils.progress import format_duration


def write_history(path: Path, history: list[dict[str, Any]]) -> None:
    """Writes `metrics.csv`, one row an epoch, in place of the one before."""
    columns = list(dict.fromkeys(name for row in history for name in row))
    text = io.StringIO()
    table = csv.DictWriter(text, columns)
    table.writeheader()
    for row in history:
        table.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()})
    atomic_write(path, text.getvalue())


def describe_best(name: str, score: float) -> str:
    """The score that chose the best epoch, as other lines have it.

    >>> describe_best("bleu_4", 0.207), describe_best("dev_loss", 1.25)
    ('BLEU-4 20.7 on the development split', 'development 1.2500')
    """
    if registered := score_texts({name: score}):
        return f"{registered[0]} on the development split"
    labels = {name: label for names in LOSSES.values() for name, label in names.items()}
    return f"{labels.get(name, name)} {score:.4f}"


def describe_epoch(row: dict[str, Any], best: bool) -> str:
    """One line about an epoch: its losses and its scores.

    >>> describe_epoch({"epoch": 2, "loss": 3.14159, "bleu_4": 0.207, "seconds": 75}, best=True)
    'Epoch 2: loss 3.142  BLEU-4 20.7  (1:15)  best so far'
    """
    parts = [f"loss {row['loss']:.3f}"]
    if "dev_loss" in row:
        parts.append(f"development {row['dev_loss']:.4f}")
    parts += score_texts(row, Prominence.HEADLINE)
    mark = "  best so far" if best else ""
    return f"Epoch {row['epoch']}: {'  '.join(parts)}  ({format_duration(row['seconds'])}){mark}"


def sample_captions(examples, predictions: dict[str, str], epoch: int, count: int = 3) -> Iterator[str]:
    """Lines that show a few decoded captions with two references each; others every epoch."""
    known = [example for example in examples if example.id in predictions and example.captions]
    for offset in range(min(count, len(known))):
        example = known[(epoch * count + offset) * 7919 % len(known)]
        yield f"    {example.id}: {predictions[example.id]}"
        for reference in example.captions[:2]:
            yield f"        reference: {reference}"


def draw_curves(path: Path, history: list[dict[str, Any]]) -> None:
    """Draws the losses and the scores on the development split against the epochs, each score on a scale of its own."""
    from matplotlib.figure import Figure

    names = dict.fromkeys(name for row in history for name in row)
    panels = training_panels({name: [row.get(name) for row in history] for name in names})
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.8 * rows), layout="constrained")
    for number, panel in enumerate(panels, start=1):
        draw_panel(figure.add_subplot(rows, columns, number), panel, [row["epoch"] for row in history])
    with atomic_file(path) as file:
        figure.savefig(file, dpi=120, format="png")
