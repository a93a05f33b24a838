"""Captions and their likelihood: by hand, from tables with bad rows, and after a kill."""

import csv
import json
import math

import numpy as np
import pytest
from PIL import Image

from captioner.errors import UserError
from captioner.models.captioning.scoring import LONGEST
from pipelines.inference.jobs.caption_rows import read_rows, rows_of_image
from pipelines.inference.jobs.journal import checked_output
from pipelines.inference.jobs.scoring import AT_ONCE, FORMATS, ScoreSummary
from tests.pipelines.inference.stub_reader import StubReader
from tests.support_jobs import score_rows


@pytest.fixture
def pictures(tmp_path):
    for name, shade in (("night.png", 10), ("day.png", 240)):
        Image.fromarray(np.full((6, 6, 3), shade, np.uint8)).save(tmp_path / name)
    return tmp_path


def records(rows, **options):
    found = []
    summary = score_rows(rows, StubReader(), on_record=found.append, **options)
    return found, summary


def test_a_captions_likelihood_is_that_of_its_words_and_its_end(pictures):
    (dark, light), summary = records(rows_of_image(pictures / "night.png", ["a dark picture", "a light picture"]))
    assert dark["log_probability"] == -0.5 - 1 - 0.25 - 2 and light["log_probability"] == -0.5 - 3 - 0.25 - 2
    assert dark["score"] == pytest.approx(-3.75 / 4, abs=1e-4) and dark["words"] == 3
    assert dark["perplexity"] == pytest.approx(math.exp(3.75 / 4), abs=1e-3)
    assert (summary.captions, summary.steps, summary.log_probability) == (2, 8, -9.5)
    assert str(summary).startswith("2 captions: -1.19 a word, perplexity 3.28")


def test_unknown_words_count_and_are_told(pictures):
    """Left out, a caption of words nobody knows would be the likeliest of all."""
    (found,), summary = records(rows_of_image(pictures / "day.png", ["a zebra <unk>"]), each_word=True)
    assert found["unknown"] == ["zebra", "<unk>"] or set(found["unknown"]) == {"zebra", "<", "unk", ">"}
    assert found["each_word"][:2] == ["a", "zebra"] and found["each_log_probability"][:2] == [-0.5, -3.0]
    assert len(found["each_log_probability"]) == len(found["each_word"]) + 1 and found["each_log_probability"][-1] == -2
    assert f"{len(found['unknown'])} of {found['words']} words are not known" in str(summary)


def test_a_table_is_scored_and_what_is_wrong_with_a_row_is_told(pictures):
    table = pictures / "captions.csv"
    table.write_text(
        "image,caption\nnight.png,a dark picture\ngone.png,a picture\nday.png,\nday.png,a light picture\n"
        f"broken.jpg,a picture\nday.png,{'a ' * (LONGEST + 1)}\nday.png,a,b\n,a picture\n"
    )
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    rows, problems = read_rows(table)
    assert [str(problem).split(":")[1] for problem in problems] == ["8"], "the row with a comma too many"
    found, summary = records(rows)
    assert [("error" in record) for record in found] == [False, True, True, False, True, True, True]
    assert [record["number"] for record in found] == [1, 2, 3, 4, 5, 6, 7]
    reasons = [record["error"] for record in found if "error" in record]
    expected = ("no image 'gone.png'", "is empty", "JPEG", f"at most {LONGEST}", "no image is named")
    assert all(word in reason for word, reason in zip(expected, reasons, strict=True)), reasons
    assert summary.faults == 5 and summary.captions == 2
    assert rows[1].place == f"{table}:3"


def test_rows_do_not_lead_out_of_the_folder_of_images(pictures):
    (pictures / "tables").mkdir()
    table = pictures / "tables" / "captions.csv"
    table.write_text(f"image,caption\n../night.png,a dark picture\n{pictures / 'day.png'},a light picture\n")
    first, second = records(read_rows(table)[0])[0]
    assert first["error"].startswith("there is no image '../night.png' below the folder") and "error" not in second
    assert "error" not in records(read_rows(table, pictures / "tables" / "..")[0])[0][1]


def test_tables_of_captions_that_were_written_can_be_read(pictures):
    """What `captioner caption` writes of a folder names its images from there, and guards its csv files."""
    (pictures / "out").mkdir()
    table = pictures / "out" / "captions.jsonl"
    lines = [{"image": "day.png", "caption": "a light picture", "score": -1}, {"image": "x.png", "error": "no image"}]
    table.write_text(
        "".join(json.dumps(line) + "\n" for line in [*lines, {"image": "day.png", "captions": ["a", "b"]}])
    )
    rows, problems = read_rows(table, images=pictures)
    assert [row.caption for row in rows] == ["a light picture", "a", "b"] and rows[0].path == pictures / "day.png"
    assert [problem.line for problem in problems] == [2]
    (pictures / "c.csv").write_text("image,caption\nday.png,'=a light\n")
    assert read_rows(pictures / "c.csv")[0][0].caption == "=a light"


@pytest.mark.parametrize("name", ["scores.jsonl", "scores.csv"])
def test_a_run_that_was_killed_goes_on_and_writes_the_same_bytes(pictures, name):
    texts = [f"a {'light ' * (number % 4)}picture" for number in range(2 * AT_ONCE + 5)]
    table = pictures / "captions.jsonl"
    images = ("night.png", "day.png")
    lines = [{"image": images[n // 3 % 2], "caption": text} for n, text in enumerate(texts)]
    table.write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows, _ = read_rows(table)
    output = pictures / name
    summary = score_rows(rows, StubReader(), output, model="m")
    assert summary.captions == len(texts)
    journal = pictures / (name if name.endswith("jsonl") else name + ".jsonl")
    whole, written = journal.read_bytes(), output.read_bytes()
    journal.write_bytes(whole[: len(whole) // 2])
    again, reader = [], StubReader()
    assert str(score_rows(rows, reader, output, model="m", on_record=again.append)) == str(summary)
    assert journal.read_bytes() == whole and output.read_bytes() == written
    assert 0 < len(again) < len(texts), "what was there already was done again"
    score_rows(rows, lambda: pytest.fail("a model is loaded for nothing"), output, model="m")
    with pytest.raises(UserError, match="scores that were made with another model"):
        score_rows(rows, StubReader(), output, model="other")
    with pytest.raises(UserError, match="made with another set of captions"):
        score_rows(rows[1:], StubReader(), output, model="m")


def test_the_csv_file_has_a_row_a_caption(pictures):
    output = pictures / "s.csv"
    score_rows(rows_of_image(pictures / "day.png", ["a light", "=a dark"]), StubReader(), output, each_word=True)
    with open(output, encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert float(first["log_probability"]) == -3.5 and first["each_word"] == "a | light"
    assert second["caption"].startswith("'="), "a spreadsheet would run it"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("gone.csv", "There is no file"), ("night.png", "give them behind it"), ("empty.csv", "`image` is missing")],
)
def test_what_is_no_table_is_told(pictures, name, sentence):
    (pictures / "empty.csv").write_text("picture,text\n")
    with pytest.raises(UserError, match=sentence):
        read_rows(pictures / name)


def test_files_of_others_are_left_alone(pictures):
    (pictures / "mine.csv").write_text("mine")
    with pytest.raises(UserError, match="was not begun by this command"):
        checked_output(pictures / "mine.csv", FORMATS)
    with pytest.raises(UserError, match=r"should end in \.jsonl or \.csv"):
        checked_output(pictures / "scores.xlsx", FORMATS)
    assert str(ScoreSummary()) == "No caption was scored."
