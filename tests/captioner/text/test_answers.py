"""Answers: when two are the same, what people agree on, and the list that a model chooses from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import UserError
from captioner.text.answer_tokens import answer_words, join_answer, known_spelling
from captioner.text.answers import (
    AnswerList,
    agreed,
    answer_key,
    answer_type,
    expected_type,
    items,
    one_word,
    plain,
    with_blanks,
)

TEXTS = st.text(max_size=12) | st.lists(st.sampled_from([*"a ,1.A_\n", "\u2028"])).map("".join)
TRAINING = [["red"], ["Red."], ["blue"], ["book, lamp"], ["lamp,book"], ["lamp, book"], ["2", "two", "2"]]


@given(TEXTS)
def test_one_spelling_is_final(text):
    """If this fails, an answer that was written to a file is another when it is read again."""
    assert plain(plain(text)) == plain(text)
    assert answer_key(answer_key(text)) == answer_key(plain(text)) == answer_key(text)
    assert len(plain(text).splitlines()) <= 1, "a line break inside would break the file of answers"


def test_sets_have_no_order_and_numbers_no_members():
    """If this fails, "lamp, book" is wrong where the truth is "book, lamp", or 1,000 is a set of two."""
    assert answer_key("lamp, book") == answer_key(" Book ,lamp") != answer_key("lamp book")
    assert answer_key("book, book, lamp") == answer_key("lamp, book")
    assert items("book,  lamp") == ["book", "lamp"]
    assert plain("1,000") == "1,000" and plain("3, 4") == "3, 4"


def test_a_comma_between_digits_separates_nothing():
    """If this fails, 1,000 and 1,000,000 are the same set of numbers: one answer of a list, one choice, one score."""
    different = ["1,000", "1,000,000", "1, 000", "000,1", "1,000 people"]
    assert len(set(map(answer_key, different))) == 5 and len(AnswerList(different)) == 5
    assert [items(answer) for answer in different[:3]] == [["1,000"], ["1,000,000"], ["1", "000"]]
    assert items("lamp,2") == ["lamp", "2"] and answer_key("2,lamp") == answer_key("lamp, 2")


def test_blanks_and_underscores_are_equal():
    """If this fails, "night stand" is wrong where the data set writes night_stand, and people read underscores."""
    assert answer_key("Night_stand, lamp") == answer_key("lamp, night stand.") != answer_key("nightstand, lamp")
    found = AnswerList.from_answers([["night_stand"], ["night stand"], ["night_stand"], ["lamp"]])
    assert found.answers == ("night stand", "lamp") and found.spellings == ("night_stand", "lamp")
    assert found.encode("night stand") == found.encode("Night_Stand.") == 0 and found.decode(0) == "night stand"
    assert agreed(["night_stand", "lamp", "night stand"]) == "night_stand", "as the first of them wrote it"
    assert items("lamp, _") == ["lamp"] and items("_") == ["_"]
    assert with_blanks("_") == "_" and with_blanks("a__b_") == "a b"


def test_a_written_answer_is_read_in_the_spelling_that_was_learned():
    """If this fails, a choice with a blank is two unknown words to a network that learned it with an underscore."""
    words = {"night_stand", "hot", "dog", ","}
    assert known_spelling("Night stand", words) == known_spelling("night_stand", words) == "night_stand"
    assert known_spelling("hot_dog, night stand", words) == "hot dog, night_stand"
    assert known_spelling("blue_sky, hot dog", words) == "blue_sky, hot dog", "what nobody knows keeps its own spelling"


@given(TEXTS)
def test_the_words_of_an_answer_spell_it(text):
    """If this fails, a network that writes answers learns others than those that are scored."""
    assert join_answer(answer_words(text)) == plain(text)
    assert answer_key(known_spelling(text, {"a", "a_a", "1"})) == answer_key(text)


def test_what_most_people_say_counts():
    """If this fails, training learns what one of ten said."""
    assert agreed(["white", "off white", "White.", "cream"]) == "white"
    assert agreed(["cream", "white"]) == "cream"
    with pytest.raises(ValueError, match="Nobody answered"):
        agreed([])


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Is this a cat?", "yes/no"),
        ("  ARE  there dogs", "yes/no"),
        ("Isn't it cold?", "yes/no"),
        ("Does he wear orange?", "yes/no"),  # "or" is a word, not letters of one
        ("Is it day or night?", ""),
        ("How many people are there?", "number"),
        ("In the sky, how many kites are there?", "number"),
        ("How tall is he?", ""),
        ("Island or beach?", ""),
        ("What is it?", ""),
        ("", ""),
    ],
)
def test_what_the_form_of_a_question_asks_for(question, expected):
    """If this fails, "is it a cat?" is answered with a colour, or a choice of two things with yes."""
    assert expected_type(question) == expected


def test_answers_that_fit_a_question():
    answers = AnswerList(["red", "no", "2", "yes", "three"])
    assert answers.fitting("Is it red?") == [1, 3]
    assert answers.fitting("How many?") == [2, 4]
    assert answers.fitting("What colour is it?") == [0, 1, 2, 3, 4]
    assert AnswerList(["red", "no", "2"]).fitting("Is it red?") == [0, 1, 2], "a list without a yes leaves no choice"


def test_types_of_answers():
    """If this fails, scores by answer type mix what papers keep apart."""
    assert [answer_type(answer) for answer in ("No", "yes.", "7", "1,000", "3.5", "twelve", "7 dogs", "none")] == [
        "yes/no", "yes/no", "number", "number", "number", "number", "other", "other",
    ]  # fmt: skip
    assert one_word("tape_dispenser") and not one_word("cup, bottle") and not one_word("hot dog")


def test_the_list_is_the_most_frequent_answers_in_order():
    """Counted by hand: the set of book and lamp 3 times, red twice, 2 and blue once, by alphabet."""
    found = AnswerList.from_answers(TRAINING)
    assert found.answers == ("lamp, book", "red", "2", "blue")  # the set's spelling is the commonest one
    assert AnswerList.from_answers(TRAINING, size=2).answers == found.answers[:2]
    assert AnswerList.from_answers(TRAINING, minimum_count=2).answers == found.answers[:2]
    assert AnswerList.from_answers([[], *TRAINING]) == found, "a question that nobody answered is no answer"


def test_numbers_and_answers_go_both_ways():
    """If this fails, a model says another answer than the one it chose."""
    found = AnswerList.from_answers(TRAINING)
    assert [found.decode(found.encode(answer)) for answer in found.answers] == list(found.answers)
    assert found.encode("Book, LAMP.") == 0 and found.encode("green") is None
    assert "RED" in found and "green" not in found and len(found) == 4
    for number in (-1, 4):
        with pytest.raises(IndexError, match="0 to 3"):
            found.decode(number)


def test_the_ceiling_is_the_share_of_reachable_answers():
    """If this fails, nobody sees that a list of 10 answers can never be right more than so often.

    By hand: red is in the list of two; blue and green are not; the last was answered "red" by most; one has no
    answer and does not count: 2 of 4.
    """
    top = AnswerList.from_answers(TRAINING, size=2)
    assert top.ceiling([["red"], ["blue"], ["green"], ["red", "blue", "red"], []]) == 2 / 4
    assert top.ceiling([]) == 0


@given(st.lists(TEXTS, max_size=6))
def test_what_is_saved_is_read_again(tmp_path_factory, answers):
    """If this fails, a preset's classes are shifted after loading."""
    path = tmp_path_factory.mktemp("answers") / "answers.txt"
    made = AnswerList.from_answers([[answer] for answer in answers if answer_key(answer)])
    made.save(path)
    assert AnswerList.load(path) == made


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"red\n\nblue\n", ":2: an empty line"),
        (b"red\nblue\nRed.\n", ":3: 'Red.' was on line 1 already"),
        (b"red\nbl\xffue\n", ":2: this is not UTF-8"),
    ],
)
def test_a_damaged_file_is_refused_with_the_line(tmp_path, content, says):
    """If this fails, every class after the damage has another meaning."""
    (tmp_path / "answers.txt").write_bytes(content)
    with pytest.raises(UserError, match=r"answers.txt" + says):
        AnswerList.load(tmp_path / "answers.txt")
    with pytest.raises(UserError, match="cannot be read"):
        AnswerList.load(tmp_path / "gone.txt")


def test_a_list_with_repeats_is_a_mistake():
    """If this fails, two classes have one name."""
    with pytest.raises(ValueError, match="each answer once"):
        AnswerList(["red", "Red"])
