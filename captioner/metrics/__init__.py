"""Scores of captions against references and of answers against what people answered. Loads without Keras."""

from captioner.registry import Registry

METRICS = Registry(
    "metric",
    {
        "bleu": "captioner.metrics.bleu:Bleu",
        "rouge_l": "captioner.metrics.rouge:RougeL",
        "cider_d": "captioner.metrics.cider:CiderD",
        "cider": "captioner.metrics.cider:Cider",
        "meteor_wordnet": "captioner.metrics.meteor:MeteorWordNet",
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
