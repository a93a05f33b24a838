"""The result of an evaluation, of captions or of answers: predictions, scores with intervals, and the rows behind them.

`pipelines.evaluation.reports.write` writes it:

evaluation-test/
  metrics.json         scores, 95 % intervals, and how they were computed
  predictions.csv      a caption or an answer a row, with its scores
  captions.coco.json   captions in COCO's result format, for other tools
  statistics.npz       the rows of the metrics, with which `captioner compare` compares item by item
  report.html          a page to look at and to send, or
  report.md            the same in short, to paste into a document
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from captioner.images.files import ImagePath
from pipelines.data.examples import Id
from pipelines.evaluation.error_analysis import ErrorAnalysis

if TYPE_CHECKING:
    import pandas as pd

METRICS, PREDICTIONS, COCO_RESULT, STATISTICS, REPORT, MARKDOWN = (
    "metrics.json",
    "predictions.csv",
    "captions.coco.json",
    "statistics.npz",
    "report.html",
    "report.md",
)
IMAGES_A_SECOND = "images decoded a second"
# Of the scores of single captions those that rank them, each among captions that are equal by those before it: whether
# a caption is true, where that is known, and what agrees best with people.
RANKED_BY = ("faithfulness", "direction_right", "cider_d", "bleu_4")
DECISIVE, INDECISIVE = "what it hangs on", "on no place alone"  # labels of maps made by occlusion


@dataclass(frozen=True)
class AttentionMaps:
    """How much the positions of an image counted for a caption or an answer.

    labels: one a map: the words of the caption or the question, "hop 1", "hop 2" ..., or what an answer hangs on.
    weights: `(maps, P)`. grid: `(h, w)`, how the P positions lie.
    """

    labels: tuple[str, ...]
    weights: np.ndarray
    grid: tuple[int, int]

    @property
    def by_occlusion(self) -> bool:
        return self.labels[0] in (DECISIVE, INDECISIVE)


@dataclass(frozen=True)
class FalseStatement:
    """Something untrue that a caption says.

    text: what it is about, and the words that say it; the former alone where no single words do.
    spans: where these words begin and end in the caption.
    """

    text: str
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Prediction:
    """One image's caption.

    image: its name. path: its file, if it is at hand. score: the model's own, mean log-probability a word.
    scores: of the metrics that say something of this caption alone. source_id: the data set's own name of the image.
    false_statements: what is untrue in it; None where nobody knows.
    """

    image: str
    caption: str
    references: tuple[str, ...]
    scores: dict[str, float]
    score: float | None = None
    path: ImagePath | None = None
    source_id: Id = ""
    false_statements: tuple[FalseStatement, ...] | None = None

    @property
    def id(self) -> str:
        return self.image

    def segments(self) -> list[str]:
        """The caption in pieces: the first, the third ... say nothing false, each between them does.

        >>> Prediction("a.png", "a red cat", (), {}, false_statements=(FalseStatement("colour", ((2, 5),)),)).segments()
        ['a ', 'red', ' cat']
        """
        pieces, at = [], 0
        spans = sorted(span for statement in self.false_statements or () for span in statement.spans)
        for begin, end in spans:
            if begin <= at and pieces:  # the piece before it goes on
                pieces[-1] += self.caption[at : max(at, end)]
            elif pieces and not self.caption[at:begin].strip():
                pieces[-1] += self.caption[at:end]
            else:
                pieces += [self.caption[at:begin], self.caption[begin:end]]
            at = max(at, end)
        return [*pieces, self.caption[at:]]

    def row(self) -> dict[str, object]:
        """A row of predictions.csv."""
        score = None if self.score is None else round(self.score, 4)
        scores = {name: round(value, 6) for name, value in self.scores.items()}
        row = {"image": self.image, "caption": self.caption, "score": score, **scores}
        if self.false_statements is not None:
            row["false_statements"] = [statement.text for statement in self.false_statements]
        return {**row, "references": self.references}


@dataclass(frozen=True)
class AnsweredQuestion:
    """A question, what was answered and what people answer.

    id: its name. image: its image's name. path: its image's file. references: what people answered. agreed: what most
    of them did. candidates: `(answer, probability)`, best first. scores: of the first. type, answer_type: of the
    question and of the answer. source_id: the data set's own name of the question.
    """

    id: str
    image: str
    path: ImagePath
    question: str
    references: tuple[str, ...]
    agreed: str
    candidates: tuple[tuple[str, float], ...]
    scores: dict[str, float]
    type: str = ""
    answer_type: str = ""
    source_id: Id = ""

    @property
    def prediction(self) -> str:
        return self.candidates[0][0] if self.candidates else ""

    @property
    def probability(self) -> float:
        return self.candidates[0][1] if self.candidates else 0.0

    @property
    def right(self) -> bool:
        return self.scores["exact_match"] == 1.0

    def row(self) -> dict[str, object]:
        """A row of predictions.csv."""
        return {
            "id": self.id, "image": self.image, "question": self.question, "prediction": self.prediction,
            "probability": round(self.probability, 4), "answer": self.agreed, "type": self.type,
            "answer_type": self.answer_type, **{name: round(value, 6) for name, value in self.scores.items()},
            "answers": [{"answer": text, "probability": share} for text, share in self.candidates],
            "people": self.references, "source_id": self.source_id,
        }  # fmt: skip


@dataclass(frozen=True)
class Evaluation:
    """Everything that a report of captions or answers shows.

    title: what was evaluated.
    scores: name -> score, as `captioner.metrics` gives them (0 to 1; CIDEr-D 0 to 10).
    intervals: name -> 95 % interval, for those scores that have one.
    predictions: of captions, or of answers.
    evaluated: how the scores were computed: model, data, split, tokenizer, beams ...; name -> plain value.
    trained: what the model was trained on and how; name -> plain value; empty if predictions came from a file.
    settings: of the run, by group; empty if predictions came from a file.
    notes: sentences that a reader of the scores must know.
    attention: maps of some of the predictions, by their ids.
    history: the run's metrics.csv, if there is one.
    rows: metric -> `(N, F)`, in the order of `predictions`.
    errors: of captions: words that occur too often, and where BLEU is lost.
    breakdown: of answers, plain data: scores by type, confusions, baselines ...; see
        `pipelines.evaluation.answer_metrics.evaluate_answers`.
    """

    title: str
    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    predictions: tuple[Prediction, ...] | tuple[AnsweredQuestion, ...]
    evaluated: dict[str, object]
    trained: dict[str, object] = field(default_factory=dict)
    settings: dict[str, dict[str, object]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    attention: dict[str, AttentionMaps] = field(default_factory=dict)
    history: Path | None = None
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    errors: ErrorAnalysis | None = None
    breakdown: dict = field(default_factory=dict)

    @property
    def of_answers(self) -> bool:
        """Whether the predictions are answers; else they are captions."""
        return any(isinstance(prediction, AnsweredQuestion) for prediction in self.predictions)

    def to_frame(self) -> "pd.DataFrame":
        """The predictions with their scores as a pandas table, one a row: the columns of predictions.csv."""
        import pandas as pd

        return pd.DataFrame([prediction.row() for prediction in self.predictions])

    def scores_frame(self) -> "pd.DataFrame":
        """The scores as a pandas table, one a row, with the columns `score`, `low` and `high` (of the interval)."""
        import pandas as pd

        rows = [(value, *self.intervals.get(name, (None, None))) for name, value in self.scores.items()]
        return pd.DataFrame(rows, index=list(self.scores), columns=["score", "low", "high"])

    def confusion_frame(self) -> "pd.DataFrame":
        """How often each true answer (a row) got each prediction (a column), as a pandas table; empty for captions."""
        import pandas as pd

        confusion = self.breakdown.get("confusion", {"answers": [], "counts": []})
        return pd.DataFrame(confusion["counts"], index=confusion["answers"], columns=confusion["answers"])


def coco_result(predictions: Sequence[Prediction]) -> list[dict]:
    """COCO's result format; see `result_ids`."""
    ids = result_ids(
        [prediction.source_id for prediction in predictions], [prediction.image for prediction in predictions]
    )
    return [{"image_id": id, "caption": prediction.caption} for id, prediction in zip(ids, predictions, strict=True)]


def result_ids(source_ids: Sequence[Id], names: Sequence[str]) -> list[Id]:
    """The ids of images or questions in a file of results: the data set's own as they came, text or number.

    Args:
        source_ids: the data set's own, empty where it has none.
        names: ours, which are unique; they stand for all where the data set's own are not.
    """
    ids = [name if source == "" else source for source, name in zip(source_ids, names, strict=True)]
    return ids if len(set(ids)) == len(ids) else list(names)


def rank(predictions: Sequence[Prediction]) -> list[Prediction]:
    """Best first: by `RANKED_BY`, then by the model's own score."""

    def key(prediction: Prediction) -> tuple[float, ...]:
        return *(prediction.scores.get(name, 0.0) for name in RANKED_BY), prediction.score or 0.0

    return sorted(predictions, key=key, reverse=True)
