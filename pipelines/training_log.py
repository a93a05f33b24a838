"""What a training run leaves for people to read: a table of epochs and a picture of its curves."""

import csv
import os
from pathlib import Path
from typing import Any


def write_history(path: Path, history: list[dict[str, Any]]) -> None:
    """Writes `metrics.csv`, one row an epoch, in place of the one before."""
    columns = list(dict.fromkeys(name for row in history for name in row))
    written = path.with_name(path.name + ".new")
    with open(written, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        for row in history:
            table.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()})
    os.replace(written, path)


def draw_curves(path: Path, history: list[dict[str, Any]]) -> None:
    """Draws the loss and the scores of decoded development captions against the epochs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    left.plot(epochs, [row["loss"] for row in history], marker=".", color="#33658a")
    left.set(title="Training loss, nats a word", xlabel="epoch")
    shown = {"bleu_1": "BLEU-1", "bleu_4": "BLEU-4", "cider_d": "CIDEr-D", "faithfulness": "faithfulness"}
    for name, label in shown.items():
        if name in history[0]:
            right.plot(epochs, [row.get(name) for row in history], marker=".", label=label)
    right.set(title="Decoded development captions", xlabel="epoch")
    if right.lines:
        right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
    written = path.with_name(path.name + ".new")
    figure.savefig(written, dpi=120, format="png")
    os.replace(written, path)
