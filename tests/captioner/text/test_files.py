"""One rule for text files: the encoding that a mark names, no mark in the text, one kind of line end."""

import codecs
import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import UserError
from captioner.text.files import MARKS, checksum, normalized, read_text


def write(path, data):
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("mark", [b"", *MARKS], ids=lambda mark: MARKS.get(mark, "no mark"))
@pytest.mark.parametrize("errors", ["strict", "surrogateescape", "surrogatepass"])
def test_a_mark_names_the_encoding_and_is_no_part_of_the_text(tmp_path, mark, errors):
    """Otherwise the first word, column or setting of the file is lost."""
    text = "ä dog\n\u4f60😀\n"
    data = mark + text.encode(MARKS.get(mark, "utf-8"))
    assert read_text(write(tmp_path / "a.txt", data), errors) == text


@given(st.text())
def test_any_text_comes_back_with_unix_line_ends(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_bytes(codecs.BOM_UTF8 + text.encode("utf-8", "surrogatepass"))
    assert read_text(path, "surrogatepass") == text.replace("\r\n", "\n").replace("\r", "\n")


def test_line_ends_are_those_of_editors_and_no_others(tmp_path):
    """Captions may hold U+2028, vertical tabs and form feeds: a row must not end there."""
    text = read_text(write(tmp_path / "a.txt", "a\r\nb\rc\nd\x0be\x0cf\u2028g\x85h".encode()))
    assert text.split("\n") == ["a", "b", "c", "d\x0be\x0cf\u2028g\x85h"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"fine\nb\xe4d\n", r"a\.txt:2: this is not UTF-8 text \(invalid continuation byte\)\. Save the file as UTF-8"),
        (b"a dog\x92s ball", r"a\.txt:1: this is not UTF-8 text \(invalid start byte\)"),
        ("a dog".encode("utf-16-le"), r"a\.txt is not text: it holds a zero byte at 1\. If it is UTF-16 without"),
        (b"\xff\xfea", r"a\.txt:1: this is not UTF-16, as its byte order mark says, text \(truncated data\)"),
    ],
)
def test_what_is_not_text_is_refused_with_the_line(tmp_path, data, says):
    with pytest.raises(UserError, match=says):
        read_text(write(tmp_path / "a.txt", data))


def test_foreign_bytes_can_be_kept_so_that_only_their_rows_are_lost(tmp_path):
    path = write(tmp_path / "a.txt", b"a dog\x92s ball\nzero \0 byte\ncat")
    assert read_text(path, "surrogateescape").split("\n") == ["a dog\udc92s ball", "zero \0 byte", "cat"]
    with pytest.raises(UserError, match="UTF-16 without a byte order mark"):  # every row would be lost
        read_text(write(path, "image,caption\n".encode("utf-16-be")), "surrogateescape")


def test_a_file_that_is_missing_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.txt cannot be read: No such file"):
        read_text(tmp_path / "nothing.txt")


@pytest.mark.parametrize("name", ["config.json", "vocabulary.txt", "model.xml"])
def test_a_checksum_of_text_is_the_same_however_it_was_saved(tmp_path, name):
    unix = checksum(write(tmp_path / name, b"a\nb\n"))
    assert unix == hashlib.sha256(b"a\nb\n").hexdigest()
    assert checksum(write(tmp_path / name, codecs.BOM_UTF8 + b"a\r\nb\r\n")) == unix
    assert checksum(write(tmp_path / name, b"a\nc\n")) != unix
    assert checksum(write(tmp_path / "model.bin", b"a\r\nb\r\n")) != unix, "weights are no text"


def test_a_normalized_file_is_the_same_however_it_was_saved():
    assert normalized(codecs.BOM_UTF8 + b"a\r\nb\rc\n") == b"a\nb\nc\n" == normalized(b"a\nb\nc\n")


def test_a_pipe_is_not_waited_for(tmp_path):
    """Wrong if a table or a recipe that is a pipe keeps a command for ever."""
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(UserError, match=r"pipe\.csv cannot be read: a file was expected, this is a device or a pipe"):
        read_text(tmp_path / "pipe.csv")
