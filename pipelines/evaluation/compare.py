"""Several evaluations side by side, and whether they differ by more than chance."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from captioner.errors import UserError
from captioner.metrics.base import Prominence, Score
from pipelines.evaluation.bootstrap import Difference, Resampled, holm, resample, resamples_for
from pipelines.evaluation.evaluated import Evaluated
from pipelines.evaluation.metrics import metric_classes, scores_of
from pipelines.evaluation.results import METRICS, STATISTICS

if TYPE_CHECKING:
    import pandas as pd

SAME_IMAGES = ("data set", "references", "split")
MUST_AGREE = ("data set", "references", "split", "images", "references an image", "tokenizer")


def comparison(evaluations: Sequence[Evaluated], names: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """A table, one row a score: `(head, rows)`; scores x 100, with their intervals.

    Args:
        names: of the evaluations, for the head.
    """
    known = {name for evaluation in evaluations for name in evaluation.scores}
    scores = scores_of(known, Prominence.PLAIN)
    rows = [[score.label, *(_cell(evaluation, score) for evaluation in evaluations)] for score in scores]
    return ["score", *names], rows


def disagreements(evaluations: Sequence[Evaluated]) -> list[str]:
    """In what the evaluations differ that makes their scores hard to compare."""
    # Where the items are known it was checked that they and their references are the same, whatever they are called.
    facts = MUST_AGREE if any(not evaluation.images for evaluation in evaluations) else ("tokenizer",)
    return [
        f"{name}: {', '.join(str(evaluation.evaluated.get(name, '?')) for evaluation in evaluations)}"
        for name in facts
        if len({str(evaluation.evaluated.get(name)) for evaluation in evaluations}) > 1
    ]


def common_items(evaluations: Sequence[Evaluated]) -> list[str]:
    """The images (or questions) that all of these evaluations have, in the order of the first.

    Raises:
        UserError: there are none, their references differ, or it is not known which they are.
    """
    for evaluation in evaluations:
        if not evaluation.images:
            raise UserError(no_items(evaluation))
    first, *others = evaluations
    shared = [dict(zip(other.images, other.references.tolist(), strict=True)) for other in others]
    known = list(zip(first.images, first.references.tolist(), strict=True))
    known = [(image, digest) for image, digest in known if all(image in digests for digests in shared)]
    if not known:
        raise UserError(
            f"{_listed(evaluations)} have none of their {first.counted} in common: they cannot be compared. Score them "
            "on the same ones, or give the files of captions with --references."
        )
    for other, digests in zip(others, shared, strict=True):
        if any(digest != digests[image] for image, digest in known):
            raise UserError(
                f"{first.name} and {other.name} were scored against other references: they cannot be compared. Score "
                "both against the same."
            )
    return [image for image, _ in known]


def no_items(evaluation: Evaluated) -> str:
    """The sentence on an evaluation of which the items are not known."""
    return (
        f"{evaluation.name} cannot be compared image by image: there is no {STATISTICS} beside its {METRICS}. Evaluate "
        "it again."
    )


def grouped(evaluations: Sequence[Evaluated]) -> tuple[list[list[Evaluated]], list[str]]:
    """`(groups, sentences)`: what can be compared with one another, in the order in which it came, and why not more."""
    groups: list[list[Evaluated]] = []
    sentences = []
    for evaluation in evaluations:
        reasons = []
        for group in groups:
            if reason := _reason_against([*group, evaluation]):
                reasons.append(reason)
            else:
                group.append(evaluation)
                break
        else:
            groups.append([evaluation])
            sentences += reasons[:1]
    return groups, sentences


def _reason_against(evaluations: Sequence[Evaluated]) -> str:
    """Why these do not belong together; empty where they do."""
    if any(not evaluation.images for evaluation in evaluations):  # nothing but what they say of themselves is known
        facts = {tuple(str(evaluation.evaluated.get(name)) for name in SAME_IMAGES) for evaluation in evaluations}
        return f"{_listed(evaluations)} are of different data: they cannot be compared." if len(facts) > 1 else ""
    try:
        common_items(evaluations)
    except UserError as error:
        return str(error)
    return ""


def _listed(evaluations: Sequence[Evaluated]) -> str:
    *names, last = (evaluation.name for evaluation in evaluations)
    return f"{', '.join(names)} and {last}"


@dataclass(frozen=True)
class Comparison:
    """Two evaluations, image by image.

    first, second: their names. images: how many both have. left_out: how many only one of them has.
    differences: score -> second minus first. counted: what they are, "images" or "questions".
    """

    first: str
    second: str
    images: int
    left_out: int
    differences: dict[str, Difference]
    counted: str = "images"

    def to_frame(self) -> "pd.DataFrame":
        """The differences as a pandas table, one a row: `difference`, `low`, `high`, `p` and `adjusted_p`."""
        import pandas as pd

        rows = [astuple(difference) for difference in self.differences.values()]
        columns = ["difference", "low", "high", "p", "adjusted_p"]
        return pd.DataFrame(rows, index=list(self.differences), columns=columns)

    def rows(self) -> list[list[str]]:
        """A table, one row a score: difference and interval (x 100), corrected p-value, and what that means.

        The last two are empty where nothing is tested.
        """
        return [
            [score.label, score.text(difference.value, "+"),
             f"{score.text(difference.low, '+')} to {score.text(difference.high, '+')}",
             p_text(difference.adjusted_p), verdict(difference)]
            for score in scores_of(self.differences)
            for difference in [self.differences[score.name]]
        ]  # fmt: skip


@dataclass(frozen=True)
class GroupComparison:
    """Several evaluations of the same images, each with each other.

    evaluations: of the images that all of them have. images: how many those are. left_out: how many not all have.
    pairs: each of the evaluations with each one after it. tests: how many of their differences were tested together.
    resamples: how often the images were sampled.
    """

    evaluations: tuple[Evaluated, ...]
    images: int
    left_out: int
    pairs: tuple[Comparison, ...]
    tests: int
    resamples: int

    @property
    def counted(self) -> str:
        return self.evaluations[0].counted


def compare_all(evaluations: Sequence[Evaluated], resamples: int | None = None) -> GroupComparison:
    """Whether evaluations of the same images differ: paired bootstrap, each with each other.

    What is tested is the main score of each metric, in each pair; their p-values are corrected together by Holm's
    method. Other scores have differences with intervals.

    Args:
        evaluations: two at least.
        resamples: how often the images are sampled; by default as often as so many tests need.

    Raises:
        UserError: they have no image in common, or their references differ, so that nothing can be said.
    """
    images = common_items(evaluations)
    left_out = len(set().union(*(evaluation.images for evaluation in evaluations))) - len(images)
    rows = [_rows_of(evaluation, images) for evaluation in evaluations]
    main = {score.name for score in scores_of(at_least=Prominence.MAIN) if score.interval}
    pairs = [(first, second) for second in range(len(rows)) for first in range(second)]
    if resamples is None:
        metrics = metric_classes()
        in_common = [name for first, second in pairs for name in rows[first].keys() & rows[second].keys()]
        tested = [score for name in in_common if name in metrics for score in metrics[name].scores]
        resamples = resamples_for(sum(score.name in main for score in tested))
    resampled = [
        {name: resample(metric, own[name], resamples) for name, metric in metric_classes().items() if name in own}
        for own in rows
    ]
    compared: dict[tuple[int, int], dict[str, Difference]] = {}
    for first, second in pairs:
        differences: dict[str, Difference] = {}
        for name in resampled[first].keys() & resampled[second].keys():
            differences |= resampled[second][name].minus(resampled[first][name])
        names = [score.name for score in scores_of(differences, Prominence.PLAIN)]
        compared[first, second] = {name: differences[name] for name in names}
    tests = [(pair, name) for pair, differences in compared.items() for name in differences if name in main]
    for (pair, name), p in zip(tests, holm([compared[pair][name].p for pair, name in tests]), strict=True):
        compared[pair][name] = compared[pair][name].adjusted(p)
    names = [evaluation.name for evaluation in evaluations]
    return GroupComparison(
        tuple(
            _restricted(evaluation, images, own, samples) if left_out else evaluation
            for evaluation, own, samples in zip(evaluations, rows, resampled, strict=True)
        ),
        len(images),
        left_out,
        tuple(
            Comparison(names[first], names[second], len(images), left_out, differences, evaluations[0].counted)
            for (first, second), differences in compared.items()
        ),
        len(tests),
        resamples,
    )


def _rows_of(evaluation: Evaluated, images: Sequence[str]) -> dict[str, np.ndarray]:
    position = {image: number for number, image in enumerate(evaluation.images)}
    chosen = [position[image] for image in images]
    return {name: values[chosen] for name, values in evaluation.rows.items()}


def _restricted(
    evaluation: Evaluated, images: Sequence[str], rows: dict[str, np.ndarray], resampled: dict[str, Resampled]
) -> Evaluated:
    """The evaluation of these images, whose rows are given: others count neither in its scores nor in its intervals."""
    digests = dict(zip(evaluation.images, evaluation.references.tolist(), strict=True))
    return replace(
        evaluation,
        scores={name: value for one in resampled.values() for name, value in one.scores.items()},
        intervals={name: list(bounds) for one in resampled.values() for name, bounds in one.intervals().items()},
        images=tuple(images),
        references=np.array([digests[image] for image in images], np.uint64),
        rows=rows,
    )


def verdict(difference: Difference) -> str:
    """What a test says: "higher", "lower", "not shown" to differ; nothing where none was made."""
    if not difference.tested:
        return ""
    if not difference.significant:
        return "not shown"
    return "higher" if difference.value > 0 else "lower"


def p_text(value: float | None) -> str:
    """
    >>> p_text(0.0004), p_text(0.0312), p_text(None)
    ('< 0.001', '0.031', '')
    """
    return "" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _cell(evaluation: Evaluated, score: Score) -> str:
    text, interval = score.text_of(evaluation.scores), score.interval_text(evaluation.intervals)
    return f"{text} ({interval})" if text and interval else text
