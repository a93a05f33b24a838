"""Explanations of answers: attention maps, or occlusion maps for models without attention.

For an occlusion map a grey patch slides over the image, and the map shows how much less probable the answer becomes.

    drop[p] = max(0, P(answer | image) - P(answer | image with a patch over position p))

Source: [Zeiler & Fergus, 2014](https://arxiv.org/abs/1311.2901), section 4.2.
"""

from collections.abc import Sequence

import numpy as np

from captioner.images.decode import normalise
from pipelines.evaluation.results import DECISIVE, INDECISIVE, AttentionMaps

GRID = (7, 7)
_GREY = 128
_REACH = 0.5  # of a position's width, beyond it on each side: patches overlap, so that each object is hidden whole
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
    if model.attention_axis == "words":
        labels = [tuple(model.question_words(question)) for question in questions]
    else:
        labels = [tuple(f"hop {number}" for number in range(1, weights.shape[1] + 1))] * len(questions)
    return [AttentionMaps(own, maps[: len(own)], model.encoder.grid) for own, maps in zip(labels, weights, strict=True)]


def maps_by_occlusion(
    model,
    pixels: np.ndarray,
    questions: Sequence[str],
    answers: Sequence[Sequence],
    choices: Sequence[Sequence[str] | None] | None = None,
    batch_size: int = 16,
) -> list[AttentionMaps]:
    """`occlusion_maps` of answers to questions about one image, with the same arguments; noise is left out of them."""
    maps = occlusion_maps(model, pixels, questions, answers, choices=choices, batch_size=batch_size)
    return [
        AttentionMaps((DECISIVE,), drops[None], GRID)
        if drops.max() >= _NOISE
        else AttentionMaps((INDECISIVE,), 0 * drops[None], GRID)
        for drops in maps
    ]


def occlusion_maps(
    model,
    pixels: np.ndarray,
    questions: Sequence[str],
    answers: Sequence[Sequence],
    *,
    choices: Sequence[Sequence[str] | None] | None = None,
    grid: tuple[int, int] = GRID,
    batch_size: int = 16,
) -> np.ndarray:
    """How much each position of an image matters to the first answer to each question about it.

    Args:
        model: a `VisualQA`.
        pixels: uint8 `(H, W, 3)`, of the size that the model wants.
        questions: Q of them.
        answers: those that the model gave to each, best first.
        choices: for each question its choices, or None where it is open.
        grid: `(h, w)`, the number of positions.
        batch_size: images at once.

    Returns:
        `(Q, h * w)`, the drops of the probability.
    """
    # The whole image comes first, so that both probabilities are computed in the same way.
    images = normalise(np.concatenate([pixels[None], occluded(pixels, grid)]), model.encoder.spec)
    starts = range(0, len(images), batch_size)
    features = np.concatenate([model.encode(images[start : start + batch_size], batch_size) for start in starts])
    several = list(choices or [None] * len(questions))
    for number, ranked in enumerate(answers):
        if several[number] is None and model.answers is None and len(ranked) > 1:
            several[number] = [answer.text for answer in ranked]  # written answers: one against the others
    again = model.answer_features(
        features,
        [question for question in questions for _ in range(len(images))],
        images=list(range(len(images))) * len(questions),
        top=max(len(model.answers or ()), *(len(offered or ()) for offered in several), 1),
        choices=[offered for offered in several for _ in range(len(images))],
        batch_size=batch_size,
    )
    texts = [ranked[0].text for ranked in answers for _ in range(len(images))]
    probabilities = np.array([_probability(*pair) for pair in zip(again, texts, strict=True)], np.float32)
    probabilities = probabilities.reshape(len(questions), len(images))
    return np.maximum(0, probabilities[:, :1] - probabilities[:, 1:])


def occluded(pixels: np.ndarray, grid: tuple[int, int] = GRID) -> np.ndarray:
    """The image with a patch over each position.

    Args:
        pixels: uint8 `(H, W, 3)`.
        grid: `(h, w)`, the number of positions.

    Returns:
        uint8 `(h * w, H, W, 3)`.
    """
    height, width = pixels.shape[:2]
    images = np.repeat(pixels[None], grid[0] * grid[1], axis=0)
    for position in range(len(images)):
        row, column = divmod(position, grid[1])
        images[position][_span(row, grid[0], height), _span(column, grid[1], width)] = _GREY
    return images


def _span(number: int, count: int, length: int) -> slice:
    step = length / count
    return slice(max(0, round((number - _REACH) * step)), min(length, round((number + 1 + _REACH) * step)))


def _probability(answers: Sequence, text: str) -> float:
    return next((answer.probability for answer in answers if answer.text == text), 0.0)
