"""Recurrent networks that look at pictures and write about them, on Keras.

The public names are resolved when they are first used, so that `captioner.text` and `captioner.metrics` load
without Keras.
"""

import importlib
from typing import Any

from captioner.backend import load_keras

__version__ = "0.2.0"

# Type checkers read these names from `__init__.pyi`.
_PUBLIC = {
    "Answer": "captioner.models.vqa.answers",
    "Caption": "captioner.models.captioning.captions",
    "Ensemble": "captioner.models.captioning.ensemble",
    "EncoderDecoder": "captioner.models.sequences.writers",
    "GenerationConfig": "captioner.settings",
    "ImageCaptioner": "captioner.models.captioning.image_captioner",
    "LanguageModel": "captioner.models.language.language_model",
    "ManyToManyInStep": "captioner.models.sequences.labels",
    "ManyToOne": "captioner.models.sequences.labels",
    "OneToMany": "captioner.models.sequences.writers",
    "OneToOne": "captioner.models.sequences.labels",
    "Registry": "captioner.registry",
    "SequenceModel": "captioner.models.sequences.model",
    "UserError": "captioner.errors",
    "VisualQA": "captioner.models.vqa.visual_qa",
    "Vocabulary": "captioner.text.vocabulary",
    "score_captions": "captioner.metrics.score",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'captioner' has no attribute {name!r}")
    if _PUBLIC[name].startswith("captioner.models."):
        load_keras()
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
