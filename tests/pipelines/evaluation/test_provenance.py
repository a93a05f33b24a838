"""What a report says of the evaluation itself: model, data, date and command."""

import re
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from captioner.settings import CaptionerSettings, VisualQASettings
from pipelines.data.examples import DataSet
from pipelines.evaluation.provenance import EvaluatedRun
from pipelines.evaluation.reports.html_page import render_report
from pipelines.evaluation.reports.write import ReportOptions
from pipelines.evaluation.results import Prediction

METADATA = {"recipe": "shapes", "data_set": {"name": "shapes", "splits": {"train": 1200, "dev": 20}}}
COMMAND = "captioner evaluate runs/a --data 'my data' --split test"


def evaluation(settings=CaptionerSettings, **options):
    model = SimpleNamespace(metadata=METADATA, settings=settings())
    dataset = DataSet("table", Path("my data"), (), (), "CC0")
    run = EvaluatedRun(Path("runs/a"), model, dataset, "test", ReportOptions(**options), ("b",))
    scores = {"bleu_4": 0.4, "brevity_penalty": 1.0, "prediction_words": 7.0, "reference_words": 5.0}
    return run.evaluation(
        {"images": 1}, {"answers known": 9}, scores=scores, intervals={},
        predictions=(Prediction("a.jpg", "a dog", ("a dog",), {"bleu_4": 0.4}),),
    )  # fmt: skip


def test_a_report_says_which_data_it_is_of_and_how_it_can_be_made_again():
    """Wrong if a page that is found a year later does not tell what it shows."""
    facts = evaluation(command=COMMAND).evaluated
    assert (facts["model"], facts["data set"], facts["data folder"], facts["split"]) == (
        "a and b",
        "table",
        "my data",
        "test",
    )
    assert abs((datetime.now().astimezone() - datetime.fromisoformat(facts["date"])).total_seconds()) < 120
    page = render_report(evaluation(command=COMMAND))
    assert '<dt>Data folder</dt><dd dir="auto">my data</dd>' in page and re.search(r"<dt>Date</dt><dd[^>]*>20", page)
    assert "<code>captioner evaluate runs/a --data &#39;my data&#39; --split test</code>" in page


def test_from_python_there_is_no_command():
    assert "command" not in evaluation().evaluated


@pytest.mark.parametrize("settings, counted", [(CaptionerSettings, "images"), (VisualQASettings, "questions")])
def test_what_splits_count_depends_on_the_kind_of_model(settings, counted):
    trained = evaluation(settings).trained
    assert trained[f"{counted} of each split"] == "1,200 train, 20 dev" and trained["answers known"] == 9
