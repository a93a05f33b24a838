"""What an answer hangs on: a grey patch is slid over the image, and where the answer becomes less probable, it hung on
what the patch hid.

    drop[p] = max(0, P(answer | image) - P(answer | image with a patch over place p))

It asks nothing of the network but answers, so it serves models that look at the image as a whole.

Source: [Zeiler & Fergus, 2014](https://arxiv.org/abs/1311.2901), section 4.2.
"""

from collections.abc import Sequence

import numpy as np

from captioner.images.decode import normalise

GRID = (7, 7)
_GREY = 128
_REACH = 0.5  # of a place's width, beyond it on each side: patches overlap, so that nothing is cut in two unseen


def occluded(pixels: np.ndarray, grid: tuple[int, int] = GRID) -> np.ndarray:
    """The image with a patch over each place.

    Args:
        pixels: uint8 `(H, W, 3)`.
        grid: `(h, w)`, how many places.

    Returns:
        uint8 `(h * w, H, W, 3)`.
    """
    height, width = pixels.shape[:2]
    images = np.repeat(pixels[None], grid[0] * grid[1], axis=0)
    for place in range(len(images)):
        row, column = divmod(place, grid[1])
        images[place][_span(row, grid[0], height), _span(column, grid[1], width)] = _GREY
    return images


def _span(number: int, count: int, length: int) -> slice:
    step = length / count
    return slice(max(0, round((number - _REACH) * step)), min(length, round((number + 1 + _REACH) * step)))


def occlusion_maps(
    model,
    pixels: np.ndarray,
    questions: Sequence[str],
    found: Sequence[Sequence],
    *,
    choices: Sequence[Sequence[str] | None] | None = None,
    grid: tuple[int, int] = GRID,
    batch_size: int = 16,
) -> np.ndarray:
    """How much each place of an image matters to the first answer to each question about it.

    Args:
        model: a `VisualQA`.
        pixels: uint8 `(H, W, 3)`, of the size that the model wants.
        questions: Q of them.
        found: the answers that the model gave to each, best first.
        choices: for each question its choices, or None where it is open.
        grid: `(h, w)`, how many places.
        batch_size: images at once.

    Returns:
        `(Q, h * w)`, the drops of the probability.
    """
    # The whole image comes first, so that both probabilities are come by in one way.
    images = normalise(np.concatenate([pixels[None], occluded(pixels, grid)]), model.encoder.spec)
    starts = range(0, len(images), batch_size)
    features = np.concatenate([model.encode(images[start : start + batch_size], batch_size) for start in starts])
    several = list(choices or [None] * len(questions))
    for number, answers in enumerate(found):
        if several[number] is None and model.answers is None and len(answers) > 1:
            several[number] = [answer.text for answer in answers]  # written answers: one against the others
    again = model.answer_features(
        features,
        [question for question in questions for _ in range(len(images))],
        images=list(range(len(images))) * len(questions),
        top=max(len(model.answers or ()), *(len(one or ()) for one in several), 1),
        choices=[one for one in several for _ in range(len(images))],
        batch_size=batch_size,
    )
    texts = [answers[0].text for answers in found for _ in range(len(images))]
    probabilities = np.array([_probability(*one) for one in zip(again, texts, strict=True)], np.float32)
    probabilities = probabilities.reshape(len(questions), len(images))
    return np.maximum(0, probabilities[:, :1] - probabilities[:, 1:])


def _probability(answers: Sequence, text: str) -> float:
    return next((answer.probability for answer in answers if answer.text == text), 0.0)
