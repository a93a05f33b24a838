"""The table of epochs and its curves, also of a run that began before a column was there."""

import csv

from pipelines.training.history import describe_epoch, draw_curves, write_history

BEFORE = {"epoch": 1, "steps": 10, "loss": 3.0, "bleu_4": 0.1, "seconds": 5.0}
SINCE = {"epoch": 2, "steps": 20, "loss": 2.5, "dev_loss": 2.75, "bleu_4": 0.2, "seconds": 10.0}


def test_a_run_that_goes_on_gains_the_development_loss(tmp_path):
    """Wrong if an old run could not be resumed, or its curves lacked what the new epochs have."""
    write_history(tmp_path / "metrics.csv", [BEFORE, SINCE])
    with open(tmp_path / "metrics.csv", newline="", encoding="utf-8") as file:
        assert [row["dev_loss"] for row in csv.DictReader(file)] == ["", "2.75"]
    draw_curves(tmp_path / "curves.png", [BEFORE, SINCE])
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert describe_epoch(BEFORE, best=False) == "Epoch 1: loss 3.000  BLEU-4 10.0  (0:05)"
    assert describe_epoch(SINCE, best=False) == "Epoch 2: loss 2.500  development 2.7500  BLEU-4 20.0  (0:10)"
