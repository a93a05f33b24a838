"""Captions against references: from two tables of strings to scores."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from captioner.arguments import checked_text, checked_texts
from captioner.errors import UserError
from captioner.metrics import METRICS, available_metrics
from captioner.metrics.base import Metric, MetricUnavailable
from captioner.metrics.ngrams import References
from captioner.text.tokenizers import get_tokenizer


@dataclass(frozen=True)
class ScoreReport:
    """The scores of a set of captions.

    Attributes:
        scores: name -> score of the whole set.
        per_caption: id -> {name: value}: "words", and what each metric says of one caption alone.
        tokenizer: name of the tokenizer that made words of predictions and references.
        images: the number of images.
        references: the number of references of all images.
        rows: metric -> its rows `(images, F)`, in the order of `per_caption`.
        metrics: metric -> the object that made the rows; `metrics[name].combine(rows[name][some])` gives the scores of
            some images, as a bootstrap needs.
        notes: a sentence for each metric that was left out.
    """

    scores: dict[str, float]
    per_caption: dict[str, dict[str, float]]
    tokenizer: str
    images: int
    references: int
    rows: dict[str, np.ndarray] = field(repr=False)
    metrics: dict[str, Metric] = field(repr=False)
    notes: tuple[str, ...] = ()


def score_captions(
    predictions: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    tokenizer: str = "ptb",
    metrics: Sequence[str] | str = "fast",
    training_captions: Iterable[str] | None = None,
) -> ScoreReport:
    """Scores one caption an image against the references of that image.

    Args:
        predictions: id of an image -> its caption.
        references: id of an image -> its references, at least one. Images without a prediction are left out.
        tokenizer: a name in `TOKENIZERS`; `ptb` for numbers that compare with published ones.
        metrics: names in `METRICS`, or one of them; or "all" that are available here, or those of them that are "fast".
        training_captions: what the model was trained on, if the share of novel captions is wanted.

    Raises:
        UserError: nothing to score, an image without references, what is no text, or an unknown metric or tokenizer.

    >>> report = score_captions({"1.jpg": "A dog runs."}, {"1.jpg": ["a dog runs", "a dog is running"]})
    >>> round(report.scores["bleu_1"], 4), report.per_caption["1.jpg"]["words"]
    (1.0, 3)
    """
    for name, table in {"predictions": predictions, "references": references}.items():
        if not isinstance(table, Mapping):
            raise UserError(f"`{name}` is a dictionary by id; received {type(table).__name__}.")
    if not predictions:
        raise UserError("There are no captions to score.")
    for image, caption in predictions.items():
        checked_text(f"predictions[{image!r}]", caption)
        known = references.get(image)
        if known is not None:
            checked_texts(f"references[{image!r}]", known)
        if not known:
            raise UserError(
                f"Image {image!r} has a caption but no reference, and cannot be scored. Check that both name "
                f"images alike; the references have, for instance, {next(iter(references), None)!r}."
            )
    tokenize = get_tokenizer(tokenizer).tokenize
    predicted = [tokenize(caption) for caption in predictions.values()]
    expected = [[tokenize(caption) for caption in references[image]] for image in predictions]
    training = None
    if training_captions is not None:
        training = [tokenize(caption) for caption in checked_texts("training_captions", training_captions)]
    scores: dict[str, float] = {}
    columns: dict[str, Sequence[float]] = {"words": [len(words) for words in predicted]}
    counted = References(expected)
    texts, text_references = list(predictions.values()), [references[image] for image in predictions]
    if isinstance(metrics, str) and metrics not in ("fast", "all"):
        metrics = [metrics]
    if isinstance(metrics, str):
        names = [name for name in METRICS.names() if metrics == "all" or METRICS.get(name).in_training]
        ready, notes = available_metrics(METRICS, names, counted, training)
    else:
        ready, notes = {name: METRICS.get(name).for_corpus(counted, training) for name in metrics}, []
    rows = {}
    for name, metric in list(ready.items()):
        try:
            rows[name] = metric.rows(texts, text_references) if metric.of_texts else metric.rows(predicted, counted)
        except MetricUnavailable as error:
            if not isinstance(metrics, str):
                raise
            notes.append(error.note)
            del ready[name]
            continue
        scores |= metric.combine(rows[name])
        columns |= {column: values.tolist() for column, values in metric.per_item(rows[name]).items()}
    table = zip(predictions, zip(*columns.values(), strict=True), strict=True)
    return ScoreReport(
        scores=scores,
        per_caption={image: dict(zip(columns, values, strict=True)) for image, values in table},
        tokenizer=tokenizer,
        images=len(predicted),
        references=sum(map(len, expected)),
        rows=rows,
        metrics=ready,
        notes=tuple(notes),
    )
