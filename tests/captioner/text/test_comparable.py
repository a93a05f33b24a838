"""Short texts that look alike are alike, in answers, columns, splits, labels and names of images."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.text.answers import answer_key
from captioner.text.comparable import comparable
from pipelines.data.datasets.rows import lowered
from pipelines.data.examples import canonical_split
from pipelines.evaluation.matching import match


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("cafe\u0301", "café"),
        ("yes\u200b", "yes"),
        ("\u200eyes\u200f", "yes"),
        ("\ufeffyes", "yes"),
        ("co\u00adlour", "colour"),
        (" yes\u00a0\u3000sir\u2028", "yes sir"),
    ],
)
def test_what_cannot_be_seen_makes_no_difference(text, seen):
    """A right answer was wrong, and a column was missing, for a reason that nobody can see."""
    assert comparable(text) == seen
    assert answer_key(text) == answer_key(seen)
    assert lowered([text.upper()]) == lowered([seen.upper()])
    assert canonical_split(text.replace("yes", "val")) == canonical_split(seen.replace("yes", "val"))


@pytest.mark.parametrize("text", ["नमस्ते", "می\u200cخواهم", "👩\u200d🚀", "🏳\ufe0f"])
def test_what_shapes_letters_and_emoji_stays(text):
    assert comparable(text) == text


@given(st.text())
def test_once_is_enough(text):
    assert comparable(comparable(text)) == comparable(text)


def test_names_of_images_match_composed_or_not():
    """A folder that was copied from a Mac may name its files in the other form."""
    assert match({"photos/cafe\u0301.jpg": "a café"}, {"café.jpg": ["a café"]}, {}) == {"café.jpg": "a café"}
