"""Pictures of recurrent networks: the graph folded and unrolled, and the gates of an LSTM at work."""

from collections.abc import Sequence

import numpy as np
from keras import ops

INPUT, HIDDEN, OUTPUT = "#4c9f70", "#3b6ea8", "#d98a2b"
GATES = ("i: write", "f: keep", "o: show")


def unrolled_graph(steps: int = 4):
    """A recurrent network as a loop, and beside it the same network as a chain of `steps` steps with shared weights.

    Returns:
        a matplotlib figure.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.6 + 1.5 * steps, 3.0), layout="constrained")
    axes = figure.subplots()
    _column(axes, 0, "")
    loop = {"arrowstyle": "->", "connectionstyle": "arc3,rad=-1.6", "color": HIDDEN, "linewidth": 1.6}
    axes.annotate("", xy=(0.12, 0.78), xytext=(0.12, 1.22), arrowprops=loop)
    axes.text(0.55, 1, "U", color=HIDDEN, va="center")
    axes.text(1.25, 1, "=", fontsize=20, ha="center", va="center")
    for t in range(1, steps + 1):
        x = 1.1 + 1.3 * t
        _column(axes, x, f"({t})")
        _arrow(axes, (x - (1.05 if t > 1 else 0.75), 1), (x - 0.25, 1), "U", HIDDEN, above=True)
    axes.text(1.58, 1, "0", ha="right", va="center", color=HIDDEN)
    axes.set(xlim=(-0.5, 1.6 + 1.3 * steps), ylim=(-0.4, 2.4), aspect="equal")
    axes.axis("off")
    return figure


def _column(axes, x: float, time: str) -> None:
    """Input, hidden layer and output of one step."""
    for height, letter, colour in ((0, "x", INPUT), (1, "h", HIDDEN), (2, "y", OUTPUT)):
        box = {"boxstyle": "circle,pad=0.3", "facecolor": "white", "edgecolor": colour, "linewidth": 1.6}
        axes.text(x, height, letter + time, ha="center", va="center", fontsize=9, bbox=box)
    _arrow(axes, (x, 0.25), (x, 0.75), "W", INPUT)
    _arrow(axes, (x, 1.25), (x, 1.75), "V", OUTPUT)


def _arrow(axes, start, end, name: str, colour: str, above: bool = False) -> None:
    axes.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 1.6})
    x, y = np.mean([start, end], axis=0) + ((0, 0.12) if above else (0.1, 0))
    axes.text(x, y, name, color=colour, ha="center" if above else "left")


def lstm_gates(cell, inputs) -> dict[str, np.ndarray]:
    """The gates and the cell of an `lstm` while it reads sequences.

    `projected + h U` are the four parts i, f, g, o before their activations, see `captioner.cells.lstm.LSTMCell`.

    Args:
        cell: a built `LSTMCell`.
        inputs: `(B, T, features)`.

    Returns:
        `i`, `f`, `o` and `c`, each `(B, T, units)`.
    """
    projected, states = cell.project(inputs), cell.get_initial_state(batch_size=len(inputs))
    steps = []
    for t in range(projected.shape[1]):
        parts = projected[:, t] + ops.matmul(states[0], cell.recurrent_kernel)
        _, states = cell.advance(projected[:, t], states)
        i, f, _, o = ops.split(parts, 4, axis=-1)
        steps.append([ops.sigmoid(i), ops.sigmoid(f), ops.sigmoid(o), states[1]])
    return {name: np.stack([np.asarray(step[n]) for step in steps], axis=1) for n, name in enumerate("ifoc")}


def writers(gates: dict[str, np.ndarray], marks: Sequence[int], row: int = 0) -> np.ndarray:
    """The units, those first whose input gates open most at the marked steps in comparison with all others."""
    marked = np.isin(np.arange(gates["i"].shape[1]), marks)
    write = gates["i"][row]
    return np.argsort(write[~marked].mean(axis=0) - write[marked].mean(axis=0))


def gate_picture(gates: dict[str, np.ndarray], marks: Sequence[int], row: int = 0, units: int = 12):
    """Gates and cell of one sequence over time, one line of the picture a unit.

    Args:
        gates: from `lstm_gates`.
        marks: steps to point at.
        row: the sequence.
        units: their number; those that react most to the marks.

    Returns:
        a matplotlib figure.
    """
    from matplotlib.figure import Figure

    order = writers(gates, marks, row)[:units]
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    panels = figure.subplots(1, 4, sharey=True)
    for axes, name, title in zip(panels, "ifoc", (*GATES, "c: memory"), strict=True):
        values = gates[name][row][:, order].T
        most = max(np.abs(values).max(), 0.01)
        options = {"vmin": -most, "vmax": most, "cmap": "RdBu_r"} if name == "c" else {"vmin": 0, "vmax": 1}
        picture = axes.imshow(values, aspect="auto", interpolation="nearest", **options)
        figure.colorbar(picture, ax=axes, location="bottom", shrink=0.7)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xlabel("t")
        for mark in marks:
            axes.axvline(mark, color="white" if name != "c" else "black", linewidth=1, linestyle=":")
    panels[0].set(ylabel="unit", yticks=range(len(order)), yticklabels=order)
    return figure
