"""An evaluation of answers as one HTML page: questions, their five likeliest answers, where the model looked."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from captioner.text.answers import answer_key
from pipelines.evaluation.answers_evaluation import AnsweredQuestion, AnswersEvaluation
from pipelines.evaluation.metrics import scores_of
from pipelines.evaluation.reports.charts import training_curves
from pipelines.evaluation.reports.figures import data_uri, looked_at, thumbnail
from pipelines.evaluation.reports.html_page import render_page
from pipelines.evaluation.reports.score_table import printed_facts, score_lines
from pipelines.inference.explanations import HANGS, HANGS_NOT
from pipelines.utils.threads import parallel_map

ROWS = 10_000  # predictions.csv has them all
THUMBNAILS = 400  # images; a picture may have many questions
CARDS = 4


def render_answers_report(evaluation: AnswersEvaluation) -> str:
    """The page as text."""
    lines = score_lines(evaluation)
    summary, questions = evaluation.summary, evaluation.questions
    pictures, rows = _rows(questions[:ROWS])
    return render_page(
        "answers.html",
        "answers.js",
        evaluation=evaluation,
        summary=summary,
        headlines=lines,
        lines=lines,
        names=[(score.name, score.label) for score in scores_of(summary["scores"])],
        groups=[(title, [_card(one) for one in chosen]) for title, chosen in chosen_questions(questions)],
        looked=_looked(evaluation),
        hangs=any(look.labels[0] in (HANGS, HANGS_NOT) for look in evaluation.looked.values()),
        guessing=_guessing(summary),
        confusion=_confusion(summary["confusion"]),
        curves=[Markup(chart) for chart in _curves(evaluation)],
        facts=printed_facts(evaluation.evaluated),
        trained=printed_facts(evaluation.trained),
        shown=len(rows),
        data={"rows": rows, "pictures": pictures},
    )


def chosen_questions(
    questions: Sequence[AnsweredQuestion], each: int = CARDS
) -> list[tuple[str, list[AnsweredQuestion]]]:
    """Some picked at random (with a seed), and where the model was surest: rightly, and wrongly. No question twice."""
    if len(questions) < 4 * each:
        return [("All", list(questions))]
    drawn = np.random.default_rng(0).permutation(len(questions))
    groups = [("Picked at random", _of_different_images([questions[n] for n in drawn], 2 * each))]
    taken = {one.id for one in groups[0][1]}
    surest = sorted((one for one in questions if one.id not in taken), key=lambda one: -one.probability)
    for title, right in (("Right, and surest", True), ("Wrong, and surest", False)):
        chosen = _of_different_images([one for one in surest if one.right is right], each)
        groups += [(title, chosen)] if chosen else []
    return groups


def _of_different_images(questions: Sequence[AnsweredQuestion], number: int) -> list[AnsweredQuestion]:
    of_image: dict[str, AnsweredQuestion] = {}
    for one in questions:
        of_image.setdefault(one.image, one)
        if len(of_image) == number:
            break
    return list(of_image.values())


def _card(one: AnsweredQuestion) -> dict:
    picture = thumbnail(one.path, 320)
    truth = answer_key(one.agreed)
    answers = [(text, share, answer_key(text) == truth) for text, share in one.found]
    return {
        "question": one,
        "picture": data_uri(picture, 76) if picture else "",
        "answers": answers,
        "told": "" if any(same for *_, same in answers) else one.agreed,
    }


def _rows(questions: Sequence[AnsweredQuestion]) -> tuple[list[str], list[list]]:
    """The pictures, and what the table shows of each question: image, question, picture's number or -1, answers and
    their probabilities, people's answer, whether right, type."""
    paths = dict.fromkeys(one.path for one in questions)
    numbers = {path: number for number, path in enumerate(list(paths)[:THUMBNAILS])}
    pictures = list(parallel_map(_small, numbers, ahead=64))
    rows = [
        [one.image, one.question, numbers.get(one.path, -1), [[text, round(share, 3)] for text, share in one.found],
         one.agreed, int(one.right), one.type or one.answer_type]
        for one in questions
    ]  # fmt: skip
    return pictures, rows


def _small(path) -> str:
    picture = thumbnail(path, 112)
    return data_uri(picture, 60) if picture else ""


def _looked(evaluation: AnswersEvaluation) -> list[dict]:
    by_id = {one.id: one for one in evaluation.questions}
    shown = []
    for id, look in evaluation.looked.items():
        picture = thumbnail(by_id[id].path, 160)
        if picture is not None:
            tiles = [(label, data_uri(looked_at(picture, weights, look.grid), 60))
                     for label, weights in zip(look.labels, look.weights, strict=True)]  # fmt: skip
            shown.append({"question": by_id[id], "tiles": [("", data_uri(picture)), *tiles]})
    return shown


def _guessing(summary: dict) -> list[tuple[str, dict]]:
    """The model's scores between what guessing earns and what the list of answers can reach: rows of a table."""
    rows = [(name, scores) for name, scores in summary.get("baselines", {}).items()]
    rows.append(("this model", summary["scores"]))
    if "ceiling" in summary:
        rows.append(("the best choice from its list of answers", summary["ceiling"]))
    return rows if len(rows) > 1 else []


def _confusion(found: dict) -> dict:
    """Counts with the share of their row, for shading."""
    rows = []
    for number, (name, counts) in enumerate(zip(found["answers"], found["counts"], strict=True)):
        total = max(sum(counts), 1)
        cells = [(count, f"{count / total:.2f}", column == number) for column, count in enumerate(counts)]
        rows.append({"name": name, "cells": cells})
    return {"answers": found["answers"], "rows": rows}


def _curves(evaluation: AnswersEvaluation) -> list[str]:
    return training_curves(evaluation.history, "Development answers, x 100") if evaluation.history else []
