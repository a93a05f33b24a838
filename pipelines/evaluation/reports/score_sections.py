"""What every report shows: headlines, all scores, curves of the training, and how the scores were computed."""

from collections.abc import Mapping
from dataclasses import dataclass

from captioner.metrics.base import Prominence, Score
from pipelines.evaluation.metrics import scores_of
from pipelines.evaluation.reports.charts import training_curves
from pipelines.evaluation.reports.html_page import render_fragment
from pipelines.evaluation.reports.markdown import as_text, markdown_table
from pipelines.evaluation.reports.sections import Html
from pipelines.evaluation.results import Evaluation

MOST_HEADLINES = 6
_NARROWEST = 0.8  # percent of a bar that can still be seen


@dataclass(frozen=True)
class ScoreLine:
    """A score as it is printed.

    low, width: where its interval begins on a bar from 0 to `top`, and how wide it is there, in percent of the bar.
    """

    name: str
    label: str
    value: str
    interval: str = ""
    low: float = 0.0
    width: float = 0.0
    top: float = 100.0


def score_lines(evaluation: Evaluation, at_least: Prominence = Prominence.DETAIL) -> list[ScoreLine]:
    """The scores of an evaluation that are so prominent, in the order of the registries of metrics."""
    lines = []
    for score in scores_of(evaluation.scores, at_least):
        interval = score.interval_text(evaluation.intervals, " – ")
        bar = _bar(score, *evaluation.intervals.get(score.name, (0.0, 0.0)))
        lines.append(ScoreLine(score.name, score.label, score.text_of(evaluation.scores), interval, *bar))
    return lines


def _bar(score: Score, low: float, high: float) -> tuple[float, float, float]:
    """Where an interval is on a bar (see `ScoreLine`) up to 1, or for scores such as CIDEr-D up to 10 where need be.

    >>> _bar(Score("bleu_4", "BLEU-4"), 0.2, 0.25), _bar(Score("cider_d", "CIDEr-D"), 5.0, 6.0)
    ((20.0, 5.0, 100), (50.0, 10.0, 1000))
    """
    top = 1
    while high > top:
        top *= 10
    share = [100 * min(max(bound / top, 0.0), 1.0) for bound in (low, high)]
    width = max(share[1] - share[0], _NARROWEST)
    return min(share[0], 100 - width), width, score.factor * top


def headlines(evaluation: Evaluation) -> Html:
    """The most prominent scores, as tiles."""
    at_least = Prominence.PLAIN if evaluation.of_answers else Prominence.HEADLINE
    lines = score_lines(evaluation, at_least)[:MOST_HEADLINES]
    wider = [(line.label, f"{line.top:,.0f}") for line in lines if line.interval and line.top != 100]
    return Html(render_fragment("tiles.html", headlines=lines, wider=wider))


def scores(evaluation: Evaluation) -> Html:
    """All scores, and those of groups of questions."""
    return Html(
        render_fragment(
            "scores.html",
            lines=score_lines(evaluation),
            columns=list(scores_of(evaluation.scores)),
            breakdown=evaluation.breakdown,
            baselines=_baselines(evaluation),
        ),
        "All scores",
    )


def scores_markdown(evaluation: Evaluation) -> list[str]:
    """As `scores`, in Markdown."""
    rows = [[line.label, line.value, line.interval] for line in score_lines(evaluation)]
    table = markdown_table(["Score", "Value", "95 % interval"], rows, "lrr")
    return ["## Scores", "", "Multiplied by 100, as papers print them.", "", *table]


def _baselines(evaluation: Evaluation) -> list[tuple[str, Mapping[str, float]]]:
    """The model's scores between those of the baselines and what its list of answers can reach: rows of a table."""
    rows = list(evaluation.breakdown.get("baselines", {}).items())
    rows.append(("this model", evaluation.scores))
    if "ceiling" in evaluation.breakdown:
        rows.append(("the best choice from its list of answers", evaluation.breakdown["ceiling"]))
    return rows if len(rows) > 1 else []


def training(evaluation: Evaluation) -> Html | None:
    """Losses and scores of the run by epoch."""
    curves = training_curves(evaluation.history) if evaluation.history else []
    return Html(render_fragment("training.html", curves=curves), "Training") if curves else None


def facts(evaluation: Evaluation) -> Html:
    """How the scores were computed, and what the model was trained on and how."""
    evaluated, trained = printed_facts(evaluation.evaluated), printed_facts(evaluation.trained)
    html = render_fragment("facts.html", evaluation=evaluation, facts=evaluated, trained=trained)
    return Html(html, "How this was measured")


def facts_markdown(evaluation: Evaluation) -> list[str]:
    """As `facts`, in Markdown."""
    evaluated, trained = printed_facts(evaluation.evaluated), printed_facts(evaluation.trained)
    lines = ["## How this was measured", "", *markdown_table(["", ""], evaluated, "ll")]
    if trained:
        lines += ["## What the model was trained on and how", "", *markdown_table(["", ""], trained, "ll")]
    return lines


def printed_facts(facts: Mapping[str, object]) -> list[tuple[str, object]]:
    """Facts as they are printed: those that are known, large numbers with commas."""
    return [
        (name, f"{value:,}" if type(value) is int else value)
        for name, value in facts.items()
        if value not in ("", None)
    ]


def breakdown_tables(evaluation: Evaluation) -> list[tuple[str, list[str], list[list[str]]]]:
    """The scores of groups of questions, baselines and calibration as tables of text; none of captions.

    Returns:
        `(title, head, rows)` of each.
    """
    scores, breakdown, tables = list(scores_of(evaluation.scores)), evaluation.breakdown, []
    names = [score.heading or score.label for score in scores]

    def cells(values: Mapping[str, float]) -> list[str]:
        return [score.text_of(values) for score in scores]

    for title, key in (
        ("In two protocols", "protocols"), ("By type of question", "by_question_type"),
        ("By the first words of the question", "by_first_words"), ("By type of answer", "by_answer_type"),
    ):  # fmt: skip
        if groups := breakdown.get(key):
            rows = [[name, f"{group['questions']:,}", *cells(group)] for name, group in groups.items()]
            tables.append((title, ["", "questions", *names], rows))
    rows = [[name, *cells(values)] for name, values in breakdown.get("baselines", {}).items()]
    if "ceiling" in breakdown:
        rows.append(["best choice from the list of answers", *cells(breakdown["ceiling"])])
    if rows:
        tables.append(("What guessing earns, and what can be reached", ["", *names], rows))
    if found := breakdown.get("calibration"):
        (score,) = scores_of([found["score"]])
        title = f"Calibration: expected calibration error {100 * found['error']:.1f}, by {score.label}"
        rows = [
            [bin_label(one), f"{one['questions']:,}", score.text(one["probability"]), score.text(one["accuracy"])]
            for one in found["bins"]
        ]
        tables.append((title, ["probability", "questions", "mean probability", score.heading or score.label], rows))
    return tables


def bin_label(one: Mapping[str, float]) -> str:
    """
    >>> bin_label({"low": 0.3, "high": 0.4})
    '30 to 40'
    """
    return f"{100 * one['low']:.0f} to {100 * one['high']:.0f}"


def breakdown_markdown(evaluation: Evaluation) -> list[str]:
    """The tables of answers, in Markdown."""
    lines = []
    for title, head, rows in breakdown_tables(evaluation):
        lines += [f"## {as_text(title)}", "", *markdown_table(head, rows, "l" + "r" * (len(head) - 1))]
    return lines
