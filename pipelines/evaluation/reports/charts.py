"""Charts of a report, as SVG that takes its text colour from the page (so that dark pages stay readable)."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from captioner.errors import UserError
from captioner.metrics.base import Prominence
from captioner.text.files import read_text
from pipelines.evaluation.metrics import scores_of

# Replaced by the page's own colours, which are others on a dark page.
_INK, _BLUE, _AMBER = "#010203", "#010204", "#010205"
_PAGE_COLOURS = {_INK: "currentColor", _BLUE: "var(--accent)", _AMBER: "var(--second)"}
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
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
}
_MOST_COLUMNS = 200  # of the chart of lengths, more than its points
DEVELOPMENT = "development"
# Title of a panel -> columns of the table of epochs, and what their curves are called. Where a captioner learns from
# captions of its own, its loss is no cross-entropy: that of the development references has a scale of its own.
LOSSES = {
    "Loss": {"loss": "training", "dev_loss": DEVELOPMENT},
    "Cross-entropy, nats a word": {"dev_cross_entropy": DEVELOPMENT},
}


@dataclass(frozen=True)
class Panel:
    """Curves that share a scale. lines: label -> a value an epoch, None where there is none."""

    title: str
    lines: dict[str, list[float | None]]


def training_panels(columns: Mapping[str, Sequence[float | None]]) -> list[Panel]:
    """The curves of a training: its losses together, and each score by itself, for each has a scale of its own.

    Args:
        columns: of a run's table of epochs.
    """
    panels = [
        (title, {label: list(columns[name]) for name, label in names.items() if name in columns})
        for title, names in LOSSES.items()
    ]
    for score in scores_of(columns, Prominence.HEADLINE):
        values = [None if value is None else score.factor * value for value in columns[score.name]]
        panels.append((score.label, {DEVELOPMENT: values}))
    known = lambda values: any(value is not None for value in values)  # noqa: E731
    panels = [(title, {label: line for label, line in lines.items() if known(line)}) for title, lines in panels]
    return [Panel(title, lines) for title, lines in panels if lines]


@dataclass(frozen=True)
class Chart:
    """A chart, and what it shows in words."""

    svg: Markup
    description: str


def training_curves(metrics_csv: Path) -> list[Chart]:
    """The panels of a run's metrics.csv; none where there is none, or a single epoch."""
    columns = _columns(metrics_csv)
    epochs = columns.pop("epoch", [])
    return [_curves(panel, epochs) for panel in training_panels(columns)] if len(epochs) > 1 else []


def draw_panel(axes, panel: Panel, epochs: Sequence[float], colours: Sequence[str] = ()) -> None:
    """Draws the curves into the axes of a figure of matplotlib."""
    for number, (label, values) in enumerate(panel.lines.items()):
        known = [(at, value) for at, value in zip(epochs, values, strict=True) if value is not None]
        colour = colours[number] if number < len(colours) else None
        axes.plot(*zip(*known, strict=True), label=label, color=colour, marker="o", markersize=2.5)
    axes.set_title(panel.title, fontsize=10, loc="left")
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(axis="y", linewidth=0.3, alpha=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    if len(panel.lines) > 1:
        axes.legend(fontsize=8.5, frameon=False)


def _curves(panel: Panel, epochs: Sequence[float]) -> Chart:
    def described(label: str, values: Sequence[float | None]) -> str:
        known = [value for value in values if value is not None]
        return f"{label} from {known[0]:.4g} to {known[-1]:.4g}"

    listed = ", ".join(described(label, values) for label, values in panel.lines.items())
    svg = _svg(lambda figure: draw_panel(figure.add_subplot(), panel, epochs, (_BLUE, _AMBER)), (3.4, 2.5))
    return Chart(svg, f"{panel.title} by epoch: {listed}")


def caption_lengths(captions: Sequence[int], references: Sequence[int]) -> Chart:
    """How long captions and references are, in words."""
    longest = max([*captions, *references], default=0)
    # A few references may be very long; they share the last column, lest all others become needles.
    usual = sorted([*captions, *references])[int(0.99 * (len(captions) + len(references) - 1))]
    last = min(longest, 3 + usual, _MOST_COLUMNS)

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
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", linewidth=0.3, alpha=0.5)
        axes.legend(fontsize=9)

    means = [sum(lengths) / max(len(lengths), 1) for lengths in (captions, references)]
    described = "How many words captions and references have: {:.1f} and {:.1f} on average".format(*means)
    return Chart(_svg(draw, (4.8, 2.6)), described)


def reliability_diagram(bins: Sequence[Mapping[str, float]], label: str) -> Chart:
    """How accurate answers of each probability are, and below it how many have which.

    Args:
        bins: those that are not empty, each with `low`, `high`, `questions`, `probability` and `accuracy`.
        label: what accuracy is measured by.
    """
    every = sum(one["questions"] for one in bins)

    def draw(figure):
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        edges = {"x": [100 * one["low"] for one in bins], "align": "edge",
                 "width": [100 * (one["high"] - one["low"]) - 0.6 for one in bins]}  # fmt: skip
        upper.bar(height=[100 * one["accuracy"] for one in bins], color=_BLUE, **edges)
        upper.plot([0, 100], [0, 100], color=_INK, linewidth=0.8, linestyle="--")
        upper.plot(
            [100 * one["probability"] for one in bins], [100 * one["probability"] for one in bins], "o", color=_AMBER,
            markersize=4, label="mean probability",
        )  # fmt: skip
        upper.set_xlim(0, 100)
        upper.set_ylim(0, 100)
        upper.set_ylabel(label)
        upper.legend(fontsize=8.5, loc="upper left")
        lower.bar(height=[100 * one["questions"] / every for one in bins], color=_BLUE, alpha=0.55, **edges)
        lower.set_ylabel("share, %")
        lower.set_xlabel("probability, %")
        for axes in (upper, lower):
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="y", linewidth=0.3, alpha=0.5)

    told = ", ".join(f"{100 * one['probability']:.0f} %: {100 * one['accuracy']:.0f}" for one in bins)
    return Chart(_svg(draw, (4.2, 3.8)), f"{label} of answers by their mean probability: {told}")


def _columns(path: Path) -> dict[str, list[float | None]]:
    if not path.is_file():  # a pipe would be waited for
        return {}
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


def _svg(draw, size: tuple[float, float]) -> Markup:
    import matplotlib
    from matplotlib.figure import Figure  # not pyplot, which keeps figures and looks for a screen

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    for drawn, colour in _PAGE_COLOURS.items():
        svg = svg.replace(drawn, colour)
    return Markup(svg)
