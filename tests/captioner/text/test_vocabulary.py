"""Vocabulary: ids that never move, files that always come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import UserError
from captioner.text.vocabulary import END, PAD, SPECIALS, START, UNKNOWN, Vocabulary

CAPTIONS = ["A dog runs on grass .", "a dog and a cat", "a cat sleeps", "the dog"]
WORDS = st.lists(st.text(min_size=1).filter(lambda word: word not in SPECIALS), unique=True)
ODD_WORDS = WORDS | st.lists(st.text(alphabet="\\nr\n\r \u2028a", min_size=1), unique=True)


def save(tmp_path, text):
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_most_frequent_words_come_first_and_ties_by_alphabet():
    # With ties in the order of a set, two runs of the same recipe would have different ids.
    assert Vocabulary.from_captions(CAPTIONS).words == (
        *(PAD, START, END, UNKNOWN),
        *("a", "dog", "cat", "and", "grass", "on", "runs", "sleeps", "the"),
    )


def test_minimum_count_and_maximum_size():
    # A vocabulary larger than asked for makes the largest matrix of the model larger.
    assert Vocabulary.from_captions(CAPTIONS, minimum_count=2).words[4:] == ("a", "dog", "cat")
    assert Vocabulary.from_captions(CAPTIONS, maximum_size=2).words[4:] == ("a", "dog")


def test_a_cut_caption_has_no_end_and_every_row_has_full_length():
    # An end word after a cut teaches the model to stop in the middle of sentences.
    vocabulary = Vocabulary(["a", "dog", "runs", "fast"])
    assert vocabulary.encode("a dog", 5) == [1, 4, 5, 2, 0]
    assert vocabulary.encode("a dog runs", 5) == [1, 4, 5, 6, 2]
    assert vocabulary.encode("a dog runs fast", 5) == [1, 4, 5, 6, 7]
    assert vocabulary.encode("", 3) == [1, 2, 0]
    assert vocabulary.encode("a", 1) == [1]


@given(caption=st.text(), max_length=st.integers(1, 30))
def test_any_caption_becomes_max_length_known_ids(caption, max_length):
    # One ragged row, or an id beyond the table, stops a training run in the middle.
    ids = Vocabulary(["a", "dog"]).encode(caption, max_length)
    assert len(ids) == max_length and all(0 <= number < 6 for number in ids)


def test_a_special_word_typed_in_a_caption_is_an_unknown_word():
    # Otherwise a caption that says "<end>" ends the sentence, and "<pad>" is taken out of the loss.
    vocabulary = Vocabulary.from_captions(["a <end> b <pad> <start> <unk>"])
    assert vocabulary.words[4:] == ("a", "b")
    assert vocabulary.encode("a <end> b", 6) == [1, 4, 3, 5, 2, 0]


def test_decoding_stops_at_the_first_end():
    # Words after the end are what the decoder wrote while it waited for the other captions of its batch.
    vocabulary = Vocabulary(["a", "dog", "'s"])
    assert vocabulary.decode([1, 4, 5, 0, 3, 2, 5, 5]) == ["a", "dog", "<unk>"]
    assert vocabulary.text([1, 4, 5, 6, 2]) == "a dog's"
    assert vocabulary.decode([]) == []


@pytest.mark.parametrize("number", [-1, 6])
def test_an_id_beyond_the_vocabulary_is_an_error(number):
    # -1 would silently be the last word: a wrong vocabulary then gives captions that look almost right.
    with pytest.raises(IndexError):
        Vocabulary(["a", "dog"]).decode([number])


@given(caption=st.text())
def test_a_caption_of_known_words_comes_back(caption):
    # Otherwise the references that a model is trained on are not what it can say.
    vocabulary = Vocabulary.from_captions([caption])
    words = [UNKNOWN if word in SPECIALS else word for word in vocabulary._text_tokenizer.tokenize(caption)]
    assert vocabulary.decode(vocabulary.encode(caption, len(words) + 2)) == words


def test_extending_moves_no_known_word():
    # Continued training keeps the rows of the embedding: a moved id gives a word the meaning of another.
    first = Vocabulary(["a", "dog"])
    extended = first.extended(["cat", "a", "cat", "<end>", "bird"])
    assert extended.words == (*first.words, "cat", "bird")
    assert first.words == (*SPECIALS, "a", "dog")


def test_the_share_of_unknown_words():
    # `captioner check` tells from it whether a vocabulary fits other captions.
    assert Vocabulary(["a", "dog"]).unknown_rate(["A dog runs.", "a cat"]) == pytest.approx(2 / 5)
    assert Vocabulary(["a"]).unknown_rate([]) == 0


@given(words=ODD_WORDS)
def test_saved_and_loaded_is_the_same(words, tmp_path_factory):
    # Otherwise a preset speaks other words than the model that was trained.
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.txt"
    vocabulary = Vocabulary(words, "characters")
    vocabulary.save(path)
    assert Vocabulary.load(path, "characters") == vocabulary
    assert path.read_bytes().count(b"\n") == len(vocabulary)  # one word a line, for people and other programs


def test_line_ends_that_git_or_an_editor_changed_do_no_harm(tmp_path):
    # A checkout on Windows would otherwise give every word an invisible last character.
    path = save(tmp_path, "\r\n".join([*SPECIALS, "a", "dog", ""]))
    assert Vocabulary.load(path, "ptb") == Vocabulary(["a", "dog"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"vocabulary.txt:1: .*ends before <pad>"),
        ("<pad>\n<start>\n", r"vocabulary.txt:3: .*ends before <end>"),
        (
            "<pad>\n<end>\n<start>\n<unk>\na\n",
            r"vocabulary.txt:2: .*expected the special word <start>, found '<end>'",
        ),
        ("<pad>\n<start>\n<end>\n<unk>\na\n\ndog\n", r"vocabulary.txt:6: .*empty line"),
        ("<pad>\n<start>\n<end>\n<unk>\na\ndog\na\n", r"vocabulary.txt:7: .*'a' was on line 5"),
        ("<pad>\n<start>\n<end>\n<unk>\n<pad>\n", r"vocabulary.txt:5: .*'<pad>' was on line 1"),
        ("<pad>\n<start>\n<end>\n<unk>\na\\b\n", r"vocabulary.txt:5: .*backslash"),
        (b"<pad>\n<start>\n<end>\n<unk>\n\xff\xfe\n", r"vocabulary.txt:5: .*not UTF-8"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(tmp_path, text, message):
    # A vocabulary that is off by one line gives fluent nonsense: it must never load.
    with pytest.raises(UserError, match=message):
        Vocabulary.load(save(tmp_path, text), "ptb")


@given(content=st.binary() | st.text().map(str.encode))
def test_any_file_loads_or_is_refused(content, tmp_path_factory):
    # A damaged preset ends in one sentence, not in a traceback.
    path = save(tmp_path_factory.mktemp("vocabulary"), b"<pad>\n<start>\n<end>\n<unk>\n" + content)
    try:
        assert len(Vocabulary.load(path, "ptb")) >= 4
    except UserError as error:
        assert str(path) in str(error)


def test_a_missing_file_is_named(tmp_path):
    # The user must learn which file of which preset is not there.
    with pytest.raises(UserError, match=r"nothing\.txt cannot be read: No such file"):
        Vocabulary.load(tmp_path / "nothing.txt", "ptb")


@pytest.mark.parametrize("words", [["a", "a"], ["a", ""], ["<pad>"]])
def test_words_that_make_no_vocabulary_are_refused(words):
    # Two ids for one word: one of them would never be trained.
    with pytest.raises(ValueError, match="each word once"):
        Vocabulary(words)


def test_specials_have_the_first_ids_and_count():
    # Masks and decoders rely on these numbers.
    vocabulary = Vocabulary(["a"])
    assert (vocabulary.pad_id, vocabulary.start_id, vocabulary.end_id, vocabulary.unknown_id) == (0, 1, 2, 3)
    assert len(vocabulary) == 5 and "a" in vocabulary and "<end>" in vocabulary and "dog" not in vocabulary
    assert Vocabulary(["a"]) == vocabulary != Vocabulary(["a"], "unicode")


def test_a_text_is_no_list_of_texts():
    """Its letters would be the captions, or the words."""
    for make in (Vocabulary, Vocabulary.from_captions):
        with pytest.raises(UserError, match=r"is a list of texts, not a text: write \['a dog'\]"):
            make("a dog")
