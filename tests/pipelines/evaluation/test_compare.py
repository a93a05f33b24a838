"""Evaluations that are read again: what is damaged in them is a sentence that names the file."""

import json

import numpy as np
import pytest

from captioner.errors import UserError
from pipelines.cli.compare import compare
from pipelines.evaluation.compare import compare_all, comparison
from pipelines.evaluation.evaluated import read_evaluations
from pipelines.evaluation.reports.comparison import overview

WHOLE = {
    "title": "a on b, test",
    "scores": {"bleu_1": 0.5},
    "intervals": {"bleu_1": [0.4, 0.6]},
    "evaluated": {"model": "a", "images": 9, "images decoded a second": 12.5},
    "trained": {"parameters": 48_200},
}


def write(folder, text):
    folder.mkdir()
    (folder / "metrics.json").write_text(text, encoding="utf-8")
    return folder


def test_an_evaluation_is_read_as_it_was_written(tmp_path):
    (one,) = read_evaluations([write(tmp_path / "a", json.dumps(WHOLE))])
    assert one.intervals == {"bleu_1": [0.4, 0.6]} and one.trained == {"parameters": 48_200}
    assert comparison([one], ["a"])[1] == [["BLEU-1", "50.0 (40.0 to 60.0)"]]
    assert overview([one], ["a"])[1] == [["a", "50.0", "48k", "12"]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"title": ' + "9" * 5000 + "}",
        *(
            json.dumps({**WHOLE, **damage})
            for damage in (
                {"intervals": {"bleu_1": 5}},
                {"intervals": {"bleu_1": [0.4]}},
                {"intervals": {"bleu_1": ["low", "high"]}},
                {"intervals": ["bleu_1"]},
                {"scores": {"bleu_1": 10**400}},
                {"scores": {"bleu_1": None}},
                {"evaluated": {"images decoded a second": 10**400}},
                {"trained": {"parameters": 10**400}},
                {"trained": "long"},
            )
        ),
    ],
)
def test_damage_is_a_sentence_that_names_the_file(tmp_path, text):
    """A number where an interval belongs would end in a traceback, in the middle of a table."""
    whole = write(tmp_path / "whole", json.dumps(WHOLE))
    with pytest.raises(UserError, match=r"damaged/metrics\.json is not"):
        compare([whole, write(tmp_path / "damaged", text)])


def test_answers_that_were_scored_before_are_compared_with_new_ones(tmp_path):
    """Statistics of before have an array a score; wrong if WUPS is then missing from the comparison, without a word."""
    images = np.frombuffer(json.dumps(["a#0", "b#0"]).encode(), np.uint8)
    shared = {"images": images, "references": np.array([1, 2], np.uint64)}
    old = {"rows_wups_0.9": np.array([[0.1], [0.2]]), "rows_wups_0.0": np.array([[0.3], [0.4]])}
    new = {"rows_wups": np.array([[0.2, 0.4], [0.3, 0.5]])}
    for name, rows in (("old", old), ("new", new)):
        np.savez_compressed(write(tmp_path / name, json.dumps(WHOLE)) / "statistics.npz", **shared, **rows)
    (pair,) = compare_all(read_evaluations([tmp_path / "old", tmp_path / "new"]), resamples=20).pairs
    assert {name: round(one.value, 6) for name, one in pair.differences.items()} == {"wups_0.9": 0.1, "wups_0.0": 0.1}


def test_a_name_that_is_no_text_is_written_out(tmp_path, capsys):
    """Half of an emoji, as cutting leaves it, cannot be printed: the whole comparison would be lost to it."""
    compare([write(tmp_path / name, json.dumps({**WHOLE, "evaluated": {"model": f"{name} \ud83d"}})) for name in "ab"])
    assert "a \\ud83d" in capsys.readouterr().out
