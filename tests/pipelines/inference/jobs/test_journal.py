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
from pipelines.inference.runners.local import run_job
from pipelines.utils.tables import guarded, unguarded, write_csv, write_parquet
from tests.pipelines.inference.jobs.test_job import NAMES, Lengths

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


def test_a_linked_output_stays_a_link_and_its_mode(tmp_path):
    """People put large outputs on another disk, and readable for themselves alone."""
    real, link = tmp_path / "disk" / "real.csv", tmp_path / "lengths.csv"
    real.parent.mkdir()
    link.symlink_to(real)
    run_job(Lengths(), link)
    real.chmod(0o600)
    (tmp_path / "disk" / "real.csv").write_text("old")
    run_job(Lengths(), link)
    assert link.is_symlink() and os.listdir(real.parent) == ["real.csv"]
    assert real.read_text().startswith("image,") and real.stat().st_mode & 0o777 == 0o600
    target, journal = tmp_path / "disk" / "real.jsonl", tmp_path / "c.jsonl"
    journal.symlink_to(target)
    run_job(Lengths(NAMES[:3]), journal)
    run_job(Lengths(), journal)
    assert journal.is_symlink() and target.read_bytes().count(b"\n") == len(NAMES)
    assert sorted(os.listdir(target.parent)) == ["real.csv", "real.jsonl"], "what belongs to it is beside the link"


def test_files_that_the_job_names_itself_are_not_written_through_links(tmp_path):
    secret = tmp_path / "secret"
    for name in ("c.csv.jsonl", "c.csv.jsonl.run.json", "c.csv.jsonl.stamps", "c.csv.jsonl.lock"):
        secret.write_text("secret")
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).symlink_to(secret)
        with pytest.raises(UserError, match=r"it is a link to|was not begun by this command"):
            run_job(Lengths(), folder / "c.csv")
        assert secret.read_text() == "secret" and os.listdir(folder) == [name]


def test_a_link_to_a_text_does_not_cost_its_last_line(tmp_path):
    """A file that a kill cut ends without a line break, and so do many texts."""
    notes = tmp_path / "notes.txt"
    notes.write_text("first line\nlast line without an end")
    (tmp_path / "c.jsonl").symlink_to(notes)
    (tmp_path / "c.jsonl.run.json").write_text("{}")
    with pytest.raises(UserError, match="this line is damaged"):
        Journal(tmp_path / "c.jsonl", {})
    assert notes.read_text() == "first line\nlast line without an end"


@pytest.mark.skipif(os.name == "nt", reason="no pipes")
def test_a_pipe_in_the_place_of_what_a_journal_was_made_with_is_not_waited_for(tmp_path):
    with Journal(tmp_path / "c.jsonl", {}) as journal:
        journal.append(RECORDS)
    (tmp_path / "c.jsonl.run.json").unlink()
    os.mkfifo(tmp_path / "c.jsonl.run.json")
    with pytest.raises(UserError, match=r"run\.json cannot be read: .*a file was expected"):
        Journal(tmp_path / "c.jsonl", {})


@pytest.mark.parametrize(
    "record",
    [
        {"caption": 3}, {"error": ["x"]}, {"candidates": 3}, {"candidates": ["a dog"]},
        {"candidates": [{"caption": 1}]},
        {"candidates": [{"text": "a dog"}]}, {"answers": [{"answer": "yes", "probability": "high"}]},
    ],
    ids=str,
)  # fmt: skip
def test_a_record_that_no_job_wrote_is_named(tmp_path, record):
    """Tables and files beside images are made of records: of another form they would end in a traceback."""
    path = tmp_path / "c.jsonl"
    path.write_bytes(to_line({"image": "a.jpg"}) + to_line({"image": "b.jpg", **record}))
    with pytest.raises(UserError, match=r"c\.jsonl:2: this line is damaged"):
        list(read_journal(path))
