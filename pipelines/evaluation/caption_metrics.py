"""Everything that is computed of captions and references: scores, 95 % intervals, and the rows behind both."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from captioner.errors import UserError
from captioner.metrics.score import ScoreReport, score_captions
from captioner.text.scripts import tokenizer_hint
from captioner.text.tokenizers import get_tokenizer
from pipelines.data.datasets.text import is_missing, truncate
from pipelines.data.examples import DataSet
from pipelines.evaluation.bootstrap import RESAMPLES, intervals
from pipelines.evaluation.metrics import CheckedCaptions, data_metrics
from pipelines.evaluation.results import FalseStatement

SCORERS = ("own", "coco")


@dataclass(frozen=True)
class MetricResults:
    """The scores of a set of captions.

    report: of the metrics that compare with references.
    per_caption: image -> {score: value}, what the metrics say of one caption alone.
    false_statements: image -> what its caption says that is not so; empty where nobody knows.
    scores: all scores by name.
    intervals: the 95 % interval of each score that has one.
    rows: metric -> `(images, F)`, in the order of `per_caption`, for metrics whose rows can be resampled.
    notes: sentences on what is missing, and on what a reader must know.
    """

    report: ScoreReport
    per_caption: dict[str, dict[str, float]]
    false_statements: dict[str, tuple[FalseStatement, ...]]
    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    rows: dict[str, np.ndarray] = field(repr=False)
    notes: tuple[str, ...] = ()

    def facts(self, references: Iterable[Sequence[str]]) -> dict[str, object]:
        """How the scores were computed: what every report states."""
        counts = [len(texts) for texts in references]
        return {
            "images": self.report.images,
            "references an image": " to ".join(map(str, sorted({min(counts), max(counts)}))),
            "tokenizer": self.report.tokenizer,
            "brevity penalty": round(self.scores["brevity_penalty"], 4),
            "intervals": f"95 %, bootstrap over images, {RESAMPLES:,} draws",
        }


def compute_metrics(
    captions: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    tokenizer: str = "ptb",
    *,
    training: Iterable[str] | None = None,
    scorer: str = "own",
    dataset: DataSet | None = None,
    split: str = "",
) -> MetricResults:
    """Scores captions with every metric that is available here.

    Args:
        captions: image -> caption.
        references: image -> references.
        tokenizer: what makes words of both.
        training: captions the model was trained on, for the share of novel ones.
        scorer: "own", or "coco" to run the COCO scorer as well.
        dataset, split: where the images are from: it may have metrics of its own.

    Raises:
        UserError: nothing to score, an image without references, or an unknown scorer.
    """
    if scorer not in SCORERS:
        raise UserError(f"There is no scorer called {scorer!r}. Available: {', '.join(SCORERS)}.")
    report = score_captions(captions, references, tokenizer, "all", training)
    own = data_metrics(dataset, split, captions) if dataset is not None else CheckedCaptions()
    computed = own.metrics | {name: (metric, report.rows[name]) for name, metric in report.metrics.items()}
    rows, bounds = {}, {}
    for name, (metric, values) in computed.items():
        if any(score.interval for score in metric.scores):
            rows[name] = values
            bounds |= intervals(metric, values)
    scores, notes = {}, list(report.notes)
    for metric, own_rows in own.metrics.values():
        values = metric.combine(own_rows)
        scores |= values
        notes += metric.notes(values)
    scores |= report.scores
    if scorer == "coco":
        from pipelines.evaluation.coco_scorer import coco_scores

        reference_scores, sentences = coco_scores(captions, references)
        scores |= reference_scores
        notes += sentences
    notes += _on_words(captions, references, tokenizer)
    columns = own.per_caption()
    per_caption = {
        image: {**{name: float(values[number]) for name, values in columns.items()}, **known}
        for number, (image, known) in enumerate(report.per_caption.items())
    }
    return MetricResults(report, per_caption, own.false_statements, scores, bounds, rows, tuple(notes))


def _on_words(captions: Mapping[str, str], references: Mapping[str, Sequence[str]], tokenizer: str) -> Iterator[str]:
    """Sentences on a tokenizer that does not fit, and on captions without words."""
    yield from filter(None, (tokenizer_hint([text for image in captions for text in references[image]], tokenizer),))
    tokenize = get_tokenizer(tokenizer).tokenize
    wordless = [text for text in captions.values() if is_missing(text) or not tokenize(text)]
    if wordless:
        yield (
            f"{len(wordless):,} of {len(captions):,} captions have no words ({tokenizer} tokenizer) or stand for a "
            f"missing value, such as {truncate(wordless[0])}; they are scored as they are."
        )


def digest_of(references: Sequence[str]) -> int:
    """A number that tells these references from others."""
    data = "\0".join(references).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
