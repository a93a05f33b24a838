"""What is measured comes with the sentences that its reader must know."""

import pytest

from pipelines.evaluation import caption_metrics
from pipelines.evaluation.caption_metrics import SAYING_LITTLE


@pytest.mark.parametrize("valid", [0.0, 1.0])
def test_a_faithfulness_that_does_not_count_is_told(monkeypatch, valid):
    """Every report prints the notes; without this one a model that says little looks like the best."""
    true = {"faithfulness": 1.0, "coverage": 0.5, "faithfulness_valid": valid}
    monkeypatch.setattr(caption_metrics, "truth_scores", lambda *_: true)
    monkeypatch.setattr(caption_metrics, "_truth_rows", lambda *_: {})
    found = caption_metrics.compute_metrics(
        {"a": "a dog"}, {"a": ("a dog runs",)}, "ptb", dataset=object(), split="test"
    )
    assert (SAYING_LITTLE in found.notes) is not bool(valid)
