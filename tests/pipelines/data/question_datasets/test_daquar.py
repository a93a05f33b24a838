"""DAQUAR: pairs, triples, the image inside the question, the two sizes."""

import pytest

from captioner.errors import UserError
from pipelines.data.question_datasets import daquar, read_questions
from pipelines.data.question_datasets.daquar import question_type, without_image
from tests.support_datasets import check_dataset, draw_image, write
from tests.support_questions import make_daquar, make_daquar_37

TRAIN = "qa.894.raw.train.txt"


def test_answers_are_sets_and_the_image_leaves_the_question(tmp_path):
    """If this fails, every image's number is a word of the vocabulary, or a set of things is one person's of four."""
    make_daquar(tmp_path)
    dataset = read_questions(tmp_path)
    first, number, colour, other = dataset.split("train")
    assert first.question == "what is on the desk ?" and first.image == tmp_path / "images/image3.jpg"
    assert first.answers == ("book, scissor, papers, tape_dispenser",)
    assert (first.type, number.type, colour.type) == ("object", "number", "colour")
    assert other.question == "what is on the left side of the image ?" and other.answers == ("garbage_bin",)
    assert [one.id for one in dataset.split("train")[:2]] == ["images/image3.jpg#0", "images/image3.jpg#1"]


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("what is the largest brown objects in this image3 ?", "what is the largest brown objects ?"),
        ("what is hung on the image9 ?", "what is hung ?"),
        ("what is above the mirror in image80?", "what is above the mirror ?"),
        ("what is on the table image8 ?", "what is on the table ?"),
        ("what is in the middle of the image1008 in the image1008 ?", "what is in the middle of the image ?"),
        ("how many beds are on the left of the image 12 ?", "how many beds are on the left of the image ?"),
    ],
)  # fmt: skip
def test_ways_to_name_the_image(written, asked):
    """If this fails, a number that tells nothing stays in the question, or words of the question go with it."""
    assert without_image(written) == asked


def test_questions_that_are_asked_twice_stay_two(tmp_path):
    """If this fails, there are not 6,795 training questions, and no score compares with a published one."""
    make_daquar(tmp_path)
    lines = (tmp_path / TRAIN).read_text()
    write(tmp_path / TRAIN, lines + lines)
    dataset = read_questions(tmp_path)
    check_dataset(dataset)
    assert len(dataset.split("train")) == 8 and not dataset.problems


def test_triples_say_the_same_as_pairs(tmp_path):
    """If this fails, one layout of the same data gives other examples."""
    make_daquar(tmp_path)
    pairs = read_questions(tmp_path)
    for name, path in {"train": TRAIN, "test": "qa.894.raw.test.txt"}.items():
        lines = (tmp_path / path).read_text().splitlines()
        triples = []
        for question, answer in zip(lines[::2], lines[1::2], strict=True):
            number = question.split("image")[1].split()[0]
            triples += [question, answer, f"image{number}" + (".png" if name == "test" else "")]
        write(tmp_path / f"qa.894.raw.{name}.format_triple", "\n".join(triples) + "\n")
    assert read_questions(tmp_path) == pairs  # both are there: the pairs are read
    (tmp_path / TRAIN).unlink()
    (tmp_path / "qa.894.raw.test.txt").unlink()
    assert read_questions(tmp_path).examples == pairs.examples


def test_a_line_that_is_missing_costs_one_question(tmp_path):
    """If this fails, every later answer belongs to the question before it."""
    make_daquar(tmp_path)
    lines = (tmp_path / TRAIN).read_text().splitlines()
    del lines[1]
    lines += ["chair", "what is it ?", "door", "what is red in the image3 ?"]
    write(tmp_path / TRAIN, "\n".join(lines))
    dataset = read_questions(tmp_path)
    assert [one.answers[0] for one in dataset.split("train")] == ["11", "red", "garbage_bin"]
    assert [(problem.line, problem.text.split("; ")[0].split("'")[-1].strip()) for problem in dataset.problems] == [
        (1, "has no answer"),
        (8, "is an answer without its question"),
        (9, "names no image"),
        (11, "has no answer"),
    ]


def test_a_triple_that_is_damaged_costs_itself(tmp_path):
    """If this fails, triples after a missing line are shifted."""
    make_daquar_37(tmp_path)
    path = tmp_path / "qa.37.raw.reduced.test.format_triple"
    write(path, "what is lost ?\nimage12.png\n" + path.read_text() + "what is behind ?\n")
    dataset = read_questions(tmp_path)
    assert [one.answers for one in dataset.split("test")] == [("window",)]
    assert [problem.line for problem in dataset.problems] == [2, 6]


def test_the_reduced_set_beside_the_full_one_is_read_by_name(tmp_path):
    """If this fails, one of the two cannot be reached, or both are mixed."""
    make_daquar(tmp_path)
    make_daquar_37(tmp_path)
    assert read_questions(tmp_path).name == "daquar"
    reduced = read_questions(tmp_path, "daquar-37")
    assert reduced.name == "daquar-37" and reduced.splits() == {"train": 1, "test": 1}


def test_images_of_any_kind_and_a_single_file(tmp_path):
    """If this fails, the published png are not found, or a file of all questions cannot be split."""
    for number in range(30):
        draw_image(tmp_path / f"dataset/image{number}.png", number)
    rows = [f"what is it in the image{number} ?\nchair" for number in range(30)]
    write(tmp_path / "qa.894.raw.txt", "\n".join(rows))
    dataset = read_questions(tmp_path)
    check_dataset(dataset)
    assert set(dataset.splits()) == {"train", "dev", "test"} and "hash of its name" in dataset.notes[0]


def test_nothing_to_read_is_said(tmp_path):
    """If this fails, a wrong folder ends in a traceback."""
    with pytest.raises(UserError, match=r"There is no qa.894.raw"):
        daquar.read(tmp_path)
    write(tmp_path / TRAIN, "what is it in the image1 ?\nchair\n")
    with pytest.raises(UserError, match=r"No image with a question was found.*there is no image 'image1.png'"):
        daquar.read(tmp_path)


def test_a_question_of_blanks_is_read():
    """40,000 of them took minutes: each of three expressions looked through all blanks from each blank."""
    assert without_image("what is it" + " " * 200_000 + "in the image3 ?") == "what is it ?"


def test_types_do_not_look_at_the_answer():
    """If this fails, guessing by type knows something of the answer."""
    assert question_type("how many red chairs ?") == "number"
    assert question_type("what colour is the chair ?") == question_type("what is the color of it ?") == "colour"
    assert question_type("what is on the color printer ?") == question_type("what is it ?") == "object"
