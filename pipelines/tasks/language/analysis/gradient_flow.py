"""`captioner language gradients`: |dL/dh(t)| against t, for each cell and depth, as a table and a picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd

from captioner.cells import CELLS
from captioner.cells.build import build_cell
from captioner.errors import UserError
from captioner.files import atomic_file, atomic_write, locked_folder
from pipelines.training.gradients import state_gradients

TABLE, PICTURE = "gradients.csv", "gradients.png"
COLUMNS = ("cell", "layers", "layer", "state", "t", "gradient")


@dataclass(frozen=True)
class Measurement:
    """Networks as they are before they learn, with a loss at their last step.

    inputs: standard deviation of the inputs, which are noise. Large inputs saturate tanh, whose derivative then adds
        to the vanishing, so that even a singular value above 1 does not explode.
    """

    cells: Sequence[str] = field(default_factory=CELLS.names)
    layers: Sequence[int] = (1, 2)  # depths
    length: int = 100  # T, steps
    units: int = 64  # of each layer; the inputs have as many features
    rows: int = 16  # sequences whose gradients are averaged
    inputs: float = 0.1
    singular_values: Sequence[float] = (0.5, 1.0, 1.5)  # of U of `rnn`, at first a multiple of an orthogonal matrix
    seed: int = 0  # of weights and inputs


class Curve(NamedTuple):
    """A line of the picture: `gradients[t - 1]` is |dL/ds(t)|, the mean over rows, for a state s of a layer."""

    cell: str
    layers: int
    layer: int
    state: int
    gradients: np.ndarray

    def factor_per_step(self) -> float:
        """The geometric mean of the factors by which a step back in time multiplies the gradient."""
        first, last = self.gradients[0], self.gradients[-1]
        return float((first / last) ** (1 / (len(self.gradients) - 1))) if last > 0 else math.nan


def measure_gradients(measurement: Measurement, advance=lambda done, total, name: None) -> list[Curve]:
    """Measures every cell at every depth.

    The loss is the product of the last step's output with a random direction of length 1, so that the gradient at the
    output of the last step has length 1, and curves of different cells can be compared.

    Args:
        measurement: sizes and names.
        advance: called with how many networks are done, of how many, and which is next.

    Raises:
        UserError: an unknown cell, or fewer than two steps.
    """
    if measurement.length < 2:
        raise UserError(f"A gradient flows over two steps or more; the length is {measurement.length}.")
    networks = [network for name in measurement.cells for network in _networks(name, measurement)]
    random = np.random.default_rng(measurement.seed)
    rows, units = measurement.rows, measurement.units
    inputs = random.normal(0, measurement.inputs, (rows, measurement.length, units)).astype("float32")
    direction = random.normal(size=(rows, units)).astype("float32")
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    curves, done = [], 0
    for layers in measurement.layers:
        for label, name, options in networks:
            advance(done, len(networks) * len(measurement.layers), f"{label}, {layers} layers")
            done += 1
            keras.utils.set_random_seed(measurement.seed)
            cell = build_cell(name, units, layers, options=options)
            cell.build((None, units))
            for layer, states in enumerate(state_gradients(cell, inputs, direction), start=1):
                for state, gradients in enumerate(states, start=1):
                    lengths = np.linalg.norm(gradients.astype("float64"), axis=-1).mean(axis=1)
                    curves.append(Curve(label, layers, layer, state, lengths))
    return curves


def _networks(name: str, measurement: Measurement) -> list[tuple[str, str, dict]]:
    """The networks of a cell: label, name and options.

    An LSTM has two: as it is, keeping 0.73 of its memory a step at first, and with forget gates that at first keep it
    for about as many steps as there are.
    """
    CELLS.path(name)
    if name == "rnn":
        return [(f"rnn, σ = {value:g}", name, {"recurrent_gain": value}) for value in measurement.singular_values]
    if name == "lstm":
        return [(name, name, {}), ("lstm, gates open", name, {"forget_bias": math.log(measurement.length - 1)})]
    return [(name, name, {})]


def head_and_rows(curves: list[Curve]) -> tuple[list[str], list[list[str]]]:
    """The table for people: h of every layer, at some steps."""
    steps = len(curves[0].gradients)
    shown = sorted({1, *(round(steps * share) for share in (0.25, 0.5, 0.75, 1.0))} - {0})
    head = ["cell", "layer", *(f"t = {t}" for t in shown), "a step"]
    rows = []
    for curve in curves:
        if curve.state == 1:
            lengths = [f"{curve.gradients[t - 1]:.0e}" for t in shown]
            rows.append([curve.cell, f"{curve.layer}/{curve.layers}", *lengths, f"{curve.factor_per_step():.3f}"])
    return head, rows


def write_flow(curves: list[Curve], folder: Path) -> None:
    """Writes every number to gradients.csv, and the picture to gradients.png.

    `state` 1 is h (for `rnn_linear_memory`, c), 2 the c of cells that have one.
    """
    rows = [
        (*curve[:4], t, f"{gradient:.6g}") for curve in curves for t, gradient in enumerate(curve.gradients, start=1)
    ]
    with locked_folder(folder, wait=60):
        atomic_write(folder / TABLE, pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False, lineterminator="\n"))
        with atomic_file(folder / PICTURE) as file:
            draw_flow(curves).savefig(file, dpi=130, format="png")


# Families by colour: vanilla networks, LSTMs, and those with one state and gates.
_FAMILIES = (("rnn", "YlOrRd"), ("output", "YlOrRd"), ("lstm", "Blues"), ("", "Greens"))
_FLOOR, _CEILING = 1e-20, 1e8


def draw_flow(curves: list[Curve]):
    """|dL/dh(t)| against t, one panel a layer of each depth, as a matplotlib figure."""
    from matplotlib.figure import Figure

    curves = [curve for curve in curves if curve.state == 1]
    panels = sorted({(curve.layers, curve.layer) for curve in curves})
    columns, lines = min(3, len(panels)), math.ceil(len(panels) / 3)
    figure = Figure(figsize=(1.8 + 3.6 * columns, 0.6 + 3.6 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    colours = _colours(list(dict.fromkeys(curve.cell for curve in curves)))
    for panel, axes in zip(panels, grid.flat, strict=False):
        for curve in curves:
            if (curve.layers, curve.layer) == panel:
                shown = np.where((curve.gradients > _FLOOR) & (curve.gradients < _CEILING), curve.gradients, np.nan)
                times = np.arange(1, len(shown) + 1)
                colour, dashes = colours[curve.cell]
                axes.plot(times, shown, color=colour, linestyle=dashes, linewidth=1.5, label=curve.cell)
        layers, layer = panel
        axes.set_title("1 layer" if layers == 1 else f"{layers} layers: h of layer {layer}", fontsize=10, loc="left")
        axes.set_yscale("log")
        axes.grid(linewidth=0.3, alpha=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("t  (the loss is at the last step only)", fontsize=9)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("|dL/dh(t)|")
    figure.legend(*grid.flat[0].get_legend_handles_labels(), loc="outside right upper", fontsize=8, frameon=False)
    return figure


def _colours(names: list[str]) -> dict[str, tuple]:
    """The colour and the dashes of each line: shades of one colour within a family."""
    from matplotlib import colormaps

    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(next(shades for start, shades in _FAMILIES if name.startswith(start)), []).append(name)
    return {
        name: (colormaps[shades](0.4 + 0.55 * index / max(len(members) - 1, 1)), ("-", "--", ":")[index % 3])
        for shades, members in families.items()
        for index, name in enumerate(members)
    }
