"""Captions against references: from two tables of strings to scores."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from captioner.errors import UserError
from captioner.metrics import METRICS
from captioner.metrics.base import Metric
from captioner.text.tokenisers import get_tokeniser


@dataclass(frozen=True)
class ScoreReport:
    """The scores of a set of captions.

    Attributes:
        scores: name -> score of the whole set.
        per_caption: id -> {name: value}; "words", and what each metric says of one caption alone.
        tokeniser: name of the tokeniser that made words of predictions and references.
        images: the number of images.
        references: the number of references of all images.
        rows: metric -> rows `(images, F)` in the order of `per_caption`; `measures[name].combine(rows[some])` gives
            the scores of some of them, as a bootstrap needs.
        measures: metric -> the metric that made the rows.
    """

    scores: dict[str, float]
    per_caption: dict[str, dict[str, float]]
    tokeniser: str
    images: int
    references: int
    rows: dict[str, np.ndarray] = field(repr=False)
    measures: dict[str, Metric] = field(repr=False)


def score_captions(
    predictions: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    tokeniser: str = "ptb",
    metrics: Sequence[str] = ("bleu", "rouge_l", "cider_d", "diversity"),
    training_captions: Iterable[str] | None = None,
) -> ScoreReport:
    """Scores one caption an image against the references of that image.

    Args:
        predictions: id of an image -> its caption.
        references: id of an image -> its references, at least one. Every image in `predictions` must be here; images
            without a prediction are left out of the scores, as they are in the COCO scorer.
        tokeniser: a name in `TOKENISERS`; `ptb` for numbers that compare with published ones.
        metrics: names in `METRICS`.
        training_captions: the captions that the model was trained on, if the share of novel captions is wanted.

    Raises:
        UserError: nothing to score, or an image without references.

    >>> report = score_captions({"1.jpg": "A dog runs."}, {"1.jpg": ["a dog runs", "a dog is running"]})
    >>> round(report.scores["bleu_1"], 4), report.per_caption["1.jpg"]["words"]
    (1.0, 3)
    """
    if not predictions:
        raise UserError("There are no captions to score.")
    for image in predictions:
        known = references.get(image)
        if isinstance(known, str):
            raise TypeError(f"The references of {image!r} are one string; expected a sequence of strings.")
        if not known:
            raise UserError(
                f"Image {image!r} has a caption but no reference, so it cannot be scored. Check that predictions and "
                f"references name their images alike (references has, for instance, {next(iter(references), None)!r})."
            )
    tokenise = get_tokeniser(tokeniser).tokenise
    predicted = [tokenise(caption) for caption in predictions.values()]
    expected = [[tokenise(caption) for caption in references[image]] for image in predictions]
    training = None if training_captions is None else [tokenise(caption) for caption in training_captions]

    scores: dict[str, float] = {}
    columns: dict[str, Sequence[float]] = {"words": [len(words) for words in predicted]}
    measures = {name: METRICS.get(name).for_corpus(expected, training) for name in metrics}
    rows = {}
    for name, metric in measures.items():
        pairs = zip(predicted, expected, strict=True)
        rows[name] = np.array([metric.statistics(words, of_image) for words, of_image in pairs])
        scores |= metric.combine(rows[name])
        columns |= {column: values.tolist() for column, values in metric.per_caption(rows[name]).items()}
    values = zip(*columns.values(), strict=True)
    return ScoreReport(
        scores=scores,
        per_caption={image: dict(zip(columns, of_image, strict=True)) for image, of_image in zip(predictions, values, strict=True)},
        tokeniser=tokeniser,
        images=len(predicted),
        references=sum(map(len, expected)),
        rows=rows,
        measures=measures,
    )
