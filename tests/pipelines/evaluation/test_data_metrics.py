"""What the metrics of drawn data say of single captions."""

import pytest

from pipelines.data.datasets import clips, shapes
from pipelines.evaluation.caption_metrics import compute_metrics
from pipelines.evaluation.data_metrics import ClipTruth, Truth
from pipelines.evaluation.results import FalseStatement, Prediction


def test_single_captions_have_a_faithfulness_and_their_false_statements(tmp_path):
    shapes.draw(tmp_path, sizes={"test": 6})
    dataset = shapes.read(tmp_path)
    references = {example.id: example.captions for example in dataset.examples}
    captions = {image: texts[0] for image, texts in references.items()}
    wrong = next(iter(captions))
    captions[wrong] = "seven dogs"
    results = compute_metrics(captions, references, dataset=dataset, split="test")
    of_wrong, *of_true = results.per_caption.values()
    assert of_wrong["faithfulness"] == 0 and of_wrong["coverage"] == 0 and "cider_d" in of_wrong
    assert all(one["faithfulness"] == one["coverage"] == 1 for one in of_true)
    assert results.false_statements[wrong] == (FalseStatement("outside the grammar: seven dogs", ((0, 5), (6, 10))),)
    assert list(results.false_statements) == list(captions), "of a true caption it is known that nothing is false"
    unknown = compute_metrics(captions, references)
    assert not unknown.false_statements and "faithfulness" not in unknown.per_caption[wrong]


def test_each_thing_said_of_two_is_listed_once():
    from tests.pipelines.data.synthetic.test_faithfulness import TWINS

    assert Truth.false_statements("two blue circles", TWINS) == (
        FalseStatement("colour: blue circle", ((4, 8),)), FalseStatement("count: 2 blue circle", ((0, 3),)),
    )  # fmt: skip
    assert Truth.false_statements("two red circles", TWINS) == ()


def test_captions_of_clips_can_be_sorted_by_whether_they_are_right(tmp_path):
    clips.draw(tmp_path, sizes={"test": 2})
    dataset = clips.read(tmp_path)
    references = {example.id: example.captions for example in dataset.examples}
    captions = dict.fromkeys(references, "nothing moves")
    first = next(iter(captions))
    captions[first] = references[first][0]
    results = compute_metrics(captions, references, dataset=dataset, split="test")
    values = [one["direction_right"] for one in results.per_caption.values()]
    assert values == [1, 0] and ClipTruth.false_statements("nothing", None) is None


@pytest.mark.parametrize(
    "spans, segments",
    [
        ((), ["a red dog on a hill"]),
        (((0, 1),), ["", "a", " red dog on a hill"]),
        (((2, 5), (6, 9)), ["a ", "red dog", " on a hill"]),
        (((6, 9), (2, 9)), ["a ", "red dog", " on a hill"]),
        (((2, 5), (10, 12)), ["a ", "red", " dog ", "on", " a hill"]),
    ],
)
def test_a_caption_comes_in_pieces_that_are_false_and_not(spans, segments):
    statements = tuple(FalseStatement("x", (span,)) for span in spans)
    prediction = Prediction("a.png", "a red dog on a hill", (), {}, false_statements=statements)
    assert prediction.segments() == segments and "".join(segments) == prediction.caption
