"""Scores of decoded captions: the metrics every data set has, and those that only one can have."""

from collections.abc import Mapping

from captioner.metrics.score import ScoreReport, score_captions
from pipelines.data.examples import DataSet


def references_of(examples) -> dict[str, tuple[str, ...]]:
    return {example.id: example.captions for example in examples if example.captions}


def score_split(dataset: DataSet, examples, predictions: Mapping[str, str], tokenizer: str = "ptb") -> ScoreReport:
    """Scores predictions (id of an image -> caption) against the references of their examples.

    For drawn scenes and clips the report also tells how true the captions are.
    """
    references = references_of(examples)
    report = score_captions({key: predictions[key] for key in predictions if key in references}, references, tokenizer)
    report.scores.update(truth_scores(dataset, examples[0].split, predictions))
    return report


def truth_scores(dataset: DataSet, split: str, predictions: Mapping[str, str]) -> dict[str, float]:
    """How true captions of drawn scenes and clips are, because it is known what they show; nothing for photographs."""
    if dataset.name == "clips":
        from pipelines.data.datasets.clips import read_clips
        from pipelines.data.synthetic.clips import truth_of

        return truth_of(predictions, read_clips(dataset.root))
    if dataset.name != "shapes":
        return {}
    from pipelines.data.datasets.shapes import read_scenes
    from pipelines.data.synthetic.faithfulness import faithfulness, novel_object_right

    scenes = read_scenes(dataset.root)
    scores = dict(faithfulness(predictions, scenes))
    if split == "novel":
        scores["novel_object_right"] = novel_object_right(predictions, scenes)
    return scores
