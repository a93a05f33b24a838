"""Metrics of captions of synthetic images and clips: whether the captions are true, as it is known what is there.

They are metrics as all others (`captioner.metrics.base`), but for their rows: these come from what an image shows, not
from references.
"""

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from captioner.metrics.base import Metric, Prominence, Score
from pipelines.data.datasets import clips, shapes
from pipelines.data.datasets.drawn import Drawing
from pipelines.data.examples import DataSet
from pipelines.data.synthetic.clips import check_caption as check_clip_caption
from pipelines.data.synthetic.faithfulness import (
    ENOUGH_COVERAGE,
    KINDS,
    Statement,
    check_caption,
    names_novel_objects,
)
from pipelines.data.synthetic.parsing import word_spans
from pipelines.data.synthetic.scenes import Scene
from pipelines.evaluation.results import FalseStatement

_DETAIL = Prominence.DETAIL
_OF_A_THING = ("size", "colour", "count")
_KIND_NAMES = {"place": "position", "unread": "outside the grammar"}
_check = functools.lru_cache(maxsize=1 << 14)(check_caption)  # two metrics look at the same statements


class DataMetric(Metric):
    """A metric of the captions of one drawn data set.

    A subclass sets `scores` and `drawing`, and writes `rows`, made of captions as texts and, in place of references, of
    what each image shows.

    Attributes:
        drawing: the kind of data set.
        split: the only split that it is for; empty for all.
    """

    drawing: Drawing
    split: str = ""

    @classmethod
    def applies(cls, dataset: DataSet, split: str) -> bool:
        return cls.drawing.name == dataset.name and cls.split in ("", split)

    @classmethod
    def notes(cls, scores: Mapping[str, float]) -> list[str]:
        """Sentences that a reader of these scores must know."""
        return []

    @classmethod
    def false_statements(cls, caption: str, content) -> tuple[FalseStatement, ...] | None:
        """What a caption says that is not so, of an image with this content; None if the metric does not tell."""
        return None


class Truth(DataMetric):
    """Faithfulness and coverage of captions of scenes. A row is `[true statements, statements, named, there]`.

    See `pipelines.data.synthetic.faithfulness`.
    """

    drawing = shapes.DRAWING
    scores = (
        Score("faithfulness", "Faithfulness", "faithful", prominence=Prominence.MAIN, per_item=True),
        Score("coverage", "Coverage", prominence=Prominence.HEADLINE, per_item=True),
        Score("faithfulness_valid", "Faithfulness counts (1 or 0)", prominence=_DETAIL,
              factor=1, digits=0, interval=False),
        Score("true_captions", "Wholly true captions"),
        Score("statements", "Statements a caption", prominence=_DETAIL, factor=1, digits=2, higher_is_better=None),
    )  # fmt: skip

    def rows(self, predictions, references, images=None):
        def row(caption: str, scene: Scene) -> tuple[int, int, int, int]:
            checked = _check(caption, scene)
            return sum(s.true for s in checked.statements), len(checked.statements), checked.named, checked.there

        return _rows(row, predictions, references)

    @classmethod
    def combine(cls, rows):
        true, statements, named, there = rows.sum(axis=0)
        coverage = float(named / there)
        return {
            "faithfulness": float(true / statements),
            "coverage": coverage,
            "faithfulness_valid": float(coverage >= ENOUGH_COVERAGE),
            "true_captions": float(np.mean(rows[:, 0] == rows[:, 1])),
            "statements": float(statements / len(rows)),
        }

    @classmethod
    def per_item(cls, rows):
        true, statements, named, there = rows.T
        return {"faithfulness": true / statements, "coverage": named / there}

    @classmethod
    def false_statements(cls, caption, content):
        spans = word_spans(caption)
        false = [statement for statement in _check(caption, content).statements if not statement.true]
        # "two red circles" says of each of them that it is red.
        return tuple(dict.fromkeys(_false_statement(statement, caption, spans) for statement in false))

    @classmethod
    def selection_value(cls, name, scores):
        """Faithfulness is negative where it does not count: else a model that says little would be kept."""
        counts = name != "faithfulness" or scores["faithfulness_valid"]
        return super().selection_value(name, scores) - (0.0 if counts else 1.0)

    @classmethod
    def notes(cls, scores):
        if scores["faithfulness_valid"]:
            return []
        return [
            "Faithfulness does not count here: the captions name less than 90 % of what is there, and saying little "
            "is an easy way to say nothing false."
        ]


class TruthByKind(DataMetric):
    """The share of true statements of each kind. A row is `[true of each kind ..., statements of each kind ...]`."""

    drawing = shapes.DRAWING
    scores = tuple(
        Score(f"faithfulness_{kind}", label, prominence=_DETAIL)
        for kind, label in zip(
            KINDS,
            ("True shapes", "True colours", "True sizes", "True counts", "True relations", "True positions",
             "True totals", "Words outside the grammar, never true"),
            strict=True,
        )
    )  # fmt: skip

    def rows(self, predictions, references, images=None):
        def row(caption: str, scene: Scene) -> list[int]:
            statements = _check(caption, scene).statements
            true = [sum(s.kind == kind and s.true for s in statements) for kind in KINDS]
            return true + [sum(s.kind == kind for s in statements) for kind in KINDS]

        return _rows(row, predictions, references)

    @classmethod
    def combine(cls, rows):
        true, statements = rows.sum(axis=0).reshape(2, -1).tolist()
        shares = zip(cls.scores, true, statements, strict=True)
        return {score.name: right / number for score, right, number in shares if number}


class NovelObject(DataMetric):
    """Whether the thing that training never shows is named, its colour and shape in one phrase. A row is `[1 or 0]`."""

    drawing, split = shapes.DRAWING, "novel"
    scores = (Score("novel_object_right", "Unseen object right", prominence=Prominence.HEADLINE, per_item=True),)

    def rows(self, predictions, references, images=None):
        return _rows(names_novel_objects, predictions, references).reshape(-1, 1)


class ClipTruth(DataMetric):
    """Whether a caption of a clip names the right direction, and what moves. A row is `[1 or 0, 1 or 0]`."""

    drawing = clips.DRAWING
    scores = (
        Score("direction_right", "Direction right", "direct.", "direct.: the direction of what moves is right",
              Prominence.MAIN, per_item=True),
        Score("moving_right", "Moving thing right", "moving", "moving: the thing that moves is right",
              Prominence.HEADLINE, per_item=True),
    )  # fmt: skip

    def rows(self, predictions, references, images=None):
        return _rows(check_clip_caption, predictions, references)


def _false_statement(statement: Statement, caption: str, spans: Sequence[tuple[int, int]]) -> FalseStatement:
    own = tuple(spans[number] for number in statement.words)
    words = " ".join(caption[begin:end] for begin, end in own)
    said = statement.text if statement.kind in _OF_A_THING else words  # "yellow" alone does not tell of what
    kind = _KIND_NAMES.get(statement.kind, statement.kind)
    return FalseStatement(f"{kind}: {said}" if said else kind, own)


def _rows(check: Callable, captions: Sequence[str], contents: Sequence) -> np.ndarray:
    """`check(caption, content)` of each, as numbers."""
    return np.array([check(*pair) for pair in zip(captions, contents, strict=True)], float)
