"""The journal: nothing is lost, nothing is cut, nothing of another job is touched."""

import csv
import errno
import json
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import UserError
from pipelines.inference.jobs import journal as journals
from pipelines.inference.jobs.journal import Journal, read_journal, to_line
from pipelines.utils.tables import guarded, unguarded, write_csv, write_parquet

RECORDS = [{"image": f"{number}.jpg", "caption": "a dog", "score": -0.5} for number in range(5)]


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_any_name_survives_as_one_line_of_utf8(name):
    line = to_line({"image": name})
    assert json.loads(line.decode("utf-8")) == {"image": name}, "the name came back changed"
    assert len(line.decode("utf-8").splitlines()) == 1, "a name broke its line in two"


def test_bytes_that_are_no_utf8_survive_in_names():
    name = os.fsdecode(b"caf\xe9.jpg")
    assert os.fsencode(json.loads(to_line({"image": name}))["image"]) == b"caf\xe9.jpg"


def test_a_cut_line_is_removed_wherever_it_was_cut(tmp_path):
    whole = b"".join(map(to_line, RECORDS))
    path = tmp_path / "c.jsonl"
    with Journal(path, {}) as journal:
        journal.append(RECORDS)
    assert path.read_bytes() == whole
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with Journal(path, {}) as journal:
            done = [record["image"] in journal for record in RECORDS]
            assert done == [whole[:length].count(b"\n") > number for number in range(5)]
            journal.append(record for record in RECORDS if record["image"] not in journal)
        assert path.read_bytes() == whole, f"cut after {length} bytes"


def test_a_file_of_another_job_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text("precious\n")
    with pytest.raises(UserError, match="not begun by this command"):
        Journal(path, {"model": "a"})
    assert path.read_text() == "precious\n"
    path.unlink()
    with Journal(path, {"model": "a", "beam size": 3}) as journal:
        journal.append(RECORDS)
    before = path.read_bytes()
    with pytest.raises(UserError, match="made with another model and another beam size"):
        Journal(path, {"model": "b", "beam size": 5})
    assert path.read_bytes() == before


def test_two_jobs_do_not_write_to_one_journal(tmp_path):
    pytest.importorskip("fcntl")
    with Journal(tmp_path / "c.jsonl", {}), pytest.raises(UserError, match="another process"):
        Journal(tmp_path / "c.jsonl", {})


def test_a_full_disk_is_a_sentence_and_loses_nothing(tmp_path, monkeypatch):
    path = tmp_path / "c.jsonl"
    with Journal(path, {}) as journal:
        journal.append(RECORDS[:2])
        before = path.read_bytes()

        def full(descriptor):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(journals.os, "fsync", full)
        with pytest.raises(UserError, match=r"disk is full.*kept"):
            journal.append(RECORDS[2:])
    assert path.read_bytes() == before


def test_a_folder_where_nothing_may_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"c\.jsonl cannot be written: part of its path is a file"):
        Journal(tmp_path / "file" / "c.jsonl", {})


@pytest.mark.parametrize("damage", [b"garbage", b'"image": ' + b"[" * 100_000], ids=["garbage", "too deep"])
def test_a_damaged_line_is_named(tmp_path, damage):
    path = tmp_path / "c.jsonl"
    with Journal(path, {}) as journal:
        journal.append(RECORDS)
    path.write_bytes(path.read_bytes().replace(b'"image": "2.jpg"', damage))
    with pytest.raises(UserError, match=r"c\.jsonl:3: this line is damaged"):
        list(read_journal(path))


def test_a_spreadsheet_runs_nothing_from_a_csv(tmp_path):
    hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x")', "＝1", 'a "b", c\nd']
    records = [{"image": text, "caption": text, "score": -0.5} for text in hostile]
    write_csv(records, tmp_path / "c.csv", ["image", "caption", "score", "error"])
    with open(tmp_path / "c.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert [row[2] for row in rows] == ["-0.5"] * len(hostile), "a number must stay a number"
    for row, text in zip(rows, hostile, strict=True):
        assert row[0] == row[1] and unguarded(row[0]) == text
        assert row[0][0] not in "=+-@\t\r＝"


@given(st.text(st.one_of(st.sampled_from("'=+-@ \t\r\n;,\"a＝"), st.characters())))
def test_what_is_made_safe_for_spreadsheets_can_be_read_back(text):
    """A caption that came back changed would be scored as another one."""
    safe = guarded(text)
    assert unguarded(safe) == text
    for cell in re.split(r"[;\t\r\n]", safe):  # as a spreadsheet with another separator would take it apart
        begins = cell.lstrip(' "')[:1]
        assert not begins or begins not in "=+-@＝＋－＠", f"{cell!r} would be run"


def test_parquet_holds_names_of_any_bytes(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    records = [{"image": os.fsdecode(b"\xff.jpg"), "caption": "a", "score": -1.0}, {"image": "b", "error": "no"}]
    write_parquet(records, tmp_path / "c.parquet", ["image", "caption", "score", "error"], rows=1)
    table = pandas.read_parquet(tmp_path / "c.parquet")
    assert table["image"].tolist() == ["\\udcff.jpg", "b"]
    assert table["score"].iloc[0] == -1.0 and table["error"].iloc[1] == "no"
