"""Settings to a cell: the one place where the names of cells and their options are resolved."""

import inspect

from captioner.cells import CELLS
from captioner.cells.base import RecurrentCell
from captioner.cells.stack import CellStack
from captioner.errors import UserError, nearest


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
    cell_class = CELLS.get(name)
    options = dict(options or {})
    known = cell_options(name)
    for option in options:
        if option not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise UserError(f"The cell {name} has no option `{option}`; {has}.{nearest(option, known)}")
    try:
        if layers == 1:
            return cell_class(units, **options, name=name_)
        cells = [cell_class(units, **options, name=f"layer_{n + 1}") for n in range(layers)]
        return CellStack(cells, dropout=dropout, connection=connection, name=name_)
    except (ValueError, TypeError) as error:
        raise UserError(f"The cell {name} cannot be made: {error}") from None


def cell_options(name) -> list[str]:
    """What the constructor of a cell takes besides its units."""
    parameters = inspect.signature(CELLS.get(name).__init__).parameters.values()
    return [p.name for p in parameters if p.name not in ("self", "units") and p.kind is not p.VAR_KEYWORD]
