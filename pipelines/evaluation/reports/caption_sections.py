"""What a report of captions shows: the best and the worst, lengths, where BLEU is lost, and a table of all."""

from collections.abc import Sequence

from markupsafe import Markup

from captioner.metrics.base import Prominence, Score
from captioner.text.tokenizers import get_tokenizer
from pipelines.evaluation.error_analysis import Frequency, Group
from pipelines.evaluation.metrics import scores_of
from pipelines.evaluation.reports.charts import caption_lengths
from pipelines.evaluation.reports.figures import small_pictures, thumbnail_uri
from pipelines.evaluation.reports.html_page import render_fragment
from pipelines.evaluation.reports.markdown import as_item, as_text, markdown_table
from pipelines.evaluation.reports.sections import Html
from pipelines.evaluation.results import RANKED_BY, Evaluation, Prediction, rank

THUMBNAILS = 2000  # with more images the page would be too large to send; predictions.csv has them all
ROWS = 10_000
CARDS = 4  # best, median and worst images


def caption_cards(evaluation: Evaluation) -> Html | None:
    """The best, median and worst captions with their pictures."""
    if evaluation.of_answers:
        return None
    scores = item_scores(evaluation)
    groups = [
        (title, [_card(prediction, scores) for prediction in chosen])
        for title, chosen in ranked_groups(evaluation.predictions)
    ]
    return Html(render_fragment("caption_cards.html", groups=groups))


def item_scores(evaluation: Evaluation) -> list[Score]:
    """The main scores that the metrics have of each single caption; that by which captions are ranked comes first."""
    scores = scores_of(evaluation.predictions[0].scores, Prominence.MAIN)
    return sorted((score for score in scores if score.per_item), key=lambda score: score.name != RANKED_BY)


def ranked_groups(predictions: Sequence[Prediction], each: int = CARDS) -> list[tuple[str, list[Prediction]]]:
    """The best, the median and the worst captions; all of them where they are few."""
    ranked = rank(predictions)
    if len(ranked) < 3 * each:
        return [("All", ranked)]
    middle = len(ranked) // 2 - each // 2
    return [("Best", ranked[:each]), ("In the middle", ranked[middle : middle + each]), ("Worst", ranked[-each:])]


def _card(prediction: Prediction, scores: Sequence[Score]) -> dict:
    return {
        "prediction": prediction,
        "picture": thumbnail_uri(prediction.path, 320, 76),
        "scores": [(score.label, value) for score in scores if (value := _printed(prediction, score)) is not None],
    }


def _printed(prediction: Prediction, score: Score) -> float | None:
    return round(score.factor * prediction.scores[score.name], 1) if score.name in prediction.scores else None


def captions_markdown(evaluation: Evaluation) -> list[str]:
    """The best, median and worst captions, where there are no pictures: in Markdown, after the scores."""
    if evaluation.of_answers:
        return []
    lines, scores = ["## Captions", ""], item_scores(evaluation)
    for title, predictions in ranked_groups(evaluation.predictions):
        lines += [
            f"### {title}",
            "",
            *(line for prediction in predictions for line in _caption_lines(prediction, scores)),
        ]
    return lines


def _caption_lines(prediction: Prediction, scores: Sequence[Score]) -> list[str]:
    values = [(score.label, _printed(prediction, score)) for score in scores]
    numbers = ", ".join(f"{label} {value:.0f}" for label, value in values if value is not None)
    text = as_text(prediction.caption) or "(an empty caption)"
    lines = [f"- **{text}**{f' ({numbers})' if numbers else ''}, {as_text(prediction.image)}"]
    return [*lines, *(f"    - {as_item(reference)}" for reference in prediction.references[:5]), ""]


def lengths(evaluation: Evaluation) -> Html | None:
    """How long captions and references are."""
    if evaluation.of_answers:
        return None
    tokenize = get_tokenizer(str(evaluation.evaluated.get("tokenizer", "ptb"))).tokenize
    captions = [len(tokenize(prediction.caption)) for prediction in evaluation.predictions]
    references = [
        len(tokenize(reference)) for prediction in evaluation.predictions for reference in prediction.references
    ]
    chart = Markup(caption_lengths(captions, references))
    return Html(render_fragment("lengths.html", evaluation=evaluation, lengths=chart))


def errors(evaluation: Evaluation) -> Html | None:
    """Where BLEU is lost, and which words occur too often or too seldom."""
    if evaluation.errors is None:
        return None
    return Html(render_fragment("errors.html", evaluation=evaluation, errors=evaluation.errors))


def errors_markdown(evaluation: Evaluation) -> list[str]:
    """As `errors`, in Markdown."""
    errors = evaluation.errors
    if errors is None:
        return []
    lines = ["## Where BLEU is lost", ""]
    for title, groups in (
        ("Length", errors.lengths), ("Unknown words", errors.unknown), ("Repeated captions", errors.repeated),
    ):  # fmt: skip
        if groups:
            lines += markdown_table([title, "Images", "BLEU-4", "95 % interval"], map(_group, groups), "lrrr")
    if errors.repeats:
        lines += ["Given most often:", ""]
        lines += [f"- {as_item(text) or '(an empty caption)'} ({number:,} times)" for text, number in errors.repeats]
        lines.append("")
    lines += ["## Words", "", "How often a word stands in 1,000 words of the captions, and of the references.", ""]
    for title, words in (("Said more often than by people", errors.too_often), ("Said less often", errors.too_seldom)):
        if words:
            lines += markdown_table([title, "Captions", "References"], map(_word, words), "lrr")
    return lines


def _group(group: Group) -> list[str]:
    interval = f"{100 * group.low:.1f} – {100 * group.high:.1f}"
    return [group.label, f"{group.images:,}", f"{100 * group.bleu_4:.1f}", interval]


def _word(word: Frequency) -> list[str]:
    return [word.word, f"{word.captions:.1f}", f"{word.references:.1f}"]


def caption_table(evaluation: Evaluation) -> Html | None:
    """All captions, in a table that can be filtered and sorted."""
    if evaluation.of_answers:
        return None
    predictions = evaluation.predictions[:ROWS]
    paths = [prediction.path if number < THUMBNAILS else None for number, prediction in enumerate(predictions)]
    scores = item_scores(evaluation)
    # Image, caption, picture, references, the model's score, values of the metrics.
    rows = [
        [prediction.image, prediction.caption, picture, prediction.references,
         None if prediction.score is None else round(prediction.score, 2),
         *(_printed(prediction, score) for score in scores)]
        for prediction, picture in zip(predictions, small_pictures(paths), strict=True)
    ]  # fmt: skip
    has_score = any(prediction.score is not None for prediction in predictions)
    html = render_fragment(
        "caption_table.html", evaluation=evaluation, rows=rows, has_score=has_score, scores=scores, first=5
    )
    return Html(html, ("caption_table.js",), {"rows": rows, "hasScore": has_score})
