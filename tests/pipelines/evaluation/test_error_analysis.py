"""Where BLEU is lost: the groups hold the images they name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.metrics.score import score_captions
from pipelines.evaluation.error_analysis import analyze_errors

CAPTIONS = {"1": "a dog", "2": "a dog", "3": "a red cat sits on the mat today", "4": "a bird flies"}
REFERENCES = {
    "1": ["a dog runs on the grass"],
    "2": ["a dog", "the zebra"],
    "3": ["a red cat sits"],
    "4": ["a bird flies high", "the bird"],
}


def rows(captions, references):
    return score_captions(captions, references).rows["bleu"]


def found(known=None):
    return analyze_errors(CAPTIONS, REFERENCES, rows(CAPTIONS, REFERENCES), known=known)


def test_images_are_grouped_by_how_their_length_differs():
    # Shorter by 4; as long; longer by 4; "a bird flies" has 3 words, the references 4 and 2: the shorter counts.
    assert {group.label: group.images for group in found().lengths} == {
        "3 words or more too short": 1,
        "as long as a reference": 1,
        "1 or 2 words too long": 1,
        "3 words or more too long": 1,
    }


def test_a_groups_bleu_is_that_of_its_images():
    group = next(group for group in found().lengths if group.label.startswith("as long"))
    alone = score_captions({"2": CAPTIONS["2"]}, REFERENCES).scores["bleu_4"]
    assert group.bleu_4 == group.low == group.high == pytest.approx(alone)


def test_unknown_words_are_counted_in_the_references():
    # Unknown are zebra, grass, flies, high and runs, once each in 21 words; images 1, 2 and 4 have one.
    known = {"a", "dog", "on", "the", "red", "cat", "sits", "bird"}
    result = found(known)
    assert [group.images for group in result.unknown] == [1, 3]
    assert result.unknown_share == pytest.approx(5 / 20)
    assert sorted(word for word, _ in result.unknown_words) == ["flies", "grass", "high", "runs", "zebra"]
    assert found().unknown == (), "nothing is known of the model's words"


def test_repeated_captions_are_told():
    result = found()
    assert result.repeats == (("a dog", 2),)
    assert [(group.label, group.images) for group in result.repeated] == [
        ("caption given once", 2),
        ("caption given to several images", 2),
    ]


def test_words_are_compared_by_their_share():
    # "dog": 2 of 15 words of the captions, 2 of 20 of the references. "runs": never said.
    result = found()
    dog = next(word for word in result.too_often if word.word == "dog")
    assert (dog.captions, dog.references) == pytest.approx((1000 * 2 / 15, 1000 * 2 / 20))
    assert any(word.word == "runs" and word.captions == 0 for word in result.too_seldom)
    assert all(word.captions > word.references for word in result.too_often)
    assert result.distinct == (11, 13)


@given(st.dictionaries(st.text(), st.tuples(st.text(), st.lists(st.text(), min_size=1, max_size=3)), min_size=1))
def test_any_text_can_be_looked_through(table):
    captions = {image: caption for image, (caption, _) in table.items()}
    references = {image: texts for image, (_, texts) in table.items()}
    result = analyze_errors(captions, references, rows(captions, references), known={"a"})
    assert sum(group.images for group in result.lengths) == len(captions)
    assert all(np.isfinite([group.bleu_4, group.low, group.high]).all() for group in result.lengths)
