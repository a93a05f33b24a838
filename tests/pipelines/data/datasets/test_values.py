"""Values of annotation files: the same text whatever file they stand in, and ids that leave as they came."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.data.datasets.text import parse_json
from pipelines.data.datasets.values import as_id, column_ids, field_captions, field_values, value_text

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('"07"', "07"),
        ('" a "', " a "),
        ("7", "7"),
        ("7.0", "7"),
        ("-0.0", "0"),
        ("1500000.0", "1500000"),  # "1.5e+06" with six digits
        ("262148001.0", "262148001"),
        ("20230101123456789.0", "20230101123456789"),  # no float holds it
        ("1e400", None),
        ("1e22", "1" + 22 * "0"),
        ("0.1", "0.1"),
        ("1e-7", "0.0000001"),
        ("true", "true"),
        ("false", "false"),
        ("null", None),
        ("NaN", None),
        ("-Infinity", None),
        ('["a"]', None),
        ("{}", None),
    ],
)
def test_a_value_of_json_as_text(written, text):
    """If this fails, an answer is 1.5e+06 or nan, or seven ids are one."""
    assert value_text(parse_json(written, "here")) == text


@given(st.lists(SCALARS, min_size=2, max_size=2))
def test_two_values_are_one_text_only_if_they_are_equal(pair):
    """If this fails, two ids become one. A text may look like a number: then they are the same in two files."""
    first, second = (parse_json(json.dumps(value), "here") for value in pair)
    if type(first) is type(second):
        assert (value_text(first) == value_text(second)) == (first == second)


@given(st.integers(0, 10**25), st.integers(0, 10**25))
def test_whole_numbers_with_a_point_stay_apart(first, second):
    """Programs write ids as floats where one is missing; beyond 2^53 a float takes two for one."""
    ids = [as_id(parse_json(f"{number}.0", "here")) for number in (first, second)]
    assert ids == [first, second] and all(type(id) is int or id < 2**53 for id in ids)


def test_an_id_keeps_its_type_and_its_zeros():
    assert [as_id(value) for value in ("007", 7, 7.0, 1.5, 0)] == ["007", 7, 7, 1.5, 0]
    assert [as_id(value) for value in ("", " ", None, float("nan"), True, [7], {})] == [None] * 7
    assert as_id(Decimal("7")) == 7 and value_text(Decimal("7.50")) == "7.50"


def test_a_file_without_types_has_ids_of_one_type():
    """If this fails, "007" leaves as 7, or a server that knows numbers gets text."""
    assert column_ids(["7", "0", ""]) == [7, 0, ""] and column_ids(["7", "x"]) == ["7", "x"]
    assert column_ids(["7", "07"]) == ["7", "07"] and column_ids(["1234567890123456"]) == ["1234567890123456"]


@given(st.lists(SCALARS, max_size=4))
def test_a_printed_list_is_that_list(values):
    """pandas writes lists into cells as Python prints them, other programs as JSON."""
    for printed in (repr(values), json.dumps(values), f" {values!r}\n"):
        texts = list(map(value_text, field_values(printed, "|")))
        assert texts == list(map(value_text, values))


@pytest.mark.parametrize(
    ("cell", "values"),
    [
        ("['yes' 'no'\n 'maybe']", ["yes", "no", "maybe"]),  # an array of NumPy, in two lines
        ("[1. 2. nan]", [1.0, 2.0, None]),
        ("['a', nan, None]", ["a", None, None]),
        ("[]", []),
        ("yes|no", ["yes", "no"]),
        ("[yes]", ["[yes]"]),
        ("[007]", ["[007]"]),
        ("['a''b']", ["['a''b']"]),
        ("['a'", ["['a'"]),
        ("[['a']]", ["[['a']]"]),
        ("[__import__('os')]", ["[__import__('os')]"]),
        ("[" * 100_000 + "]" * 100_000, ["[" * 100_000 + "]" * 100_000]),
    ],
)
def test_what_is_a_list_and_what_is_text(cell, values):
    assert field_values(cell, "|") == values


def test_captions_in_a_field():
    assert field_captions("['a dog', 'a cat']") == ["a dog", "a cat"]
    assert field_captions("[1]") == ["[1]"] and field_captions(["a", None]) == ["a", ""]


@given(st.text(max_size=30) | st.lists(st.sampled_from(list("[]'\"\\,u1 ")), max_size=20).map("".join))
def test_any_cell_is_read(cell):
    assert isinstance(field_values(f"[{cell}]"), list) and isinstance(field_values(cell, "|"), list)
