"""Signals: what a reader knows after each character, derived by hand."""

import numpy as np
import pytest

from pipelines.tasks.language.analysis import text_signals as s
from pipelines.tasks.language.analysis.text_signals import is_python, signals_of


def shown(text, name, **options):
    """The signal as digits below the text."""
    return "".join("-" if value == 0 else f"{int(value)}" for value in signals_of(text, **options)[name])


def test_strings_of_python():
    text = "a = 'b' + \"c'd\"  # it's\n"
    assert shown(text, s.QUOTES) == "----11----1111---------\n".replace("\n", "-")
    assert shown(text, s.LINE_STRING) == shown(text, s.QUOTES)
    assert shown(text, s.COMMENT) == "-----------------111111-"
    assert shown(text, s.TRIPLE) == "-" * len(text)


def test_triple_quotes_and_prefixes():
    text = 'def f():\n    """Doc."""\n    return rb"\\""\n'
    assert shown(text, s.TRIPLE) == "-" * 13 + "1" * 9 + "-" + "-" * 19
    assert shown(text, s.LINE_STRING) == "-" * 37 + "1" * 3 + "--"
    assert shown(text, s.QUOTES).count("1") == 12


@pytest.mark.parametrize("text", ["f'{a}b' + c\n", "f'{d[\"k\"]:>{w}}' + c\n"])
def test_a_string_with_expressions_counts_as_a_whole(text):
    """Python 3.12 cuts them into several tokens, 3.11 does not."""
    end = text.rindex("'")
    assert shown(text, s.QUOTES) == "-" + "1" * (end - 1) + "-" * (len(text) - end)


def test_depth_ignores_brackets_in_strings_and_comments():
    text = "f(a[')', 1])  # (((\n"
    assert shown(text, s.DEPTH) == "-1122222221---------"
    assert shown(")(\n", s.DEPTH, python=False) == "-11"


def test_place_in_line_and_indentation():
    text = "ab\n  c d\n\te\n"
    assert shown(text, s.COLUMN) == "12-12345-12-"
    assert shown(text, s.INDENTATION) == "---12222-11-"


def test_quotations_of_other_texts():
    text = 'He said, "No." It\'s “so”.\n\n"A\n\nb'
    assert shown(text, s.QUOTES) == "-" * 9 + "1" * 4 + "-" * 7 + "111" + "-" * 4 + "11" + "-" * 3
    assert s.COMMENT not in signals_of(text)
    assert not is_python(text) and is_python("a = 1\n")


def test_python_that_does_not_end_is_read_as_far_as_other_texts_are():
    """A text that was cut in the middle of a string or bracket must not stop the search."""
    for text in ('x = """abc', "f(a, 'b", "a = $b\n"):
        found = signals_of(text, python=True)
        assert found[s.QUOTES].shape == (len(text),)


@pytest.mark.parametrize("text", ["", "\n", "é = '字'\n", "'''\n\n'''", "a\\\n  'b'\n"])
def test_signals_are_as_long_as_their_text(text):
    assert {len(values) for values in signals_of(text).values()} == {len(text)}
    assert all(np.isfinite(values).all() for values in signals_of(text).values())


def test_this_library_s_own_sources_are_read(request):
    """On real sources all signals are there, and quotes are what the parser says they are."""
    import ast

    text = request.path.read_text(encoding="utf-8")
    found = signals_of(text)
    lines = np.cumsum([0, *map(len, text.splitlines(keepends=True))])
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.lineno == node.end_lineno:
            line = text.splitlines()[node.lineno - 1]
            if line.isascii() and "f'" not in line and 'f"' not in line:
                begin, end = (lines[node.lineno - 1] + c for c in (node.col_offset, node.end_col_offset))
                inside = found[s.QUOTES][begin:end]
                assert inside[-1] == 0 or end - begin == 1 or text[end] in "\"' \n", text[begin:end]
                assert inside[1:-1].all(), text[begin:end]
