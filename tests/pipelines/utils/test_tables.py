"""Cells that no spreadsheet runs: what is marked, in time that grows with the text alone."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import UserError
from pipelines.utils.tables import guarded, read_parquet, unguarded

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


@pytest.mark.parametrize("rows", [(3_000_000, 1), (3000, 1_000_000)], ids=["many rows", "long texts"])
def test_a_small_parquet_file_with_gigabytes_in_it_is_a_sentence(tmp_path, rows):
    """Wrong if a file of a kilobyte, in which one text stands a million times, fills the memory."""
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    count, length = rows
    indices = pyarrow.array(np.zeros(count, "int32"))
    column = pyarrow.DictionaryArray.from_arrays(indices, pyarrow.array(["x" * length]))
    path = tmp_path / "captions.parquet"
    parquet.write_table(pyarrow.table({"image": column, "caption": column}), path, compression="zstd")
    assert path.stat().st_size < 100_000
    with pytest.raises(UserError, match=r"captions\.parquet cannot be read: .*its rows take more than 1\.1 GB"):
        read_parquet(path)
