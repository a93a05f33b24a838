"""An evaluation of captions as one HTML page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from captioner.text.tokenizers import get_tokenizer
from pipelines.evaluation.reports.charts import caption_lengths, training_curves
from pipelines.evaluation.reports.figures import data_uri, looked_at, thumbnail
from pipelines.evaluation.reports.html_page import render_page
from pipelines.evaluation.results import Evaluation, Looked, Prediction, rank
from pipelines.utils.atomic_files import atomic_write
from pipelines.utils.threads import parallel_map

THUMBNAILS = 2000  # with more images the page would be too large to send; predictions.csv has them all
ROWS = 10_000
CARDS = 4  # best, median and worst images

# Scores in the order in which they are told: name, label, factor, digits.
_SCORES = (
    ("faithfulness", "Faithfulness", 100, 1),
    ("coverage", "Coverage", 100, 1),
    ("true_captions", "Wholly true captions", 100, 1),
    ("novel_object_right", "Unseen object right", 100, 1),
    ("direction_right", "Direction right", 100, 1),
    ("moving_right", "Moving thing right", 100, 1),
    ("bleu_1", "BLEU-1", 100, 1),
    ("bleu_2", "BLEU-2", 100, 1),
    ("bleu_3", "BLEU-3", 100, 1),
    ("bleu_4", "BLEU-4", 100, 1),
    ("cider_d", "CIDEr-D", 100, 1),
    ("cider", "CIDEr", 100, 1),
    ("rouge_l", "ROUGE-L", 100, 1),
    ("exact_match", "Exact match", 100, 1),
    ("vqa_accuracy", "VQA accuracy", 100, 1),
    ("wups_0.9", "WUPS at 0.9", 100, 1),
    ("wups_0.0", "WUPS at 0.0", 100, 1),
    ("meteor_wordnet", "METEOR of nltk (not METEOR 1.5)", 100, 1),
    ("bleu_1_without_penalty", "BLEU-1 without brevity penalty", 100, 1),
    ("bleu_2_without_penalty", "BLEU-2 without brevity penalty", 100, 1),
    ("bleu_3_without_penalty", "BLEU-3 without brevity penalty", 100, 1),
    ("bleu_4_without_penalty", "BLEU-4 without brevity penalty", 100, 1),
    ("brevity_penalty", "Brevity penalty", 1, 3),
    ("prediction_words", "Words of the captions", 1, 0),
    ("reference_words", "Words of the references closest in length", 1, 0),
    ("distinct_captions", "Distinct captions, %", 100, 1),
    ("distinct_1", "Distinct words, %", 100, 2),
    ("distinct_2", "Distinct pairs of words, %", 100, 2),
    ("self_bleu_4", "Self-BLEU-4 (low is diverse)", 100, 1),
    ("novel_captions", "Captions not in the training set, %", 100, 1),
    ("coco_bleu_1", "BLEU-1, COCO scorer", 100, 1),
    ("coco_bleu_2", "BLEU-2, COCO scorer", 100, 1),
    ("coco_bleu_3", "BLEU-3, COCO scorer", 100, 1),
    ("coco_bleu_4", "BLEU-4, COCO scorer", 100, 1),
    ("coco_rouge_l", "ROUGE-L, COCO scorer", 100, 1),
    ("coco_cider_d", "CIDEr-D, COCO scorer", 100, 1),
    ("coco_meteor", "METEOR 1.5, COCO scorer", 100, 1),
    ("faithfulness_shape", "True shapes", 100, 1),
    ("faithfulness_colour", "True colours", 100, 1),
    ("faithfulness_size", "True sizes", 100, 1),
    ("faithfulness_count", "True counts", 100, 1),
    ("faithfulness_relation", "True relations", 100, 1),
    ("faithfulness_place", "True places", 100, 1),
    ("faithfulness_total", "True totals", 100, 1),
    ("statements", "Statements a caption", 1, 2),
)
_HEADLINES = (
    "novel_object_right",
    "direction_right",
    "moving_right",
    "faithfulness",
    "coverage",
    "bleu_4",
    "bleu_1",
    "cider_d",
    "rouge_l",
    "distinct_captions",
)


@dataclass(frozen=True)
class ScoreLine:
    """A score as it is printed; `low` and `high` are the ends of its interval on a bar of 100."""

    name: str
    label: str
    value: str
    interval: str = ""
    low: float = 0.0
    high: float = 0.0


def score_lines(evaluation: Evaluation) -> list[ScoreLine]:
    """The scores that an evaluation has, in the order in which they are told."""
    lines = []
    for name, label, factor, digits in _SCORES:
        if name in evaluation.scores:
            interval, low, high = "", 0.0, 0.0
            if name in evaluation.intervals:
                low, high = (factor * end for end in evaluation.intervals[name])
                interval = f"{low:.{digits}f} – {high:.{digits}f}"
            value = f"{factor * evaluation.scores[name]:.{digits}f}"
            lines.append(ScoreLine(name, label, value, interval, min(low, 100.0), min(high, 100.0)))
    return lines


def write_report(path: Path, evaluation: Evaluation) -> None:
    """Writes the page.

    Raises:
        UserError: it cannot be written.
    """
    atomic_write(path, render_report(evaluation))


def render_report(evaluation: Evaluation) -> str:
    """The page as text."""
    lines = score_lines(evaluation)
    groups = ranked_groups(evaluation.predictions)
    charts = _lengths(evaluation)
    rows = list(_rows(evaluation.predictions[:ROWS]))
    has_score = any(one.score is not None for one in evaluation.predictions)
    return render_page(
        "report.html",
        "report.js",
        evaluation=evaluation,
        headlines=[line for name in _HEADLINES for line in lines if line.name == name][:6],
        lines=lines,
        groups=[(title, [_card(one) for one in chosen]) for title, chosen in groups],
        looked=_looked(evaluation),
        lengths=Markup(charts),
        curves=[Markup(chart) for chart in training_curves(evaluation.history)] if evaluation.history else [],
        diagnosis=evaluation.diagnosis,
        rows=rows,
        has_score=has_score,
        data={"rows": rows, "hasScore": has_score},
        facts=told_facts(evaluation.evaluated),
        trained=told_facts(evaluation.trained),
    )


def ranked_groups(predictions: Sequence[Prediction], each: int = CARDS) -> list[tuple[str, list[Prediction]]]:
    """The best, the median and the worst captions; all of them where they are few."""
    ranked = rank(predictions)
    if len(ranked) < 3 * each:
        return [("All", ranked)]
    middle = len(ranked) // 2 - each // 2
    return [("Best", ranked[:each]), ("In the middle", ranked[middle : middle + each]), ("Worst", ranked[-each:])]


def told_facts(facts: Mapping[str, object]) -> list[tuple[str, object]]:
    """Facts as they are printed: those that are known, large numbers with commas."""
    return [
        (name, f"{value:,}" if type(value) is int else value)
        for name, value in facts.items()
        if value not in ("", None)
    ]


def _card(one: Prediction) -> dict:
    picture = thumbnail(one.path, 320) if one.path else None
    return {
        "prediction": one,
        "picture": data_uri(picture, 76) if picture else "",
        "cider_d": 100 * one.scores["cider_d"] if "cider_d" in one.scores else None,
        "bleu_4": 100 * one.scores["bleu_4"] if "bleu_4" in one.scores else None,
    }


def _rows(predictions: Iterable[Prediction]):
    """What the table shows of each image: name, caption, picture, BLEU-4, CIDEr-D, own score, references."""
    numbered = list(enumerate(predictions))
    pictures = parallel_map(_small, numbered, ahead=64)
    for (_, one), picture in zip(numbered, pictures, strict=True):
        yield [
            one.image,
            one.caption,
            picture,
            _rounded(one.scores.get("bleu_4"), 100),
            _rounded(one.scores.get("cider_d"), 100),
            None if one.score is None else round(one.score, 2),
            one.references,
        ]


def _small(numbered) -> str:
    number, one = numbered
    picture = thumbnail(one.path, 112) if one.path and number < THUMBNAILS else None
    return data_uri(picture, 60) if picture else ""


def _rounded(value: float | None, factor: float) -> float | None:
    return None if value is None else round(factor * value, 1)


def _looked(evaluation: Evaluation) -> list[dict]:
    by_name = {one.image: one for one in evaluation.predictions}
    shown = []
    for looked in evaluation.looked:
        one = by_name[looked.image]
        picture = thumbnail(one.path, 160) if one.path else None
        if picture is not None:
            shown.append({"prediction": one, "tiles": list(_tiles(picture, looked))})
    return shown


def _tiles(picture, looked: Looked):
    yield "", data_uri(picture)
    for word, weights in zip(looked.words, looked.attention, strict=False):
        yield word, data_uri(looked_at(picture, weights, looked.grid), 60)


def _lengths(evaluation: Evaluation) -> str:
    tokenize = get_tokenizer(str(evaluation.evaluated.get("tokenizer", "ptb"))).tokenize
    captions = [len(tokenize(one.caption)) for one in evaluation.predictions]
    references = [len(tokenize(reference)) for one in evaluation.predictions for reference in one.references]
    return caption_lengths(captions, references)
