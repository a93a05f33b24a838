"""What every metric is: the scores that it registers, rows of numbers, and how rows make scores.

A metric is one file and one line in a registry of `captioner.metrics` (or of `pipelines.evaluation.metrics`).
Everything else, from bootstrap intervals to the charts of a report, knows it only through what its class says here.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from captioner.errors import UserError
from captioner.metrics.ngrams import References, Words


class Prominence(enum.IntEnum):
    """Where a score is shown; each place shows what is more prominent as well."""

    DETAIL = 0  # in the full list of a report only
    PLAIN = 1  # in comparisons
    HEADLINE = 2  # on the tiles of a report, in curves, and on the terminal during training
    MAIN = 3  # in narrow tables of several models: the one number of its metric


@dataclass(frozen=True)
class Score:
    """A score that a metric computes, and how it is shown.

    Attributes:
        name: as in `Metric.combine`, unique among all metrics of captions and answers.
        label: in reports.
        heading: the short one, of a column in the table of several models; without one it is not in that table.
        legend: what the heading stands for.
        prominence: where it is shown.
        factor, digits: it is printed multiplied by `factor`, with so many decimals.
        higher_is_better: None where neither direction is better.
        interval: whether a bootstrap interval makes sense: not for counts of words, and not for diversity, because an
            item that is sampled twice is no repetition.
        per_item: whether it says something of one caption or answer alone.
    """

    name: str
    label: str
    heading: str = ""
    legend: str = ""
    prominence: Prominence = Prominence.PLAIN
    factor: float = 100
    digits: int = 1
    higher_is_better: bool | None = True
    interval: bool = True
    per_item: bool = False

    def text(self, value: float, sign: str = "") -> str:
        """A value as it is printed; `sign`: "+" for differences.

        >>> Score("bleu_4", "BLEU-4").text(0.2123), Score("bleu_4", "BLEU-4").text(0.012, "+")
        ('21.2', '+1.2')
        """
        return f"{self.factor * value:{sign}.{self.digits}f}"

    def text_of(self, scores: Mapping[str, float]) -> str:
        """Its value among scores by name as it is printed; empty where it is not among them."""
        return self.text(scores[self.name]) if self.name in scores else ""

    def interval_text(self, intervals: Mapping[str, Sequence[float]], between: str = " to ") -> str:
        """Its interval among intervals by name as it is printed; empty where it is not among them."""
        return between.join(map(self.text, intervals[self.name])) if self.name in intervals else ""


class MetricUnavailable(UserError):
    """A metric that cannot be computed here.

    Attributes:
        note: the sentence for the reader of a report that has the other metrics; empty where nobody misses this one.
    """

    def __init__(self, metric: str, reason: str, silent: bool = False):
        super().__init__(f"{metric} cannot be computed. {reason}")
        self.note = "" if silent else f"{metric} is left out. {reason}"


class Metric:
    """Rows of numbers, one an item (a caption or an answer), and the scores of any set of rows.

    Values of single items, scores of groups, and intervals by resampling rows (bootstrap) follow from these. References
    are compared as they are: nothing maps them to `<unk>`, so that a `<unk>` in a prediction matches nothing.

    A subclass sets `scores` and writes `rows`. By default each column of the rows is a score, and the score of a set is
    its mean; a score of another kind overrides `combine` and `per_item`. Rows are stored with an evaluation, so that
    `combine` needs nothing but the rows, unless none of the scores has an interval.

    Attributes:
        scores: what it computes, in the order in which it is shown.
        in_training: whether it is fast enough to be computed after each epoch.
        of_texts: whether it compares captions as they are written, with words of its own, and takes them as strings.
    """

    scores: tuple[Score, ...]
    in_training: bool = True
    of_texts: bool = False

    @classmethod
    def for_corpus(cls, references: Sequence, training: Iterable[Words] | None = None) -> "Metric":
        """The metric for a corpus.

        Args:
            references: the `References` of captions, or the people's answers to each question.
            training: the words of the training captions, if they are at hand.

        Raises:
            MetricUnavailable: it cannot be computed for this corpus, or on this machine.
        """
        return cls()

    def rows(self, predictions: Sequence, references, images=None) -> np.ndarray:
        """Rows `(N, F)`, float64, of predictions for the images numbered `images` (None: 0, 1, ...)."""
        raise NotImplementedError(f"{type(self).__name__} does not define `rows`.")

    def statistics(self, prediction: Words, references: Sequence[Words]) -> np.ndarray:
        """The row `(F,)` of one caption against the references of its image."""
        return self.rows([prediction], References([references]))[0]

    @classmethod
    def combine(cls, rows: np.ndarray) -> dict[str, float]:
        """The scores of the items whose rows `(N, F)` these are.

        Raises:
            ValueError: there are none.
        """
        if not len(rows):
            raise ValueError("There is nothing to score: no rows.")
        return {score.name: float(np.mean(column)) for score, column in zip(cls.scores, rows.T, strict=True)}

    @classmethod
    def per_item(cls, rows: np.ndarray) -> dict[str, np.ndarray]:
        """For each score that says something of one item alone: its values `(N,)`."""
        columns = zip(cls.scores, rows.T, strict=False)
        return {score.name: column for score, column in columns if score.per_item}

    @classmethod
    def selection_value(cls, name: str, scores: dict[str, float]) -> float:
        """What chooses between two models by the score `name`: the larger value wins."""
        score = next(score for score in cls.scores if score.name == name)
        return -scores[name] if score.higher_is_better is False else scores[name]


class ItemMetric(Metric):
    """A metric whose rows are made one by one, such as those of answers; each column is a score between 0 and 1.

    A subclass sets `scores` and writes `statistics`.
    """

    def statistics(self, prediction, references: Sequence):
        """The row `(F,)` of a caption against the references of its image, or of an answer against people's answers.

        Args:
            prediction: the words of a caption, or an answer as text.
            references: one at least, of the same kind.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `statistics`.")

    def rows(self, predictions, references, images=None):
        numbers = image_numbers(predictions, references, images).tolist()
        rows = [self.statistics(*pair) for pair in zip(predictions, map(references.__getitem__, numbers), strict=True)]
        return np.array(rows, dtype=np.float64).reshape(-1, len(self.scores))


def image_numbers(predictions: Sequence, references: Sequence, images=None) -> np.ndarray:
    """`images` as an array `(N,)`, checked against what there is.

    Raises:
        ValueError: not one image number a prediction, or a number that no image has.
    """
    numbers = np.arange(len(references)) if images is None else np.asarray(images, dtype=np.int64)
    if numbers.shape != (len(predictions),):
        raise ValueError(
            f"Expected an image for each of {len(predictions)} predictions, received {numbers.shape[0]} of "
            f"{len(references)} images. Without `images` there is one prediction an image."
        )
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(references):
        raise ValueError(f"Image numbers are 0 to {len(references) - 1}, received {numbers.min()}..{numbers.max()}.")
    return numbers
