"""What every metric does."""

from collections.abc import Iterable, Sequence

import numpy as np

from captioner.metrics.ngrams import References, Words


class Metric:
    """A metric makes a row of numbers from each caption, and scores from any set of rows.

    So values of one caption, and intervals by drawing rows again (bootstrap), come free. References are words
    as they are: nothing maps them to `<unk>`, so that a `<unk>` in a prediction matches nothing.

    A subclass writes `rows`, `combine` and, where a score says something of one caption alone, `per_caption`.
    """

    @classmethod
    def for_corpus(cls, references: References, training: Iterable[Words] | None = None) -> "Metric":
        """The metric made ready for a corpus; `training`: the words of the training captions, if at hand."""
        return cls()

    def rows(self, predictions: Sequence[Words], references: References, images=None) -> np.ndarray:
        """Rows `(N, F)`, float64, of predictions for the images numbered `images` (None: 0, 1, ...)."""
        raise NotImplementedError(f"{type(self).__name__} does not define `rows`.")

    def statistics(self, prediction: Words, references: Sequence[Words]) -> np.ndarray:
        """The row `(F,)` of one caption against the references of its image."""
        return self.rows([prediction], References([references]))[0]

    def combine(self, rows: np.ndarray) -> dict[str, float]:
        """The scores of the captions whose rows `(N, F)` these are."""
        raise NotImplementedError(f"{type(self).__name__} does not define `combine`.")

    def per_caption(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """For each score that says something of one caption alone: its values `(N,)`."""
        return {}


def image_numbers(predictions: Sequence, references: References, images=None) -> np.ndarray:
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
