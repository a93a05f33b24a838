"""Fusions: a question's vector and the memory of an image become one vector, from which the answer is read.

A new one is one class derived from `captioner.fusions.base:Fusion` and one line here.
"""

from captioner.registry import Registry

FUSIONS = Registry(
    "fusion",
    {
        "product": "captioner.fusions.product:ProductFusion",
        "stacked": "captioner.fusions.stacked:StackedAttention",
        "heads": "captioner.fusions.heads:HeadedAttention",
        "film": "captioner.fusions.film:ConditionedGrid",
        "question": "captioner.fusions.single:QuestionAlone",
        "image": "captioner.fusions.single:ImageAlone",
    },
)
