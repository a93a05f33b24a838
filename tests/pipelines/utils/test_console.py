"""Tables and paragraphs on a terminal: nothing of them may vanish in a narrow one."""

import pytest

from pipelines.utils.console import paragraph, table

HEAD = ["model", *(f"score {number}" for number in range(12))]
ROWS = [[f"a model with the long name {row}", *(f"{row}{number}.5" for number in range(12))] for row in range(3)]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_table_of_numbers_is_whole_in_any_terminal(width, monkeypatch, capsys):
    """Wrong if columns are cut or the names of the rows have no room: at 80 columns names had none."""
    monkeypatch.setenv("COLUMNS", str(width))
    table(HEAD, ROWS, numbers=True)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width and "…" not in "".join(lines)
    words = " ".join(lines).split()
    assert all(cell in words for row in ROWS for cell in row[1:])
    tables = sum("model" in line and "score" in line for line in lines)
    assert sum(line.split()[:1] == ["a"] for line in lines) == tables * len(ROWS), "a table lacks the names of its rows"
    assert (tables == 1) == (width == 200)


def test_a_paragraph_ends_its_lines_at_words(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "20")
    paragraph("one two three four five six\nseven /a/path/that/is/longer/than/a/line")
    assert capsys.readouterr().out == "one two three four\nfive six\nseven\n/a/path/that/is/longer/than/a/line\n"
