"""Scores of captions against references, of answers against what people answered, and of labels. Loads without Keras.

`captioner.metrics.base.Metric` says what a metric registers; adding one is one file and one line here.
"""

from collections.abc import Iterable

from captioner.registry import Registry

METRICS = Registry(
    "metric",
    {
        "bleu": "captioner.metrics.bleu:Bleu",
        "rouge_l": "captioner.metrics.rouge:RougeL",
        "cider_d": "captioner.metrics.cider:CiderD",
        "cider": "captioner.metrics.cider:Cider",
        "meteor": "captioner.metrics.meteor.metric:Meteor",
        "sacre_bleu": "captioner.metrics.sacre_bleu:SacreBleu",
        "novel_captions": "captioner.metrics.diversity:NovelCaptions",
        "diversity": "captioner.metrics.diversity:Diversity",
    },
)

ANSWER_METRICS = Registry(
    "metric of answers",
    {
        "exact_match": "captioner.metrics.exact_match:ExactMatch",
        "vqa_accuracy": "captioner.metrics.vqa_accuracy:VqaAccuracy",
        "wups": "captioner.metrics.wups:Wups",
    },
)

LABEL_METRICS = Registry("metric of labels", {"accuracy": "captioner.metrics.accuracy:LabelAccuracy"})


def available_metrics(registry: Registry, names: Iterable[str], references, training=None) -> tuple[dict, list[str]]:
    """`(name -> metric, sentences)`: the metrics that can be computed, and a sentence for each of the others.

    Args:
        registry: one of the above.
        names: of metrics in it.
        references, training: see `captioner.metrics.base.Metric.for_corpus`.
    """
    from captioner.metrics.base import MetricUnavailable

    metrics, notes = {}, []
    for name in names:
        try:
            metrics[name] = registry.get(name).for_corpus(references, training)
        except MetricUnavailable as error:
            notes += [error.note] if error.note else []
    return metrics, notes
