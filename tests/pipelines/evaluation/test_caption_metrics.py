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


def test_captions_without_words_and_a_tokenizer_that_does_not_fit_are_told():
    """Else nothing says why BLEU is 0."""
    references = {"a": ["一只狗在草地上奔跑"], "b": ["两个人坐在长椅上"], "c": ["一只狗在草地上跑"]}
    captions = {"a": "一只狗在草地上", "b": "nan", "c": "..."}
    notes = compute_metrics(captions, references).notes
    assert any("`characters` fits" in note for note in notes)
    assert any(note.startswith("2 of 3 captions have no words (ptb tokenizer) or stand for a mis") for note in notes)
    results = compute_metrics(captions | {"b": "两个人", "c": "一只狗"}, references, "characters")
    assert results.scores["bleu_4"] > 0 and not any("fits" in note or "no words" in note for note in results.notes)
