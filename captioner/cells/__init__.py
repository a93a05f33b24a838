"""Recurrent cells: one file a cell, all with the contract of `captioner.cells.base.RecurrentCell`."""

from captioner.registry import Registry

CELLS = Registry(
    "cell",
    {
        "lstm": "captioner.cells.lstm:LSTMCell",
    },
)
