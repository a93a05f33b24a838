"""WordNet is found where it is, needs no file of ours beside it, and its absence is no error."""

import nltk
import pytest
from nltk.corpus.reader.wordnet import WordNetCorpusReader
from nltk.corpus.util import LazyCorpusLoader

from captioner.metrics.base import MetricUnavailable
from captioner.metrics.wups import Wups
from captioner.text import wordnet
from captioner.text.wordnet import WORDNET_MISSING, WordNetDamaged, open_wordnet
from tests.support_wordnet import write_wordnet

OPEN_NLTK = wordnet._open_nltk


@pytest.fixture(autouse=True)
def afresh(monkeypatch):
    """Nothing is told, nothing installed, nothing remembered."""
    monkeypatch.delenv("WNSEARCHDIR", raising=False)
    monkeypatch.delenv("WNHOME", raising=False)
    monkeypatch.setattr(wordnet, "_open_nltk", lambda: None)
    monkeypatch.setattr(wordnet, "FOLDERS", ())
    open_wordnet.cache_clear()
    yield
    open_wordnet.cache_clear()


def assert_reads_as_written(found):
    dog, cat = found.synsets("dog")[0], found.synsets("cat")[0]
    # Depths: entity 1, animal 2, dog and cat 3 each: 2 * 2 / (3 + 3).
    assert dog.wup_similarity(cat) == pytest.approx(2 / 3)
    assert dog.wup_similarity(found.synsets("hound")[0]) == 1
    assert found.morphy("children") == "child", "the list of exceptions was not read"
    assert dog.lexname() == "noun.Tops", "the table of the lexicographers' files is shifted"


def test_a_folder_without_the_table_that_nltk_wants_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("WNSEARCHDIR", str(write_wordnet(tmp_path)))
    assert_reads_as_written(open_wordnet())
    assert open_wordnet() is open_wordnet(), "two seconds, each time"


def test_the_usual_places_are_looked_through(tmp_path, monkeypatch):
    monkeypatch.setattr(wordnet, "FOLDERS", (str(tmp_path / "nothing"), str(write_wordnet(tmp_path / "wordnet"))))
    assert_reads_as_written(open_wordnet())


def test_what_is_told_wins_and_a_folder_that_is_no_wordnet_is_passed_over(tmp_path, monkeypatch):
    write_wordnet(tmp_path / "home" / "dict")
    monkeypatch.setenv("WNSEARCHDIR", str(tmp_path))
    monkeypatch.setenv("WNHOME", str(tmp_path / "home"))
    monkeypatch.setattr(wordnet, "_open_nltk", lambda: pytest.fail("another was opened than the one named"))
    assert_reads_as_written(open_wordnet())


def test_without_wordnet_there_is_none_and_a_sentence_that_helps():
    assert open_wordnet() is None
    assert "wordnet-base" in WORDNET_MISSING and "WNSEARCHDIR" in WORDNET_MISSING


def cut(name, share):
    """Leaves the first part of a file, as a download does that was cut short."""

    def damage(folder):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(share * len(content))])

    return damage


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: (folder / "data.verb").unlink(), "data.verb"),
        (cut("data.noun", 0.7), "data.noun ends in the middle of a line"),
        (cut("index.noun", 0.7), "index.noun ends in the middle of a line"),
        (lambda folder: (folder / "data.noun").write_text(""), "the end is missing"),
        (lambda folder: (folder / "index.noun").write_text("dog n what\n"), "index.noun, line 1"),
    ],
)
def test_half_a_wordnet_is_a_sentence_that_names_it(tmp_path, monkeypatch, damage, reason):
    """It was found at the first answer that was scored, with a traceback, or words were missing without a sign."""
    folder = write_wordnet(tmp_path / "wordnet")
    damage(folder)
    monkeypatch.setenv("WNSEARCHDIR", str(folder))
    with pytest.raises(WordNetDamaged, match=rf"WordNet in .*wordnet is damaged.*{reason}.*Delete it and get it again"):
        open_wordnet()
    with pytest.raises(MetricUnavailable, match=r"WUPS cannot be computed\. WordNet in .* is damaged"):
        Wups()
    monkeypatch.setattr(wordnet, "FOLDERS", (str(write_wordnet(tmp_path / "whole")),))
    assert_reads_as_written(open_wordnet())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a zip file"], ids=["empty", "half"])
def test_half_a_zip_of_nltk_is_a_sentence_that_names_it(tmp_path, monkeypatch, content):
    monkeypatch.setattr(wordnet, "_open_nltk", OPEN_NLTK)
    path = tmp_path / "corpora" / "wordnet.zip"
    path.parent.mkdir()
    path.write_bytes(content)
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    reader = LazyCorpusLoader("wordnet", WordNetCorpusReader, None)  # nltk keeps the one that it has opened
    monkeypatch.setattr(nltk.corpus, "wordnet", reader)
    with pytest.raises(WordNetDamaged, match=r"corpora.wordnet\.zip is damaged.*not a zip file"):
        open_wordnet()


def test_the_names_of_the_lexicographers_are_those_of_the_manual():
    # A name too many or too few would call animals plants.
    names = dict(enumerate(name for name, _ in wordnet._LEXNAMES))
    known = {0: "adj.all", 3: "noun.Tops", 5: "noun.animal", 20: "noun.plant", 28: "noun.time", 29: "verb.body"}
    assert len(names) == 45 and {number: names[number] for number in known} == known and names[43] == "verb.weather"


def test_the_real_one_knows_dogs_and_cats(monkeypatch):
    monkeypatch.undo()
    open_wordnet.cache_clear()
    found = open_wordnet()
    if found is None:
        pytest.skip(WORDNET_MISSING)
    assert found.synsets("dog")[0].wup_similarity(found.synsets("cat")[0]) == pytest.approx(0.857, abs=0.001)
