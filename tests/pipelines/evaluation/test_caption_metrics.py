"""The scores of captions come with the sentences that their reader must know."""

import pytest

from pipelines.data.datasets import shapes
from pipelines.evaluation.caption_metrics import compute_metrics


@pytest.mark.parametrize("complete", [True, False])
def test_a_faithfulness_that_does_not_count_is_told(tmp_path, complete):
    """Every report prints the notes; without this one a model that says little looks like the best."""
    shapes.draw(tmp_path, sizes={"test": 8}, image_size=32)
    dataset = shapes.read(tmp_path)
    captions = {one.id: one.captions[0] if complete else "a shape" for one in dataset.examples}
    references = {one.id: one.captions for one in dataset.examples}
    results = compute_metrics(captions, references, dataset=dataset, split="test")
    assert any("Faithfulness does not count here" in note for note in results.notes) is not complete
