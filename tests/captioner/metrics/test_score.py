"""score_captions: from strings to a report."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import UserError
from captioner.metrics.score import score_captions

REFERENCES = {
    "a.jpg": ["A dog runs on grass.", "The brown dog is running!"],
    "b/c.jpg": ["Two boats at sea", "Some boats"],
    "unused.jpg": ["A cat"],
}
PREDICTIONS = {"b/c.jpg": "two boats", "a.jpg": "A dog runs on the grass ."}


def test_a_report_has_scores_and_values_of_each_image_by_its_name():
    # Values filed under another image would put the wrong photographs among the best and worst.
    report = score_captions(PREDICTIONS, REFERENCES)
    assert report.images == 2 and report.references == 4 and report.tokenizer == "ptb"
    assert list(report.per_caption) == ["b/c.jpg", "a.jpg"]
    assert set(report.per_caption["a.jpg"]) == {"words", "bleu_4", "rouge_l", "cider_d"}
    assert report.per_caption["a.jpg"]["words"] == 6 and report.per_caption["b/c.jpg"]["words"] == 2
    assert {"bleu_1", "bleu_4", "brevity_penalty", "rouge_l", "cider_d", "distinct_captions"} <= set(report.scores)
    assert "novel_captions" not in report.scores
    assert report.scores["rouge_l"] == pytest.approx(np.mean([row["rouge_l"] for row in report.per_caption.values()]))


def test_predictions_and_references_meet_by_id_whatever_their_order():
    # Pairing by position instead of by name gives every caption the references of another image.
    turned = dict(reversed(PREDICTIONS.items()))
    report, other = score_captions(PREDICTIONS, REFERENCES), score_captions(turned, REFERENCES)
    assert other.scores == pytest.approx(report.scores)
    assert other.per_caption["a.jpg"] == pytest.approx(report.per_caption["a.jpg"])


def test_case_and_punctuation_do_not_count():
    # Predictions are lower case without a period; references are as people typed them.
    report = score_captions({"x": "a dog runs"}, {"x": ["A dog runs ."]}, metrics=["bleu"])
    assert report.scores["bleu_3"] == pytest.approx(1)
    assert "cider_d" not in report.scores


def test_novel_captions_are_counted_as_words():
    # "A dog." is no new caption if "a dog" was in the training set.
    report = score_captions({"x": "A dog.", "y": "a cat"}, {"x": ["d"], "y": ["e"]}, training_captions=["a dog"])
    assert report.scores["novel_captions"] == 0.5


def test_rows_can_be_combined_again():
    # Bootstrap intervals draw rows; all rows must give the score itself.
    report = score_captions(PREDICTIONS, REFERENCES)
    for name, metric in report.metrics.items():
        for key, value in metric.combine(report.rows[name]).items():
            assert report.scores[key] == value
    one = report.metrics["bleu"].combine(report.rows["bleu"][[1, 1]])
    assert one["bleu_4"] == pytest.approx(report.per_caption["a.jpg"]["bleu_4"], rel=1e-6)


@given(st.dictionaries(st.text(), st.tuples(st.text(), st.lists(st.text(), min_size=1, max_size=3)), min_size=1))
def test_any_text_can_be_scored(table):
    # Emoji, empty captions and lone accents come from real people and models: one of them must not cost the
    # report.
    for tokenizer in ("ptb", "unicode", "characters"):
        report = score_captions(
            {image: caption for image, (caption, _) in table.items()},
            {image: references for image, (_, references) in table.items()},
            tokenizer,
        )
        assert all(np.isfinite(list(report.scores.values())))


def test_images_that_are_named_differently_are_told():
    # The usual slip: "1.jpg" in one file and "images/1.jpg" in the other.
    with pytest.raises(UserError, match=r"'1\.jpg' has a caption but no reference.*'images/1\.jpg'"):
        score_captions({"1.jpg": "a"}, {"images/1.jpg": ["a"]})
    with pytest.raises(UserError, match="no captions"):
        score_captions({}, REFERENCES)
    with pytest.raises(UserError, match="Did you mean `bleu`"):
        score_captions(PREDICTIONS, REFERENCES, metrics=["blue"])


def test_one_metric_needs_no_list():
    """Wrong if its name were taken for all that are fast."""
    assert set(score_captions(PREDICTIONS, REFERENCES, metrics="bleu").rows) == {"bleu"}
    with pytest.raises(UserError, match="`training_captions` is a list of texts, not a text"):
        score_captions(PREDICTIONS, REFERENCES, training_captions="a dog")


@pytest.mark.parametrize(
    ("predictions", "references", "said"),
    [
        ({"x": "a dog"}, {"x": "a dog"}, r"`references\['x'\]` is a list of texts, not a text: write \['a dog'\]"),
        ({"x": None}, {"x": ["a dog"]}, r"`predictions\['x'\]` is a text; received None \(a missing value\)"),
        ({"x": "a dog"}, {"x": ["a dog", float("nan")]}, r"`references\['x'\]\[1\]` is a text; received nan \(a miss"),
        (["a dog"], ["a dog"], "`predictions` is a dictionary by id; received list"),
    ],
)
def test_what_is_no_text_is_refused(predictions, references, said):
    """A text is a sequence of texts: every letter would become a reference."""
    with pytest.raises(UserError, match=said):
        score_captions(predictions, references)
