"""What is measured comes with the sentences that its reader must know."""

import pytest

from pipelines.evaluation.caption_metrics import SAYING_LITTLE
from pipelines.evaluation.results import caption_metrics as measure


@pytest.mark.parametrize("valid", [0.0, 1.0])
def test_a_faithfulness_that_does_not_count_is_told(monkeypatch, valid):
    """Every report prints the notes; without this one a model that says little looks like the best."""
    true = {"faithfulness": 1.0, "coverage": 0.5, "faithfulness_valid": valid}
    monkeypatch.setattr(measure, "truth_scores", lambda *_: true)
    monkeypatch.setattr(measure, "_truth_rows", lambda *_: {})
    found = measure.measure({"a": "a dog"}, {"a": ("a dog runs",)}, "ptb", dataset=object(), split="test")
    assert (SAYING_LITTLE in found.notes) is not bool(valid)
