"""Where a model looked before it answered; and for one that does not look at places, what its answer hangs on."""

from collections.abc import Sequence

import numpy as np

from pipelines.evaluation.results import DECISIVE, INDECISIVE, AttentionMaps
from pipelines.inference.occlusion import GRID, occlusion_maps

_NOISE = 0.01  # a smaller drop of the probability says nothing


def attends(model) -> bool:
    """Whether a `VisualQA` weighs several places of the image."""
    return model.attention_axis is not None and model.encoder.grid is not None and min(model.encoder.grid) > 1


def maps_by_attention(
    model, features: np.ndarray, questions: Sequence[str], images: Sequence[int]
) -> list[AttentionMaps]:
    """Where a model that attends looked.

    Args:
        model: a `VisualQA` with attention.
        features: `(N, ...)`, as it takes them.
        questions: M of them.
        images: for each question its row of `features`.
    """
    weights = np.asarray(model.attention_maps(features, questions, images=images), np.float32)
    found = []
    for question, maps in zip(questions, weights, strict=True):
        labels = tuple(model.question_words(question)) if model.attention_axis == "words" else _hops(len(maps))
        found.append(AttentionMaps(labels, maps[: len(labels)], model.encoder.grid))
    return found


def _hops(number: int) -> tuple[str, ...]:
    return tuple(f"hop {hop}" for hop in range(1, number + 1))


def maps_by_occlusion(
    model,
    pixels: np.ndarray,
    questions: Sequence[str],
    found: Sequence[Sequence],
    choices: Sequence[Sequence[str] | None] | None = None,
    batch_size: int = 16,
) -> list[AttentionMaps]:
    """What the answers to some questions about one image hang on; see `pipelines.inference.occlusion`.

    Args:
        model: a `VisualQA`.
        pixels: uint8 `(H, W, 3)`.
        questions: about this image.
        found: the answers to each.
        choices: for each question its choices, or None.
    """
    maps = occlusion_maps(model, pixels, questions, found, choices=choices, batch_size=batch_size)
    return [
        AttentionMaps((DECISIVE,), one[None], GRID)
        if one.max() >= _NOISE
        else AttentionMaps((INDECISIVE,), 0 * one[None], GRID)
        for one in maps
    ]
