"""What every report shows: headlines, all scores, curves of the training, and how the scores were computed."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from captioner.metrics.base import Prominence
from pipelines.evaluation.metrics import scores_of
from pipelines.evaluation.reports.charts import training_curves
from pipelines.evaluation.reports.html_page import render_fragment
from pipelines.evaluation.reports.markdown import markdown_table
from pipelines.evaluation.reports.sections import Html
from pipelines.evaluation.results import Evaluation

MOST_HEADLINES = 6


@dataclass(frozen=True)
class ScoreLine:
    """A score as it is printed; `low` and `high` are the bounds of its interval on a bar of 100."""

    name: str
    label: str
    value: str
    interval: str = ""
    low: float = 0.0
    high: float = 0.0


def score_lines(evaluation: Evaluation, at_least: Prominence = Prominence.DETAIL) -> list[ScoreLine]:
    """The scores of an evaluation that are so prominent, in the order of the registries of metrics."""
    lines = []
    for score in scores_of(evaluation.scores, at_least):
        interval = score.interval_text(evaluation.intervals, " – ")
        bar = (min(score.factor * bound, 100.0) for bound in evaluation.intervals.get(score.name, (0.0, 0.0)))
        lines.append(ScoreLine(score.name, score.label, score.text_of(evaluation.scores), interval, *bar))
    return lines


def headlines(evaluation: Evaluation) -> Html:
    """The most prominent scores, as tiles."""
    at_least = Prominence.PLAIN if evaluation.of_answers else Prominence.HEADLINE
    return Html(render_fragment("tiles.html", headlines=score_lines(evaluation, at_least)[:MOST_HEADLINES]))


def scores(evaluation: Evaluation) -> Html:
    """All scores, and those of groups of questions."""
    return Html(
        render_fragment(
            "scores.html",
            lines=score_lines(evaluation),
            columns=list(scores_of(evaluation.scores)),
            breakdown=evaluation.breakdown,
            baselines=_baselines(evaluation),
        )
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
    title = f"{'Development answers' if evaluation.of_answers else 'Decoded dev captions'}, x 100"
    curves = training_curves(evaluation.history, title) if evaluation.history else []
    return Html(render_fragment("training.html", curves=map(Markup, curves))) if curves else None


def facts(evaluation: Evaluation) -> Html:
    """How the scores were computed, and what the model was trained on and how."""
    evaluated, trained = printed_facts(evaluation.evaluated), printed_facts(evaluation.trained)
    return Html(render_fragment("facts.html", evaluation=evaluation, facts=evaluated, trained=trained))


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
    """The scores of groups of questions, and of baselines, for a terminal: `(title, head, rows)`; none of captions."""
    scores, breakdown, tables = list(scores_of(evaluation.scores)), evaluation.breakdown, []
    names = [score.heading or score.label for score in scores]

    def cells(values: Mapping[str, float]) -> list[str]:
        return [score.text_of(values) for score in scores]

    for title, key in (
        ("In two protocols", "protocols"), ("By type of question", "by_question_type"),
        ("By type of answer", "by_answer_type"),
    ):  # fmt: skip
        if groups := breakdown.get(key):
            rows = [[name, f"{group['questions']:,}", *cells(group)] for name, group in groups.items()]
            tables.append((title, ["", "questions", *names], rows))
    rows = [[name, *cells(values)] for name, values in breakdown.get("baselines", {}).items()]
    if "ceiling" in breakdown:
        rows.append(["best choice from the list of answers", *cells(breakdown["ceiling"])])
    if rows:
        tables.append(("What guessing earns, and what can be reached", ["", *names], rows))
    return tables
