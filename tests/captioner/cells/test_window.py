"""The window has the contract of a cell, though it is none."""

import numpy as np
import pytest

from captioner.cells import CELLS
from captioner.cells.window import WindowCell
from tests.support import check_cell


def test_it_keeps_the_contract_of_cells():
    """Else it could not be trained, sampled and scored as recurrent networks are."""
    check_cell(WindowCell)
    assert "window" not in CELLS.names(), "it remembers nothing: no table of what cells learn should have it"


def test_a_window_of_one_is_refused():
    with pytest.raises(ValueError, match="A window holds two inputs or more, received window=1"):
        WindowCell(4, window=1)


def test_what_is_older_than_the_window_has_no_influence():
    cell = WindowCell(2, window=2)
    cell.build((None, 1))
    cell.kernel.assign(np.array([[1.0, 2.0, 10.0, 20.0]]))
    states = cell.get_initial_state(1)
    for value, wanted in ((1.0, [1, 2]), (0.5, [10.5, 21]), (0.25, [5.25, 10.5])):
        output, states = cell(np.array([[value]]), states)
        np.testing.assert_allclose(output, np.tanh([wanted]), atol=1e-6)
