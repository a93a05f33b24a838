"""Charts of a report, as SVG that takes its text colour from the page (so that dark pages stay readable)."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from captioner.errors import UserError
from captioner.metrics.base import Prominence
from captioner.text.files import read_text
from pipelines.evaluation.metrics import scores_of

_INK, _BLUE, _AMBER = "#010203", "#3b6ea8", "#d98a2b"  # _INK is replaced by the page's own text colour
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "captioner",  # the same chart has the same bytes
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
}
_COLOURS = (_BLUE, _AMBER, "#4f9d69", "#b6556b", "#7d6bb0", "#7a8793")


def training_curves(metrics_csv: Path, title: str = "Decoded dev captions, x 100") -> list[str]:
    """Loss and scores, under a title, by epoch, from a run's metrics.csv, as SVG; nothing where there is none."""
    columns = _columns(metrics_csv)
    epochs = columns.get("epoch", [])
    losses = {name.replace("_", " "): values for name, values in columns.items() if "loss" in name}
    shown = (score for score in scores_of(columns, Prominence.HEADLINE) if score.factor == 100)
    scores = {score.label: columns[score.name] for score in shown}
    panels = (("Loss", losses, 1), (title, scores, 100))
    enough = len(epochs) > 1
    return [_curves(head, epochs, lines, factor) for head, lines, factor in panels if lines and enough]


def _curves(title: str, epochs: list, lines: dict[str, list], factor: float) -> str:
    def draw(figure):
        axes = figure.add_subplot()
        for colour, (label, values) in zip(_COLOURS, lines.items(), strict=False):
            known = [(at, factor * value) for at, value in zip(epochs, values, strict=True) if value is not None]
            axes.plot(*zip(*known, strict=True), label=label, color=colour, marker="o", markersize=2.5)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(axis="y", linewidth=0.3, alpha=0.5)
        if len(lines) > 1:
            figure.legend(fontsize=8.5, loc="outside lower center", ncols=3)

    return _svg(draw, (4.6, 3.1))


def caption_lengths(captions: Sequence[int], references: Sequence[int]) -> str:
    """How long captions and references are, in words, as SVG."""
    longest = max([*captions, *references], default=0)
    # A few references may be very long; they share the last column, lest all others become needles.
    last = min(longest, 3 + sorted([*captions, *references])[int(0.99 * (len(captions) + len(references) - 1))])

    def draw(figure):
        axes = figure.add_subplot()
        for lengths, label, colour, shift in (
            (references, "references", _AMBER, -0.2),
            (captions, "captions", _BLUE, 0.2),
        ):
            counts = Counter(min(length, last) for length in lengths)
            shares = [100 * counts[length] / max(len(lengths), 1) for length in range(last + 1)]
            axes.bar([length + shift for length in range(last + 1)], shares, width=0.4, label=label, color=colour)
        axes.set_xlabel("words")
        axes.set_ylabel("share, %")
        axes.grid(axis="y", linewidth=0.3, alpha=0.5)
        axes.legend(fontsize=9)

    return _svg(draw, (6.2, 2.7))


def _columns(path: Path) -> dict[str, list[float | None]]:
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path))))
    except (UserError, csv.Error):
        return {}
    columns = {name: [_number(row[name]) for row in rows] for name in (rows[0] if rows else {}) if name}
    return {name: values for name, values in columns.items() if any(value is not None for value in values)}


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _svg(draw, size: tuple[float, float]) -> str:
    import matplotlib
    from matplotlib.figure import Figure  # not pyplot, which keeps figures and looks for a screen

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :].replace(_INK, "currentColor")
