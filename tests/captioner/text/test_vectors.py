"""Word vectors from files that others wrote: both formats, and every way in which such a file can be damaged."""

import gzip
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import UserError
from captioner.text.vectors import read_vectors

WORDS = ["<pad>", "dog", "cat", "Äpfel"]
GLOVE = "the 1 2 3\ndog 0.5 -0.25 1e-3\nÄpfel 4 5 6\n"


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


@pytest.mark.parametrize(
    "text",
    [
        GLOVE,
        "3 3\n" + GLOVE,
        GLOVE.replace("\n", " \n"),
        GLOVE.replace("\n", "\r\n"),
        GLOVE.replace(" ", "\t"),
        GLOVE + "\n\n",
        GLOVE + "dog 7 7 7\n",
        GLOVE + ". . . 7 7 7\nat name@domain.com 8 8 8",
        "to you 7 7 7\n" + GLOVE,
        GLOVE.encode() + b"caf\xe9 1 2 3\n",
        GLOVE.encode("utf-8-sig"),
        ("3 3\n" + GLOVE).encode("utf-8-sig"),
        GLOVE.replace(" ", "  "),
        GLOVE.replace("dog 0.5", "   dog   0.5").replace("the 1", "   the     1"),
        GLOVE.replace("Ä", "A\u0308"),
        GLOVE + " 7 7 7\n",
        GLOVE + "\t7 7 7\n",
        " 7 7 7\n" + GLOVE,
        GLOVE + "\u00a0 7 7 7\n\u2003 8 8 8\n",
    ],
    ids=[
        "GloVe", "word2vec", "spaces at the end", "Windows", "tabs", "empty lines at the end", "a word twice",
        "words with spaces", "a first word with a space", "another encoding", "a mark", "a mark before the counts",
        "two blanks", "aligned columns", "not composed", "an empty word", "an empty word and a tab",
        "an empty first word", "words of unusual blanks",
    ],
)  # fmt: skip
def test_vectors_are_read_and_those_found_are_told(tmp_path, text):
    matrix, found = read_vectors(write(tmp_path / "vectors.txt", text), WORDS)
    assert matrix.dtype == np.float32 and matrix.shape == (4, 3)
    assert found.tolist() == [False, True, False, True]
    np.testing.assert_allclose(matrix, [[0, 0, 0], [0.5, -0.25, 1e-3], [0, 0, 0], [4, 5, 6]], rtol=1e-6)


def test_the_counts_of_word2vec_are_no_word(tmp_path):
    """`3 3` read as GloVe would be a vector of one number for the word 3."""
    _, found = read_vectors(write(tmp_path / "a", "3 3\n" + GLOVE), ["3"])
    assert not found.any()
    matrix, found = read_vectors(write(tmp_path / "b", "dog 0.5\n3 2\n"), ["3", "dog"])
    assert matrix.tolist() == [[2], [0.5]] and found.all(), "GloVe's numbers may be whole after the first line"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GLOVE + "cat 1 2\n", r"vectors\.txt:4: this word has 2 numbers, but the file's vectors have 3"),
        (GLOVE + "cow 1 2\n", r"vectors\.txt:4: this word has 2 numbers"),
        (GLOVE + "cat 1 2 3 4\n", r"vectors\.txt:4: this word has 4 numbers, but the file's vectors have 3"),
        (GLOVE + "cow 1 2 3 4\n", r"vectors\.txt:4: this word has 4 numbers"),
        (GLOVE + "cat\n", r"vectors\.txt:4: this word has 0 numbers"),
        ("3 4\n" + GLOVE, r"vectors\.txt:2: this word has 3 numbers, but the file's vectors have 4"),
        ("3 2\n" + GLOVE, r"vectors\.txt:2: this word has 3 numbers, but the file's vectors have 2"),
        (GLOVE + "cat 1 0,5 3\n", r"vectors\.txt:4: '0,5' is not a number"),
        (GLOVE + "cat 1 nan 3\n", r"vectors\.txt:4: .* not finite"),
        (GLOVE + "cat 1 1e999 3\n", r"vectors\.txt:4: .* not finite"),
        ("9 3\n" + GLOVE, r"ends after 3 words, but its first line promises 9: it was cut short"),
        ("3 0\n" + GLOVE, r"vectors\.txt:1 promises vectors of 0 numbers"),
        (
            "3 999999999999\n" + GLOVE,
            r"vectors\.txt:1 promises vectors of 999,999,999,999 numbers; expected 1 to",
        ),
        ("", r"is empty or begins with an empty line"),
        ("\n" + GLOVE, r"is empty or begins with an empty line"),
        ("Once upon a time\nthere was\n", r"vectors\.txt:1 is not a word and its numbers.*save it as text first"),
        ("dog\n", r"vectors\.txt:1 is not a word and its numbers"),
        (b"\x00\x01\x02 1 2\n", r"vectors\.txt:1 is not a word and its numbers"),
        (GLOVE.encode("utf-16"), r"vectors\.txt is UTF-16 text\. Save it as UTF-8"),
        (b"2 4\n</s> l\x00\xbf\x00>\x7fF\x07\xe9?\n", r"is in word2vec's binary format\. Save it as text first"),
        (gzip.compress(GLOVE.encode(), mtime=0), r"is packed \(gzip\)\. Unpack it first"),
    ],
)
def test_a_damaged_file_is_refused_with_the_line(tmp_path, text, says):
    with pytest.raises(UserError, match=says):
        read_vectors(write(tmp_path / "vectors.txt", text), WORDS)


def test_a_binary_file_of_word2vec_is_refused(tmp_path):
    """Its first line is that of the text format."""
    numbers = np.array([1.5, -2, 3], "<f4").tobytes()
    with pytest.raises(UserError, match=r"vectors\.bin is in word2vec's binary format"):
        read_vectors(write(tmp_path / "vectors.bin", b"2 3\ndog " + numbers + b"\ncat " + numbers + b"\n"), WORDS)


def test_a_missing_file_is_told(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(UserError, match=re.escape(f"There is no file of word vectors {path}")):
            read_vectors(path, WORDS)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    """Never another error, and what is read is finite."""
    path = write(tmp_path_factory.mktemp("any") / "vectors.txt", data)
    try:
        matrix, found = read_vectors(path, WORDS)
    except UserError:
        return
    assert np.isfinite(matrix).all() and found.shape == (4,)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1), st.floats(-9, 9, width=32)
    )
)
def test_what_was_written_is_read(tmp_path_factory, table):
    text = "".join(f"{word} {value!r} {-value!r} 1\n" for word, value in table.items())
    path = write(tmp_path_factory.mktemp("any") / "vectors.txt", f"{len(table)} 3\n{text}")
    matrix, found = read_vectors(path, list(table))
    assert found.all()
    np.testing.assert_array_equal(matrix, np.array([[v, -v, 1] for v in table.values()], np.float32).reshape(-1, 3))


def test_the_word_behind_a_mark_is_found(tmp_path):
    """It is the most frequent word of all in most files, and was lost without a sign."""
    matrix, found = read_vectors(write(tmp_path / "vectors.txt", GLOVE.encode("utf-8-sig")), ["the", "\ufeffthe"])
    assert found.tolist() == [True, False] and matrix[0].tolist() == [1, 2, 3]
