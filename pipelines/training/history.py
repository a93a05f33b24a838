"""What a training run leaves for people to read: a line an epoch, a table of epochs and a picture of its curves."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from captioner.files import atomic_file, atomic_write
from captioner.metrics.base import Prominence
from pipelines.evaluation.metrics import score_texts, scores_of
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
    registered = score_texts({name: score})
    return f"{registered[0]} on the development split" if registered else f"{LOSSES.get(name, name)} {score:.4f}"


LOSSES = {"loss": "training", "dev_loss": "development"}


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
    """Draws the losses and the scores on the development split against the epochs."""
    from matplotlib.figure import Figure

    shown = list(scores_of(history[0], Prominence.HEADLINE))
    figure = Figure(figsize=(9 if shown else 5, 3.4), layout="constrained")
    left, *right = figure.subplots(1, 2 if shown else 1, squeeze=False)[0]
    epochs = [row["epoch"] for row in history]
    for name, label in LOSSES.items():
        if name in history[0]:
            left.plot(epochs, [row.get(name) for row in history], marker=".", label=label)
    left.set(title="Loss, nats", xlabel="epoch")
    for axes in right:
        for score in shown:
            axes.plot(epochs, [row.get(score.name) for row in history], marker=".", label=score.label)
        axes.set(title="Development split", xlabel="epoch")
    for axes in (left, *right):
        if len(axes.lines) > 1 or axes is not left:
            axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
    with atomic_file(path) as file:
        figure.savefig(file, dpi=120, format="png")
