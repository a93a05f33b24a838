"""A metric of one file and one line in the registry is known everywhere, with all of its scores.

Wrong if a label, a column or an interval is written anywhere but in the metric: then its second score has none.
"""

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.metrics import METRICS
from captioner.training.rewards import CaptionReward
from pipelines.evaluation.compare import compare_all, comparison
from pipelines.evaluation.evaluated import read_evaluations
from pipelines.evaluation.reports.charts import training_curves
from pipelines.evaluation.reports.comparison import differences, overview
from pipelines.recipes.recipe import load_recipe
from pipelines.tasks.captioning.evaluate import ReportOptions, evaluate_predictions
from pipelines.training.history import describe_epoch
from pipelines.utils.progress import Reporter

FILE = '''
import numpy as np

from captioner.metrics.base import Metric, Prominence, Score


class LengthRatio(Metric):
    """Words of the captions by words of the references, and the share of captions with three words or more."""

    scores = (
        Score("length_ratio", "Length ratio", "length", "length: words of captions by those of references",
              Prominence.MAIN),
        Score("long_captions", "Long captions", "long", prominence=Prominence.MAIN, per_item=True),
    )

    def rows(self, predictions, references, images=None):
        images = range(len(predictions)) if images is None else images
        return np.array(
            [(len(words), len(references.words[image][0]), len(words) >= 3)
             for words, image in zip(predictions, images)], float,
        )

    @classmethod
    def combine(cls, rows):
        words, expected, long = rows.sum(axis=0)
        return {"length_ratio": float(words / expected), "long_captions": float(long / len(rows))}

    @classmethod
    def per_item(cls, rows):
        return {"long_captions": rows[:, 2]}
'''
SHORT = {f"{n}.jpg": "a dog" if n % 3 else "a red dog runs" for n in range(30)}
LONG = dict.fromkeys(SHORT, "a dog runs on grass")
REFERENCES = dict.fromkeys(SHORT, "a dog runs fast")


@pytest.fixture
def length_ratio(tmp_path, monkeypatch):
    (tmp_path / "length_ratio_metric.py").write_text(FILE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(METRICS, "_table", dict(METRICS._table))  # forgotten after the test
    METRICS.register("length_ratio", "length_ratio_metric:LengthRatio")


def write(path, captions):
    path.write_text("".join(["image,caption\n", *(f"{image},{text}\n" for image, text in captions.items())]))
    return path


def evaluate(folder, name, captions):
    predictions, references = write(folder / f"{name}.csv", captions), write(folder / "references.csv", REFERENCES)
    report = ReportOptions(folder / name, "both")
    evaluation = evaluate_predictions(predictions, references, report=report, reporter=Reporter(quiet=True))
    return evaluation, read_evaluations([folder / name])[0]


def test_its_scores_and_their_intervals_are_in_every_evaluation_and_comparison(length_ratio, tmp_path):
    evaluation, first = evaluate(tmp_path, "short", SHORT)
    assert evaluation.scores["length_ratio"] == pytest.approx((20 * 2 + 10 * 4) / (30 * 4))
    assert evaluation.scores["long_captions"] == pytest.approx(1 / 3)
    # Of two independent columns each interval is that of its own: 1.96 standard errors each way.
    low, high = evaluation.intervals["long_captions"]
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(1 / 3 * 2 / 3 / 30), rel=0.2)
    low, high = evaluation.intervals["length_ratio"]
    assert low < evaluation.scores["length_ratio"] < high < 1
    assert [one.scores["long_captions"] for one in evaluation.predictions[:3]] == [1, 0, 0]
    for page in ("report.html", "report.md"):
        text = (tmp_path / "short" / page).read_text("utf-8")
        assert "Length ratio" in text and "Long captions" in text, page
        assert ("Long captions, best first" if page == "report.html" else "Long captions 100") in text, page
    _, second = evaluate(tmp_path, "long", LONG)
    (pair,) = compare_all([first, second], resamples=1000).pairs
    assert pair.differences["length_ratio"].value == pytest.approx(5 / 4 - 2 / 3)
    assert (
        pair.differences["long_captions"].value == pytest.approx(2 / 3)
        and pair.differences["long_captions"].significant
    )
    assert {"Length ratio", "Long captions"} <= {row[0] for row in comparison([first, second], ["a", "b"])[1]}
    assert {"length", "long"} <= set(overview([first, second], ["a", "b"])[0]) & set(differences(["b"], [pair])[0])


def test_training_shows_it_and_may_be_led_by_it(length_ratio, tmp_path):
    row = {"epoch": 1, "loss": 1.0, "length_ratio": 0.5, "long_captions": 0.25, "seconds": 1}
    assert "Length ratio 50.0  Long captions 25.0" in describe_epoch(row, best=True)
    (tmp_path / "metrics.csv").write_text("epoch,length_ratio,long_captions\n1,0.1,0.2\n2,0.3,0.4\n")
    titles = [chart.description.partition(" by ")[0] for chart in training_curves(tmp_path / "metrics.csv")]
    assert "Long captions" in titles
    assert load_recipe("shapes", ["training.select_by=long_captions"]).training.select_by == "long_captions"
    reward = CaptionReward([[["a", "dog"]]], {"long_captions": 2.0})
    assert reward([["a", "dog"], ["a"]], [True, True], [0, 0]).tolist() == [2.0, 0.0], "the end is a word of a reward"


def test_only_registered_scores_may_choose(length_ratio):
    """Wrong if a mistyped score is found out after an epoch of an hour."""
    with pytest.raises(UserError, match=r"`training\.select_by` = 'bleu4'.*Did you mean `bleu_4`"):
        load_recipe("shapes", ["training.select_by=bleu4"])
    with pytest.raises(UserError, match="no score called 'vqa_accuracy'"):
        load_recipe("shapes", ["training.select_by=vqa_accuracy"])
    with pytest.raises(UserError, match="no score called 'prediction_words'"):
        load_recipe("shapes", ["training.select_by=prediction_words"])
