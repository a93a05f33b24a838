"""Settings to a cell: the one place where the names of cells and their options are resolved."""

from captioner.cells import CELLS
from captioner.cells.base import RecurrentCell
from captioner.cells.stack import CellStack
from captioner.errors import UserError
from captioner.options import build_part


def build_cell(name, units, layers=1, dropout=0.0, connection="none", options=None, name_="cell") -> RecurrentCell:
    """The cell called `name`, or a stack of such cells.

    Args:
        name: a name of `CELLS`.
        units: int. Size of the output of each layer.
        layers: int. Cells on top of each other.
        dropout: float. Share of values dropped between layers, while training.
        connection: "none", "residual" or "highway" between layers.
        options: what else the cell's constructor takes, such as `{"activation": "relu"}` of `rnn`.
        name_: name of the layer.

    Raises:
        UserError: there is no such cell, or it has no such option, or the option's value does not fit.
    """
    cell_class, what = CELLS.get(name), f"cell {name}"
    options = options or {}
    if layers == 1:
        return build_part(what, cell_class, RecurrentCell, {}, options, units=units, name=name_)
    cells = [
        build_part(what, cell_class, RecurrentCell, {}, options, units=units, name=f"layer_{n + 1}")
        for n in range(layers)
    ]
    try:
        return CellStack(cells, dropout=dropout, connection=connection, name=name_)
    except ValueError as error:
        raise UserError(f"The {what} cannot be stacked: {error}") from None
