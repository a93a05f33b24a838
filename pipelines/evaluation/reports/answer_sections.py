"""What a report of answers shows: questions with their likeliest answers, calibration, and confusions."""

from collections.abc import Sequence

import numpy as np

from captioner.text.answers import answer_key
from pipelines.evaluation.metrics import scores_of
from pipelines.evaluation.reports.charts import reliability_diagram
from pipelines.evaluation.reports.figures import card_picture
from pipelines.evaluation.reports.html_page import render_fragment
from pipelines.evaluation.reports.prediction_table import ROWS, Column, Row, prediction_table
from pipelines.evaluation.reports.score_sections import bin_label
from pipelines.evaluation.reports.sections import Html
from pipelines.evaluation.results import AnsweredQuestion, Evaluation

CARDS = 4


def answer_cards(evaluation: Evaluation) -> Html | None:
    """Some questions with their pictures and the likeliest answers."""
    if not evaluation.of_answers:
        return None
    groups = [
        (title, [_card(question) for question in chosen]) for title, chosen in chosen_questions(evaluation.predictions)
    ]
    return Html(render_fragment("answer_cards.html", groups=groups), "What it answers")


def chosen_questions(
    questions: Sequence[AnsweredQuestion], each: int = CARDS
) -> list[tuple[str, list[AnsweredQuestion]]]:
    """Some picked at random (with a seed), and where the model was surest: rightly, and wrongly. No question twice."""
    if len(questions) < 4 * each:
        return [("All", list(questions))]
    order = np.random.default_rng(0).permutation(len(questions))
    groups = [("Picked at random", _of_different_images([questions[n] for n in order], 2 * each))]
    taken = {question.id for question in groups[0][1]}
    surest = sorted(
        (question for question in questions if question.id not in taken), key=lambda question: -question.probability
    )
    for title, right in (("Right, and surest", True), ("Wrong, and surest", False)):
        chosen = _of_different_images([question for question in surest if question.right is right], each)
        groups += [(title, chosen)] if chosen else []
    return groups


def _of_different_images(questions: Sequence[AnsweredQuestion], number: int) -> list[AnsweredQuestion]:
    of_image: dict[str, AnsweredQuestion] = {}
    for question in questions:
        of_image.setdefault(question.image, question)
        if len(of_image) == number:
            break
    return list(of_image.values())


def _card(question: AnsweredQuestion) -> dict:
    agreed = answer_key(question.agreed)
    answers = [(text, probability, answer_key(text) == agreed) for text, probability in question.candidates]
    return {
        "question": question,
        "picture": card_picture(question.path),
        "answers": answers,
        "truth": "" if any(same for *_, same in answers) else question.agreed,
    }


def calibration(evaluation: Evaluation) -> Html | None:
    """Whether answers are right as often as their probabilities say: a reliability diagram and its error."""
    found = evaluation.breakdown.get("calibration")
    if not found:
        return None
    (score,) = scores_of([found["score"]])
    html = render_fragment(
        "calibration.html", chart=reliability_diagram(found["bins"], score.label), score=score,
        error=f"{100 * found['error']:.1f}", rows=[(bin_label(one), one) for one in found["bins"]],
    )  # fmt: skip
    return Html(html, "Calibration")


def confusion(evaluation: Evaluation) -> Html | None:
    """Which answers are taken for which; counts with the share of their row, for shading."""
    if "confusion" not in evaluation.breakdown:
        return None
    answers, table_counts = (evaluation.breakdown["confusion"][name] for name in ("answers", "counts"))
    rows = []
    for number, (name, counts) in enumerate(zip(answers, table_counts, strict=True)):
        total = max(sum(counts), 1)
        cells = [(count, f"{count / total:.2f}", column == number) for column, count in enumerate(counts)]
        rows.append({"name": name, "cells": cells})
    html = render_fragment("confusion.html", confusion={"answers": answers, "rows": rows})
    return Html(html, "What is taken for what")


def answer_table(evaluation: Evaluation) -> Html | None:
    """All answers, in a table that can be filtered and sorted."""
    if not evaluation.of_answers:
        return None
    questions = evaluation.predictions
    orders = [
        ("order 1", "order of the data set"), ("share -1", "probability, surest first"),
        ("share 1", "probability, least sure first"), ("title 1", "question"), ("title -1", "question, from Z to A"),
        ("first 1", "answer"), ("1 1", "type"), ("1 -1", "type, from Z to A"),
    ]  # fmt: skip
    return prediction_table(
        "All answers", Column("Question and answers", key="title", first=1), [Column("True"), Column("Type", first=1)],
        [_row(question) for question in questions[:ROWS]], len(questions),
        orders=orders, groups=("the wrong ones", "the right ones"), placeholder="Words in a question, answer or name",
    )  # fmt: skip


def _row(question: AnsweredQuestion) -> Row:
    answers = [(text or "(no words)", round(probability, 3)) for text, probability in question.candidates]
    true = f"{'✓' if question.right else '✗'} {question.agreed}"
    return Row(
        question.path, question.image, [question.question], answers, question.image,
        [true, question.type or question.answer_type], group=int(question.right),
    )  # fmt: skip
