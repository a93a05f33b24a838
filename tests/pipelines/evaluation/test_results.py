"""Results as pandas tables, and sections of one's own in their reports."""

import numpy as np
import pytest

from pipelines.evaluation.bootstrap import Difference
from pipelines.evaluation.compare import Comparison
from pipelines.evaluation.reports.html_page import render_report
from pipelines.evaluation.reports.markdown import render_markdown
from pipelines.evaluation.reports.sections import HTML_SECTIONS, MARKDOWN_SECTIONS
from pipelines.evaluation.results import AnsweredQuestion, Evaluation, Prediction

SECTION = """
from markupsafe import Markup

from pipelines.evaluation.reports.sections import Html


def longest(evaluation):
    return Html(Markup("<p>{}</p>").format(_longest(evaluation)), "Longest")


def longest_markdown(evaluation):
    return ["## Longest", "", _longest(evaluation), ""]


def _longest(evaluation):
    return max((getattr(one, "caption", one.id) for one in evaluation.predictions), key=len)
"""


def captions():
    predictions = (
        Prediction("a.jpg", "a dog", ("a dog runs",), {"bleu_4": 0.5}, -0.5),
        Prediction("b.jpg", "a cat sleeps & purrs", ("a cat",), {"bleu_4": 0.25}),
    )
    scores = {"bleu_4": 0.4, "brevity_penalty": 1.0, "prediction_words": 7.0, "reference_words": 5.0}
    return Evaluation("c", scores, {"bleu_4": (0.3, 0.5)}, predictions, {"images": 2})


def answers(tmp_path):
    question = AnsweredQuestion("a.jpg#0", "a.jpg", tmp_path / "a.jpg", "what?", ("red",), "red", (("blue", 0.75),),
                                {"exact_match": 0.0})  # fmt: skip
    confusion = {"answers": ["red", "blue"], "counts": [[0, 1], [0, 0]], "questions": 1}
    facts = {"images": 1, "answers": "one of 2"}
    return Evaluation("q", {"exact_match": 0.0}, {}, (question,), facts, breakdown={"confusion": confusion})


def test_predictions_scores_and_confusions_are_pandas_tables(tmp_path):
    """Wrong if a number must be read out of a page, or if a caption loses its row."""
    pytest.importorskip("pandas")
    frame = captions().to_frame()
    assert list(frame.columns) == ["image", "caption", "score", "bleu_4", "references"] and len(frame) == 2
    assert frame.set_index("image").loc["b.jpg", "bleu_4"] == 0.25 and np.isnan(frame["score"][1])
    scores = captions().scores_frame()
    assert scores.loc["bleu_4"].tolist() == [0.4, 0.3, 0.5] and np.isnan(scores.loc["brevity_penalty", "low"])
    assert captions().confusion_frame().empty
    assert answers(tmp_path).to_frame().loc[0, "prediction"] == "blue"
    assert answers(tmp_path).confusion_frame().loc["red", "blue"] == 1, "rows are true answers, columns predictions"


def test_a_comparison_is_a_pandas_table():
    pytest.importorskip("pandas")
    frame = Comparison("a", "b", 9, 0, {"bleu_4": Difference(0.1, 0.05, 0.15, 0.01, 0.04)}).to_frame()
    assert frame.loc["bleu_4"].to_dict() == {
        "difference": 0.1, "low": 0.05, "high": 0.15, "p": 0.01, "adjusted_p": 0.04,
    }  # fmt: skip


def test_a_section_is_one_file_and_one_line(tmp_path, monkeypatch):
    """And it is in reports of captions and of answers, as a page and as Markdown."""
    (tmp_path / "longest_section.py").write_text(SECTION)
    monkeypatch.syspath_prepend(tmp_path)
    for registry, name in ((HTML_SECTIONS, "longest"), (MARKDOWN_SECTIONS, "longest_markdown")):
        monkeypatch.setattr(registry, "_table", dict(registry._table))  # forgotten after the test
        registry.register("longest", f"longest_section:{name}")
    page = render_report(captions())
    assert "<h2>Longest " in page and "<p>a cat sleeps &amp; purrs</p>" in page
    assert page.count('href="#longest"') == 2, "of the contents, and of the heading itself"
    assert "## Longest\n\na cat sleeps & purrs" in render_markdown(captions())
    assert "<p>a.jpg#0</p>" in render_report(answers(tmp_path))
