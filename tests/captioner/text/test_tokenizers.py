"""Tokenizers: the COCO scorer's words, and nothing that any text can break."""

import itertools
import json
import pickle
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from captioner.errors import UserError
from captioner.text import TOKENIZERS
from captioner.text.tokenizers import ChunkTokenizer, compose, get_tokenizer

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "metrics.json").read_text(encoding="utf-8"))
# Pieces that mean something to a tokenizer, put together at random, reach what random characters seldom do.
PIECES = [
    "n't",
    "'s",
    "'",
    '"',
    "``",
    "can",
    "not",
    "gonna",
    "'tis",
    "mr.",
    "u.s.",
    "...",
    "-",
    "--",
    "(",
    "-lrb-",
]
PIECES += [
    "<unk>",
    "<",
    "1",
    ",",
    "½",
    "’",
    "é",
    "\u0301",
    "\u200d",
    "İ",
    "ΑΣ",
    "ß",
    "😀",
    "♀",
    "\ufe0f",
    "\u200e",
    "\n",
    "\r",
    "\u2028",
    " ",
]
TEXTS = st.text() | st.lists(st.sampled_from(PIECES) | st.text(max_size=3)).map("".join)


@pytest.mark.parametrize("name", TOKENIZERS.names())
@given(text=TEXTS)
@example(text="\ud800 a lone surrogate, as in a broken file name")
def test_words_joined_to_text_are_the_same_words_again(name, text):
    # Otherwise a caption that was decoded is scored as other words than those the model chose.
    tokenizer = get_tokenizer(name)
    words = tokenizer.tokenize(text)
    assert tokenizer.tokenize(tokenizer.detokenize(words)) == words


@pytest.mark.parametrize("name", TOKENIZERS.names())
@given(text=TEXTS)
def test_words_are_never_empty_and_hold_no_line_break(name, text):
    # Otherwise a vocabulary file has a line too many, and every later word gets the wrong id.
    assert all(len(word.splitlines()) == 1 for word in get_tokenizer(name).tokenize(text))


@pytest.mark.parametrize("name", TOKENIZERS.names())
@given(words=st.lists(st.text(min_size=1)))
def test_any_words_become_text(name, words):
    # A vocabulary may hold words of another tokenizer; writing them must not end a run over a folder.
    assert isinstance(get_tokenizer(name).detokenize(words), str)


@given(text=st.text())
def test_characters_lose_nothing(text):
    # A character language model must give back the text it was trained on, to the last blank.
    characters = get_tokenizer("characters")
    assert characters.detokenize(characters.tokenize(text)) == text


@given(words=st.lists(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1)))
def test_the_memory_of_chunks_changes_nothing(words):
    # The second look at a chunk comes from memory: it must be what the first was.
    tokenizer = get_tokenizer("ptb")
    fresh = [piece for word in words for piece in tokenizer.chunk_words(word)]
    assert tokenizer.tokenize(" ".join(words)) == fresh == tokenizer.tokenize(" ".join(words))


def test_pieces_are_split_until_they_are_whole():
    # A rule that looks around itself sees something else in its own output: the identity must hold even so.
    class OneLetterAtATime(ChunkTokenizer):
        normalise = staticmethod(str.lower)

        def split(self, chunk):
            return [chunk[:1], chunk[1:]] if len(chunk) > 1 else [chunk]

    assert OneLetterAtATime().tokenize("Ab cde") == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("case", GOLDEN["tokens"], ids=lambda case: case["text"][:30])
def test_ptb_gives_the_words_of_the_coco_scorer(case):
    # Otherwise no score of ours compares with a published one.
    assert get_tokenizer("ptb").tokenize(case["text"]) == case["words"].split()


def test_ptb_agrees_with_the_reference_of_nltk():
    # An independent implementation of the same conventions: a slip in our expression would show in plain
    # captions.
    nltk = pytest.importorskip("nltk.tokenize")
    reference = nltk.NLTKWordTokenizer()
    marks = {"'", "``", "''", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"}
    for text in [
        "a dog's ball, and the dogs run.",
        "he can't run; isn't he a well-known man?",
        "they're off: we've won!",
    ]:
        expected = [word for word in reference.tokenize(text) if word not in marks]
        assert get_tokenizer("ptb").tokenize(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a dog 🐕 runs 🏃🏽\u200d♀\ufe0f", ["a", "dog", "runs"]),
        ("I ❤\ufe0f NY", ["i", "ny"]),
        ("👍🏿", []),
        ("1\ufe0f\u20e3 dog", ["1", "dog"]),
        ("the ♀ sign in the ☀", ["the", "♀", "sign", "in", "the", "☀"]),
        ("a\u200e dog\u202c\x00 \x07\ufffdruns\ue000", ["a", "dog", "runs"]),
        ("cafe\u0301 no\u00a0break do\u00adg", ["café", "no", "break", "dog"]),
    ],
)
def test_ptb_makes_no_words_of_emoji_and_of_what_cannot_be_seen(text, words):
    """The symbols alone, and all without symbols, are as the COCO scorer has them (stanford-corenlp 3.4.1)."""
    assert get_tokenizer("ptb").tokenize(text) == words


def test_ptb_writes_clitics_and_brackets_as_people_do():
    # Otherwise captions read "a dog 's ball" to the user.
    assert (
        get_tokenizer("ptb").detokenize(["a", "dog", "'s", "ball", "is", "n't", "-lrb-", "red", "-rrb-"])
        == "a dog's ball isn't ( red )"
    )


def test_unk_stays_one_word():
    # Split into "<", "unk", ">" it could match a bracket in a reference.
    assert get_tokenizer("ptb").tokenize("a <unk> dog") == ["a", "<unk>", "dog"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("L'été, la fille-là rit.", ["l'été", "la", "fille-là", "rit"]),
        ("Ein Mädchen läuft!", ["ein", "mädchen", "läuft"]),
        ("Une fille e\u0301tait ici", ["une", "fille", "était", "ici"]),  # decomposed é is composed
        ("Кошка сидит, 3,5 м.", ["кошка", "сидит", "3,5", "м"]),
        ("लड़की दौड़ती है।", ["लड़की", "दौड़ती", "है"]),  # vowel signs belong to their letters
        ("هذا كلب؟", ["هذا", "كلب"]),
        ("कुत्ता 🐕 …", ["कुत्ता", "🐕"]),
    ],
)
def test_unicode_words_in_many_languages(text, words):
    # Marks cut from their letters, or punctuation kept as words, would spoil every score in that language.
    assert get_tokenizer("unicode").tokenize(text) == [unicodedata.normalize("NFC", word) for word in words]


def test_a_line_break_is_a_character_that_can_be_seen():
    # A model of plays must learn where lines end, and its vocabulary file must still have one word a line.
    assert get_tokenizer("characters").tokenize("a\nB \\n") == ["a", "\\n", "B", " ", "\\", "n"]


@pytest.mark.parametrize(
    "hostile", ["n't", "n't'", "'s", "a.", "+", "a@b.", "<a", "1/", "-.", "cann't", "'n'", "\u0301", "\u0301\u0316"]
)
def test_a_hostile_text_is_read(hostile):
    # A quadratic expression hangs for minutes on one hostile caption of 100,000 characters; how the time grows is
    # measured by benchmarks/hostile_text.py.
    for name in ("ptb", "unicode"):
        assert isinstance(get_tokenizer(name).tokenize(hostile * (100_000 // len(hostile))), list)


@pytest.mark.parametrize("clitic", ["n't", "'s", "'"])
def test_twice_the_clitics_are_twice_the_work(clitic, monkeypatch):
    # 6,666 times "n't" took a minute: each was joined to all before it, and the whole was taken apart again.
    ptb, seen = get_tokenizer("ptb"), []
    chunk_words = ptb.chunk_words
    monkeypatch.setattr(ptb, "chunk_words", lambda chunk: seen.append(len(chunk)) or chunk_words(chunk))

    def characters(count):
        seen.clear()
        words = ["dog", *[clitic] * count]
        assert len(ptb.tokenize(ptb.detokenize(words))) == len(ptb.tokenize(" ".join(words)))
        return sum(seen)

    assert characters(400) <= 2.5 * characters(200)


MARKS = st.text(st.sampled_from("a\u0301\u0316\u0344\u01d8\u0fb7\u200d\u034fİ "), max_size=120)


@given(text=MARKS)
def test_no_letter_has_more_marks_than_are_sorted_quickly(text):
    # Marks are put into order before they are composed, which takes quadratic time; once done it stays as it is.
    made = compose(text)
    marks = [sum(map(bool, run)) for run in _runs(unicodedata.combining(c) for c in unicodedata.normalize("NFD", made))]
    assert max(marks, default=0) <= 30 and compose(made) == made
    if len(text) <= 30:
        assert made == unicodedata.normalize("NFC", text)
    for name in ("ptb", "unicode"):
        words = get_tokenizer(name).tokenize(text)
        assert get_tokenizer(name).tokenize(" ".join(words)) == words


def _runs(classes):
    return (list(run) for marked, run in itertools.groupby(classes, bool) if marked)


@pytest.mark.parametrize("name", TOKENIZERS.names())
def test_a_tokeniser_travels_to_other_processes(name):
    # Data is prepared in worker processes; a tokenizer that cannot be pickled stops them.
    assert pickle.loads(pickle.dumps(get_tokenizer(name))).tokenize("a b") == get_tokenizer(name).tokenize("a b")


def test_an_unknown_tokeniser_is_named_with_the_known_ones():
    # Otherwise a slip in a settings file ends in a KeyError.
    with pytest.raises(UserError, match=r"(?s)'unicod'.*Did you mean `unicode`.*ptb, unicode, characters"):
        get_tokenizer("unicod")
