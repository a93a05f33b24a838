"""`captioner check` on questions: the counts are right, every fault is told, and folders with both are told both."""

import pytest
from typer.testing import CliRunner

from captioner.errors import UserError
from pipelines.cli.app import app
from pipelines.data.checks.inspect import inspect_layout
from pipelines.data.checks.questions import check_questions
from pipelines.data.question_datasets import read_questions
from tests.support_datasets import draw_image, make_coco, make_shapes, make_table, write
from tests.support_questions import make_daquar, make_easy_vqa, make_question_table, make_visual7w, make_vqa


@pytest.fixture
def folder(tmp_path):
    """Twelve training answers; the test asks one of the ten most frequent, the twelfth, and one that is new."""
    for shade, name in enumerate(("a", "b", "c")):
        draw_image(tmp_path / f"{name}.png", 40 * shade)
    train = [f"a.png,what is {word} ?,{word},train,what" for word in "abcdefghijkl"]
    train += [
        "a.png,what is red ?,a,train,what",
        "b.png,how many are a ?,2,train,how many",
        "b.png,how many ?,2,train,how many",
    ]
    test = ["c.png,what is here ?,a,test,what", "c.png,what is l ?,l,test,what", "c.png,how many ?,7,test,how many"]
    write(tmp_path / "questions.csv", "\n".join(["image,question,answer,split,type", *train, *test]))
    return tmp_path


def test_counts_ceilings_and_guesses_by_hand(folder):
    """Answers by frequency: 2 and a (twice each), then b to l: 13. l is the thirteenth, so not among ten.

    Top 10 of the test: a, not l, not 7: 1 of 3. All: a and l: 2 of 3. Guess: "what" -> a (right once of two), "how
    many" -> 2 (wrong): 1 of 3. Of the test's 8 words (question marks are none) only `here` is new.
    """
    report = check_questions(read_questions(folder))
    train, test = report.splits["train"], report.splits["test"]
    assert (train.images, train.questions, train.answered, train.answers) == (2, 15, 15, 13)
    assert report.answer_list_size == 13
    assert train.ceilings == pytest.approx({10: 12 / 15, 13: 1}) and train.majority == pytest.approx((2 + 2) / 15)
    assert (test.images, test.questions, test.answers) == (1, 3, 3)
    assert test.ceilings == pytest.approx({10: 1 / 3, 13: 2 / 3}) and test.majority == pytest.approx(1 / 3)
    assert test.unknown_rate == pytest.approx(1 / 8) and test.lengths[0] == 2 and test.lengths[3] == 3
    assert report.types == {"what": 15, "how many": 3} and not report.choices


def test_damaged_images_and_leaks_are_found(folder):
    """If this fails, training stops at a file that was called sound; each image is told once, not once a question."""
    good = (folder / "a.png").read_bytes()
    (folder / "b.png").write_bytes(good[:40])
    (folder / "c.png").write_bytes(good)
    report = check_questions(read_questions(folder))
    assert [problem.path.name for problem in report.problems] == ["b.png"]
    assert [(same.ids, same.splits) for same in report.same_images] == [(("a.png", "c.png"), ("train", "test"))]
    lines = list(report.lines())
    assert "the same picture: a.png (train), c.png (test); it leaks from one split into another" in lines


def test_lines_say_it_all(folder):
    """If this fails, `captioner check` hides what the issue of a data set is."""
    path = folder / "questions.csv"
    write(path, path.read_text() + "\ngone.png,what ?,a,test,what\nc.png,?,a,test,what\n")
    lines = list(check_questions(read_questions(folder), open_images=False).lines())
    text = "\n".join(lines)
    header = next(line for line in lines if line.startswith("split")).split("  ")
    assert [name for name in map(str.strip, header) if name] == [
        "split", "images", "questions", "answers", "unknown", "top 10", "top 13", "guess", "words a question",
    ]  # fmt: skip
    assert next(line for line in lines if line.startswith("test")).split()[:8] == [
        "test", "1", "3", "3", "12.50%", "33.3%", "66.7%", "33.3%",
    ]  # fmt: skip
    assert f"{path}:20: there is no image 'gone.png'; its question was left out" in lines
    assert f"{path}:21: the question about 'c.png' is empty; the row was left out" in lines
    assert "Types of question: what 83.3%, how many 16.7%." in text and "Images were not opened" in text


def test_withheld_answers_and_missing_training_are_said(tmp_path):
    """If this fails, an unanswered split has a ceiling of 0, as if the list of answers were to blame."""
    make_vqa(tmp_path)
    report = check_questions(read_questions(tmp_path))
    row = next(line for line in report.lines() if line.startswith("test ")).split()
    assert row[3] == "0" and row.count("-") == 2
    make_question_table(tmp_path / "mine")
    write(tmp_path / "mine/questions.csv", "image,question,answer,split\nc.jpg,What?,dog,test\n")
    report = check_questions(read_questions(tmp_path / "mine"))
    assert "There is no train split" in "\n".join(report.lines())


def test_choices_are_counted(tmp_path):
    """If this fails, nobody sees whether a data set is multiple choice."""
    make_visual7w(tmp_path)
    assert "Questions with choices: 6 with 4." in list(check_questions(read_questions(tmp_path)).lines())


def test_a_folder_with_captions_and_questions_is_told_twice_and_opened_once(tmp_path):
    """If this fails, one half of the data is not looked at, or every damaged image is told twice."""
    make_shapes(tmp_path)
    (tmp_path / "images/train_00000.png").write_bytes(b"")
    captions, questions = inspect_layout(tmp_path)
    assert [len(report.problems) for report in (captions, questions)] == [1, 0]
    assert "not opened" not in "\n".join(questions.lines())
    assert "not opened" in "\n".join(inspect_layout(tmp_path, open_images=False)[1].lines())


def test_each_folder_is_looked_at_as_what_it_is(tmp_path):
    """If this fails, a table of questions is said to lack captions, or one of captions to lack questions."""
    for name, make, expected in (
        ("captions", make_table, ["table"]),
        ("questions", make_question_table, ["table"]),
        ("daquar", make_daquar, ["daquar"]),
        ("easy", make_easy_vqa, ["easy-vqa"]),
        ("coco", make_coco, ["coco"]),
    ):
        make(tmp_path / name)
        assert [report.dataset.name for report in inspect_layout(tmp_path / name)] == expected
    make_table(tmp_path / "both")
    write(tmp_path / "both/questions.csv", "image,question,answer\na.jpg,What?,dog\n")
    captions, questions = inspect_layout(tmp_path / "both")
    assert captions.splits["train"].captions == 2 and questions.splits["train"].questions == 1
    make_vqa(tmp_path / "coco")  # VQA's annotations beside those of COCO's captions
    assert [report.dataset.name for report in inspect_layout(tmp_path / "coco")] == ["coco", "vqa"]


def test_an_empty_folder_gets_both_lists(tmp_path):
    """If this fails, somebody with questions is told about captions only."""
    with pytest.raises(UserError, match="not a data set") as caught:
        inspect_layout(tmp_path)
    assert "flickr8k: " in str(caught.value) and "visual7w: " in str(caught.value)


def test_the_command_line(tmp_path):
    """`captioner check` ends with 3 where something is wrong, `captioner list` names the layouts."""
    make_daquar(tmp_path)
    done = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert done.exit_code == 0 and "daquar in" in done.stdout and "top 4" in done.stdout
    (tmp_path / "images/image3.jpg").write_bytes(b"no image")
    done = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert done.exit_code == 3 and "image3.jpg" in done.stdout
    done = CliRunner().invoke(app, ["list", "question-datasets"])
    assert done.exit_code == 0 and all(name in done.stdout for name in ("daquar-37", "easy-vqa", "visual7w"))
