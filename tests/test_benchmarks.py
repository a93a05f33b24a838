"""The benchmarks run, at toy size, so that none of them rots."""

import pytest

from benchmarks import answers, beam, cells, half_precision, metrics


def test_the_beam_benchmark_measures_every_row():
    rates = beam.main(["--toy", "--beams", "1", "2"])
    assert set(rates) == {"compiled, K=1", "compiled, K=2", "eager, K=3"}
    assert all(rate > 0 for rate in rates.values())


def test_the_cells_benchmark_measures_cells_beside_keras():
    ratios = cells.main(["--toy", "--cells", "rnn", "mut2"])
    assert list(ratios) == ["keras.layers.LSTM", "rnn", "mut2"] and ratios["keras.layers.LSTM"] == 1
    assert all(ratio > 0 for ratio in ratios.values())


def test_the_metrics_benchmark_runs():
    pytest.importorskip("pycocoevalcap")
    assert metrics.main(["--toy"]) > 0


def test_the_answers_benchmark_runs(capsys):
    assert answers.main(["--toy"]) > 0
    assert "20 questions" in capsys.readouterr().out


@pytest.mark.long
def test_precision_is_compared_on_the_same_images():
    """Rows of the two precisions that were made from the same features would hide a loss."""
    scores = half_precision.main(["--toy"])
    assert set(scores) == {"float32", "bfloat16"}
    assert all("bleu_4" in row for row in scores.values())
