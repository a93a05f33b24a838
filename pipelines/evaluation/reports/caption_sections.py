"""What a report of captions shows: the best and the worst, lengths, where BLEU is lost, and a table of all."""

from collections.abc import Sequence

from captioner.metrics.base import Prominence, Score
from captioner.text.tokenizers import get_tokenizer
from pipelines.evaluation.error_analysis import Frequency, Group
from pipelines.evaluation.metrics import scores_of
from pipelines.evaluation.reports.charts import caption_lengths
from pipelines.evaluation.reports.figures import card_picture
from pipelines.evaluation.reports.html_page import render_fragment
from pipelines.evaluation.reports.markdown import as_item, as_text, markdown_table
from pipelines.evaluation.reports.prediction_table import ROWS, Column, Row, prediction_table
from pipelines.evaluation.reports.sections import Html
from pipelines.evaluation.results import RANKED_BY, Evaluation, Prediction, rank

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
    html = render_fragment(
        "caption_cards.html", groups=groups, ranked_by=scores[0].label if scores else "the model's own score",
        checked=any(prediction.false_statements is not None for prediction in evaluation.predictions),
    )  # fmt: skip
    return Html(html, "What it writes")


def item_scores(evaluation: Evaluation) -> list[Score]:
    """The main scores that the metrics have of each single caption; those by which captions are ranked come first."""
    scores = scores_of(evaluation.predictions[0].scores, Prominence.MAIN)
    place = {name: number for number, name in enumerate(RANKED_BY)}
    return sorted((score for score in scores if score.per_item), key=lambda score: place.get(score.name, len(place)))


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
        "segments": _segments(prediction),
        "picture": card_picture(prediction.path),
        "alt": described_picture(prediction),
        "scores": [(score.label, value) for score in scores if (value := _printed(prediction, score)) is not None],
    }


def _segments(prediction: Prediction) -> list[str]:
    return prediction.segments() if prediction.caption else ["(an empty caption)"]


def described_picture(prediction: Prediction) -> str:
    """What is in the picture: nobody knows it better than the people who wrote the references."""
    return prediction.references[0] if prediction.references else prediction.image


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
    lines += [f"    - false: {as_text(statement.text)}" for statement in prediction.false_statements or ()]
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
    chart = caption_lengths(captions, references)
    return Html(render_fragment("lengths.html", evaluation=evaluation, chart=chart), "Length")


def errors(evaluation: Evaluation) -> Html | None:
    """Where BLEU is lost."""
    if evaluation.errors is None:
        return None
    html = render_fragment("errors.html", evaluation=evaluation, errors=evaluation.errors)
    return Html(html, "Where BLEU is lost")


def words(evaluation: Evaluation) -> Html | None:
    """Which words occur too often or too seldom."""
    if evaluation.errors is None:
        return None
    return Html(render_fragment("words.html", errors=evaluation.errors), "Words")


def errors_markdown(evaluation: Evaluation) -> list[str]:
    """As `errors` and `words`, in Markdown."""
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
    predictions, scores = evaluation.predictions, item_scores(evaluation)
    columns = [Column(score.label, 0, first=1 if score.higher_is_better is False else -1) for score in scores]
    if any(prediction.score is not None for prediction in predictions):
        columns.append(Column("log p", 2, first=-1))
    head = Column("Caption and references", key="title", first=1)
    orders = [
        (f"{number} {way * column.first}", f"{column.label}, {'best' if way == 1 else 'worst'} first")
        for number, column in enumerate(columns)
        for way in (1, -1)
    ]
    orders += [("title 1", "caption"), ("title -1", "caption, from Z to A"), ("name 1", "image")]
    orders += [("order 1", "order of the data set")]
    checked = any(prediction.false_statements is not None for prediction in predictions)
    return prediction_table(
        "All captions", head, columns,
        [_row(prediction, scores, len(columns)) for prediction in predictions[:ROWS]], len(predictions),
        orders=orders, groups=("captions with something false", "wholly true captions") if checked else (),
        placeholder="Words in a caption, reference or name",
    )  # fmt: skip


def _row(prediction: Prediction, scores: Sequence[Score], columns: int) -> Row:
    values = [_printed(prediction, score) for score in scores]
    if columns > len(values):
        values.append(None if prediction.score is None else round(prediction.score, 2))
    return Row(
        prediction.path, described_picture(prediction), _segments(prediction),
        [(reference, None) for reference in prediction.references], prediction.image, values,
        group=0 if prediction.false_statements else 1,
        remarks=[statement.text for statement in prediction.false_statements or ()],
    )  # fmt: skip
