"""Recurrent cells, with the contract of `captioner.cells.base.RecurrentCell`; `build_cell` makes them from settings."""

from captioner.registry import Registry

CELLS = Registry(
    "cell",
    {
        "rnn": "captioner.cells.rnn:RNNCell",
        "rnn_linear_memory": "captioner.cells.rnn_linear_memory:LinearMemoryRNNCell",
        "output_rnn": "captioner.cells.output_rnn:OutputRNNCell",
        "lstm": "captioner.cells.lstm:LSTMCell",
        "lstm_peephole": "captioner.cells.lstm_peephole:PeepholeLSTMCell",
        "lstm_coupled": "captioner.cells.lstm_coupled:CoupledLSTMCell",
        "gru": "captioner.cells.gru:GRUCell",
        "mut1": "captioner.cells.mut:MUT1Cell",
        "mut2": "captioner.cells.mut:MUT2Cell",
        "mut3": "captioner.cells.mut:MUT3Cell",
    },
)
