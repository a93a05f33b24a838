"""What a report of answers shows: questions with their likeliest answers, and confusions."""

from collections.abc import Sequence

import numpy as np

from captioner.text.answers import answer_key
from pipelines.evaluation.reports.figures import small_pictures, thumbnail_uri
from pipelines.evaluation.reports.html_page import render_fragment
from pipelines.evaluation.reports.sections import Html
from pipelines.evaluation.results import AnsweredQuestion, Evaluation

ROWS = 10_000  # predictions.csv has them all
THUMBNAILS = 400  # images; a picture may have many questions
CARDS = 4


def answer_cards(evaluation: Evaluation) -> Html | None:
    """Some questions with their pictures and the likeliest answers."""
    if not evaluation.of_answers:
        return None
    groups = [
        (title, [_card(question) for question in chosen]) for title, chosen in chosen_questions(evaluation.predictions)
    ]
    return Html(render_fragment("answer_cards.html", groups=groups))


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
        "picture": thumbnail_uri(question.path, 320, 76),
        "answers": answers,
        "truth": "" if any(same for *_, same in answers) else question.agreed,
    }


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
    return Html(render_fragment("confusion.html", confusion={"answers": answers, "rows": rows}))


def answer_table(evaluation: Evaluation) -> Html | None:
    """All answers, in a table that can be filtered and sorted."""
    if not evaluation.of_answers:
        return None
    questions = evaluation.predictions[:ROWS]
    paths = dict.fromkeys(question.path for question in questions)
    numbers = {path: number for number, path in enumerate(list(paths)[:THUMBNAILS])}
    # Image, question, number of its picture or -1, answers and probabilities, people's answer, whether right, type.
    rows = [
        [question.image, question.question, numbers.get(question.path, -1),
         [[text, round(probability, 3)] for text, probability in question.candidates],
         question.agreed, int(question.right), question.type or question.answer_type]
        for question in questions
    ]  # fmt: skip
    html = render_fragment("answer_table.html", evaluation=evaluation, shown=len(rows))
    return Html(html, ("answer_table.js",), {"rows": rows, "pictures": list(small_pictures(numbers))})
