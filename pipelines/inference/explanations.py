"""Explanations of answers: attention maps, or occlusion maps for models without attention."""

from collections.abc import Sequence

import numpy as np

from pipelines.evaluation.results import DECISIVE, INDECISIVE, AttentionMaps
from pipelines.inference.occlusion import GRID, occlusion_maps

_NOISE = 0.01  # a smaller drop of the probability is noise


def attends(model) -> bool:
    """Whether a `VisualQA` has attention over several positions of the image."""
    return model.attention_axis is not None and model.encoder.grid is not None and min(model.encoder.grid) > 1


def maps_by_attention(
    model, features: np.ndarray, questions: Sequence[str], images: Sequence[int]
) -> list[AttentionMaps]:
    """The attention maps of a model.

    Args:
        model: a `VisualQA` with attention.
        features: `(N, ...)`, as it takes them.
        questions: M of them.
        images: for each question its row of `features`.
    """
    weights = np.asarray(model.attention_maps(features, questions, images=images), np.float32)
    explained = []
    for question, maps in zip(questions, weights, strict=True):
        labels = tuple(model.question_words(question)) if model.attention_axis == "words" else _hops(len(maps))
        explained.append(AttentionMaps(labels, maps[: len(labels)], model.encoder.grid))
    return explained


def _hops(number: int) -> tuple[str, ...]:
    return tuple(f"hop {hop}" for hop in range(1, number + 1))


def maps_by_occlusion(
    model,
    pixels: np.ndarray,
    questions: Sequence[str],
    answers: Sequence[Sequence],
    choices: Sequence[Sequence[str] | None] | None = None,
    batch_size: int = 16,
) -> list[AttentionMaps]:
    """The occlusion maps of answers to questions about one image; see `pipelines.inference.occlusion`.

    Args:
        model: a `VisualQA`.
        pixels: uint8 `(H, W, 3)`.
        questions: about this image.
        answers: to each, best first.
        choices: for each question its choices, or None.
    """
    maps = occlusion_maps(model, pixels, questions, answers, choices=choices, batch_size=batch_size)
    return [
        AttentionMaps((DECISIVE,), one[None], GRID)
        if one.max() >= _NOISE
        else AttentionMaps((INDECISIVE,), 0 * one[None], GRID)
        for one in maps
    ]
