"""Scores of captions against references, from words. Loads without Keras."""

from captioner.registry import Registry

METRICS = Registry(
    "metric",
    {
        "bleu": "captioner.metrics.bleu:Bleu",
        "rouge_l": "captioner.metrics.rouge:RougeL",
        "cider_d": "captioner.metrics.cider:CiderD",
        "cider": "captioner.metrics.cider:Cider",
        "diversity": "captioner.metrics.diversity:Diversity",
    },
)
