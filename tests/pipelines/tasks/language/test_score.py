"""`captioner language score`: tables and files."""

import csv
import json

import pytest

from captioner.errors import UserError
from pipelines.tasks.language.score import score_texts
from tests.support_language import tiny_model

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "letters"
    tiny_model(cell="lstm", layers=1).save_to_preset(folder)
    return folder


def test_a_table_has_a_line_for_each_text(run, capsys):
    low, high = score_texts(run, ["abc", "cba?"], None, None)
    lines = capsys.readouterr().out.splitlines()
    (line,) = (line for line in lines if "abc" in line)
    assert f"{low.log_probability:.2f}" in line and f"{low.perplexity:.2f}" in line and " 3" in line
    (line,) = (line for line in lines if "cba?" in line)
    assert line.split()[-2:] == ["4", "1"], "the character that is not known is counted"
    assert low.log_probability != high.log_probability


def test_a_file_of_texts_becomes_a_file_of_scores(run, tmp_path, capsys):
    file = tmp_path / "texts.txt"
    file.write_text("abc\n\n=b\n", encoding="utf-8")
    score_texts(run, ["a"], file, tmp_path / "scores.jsonl")
    records = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert [record["text"] for record in records] == ["a", "abc", "=b"]
    for record in records:
        assert sum(record["each_log_probability"]) == pytest.approx(record["log_probability"], abs=1e-2)
        assert len(record["each_word"]) + 1 == len(record["each_log_probability"]), "the end counts"
    score_texts(run, [], file, tmp_path / "scores.csv")
    with open(tmp_path / "scores.csv", newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["text"] for row in rows] == ["abc", "'=b"]
    assert float(rows[0]["log_probability"]) == records[1]["log_probability"]
    assert "2 texts scored" in capsys.readouterr().err


def test_what_cannot_be_scored_is_refused(run, tmp_path):
    with pytest.raises(UserError, match=r"scores.txt would have to end in .jsonl or .csv"):
        score_texts(run, ["a"], None, tmp_path / "scores.txt")
    with pytest.raises(UserError, match="is not a model"):
        score_texts(tmp_path / "nowhere", ["a"], None, None)
    (tmp_path / "empty.txt").write_bytes(b"")
    with pytest.raises(UserError, match=r"empty\.txt is empty"):
        score_texts(run, [], tmp_path / "empty.txt", None)


def test_texts_of_which_nothing_is_known_are_refused_and_others_reported(run, capsys):
    """Unknown characters are likely where a model has learned them as one."""
    with pytest.raises(UserError, match="None of the characters of the texts is known to the model"):
        score_texts(run, ["xyz", "犬"], None, None)
    score_texts(run, ["axyz"], None, None)
    assert "75% of the characters of the texts are not known" in capsys.readouterr().err
