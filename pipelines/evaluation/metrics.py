"""All metrics by name, those of captions of one data set included, and what is computed with them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from captioner.errors import UserError, alternatives
from captioner.metrics import ANSWER_METRICS, LABEL_METRICS, METRICS
from captioner.metrics.base import Metric, Prominence, Score
from captioner.metrics.score import ScoreReport, score_captions
from captioner.registry import Registry
from pipelines.data.examples import DataSet
from pipelines.evaluation.data_metrics import DataMetric
from pipelines.evaluation.results import FalseStatement

DATA_METRICS = Registry(
    "metric of a data set",
    {
        "truth": "pipelines.evaluation.data_metrics:Truth",
        "truth_by_kind": "pipelines.evaluation.data_metrics:TruthByKind",
        "novel_object_right": "pipelines.evaluation.data_metrics:NovelObject",
        "clip_truth": "pipelines.evaluation.data_metrics:ClipTruth",
    },
)

# Scores of other programs, which give no rows.
REFERENCE_SCORERS = Registry("reference scorer", {"coco": "pipelines.evaluation.coco_scorer:CocoScorer"})

CAPTION_REGISTRIES = (DATA_METRICS, METRICS)
REGISTRIES = (*CAPTION_REGISTRIES, ANSWER_METRICS, LABEL_METRICS, REFERENCE_SCORERS)


def metric_classes(registries: Sequence[Registry] = REGISTRIES) -> dict[str, type[Metric]]:
    """Name -> class of every metric."""
    return {name: registry.get(name) for registry in registries for name in registry.names()}


def scores_of(names: Iterable[str] | None = None, at_least: Prominence = Prominence.DETAIL) -> Iterator[Score]:
    """The registered scores, in the order of the registries, details last.

    Args:
        names: only these; all by default.
        at_least: only scores of this prominence, or a higher one.
    """
    scores = [score for metric in metric_classes().values() for score in metric.scores]
    wanted = None if names is None else set(names)
    scores = [score for score in scores if score.prominence >= at_least and (wanted is None or score.name in wanted)]
    yield from sorted(scores, key=lambda score: score.prominence == Prominence.DETAIL)


def score_texts(scores: Mapping[str, object], at_least: Prominence = Prominence.DETAIL) -> list[str]:
    """Scores with their labels, in the one notation that lines, tables and reports have for each.

    >>> score_texts({"bleu_4": 0.8645, "brevity_penalty": 0.9, "seconds": 12})
    ['BLEU-4 86.5', 'Brevity penalty 0.900']
    """
    return [f"{score.label} {score.text(scores[score.name])}" for score in scores_of(scores, at_least)]


def selection_metric(name: str, registries: Sequence[Registry] = CAPTION_REGISTRIES) -> type[Metric]:
    """The metric whose score `name` is to choose the best epoch.

    Raises:
        UserError: no metric has a score of this name that can be too low or too high.
    """
    choices = {
        score.name: metric
        for metric in metric_classes(registries).values()
        for score in metric.scores
        if score.higher_is_better is not None
    }
    if name not in choices:
        raise UserError(f"There is no score called {name!r} to choose by.{alternatives(name, choices)}")
    return choices[name]


def check_selection(name: str, registries: Sequence[Registry]) -> str:
    """`name`, if a metric of these registries has a score of this name to choose by; see `selection_metric`."""
    selection_metric(name, registries)
    return name


@dataclass(frozen=True)
class CheckedCaptions:
    """What the metrics of a data set say of captions.

    metrics: name -> metric and rows of the captions.
    false_statements: id of an image -> what its caption says that is not so; empty where nobody knows.
    """

    metrics: dict[str, tuple[DataMetric, np.ndarray]] = field(default_factory=dict)
    false_statements: dict[str, tuple[FalseStatement, ...]] = field(default_factory=dict)

    def per_caption(self) -> dict[str, np.ndarray]:
        """Score -> its value of each caption, for scores that say something of one caption alone."""
        pairs = self.metrics.values()
        return {name: values for metric, rows in pairs for name, values in metric.per_item(rows).items()}


def data_metrics(dataset: DataSet, split: str, captions: Mapping[str, str]) -> CheckedCaptions:
    """The rows of captions (id of an image -> caption), for each metric of this data set.

    Raises:
        UserError: there is a caption for an image that the data set says nothing of.
    """
    metrics = metric_classes([DATA_METRICS]).items()
    metrics = {name: metric() for name, metric in metrics if metric.applies(dataset, split)}
    if not metrics:
        return CheckedCaptions()
    contents = next(iter(metrics.values())).drawing.read_contents(dataset.root)  # all are of this data set
    for image in captions:
        if image not in contents:
            raise UserError(f"There is a caption for {image!r}, but it is not known what the image shows.")
    shown = [contents[image] for image in captions]
    return CheckedCaptions(
        {name: (metric, metric.rows(list(captions.values()), shown)) for name, metric in metrics.items()},
        {
            image: statements
            for metric in metrics.values()
            for image, caption in captions.items()
            if (statements := metric.false_statements(caption, contents[image])) is not None
        },
    )


def score_split(
    dataset: DataSet, examples, predictions: Mapping[str, str], tokenizer: str = "ptb", select_by: str = "bleu_4"
) -> ScoreReport:
    """Scores predictions (id of an image -> caption) against the references of their examples with the fast metrics.

    For synthetic scenes and clips the report also has the scores of how true the captions are.

    Args:
        select_by: a score that is wanted, of whatever metric.
    """
    references = {example.id: example.captions for example in examples if example.captions}
    captions = {image: caption for image, caption in predictions.items() if image in references}
    report = score_captions(captions, references, tokenizer)
    for metric, rows in data_metrics(dataset, examples[0].split, predictions).metrics.values():
        report.scores.update(metric.combine(rows))
    for name, metric in metric_classes([METRICS]).items():
        if name not in report.metrics and any(score.name == select_by for score in metric.scores):
            report.scores.update(score_captions(captions, references, tokenizer, [name]).scores)
    return report
