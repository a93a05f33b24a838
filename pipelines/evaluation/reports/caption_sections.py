"""What a report of captions shows: the best and the worst, lengths, where BLEU is lost, and a table of all."""

from collections.abc import Sequence

from markupsafe import Markup

from captioner.text.tokenizers import get_tokenizer
from pipelines.evaluation.error_analysis import Frequency, Group
from pipelines.evaluation.reports.charts import caption_lengths
from pipelines.evaluation.reports.figures import data_uri, small_pictures, thumbnail
from pipelines.evaluation.reports.html_page import render_fragment
from pipelines.evaluation.reports.markdown import as_item, as_text, markdown_table
from pipelines.evaluation.reports.sections import Html, Section
from pipelines.evaluation.results import Prediction, rank

THUMBNAILS = 2000  # with more images the page would be too large to send; predictions.csv has them all
ROWS = 10_000
CARDS = 4  # best, median and worst images


class CaptionCards(Section):
    """The best, median and worst captions with their pictures."""

    def html(self, evaluation):
        if evaluation.of_answers:
            return None
        groups = [(title, [_card(one) for one in chosen]) for title, chosen in ranked_groups(evaluation.predictions)]
        return Html(render_fragment("caption_cards.html", groups=groups))


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
        "cider_d": _percent(one, "cider_d"),
        "bleu_4": _percent(one, "bleu_4"),
    }


def _percent(one: Prediction, name: str) -> float | None:
    return round(100 * one.scores[name], 1) if name in one.scores else None


class CaptionList(Section):
    """The best, median and worst captions, where there are no pictures: in Markdown, after the scores."""

    def markdown(self, evaluation):
        if evaluation.of_answers:
            return []
        lines = ["## Captions", ""]
        for title, predictions in ranked_groups(evaluation.predictions):
            lines += [f"### {title}", "", *(line for one in predictions for line in _caption_lines(one))]
        return lines


def _caption_lines(one: Prediction) -> list[str]:
    values = [(label, _percent(one, name)) for label, name in (("CIDEr-D", "cider_d"), ("BLEU-4", "bleu_4"))]
    scores = ", ".join(f"{label} {value:.0f}" for label, value in values if value is not None)
    text = as_text(one.caption) or "(an empty caption)"
    lines = [f"- **{text}**{f' ({scores})' if scores else ''}, {as_text(one.image)}"]
    return [*lines, *(f"    - {as_item(reference)}" for reference in one.references[:5]), ""]


class Lengths(Section):
    """How long captions and references are."""

    def html(self, evaluation):
        if evaluation.of_answers:
            return None
        tokenize = get_tokenizer(str(evaluation.evaluated.get("tokenizer", "ptb"))).tokenize
        captions = [len(tokenize(one.caption)) for one in evaluation.predictions]
        references = [len(tokenize(reference)) for one in evaluation.predictions for reference in one.references]
        chart = Markup(caption_lengths(captions, references))
        return Html(render_fragment("lengths.html", evaluation=evaluation, lengths=chart))


class Errors(Section):
    """Where BLEU is lost, and which words occur too often or too seldom."""

    def html(self, evaluation):
        if evaluation.errors is None:
            return None
        return Html(render_fragment("errors.html", evaluation=evaluation, errors=evaluation.errors))

    def markdown(self, evaluation):
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
            lines += [
                f"- {as_item(text) or '(an empty caption)'} ({number:,} times)" for text, number in errors.repeats
            ]
            lines.append("")
        lines += ["## Words", "", "How often a word stands in 1,000 words of the captions, and of the references.", ""]
        for title, words in (
            ("Said more often than by people", errors.too_often),
            ("Said less often", errors.too_seldom),
        ):
            if words:
                lines += markdown_table([title, "Captions", "References"], map(_word, words), "lrr")
        return lines


def _group(group: Group) -> list[str]:
    interval = f"{100 * group.low:.1f} – {100 * group.high:.1f}"
    return [group.label, f"{group.images:,}", f"{100 * group.bleu_4:.1f}", interval]


def _word(word: Frequency) -> list[str]:
    return [word.word, f"{word.captions:.1f}", f"{word.references:.1f}"]


class CaptionTable(Section):
    """All captions, in a table that can be filtered and sorted."""

    def html(self, evaluation):
        if evaluation.of_answers:
            return None
        predictions = evaluation.predictions[:ROWS]
        paths = [one.path if number < THUMBNAILS else None for number, one in enumerate(predictions)]
        # Name, caption, picture, BLEU-4, CIDEr-D, the model's score, references.
        rows = [
            [one.image, one.caption, picture, _percent(one, "bleu_4"), _percent(one, "cider_d"),
             None if one.score is None else round(one.score, 2), one.references]
            for one, picture in zip(predictions, small_pictures(paths), strict=True)
        ]  # fmt: skip
        has_score = any(one.score is not None for one in predictions)
        html = render_fragment("caption_table.html", evaluation=evaluation, rows=rows, has_score=has_score)
        return Html(html, ("caption_table.js",), {"rows": rows, "hasScore": has_score})
