"""Occlusion maps of answers: a grey patch slides over the image, and the map shows how much less probable the answer
becomes.

    drop[p] = max(0, P(answer | image) - P(answer | image with a patch over position p))

Only answers are needed, so it also explains models without attention.

Source: [Zeiler & Fergus, 2014](https://arxiv.org/abs/1311.2901), section 4.2.
"""

from collections.abc import Sequence

import numpy as np

from captioner.images.decode import normalise

GRID = (7, 7)
_GREY = 128
_REACH = 0.5  # of a position's width, beyond it on each side: patches overlap, so that each object is hidden whole


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
        top=max(len(model.answers or ()), *(len(one or ()) for one in several), 1),
        choices=[one for one in several for _ in range(len(images))],
        batch_size=batch_size,
    )
    texts = [ranked[0].text for ranked in answers for _ in range(len(images))]
    probabilities = np.array([_probability(*one) for one in zip(again, texts, strict=True)], np.float32)
    probabilities = probabilities.reshape(len(questions), len(images))
    return np.maximum(0, probabilities[:, :1] - probabilities[:, 1:])


def _probability(answers: Sequence, text: str) -> float:
    return next((answer.probability for answer in answers if answer.text == text), 0.0)
