"""Texts: what is read from where, how it is split, and what is refused."""

import os

import pytest

from captioner.errors import UserError
from pipelines.tasks.language.corpora import library_files, open_corpus, read_text
from pipelines.tasks.language.settings import LanguageDataSettings


def write(path, text, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def test_one_text_is_cut_in_two_the_last_tenth_is_not_learned(tmp_path):
    text = "".join(chr(ord("a") + n % 26) for n in range(200))
    corpus = open_corpus(LanguageDataSettings(), write(tmp_path / "one.txt", text))
    assert corpus.train == (text[:180],) and corpus.dev == (text[180:],)
    assert not corpus.ends, "a text that was cut in two has no end to learn"
    corpus = open_corpus(LanguageDataSettings(validation=0.25), tmp_path / "one.txt")
    assert [len(corpus.train[0]), len(corpus.dev[0])] == [150, 50]
    corpus = open_corpus(LanguageDataSettings(max_characters=100), tmp_path / "one.txt")
    assert corpus.train + corpus.dev == (text[:90], text[90:100])


def test_lines_are_documents_if_that_is_wanted(tmp_path):
    path = write(tmp_path / "lines.txt", "".join(f"line {n}\n\n" for n in range(20)))
    corpus = open_corpus(LanguageDataSettings(documents="line"), path)
    assert corpus.train == tuple(f"line {n}" for n in range(18)) and corpus.dev == ("line 18", "line 19")
    assert corpus.ends


def test_a_folder_is_split_by_whole_files_and_what_is_no_text_is_told(tmp_path):
    for n in range(10):
        write(tmp_path / f"deep/{n}.txt", f"{n}" * 50)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    write(tmp_path / "empty.txt", " \n")
    write(tmp_path / ".hidden/secret.txt", "secret" * 20)
    corpus = open_corpus(LanguageDataSettings(), tmp_path)
    assert sorted((*corpus.train, *corpus.dev)) == sorted(f"{n}" * 50 for n in range(10))
    assert len(corpus.dev) == 1 and corpus.ends
    assert len(corpus.problems) == 2
    assert all("picture.png is not text" in str(p) or "empty.txt is empty" in str(p) for p in corpus.problems)
    write(tmp_path / "deep/another.txt", "x" * 50)
    more = open_corpus(LanguageDataSettings(), tmp_path)
    order = [text for text in (*more.train, *more.dev) if text[0] != "x"]
    assert order == [*corpus.train, *corpus.dev], "a new file must not move the others"


def test_the_same_text_is_known_again(tmp_path):
    path = write(tmp_path / "a.txt", "some text " * 20)
    first = open_corpus(LanguageDataSettings(), path).identity()
    assert open_corpus(LanguageDataSettings(), path).identity() == first
    assert open_corpus(LanguageDataSettings(validation=0.2), path).identity() != first
    write(path, "some text " * 19 + "some test ")
    assert open_corpus(LanguageDataSettings(), path).identity() != first


def test_line_breaks_and_byte_order_marks_are_those_of_no_system(tmp_path):
    path = write(tmp_path / "w.txt", "\ufeffone\r\ntwo\rthree\n")
    assert read_text(path) == "one\ntwo\nthree\n"


@pytest.mark.parametrize(
    "raw, sentence",
    [
        (b"", "bad.txt is empty. There is nothing to learn from"),
        (b" \n\t", "bad.txt is empty"),
        (b"text\0text", "bad.txt is not text: it holds a zero byte at 4"),
        ("h\u00f6flich\n".encode("utf-16-le"), "bad.txt is not text: it holds a zero byte"),
        (b"fine\nb\xe4d\n", r"bad.txt:2: this is not UTF-8 text \(invalid continuation byte\). Save the file as UTF-8"),
        (b"a", "bad.txt has 1 characters: too few"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, raw, sentence):
    (tmp_path / "bad.txt").write_bytes(raw)
    with pytest.raises(UserError, match=sentence):
        open_corpus(LanguageDataSettings(), tmp_path / "bad.txt")


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no\.txt does not exist\. Give a text file, or a folder of text files"):
        open_corpus(LanguageDataSettings(), tmp_path / "no.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty holds no text file"):
        open_corpus(LanguageDataSettings(), tmp_path / "empty")
    (tmp_path / "empty" / "a.bin").write_bytes(b"\0")
    with pytest.raises(UserError, match=r"empty holds no text file: .*a\.bin is not text"):
        open_corpus(LanguageDataSettings(), tmp_path / "empty")


def test_the_standard_library_is_there_on_every_machine():
    """A corpus that depends on the order of a file system would be another one on another machine."""
    files = library_files()
    assert len(files) > 100 and files == library_files()
    assert not [path for path in files if "site-packages" in path.parts or "test" in path.parts]
    small, large = (open_corpus(LanguageDataSettings(max_characters=n)) for n in (150_000, 300_000))
    assert sum(map(len, small.train + small.dev)) <= 150_000
    assert set(small.train) <= set(large.train) | set(large.dev), "a larger share must begin with the smaller one"
    assert not set(large.train) & set(large.dev)


def test_captions_of_a_data_set_keep_its_splits(tmp_path, monkeypatch):
    from pipelines.data.datasets import shapes
    from pipelines.tasks.language import corpora

    shapes.draw(tmp_path / "shapes", sizes={"train": 6, "dev": 3}, image_size=32)
    drawn = open_corpus(LanguageDataSettings(source="captions"), tmp_path / "shapes")
    assert len(drawn.train) == 30 and len(drawn.dev) == 15
    monkeypatch.setattr(corpora, "SHAPES", {"train": 6, "dev": 3})
    made = open_corpus(LanguageDataSettings(source="captions"))
    assert (made.train, made.dev) == (drawn.train, drawn.dev), "the embedded ones are those of the drawn pictures"
    assert made.ends
    text = write(tmp_path / "my.txt", "a text\n" * 30)
    assert open_corpus(LanguageDataSettings(source="captions"), text).train[0].startswith("a text")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path):
    write(tmp_path / "a.txt", "abc " * 50)
    write(tmp_path / "b.txt", "abd " * 50)
    os.mkfifo(tmp_path / "pipe.txt")
    assert len(open_corpus(LanguageDataSettings(), tmp_path).train) == 1
