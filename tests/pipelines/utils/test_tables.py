"""Cells that no spreadsheet runs: what is marked, in time that grows with the text alone."""

import re

from hypothesis import given
from hypothesis import strategies as st

from pipelines.utils.tables import guarded, unguarded

# The rule as one expression. It looks through a run of blanks from each line break in it, which takes quadratic time.
_SIGNS = r"[=+\-@＝＋－＠]"
RULE = rf"""(?:\A(?=['\s"]*{_SIGNS}|'*[\t\r\n])|(?<=[;\t\r\n])(?=['\s"]*{_SIGNS}))"""
CELLS = st.text(st.one_of(st.sampled_from("'=+-@ \t\r\n;,\"a＝\u2028"), st.characters()), max_size=30)


@given(CELLS)
def test_cells_are_marked_where_the_rule_says(text):
    """If this fails, a formula is run, or a caption comes back changed."""
    assert guarded(text) == re.sub(RULE, "'", text)
    assert unguarded(text) == re.sub(RULE + "'", "", text)


def test_a_cell_of_line_breaks_is_written():
    """80,000 of them took 34 seconds; how the time grows is measured by benchmarks/hostile_text.py."""
    breaks = "a dog" + "\n" * 200_000
    assert guarded(breaks) == breaks and unguarded(breaks) == breaks
    marked = guarded(breaks + "=runs")
    assert marked == "a dog" + "\n'" * 200_000 + "=runs" and unguarded(marked) == breaks + "=runs"
