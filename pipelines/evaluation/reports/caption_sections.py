"""An evaluation of captions as one HTML page."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from markupsafe import Markup

from captioner.metrics.base import Prominence
from captioner.text.tokenizers import get_tokenizer
from pipelines.evaluation.metrics import scores_of
from pipelines.evaluation.reports.charts import caption_lengths, training_curves
from pipelines.evaluation.reports.figures import data_uri, looked_at, thumbnail
from pipelines.evaluation.reports.html_page import render_page
from pipelines.evaluation.reports.score_table import printed_facts, score_lines
from pipelines.evaluation.results import Evaluation, Looked, Prediction, rank
from pipelines.utils.atomic_files import atomic_write
from pipelines.utils.threads import parallel_map

THUMBNAILS = 2000  # with more images the page would be too large to send; predictions.csv has them all
ROWS = 10_000
CARDS = 4  # best, median and worst images


def write_report(path: Path, evaluation: Evaluation) -> None:
    """Writes the page.

    Raises:
        UserError: it cannot be written.
    """
    atomic_write(path, render_report(evaluation))


def render_report(evaluation: Evaluation) -> str:
    """The page as text."""
    lines, headlines = score_lines(evaluation), {score.name for score in scores_of(at_least=Prominence.HEADLINE)}
    groups = ranked_groups(evaluation.predictions)
    charts = _lengths(evaluation)
    rows = list(_rows(evaluation.predictions[:ROWS]))
    has_score = any(one.score is not None for one in evaluation.predictions)
    return render_page(
        "report.html",
        "report.js",
        evaluation=evaluation,
        headlines=[line for line in lines if line.name in headlines][:6],
        lines=lines,
        groups=[(title, [_card(one) for one in chosen]) for title, chosen in groups],
        looked=_looked(evaluation),
        lengths=Markup(charts),
        curves=[Markup(chart) for chart in training_curves(evaluation.history)] if evaluation.history else [],
        diagnosis=evaluation.diagnosis,
        rows=rows,
        has_score=has_score,
        data={"rows": rows, "hasScore": has_score},
        facts=printed_facts(evaluation.evaluated),
        trained=printed_facts(evaluation.trained),
    )


def ranked_groups(predictions: Sequence[Prediction], each: int = CARDS) -> list[tuple[str, list[Prediction]]]:
    """The best, the median and the worst captions; all of them where they are few."""
    ranked = rank(predictions)
    if len(ranked) < 3 * each:
        return [("All", ranked)]
    middle = len(ranked) // 2 - each // 2
    return [("Best", ranked[:each]), ("In the middle", ranked[middle : middle + each]), ("Worst", ranked[-each:])]


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
