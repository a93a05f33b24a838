"""Visual7W, easy-VQA and plain tables: what is special about each."""

import csv
import json
import sys
from collections import Counter

import pytest

from captioner.errors import UserError
from pipelines.data.datasets import read_dataset
from pipelines.data.datasets.text import NOT_TEXT_LEFT_OUT
from pipelines.data.question_datasets import read_questions
from pipelines.data.question_datasets.easy_vqa import installed
from tests.support_datasets import check_dataset, draw_image, make_karpathy, make_table, write
from tests.support_questions import make_easy_vqa, make_question_imagefolder, make_question_table, make_visual7w


def problems(dataset):
    return [(problem.line, problem.text) for problem in dataset.problems]


def test_the_right_choice_of_visual7w_is_anywhere(tmp_path):
    """If this fails, the first choice is always right, and a model that takes it looks perfect."""
    make_visual7w(tmp_path)
    path = tmp_path / "dataset_v7w_telling.json"
    content = json.loads(path.read_text())
    pair = content["images"][0]["qa_pairs"][0]
    content["images"][0]["qa_pairs"] = [{**pair, "qa_id": number} for number in range(400)]
    path.write_text(json.dumps(content))
    dataset = read_questions(tmp_path)
    places = Counter(one.choices.index("Wood.") for one in dataset.split("train"))
    assert set(places) == {0, 1, 2, 3} and max(places.values()) < 140  # 100 each, four standard deviations of 8.7
    assert read_questions(tmp_path) == dataset, "the order has to be the same each time"


def test_visual7w_keeps_types_and_numbers(tmp_path):
    """If this fails, there are no scores by what, where, when, who, why and how."""
    make_visual7w(tmp_path)
    first, second = read_questions(tmp_path).split("train")
    assert (first.type, second.type, first.source_id) == ("what", "why", 23230500)
    assert set(first.choices) == {"Wood.", "Tile.", "Carpet.", "Cement."} and first.answers == ("Wood.",)
    assert "The sun set, too." in second.choices


def test_visual7w_without_choices_or_with_odd_ones(tmp_path):
    """If this fails, an odd entry ends the reading."""
    make_visual7w(tmp_path)
    path = tmp_path / "dataset_v7w_telling.json"
    content = json.loads(path.read_text())
    pairs = content["images"][0]["qa_pairs"]
    del pairs[0]["multiple_choices"], pairs[0]["type"]
    pairs[1]["multiple_choices"] = ["Clouds.", "It is night.", None, 7]
    content["images"].append({"filename": "x.jpg"})
    path.write_text(json.dumps(content))
    dataset = read_questions(tmp_path)
    first, second = dataset.split("train")
    assert (first.type, first.choices, sorted(second.choices)) == ("what", (), ["7", "Clouds.", "It is night."])
    empty, repeated, image = [text for _, text in problems(dataset)]
    assert empty == "images[0].qa_pairs[1]: 1 of the 5 choices of 'Why is it dark?' is empty; left out"
    assert "repeat 'It is night.'" in repeated and image.startswith("images[3]: expected")


def test_visual7w_is_not_taken_for_captions(tmp_path):
    """If this fails, its folder is read as one of Karpathy's files, which are named alike."""
    make_visual7w(tmp_path)
    with pytest.raises(UserError, match="not a data set in a layout"):
        read_dataset(tmp_path)
    make_karpathy(tmp_path)
    assert read_dataset(tmp_path).name == "karpathy" and read_questions(tmp_path).name == "visual7w"


@pytest.mark.parametrize("column", ["type", "answer_type", "id", "split"])
def test_a_question_that_is_no_text_in_any_column_costs_its_row_alone(tmp_path, column):
    """If this fails, training ends at its first checkpoint: the model's files cannot hold what is no UTF-8."""
    draw_image(tmp_path / "a.jpg")
    rows = f"image,question,answer,{column}\na.jpg,what is it ?,a cat,train\na.jpg,what is that ?,a dog,"
    write(tmp_path / "questions.csv", rows.encode() + b"Mont\xe9e\n")
    dataset = read_questions(tmp_path)
    assert [one.question for one in dataset.examples] == ["what is it ?"]
    assert problems(dataset) == [(3, f"'a.jpg': {NOT_TEXT_LEFT_OUT}")]


@pytest.mark.parametrize("field", ["type", "split"])
def test_half_of_a_letter_in_json_is_no_text_either(tmp_path, field):
    """If this fails, `"\\ud83d"`, the half of an emoji that cutting leaves, ends a training of Visual7W."""
    make_visual7w(tmp_path)
    path = tmp_path / "dataset_v7w_telling.json"
    content = json.loads(path.read_text())
    image = content["images"][0]
    (image if field == "split" else image["qa_pairs"][0])[field] = "\ud83d"
    path.write_text(json.dumps(content))
    dataset = read_questions(tmp_path)
    left_out = len(image["qa_pairs"]) if field == "split" else 1
    assert [text.endswith(NOT_TEXT_LEFT_OUT) for _, text in problems(dataset)] == [True] * left_out
    assert dataset.examples


def test_easy_vqa_has_types_and_its_package_is_found_by_name(tmp_path, monkeypatch):
    """If this fails, `--data easy-vqa` needs a path into the installed packages."""
    make_easy_vqa(tmp_path / "easy_vqa")
    write(tmp_path / "easy_vqa" / "__init__.py", "raise ImportError('it need not be run')")
    monkeypatch.chdir(tmp_path / "easy_vqa")  # where nothing is called so
    monkeypatch.syspath_prepend(tmp_path)
    dataset = read_questions("easy-vqa")
    assert dataset.name == "easy-vqa" and dataset.splits() == {"train": 9, "test": 6}
    assert Counter(one.type for one in dataset.examples) == {"colour": 5, "yes/no": 5, "shape": 5}
    assert dataset.root == tmp_path / "easy_vqa" / "data" and "easy_vqa" not in sys.modules
    for root in (tmp_path, tmp_path / "easy_vqa", dataset.root):
        check_dataset(read_questions(root))


def test_easy_vqa_that_is_not_installed_is_told_how_to_get(tmp_path, monkeypatch):
    """If this fails, somebody without the package gets "does not exist" and no help."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="pip install easy-vqa"):
        read_questions("easy-vqa")
    (tmp_path / "easy-vqa").mkdir()
    assert str(installed("easy-vqa")) == "easy-vqa", "a folder of that name comes first"


@pytest.fixture
def folder(tmp_path):
    make_question_table(tmp_path)
    return tmp_path


def test_a_table_with_all_columns(folder):
    """If this fails, choices, types or splits of one's own questions are lost."""
    dataset = read_questions(folder)
    first, second, third, fourth = dataset.examples
    assert (first.choices, first.type, first.split) == (("dog", "cat", "cow"), "what", "train")
    assert second.question == "Where, if at all?" and second.answers == ("on grass, near a tree",)
    assert second.choices == () and third.split == "dev" and fourth.id == "images/c.jpg#0"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("questions.csv", "image,question,answers\na.jpg,What?,dog|a dog|cat\n"),
        ("mine.tsv", "Image\tQuestion\tAnswers\na.jpg\tWhat?\tdog|a dog|cat\n"),
        ("questions.csv", "image;question;answer\na.jpg;What?;dog\na.jpg;What?;a dog\na.jpg; What? ;cat\n"),
        ("questions.jsonl", '{"image": "a.jpg", "question": "What?", "answers": ["dog", "a dog", "cat"]}\n'),
        ("x.jsonl", "\n".join(json.dumps({"image": "a.jpg", "question": "What?", "answer": a})
                              for a in ("dog", "a dog", "cat"))),
    ],
)  # fmt: skip
def test_several_answers_have_several_forms(folder, name, content):
    """If this fails, people have to convert their tables first."""
    (folder / "questions.csv").unlink()
    write(folder / name, content)
    dataset = read_questions(folder)
    assert not dataset.problems
    assert [(one.question, one.answers) for one in dataset.examples] == [("What?", ("dog", "a dog", "cat"))]


def test_faults_of_rows_have_a_line(folder):
    """If this fails, a fault in one's own table cannot be found."""
    rows = [
        "image,question,answer,choices,split",
        "a.jpg,,dog,,train",
        "a.jpg,What?,,,train",
        "gone.jpg,What?,dog,,train",
        "a.jpg,Which?,dog,dog|Dog.,train",
        "a.jpg,Whose?,dog,dog|dog|cat,train",
        "a.jpg,Who?,dog,cow|cat,train",
        "a.jpg,What?,dog,,",
        "a.jpg,What?,dog,,dev",
        ",What?,dog,,train",
        "a.jpg,What?,dog",
    ]
    write(folder / "questions.csv", "\n".join(rows))
    dataset = read_questions(folder)
    check_dataset(dataset)
    assert [(one.question, one.choices) for one in dataset.examples] == [
        ("Which?", ()), ("Whose?", ("dog", "cat")), ("Who?", ("cow", "cat"))
    ]  # fmt: skip
    assert problems(dataset) == [
        (2, "the question about 'a.jpg' is empty; the row was left out"),
        (3, "'What?' has no answer; the row was left out"),
        (4, "there is no image 'gone.jpg'; its question was left out"),
        (5, "the choices of 'Which?' repeat 'Dog.'; it was kept once"),
        (5, "'Which?' has 1 choices where there must be 2; it is asked without"),
        (6, "the choices of 'Whose?' repeat 'dog'; it was kept once"),
        (7, "none of the choices of 'Who?' is an answer, such as 'dog'"),
        (8, "'a.jpg' has no split; the row was left out"),
        (9, "'a.jpg' is in dev here, but in train line 5; it stays in train, and this row was left out"),
        (10, "no image is named; the row was left out"),
        (11, "3 fields where the header has 5; the row was left out"),
    ]


def test_jsonl_rows_that_are_none(folder):
    """If this fails, a broken line ends the reading; a number as an answer is an answer."""
    (folder / "questions.csv").unlink()
    rows = [
        '{"image": "a.jpg", "question": "How many?", "answer": 2, "choices": [1, 2.0], "id": 0, "split": "train"}',
        '{"image": "a.jpg", "question": "What?", "answer": NaN, "split": "train"}',
        '{"image": "a.jpg", "question": "Who?", "answer": "he", "choices": {"a": 1}, "split": "train"}',
        "[]",
    ]
    write(folder / "questions.jsonl", "\n".join(rows))
    dataset = read_questions(folder)
    assert [(one.answers, one.choices, one.source_id) for one in dataset.examples] == [
        (("2",), ("1", "2"), 0), (("he",), (), "")
    ]  # fmt: skip
    assert [line for line, _ in problems(dataset)] == [2, 3, 4]


def test_numbers_of_json_are_answers_and_ids_and_what_is_none_is_neither(folder):
    """Written by a program that had a gap in its columns: 1.5e+06 and nan were answers, and all ids one."""
    (folder / "questions.csv").unlink()
    values = [(1500000.0, 262148000.0), (float("inf"), 262148001.0), ([2, None, "2", float("nan")], 262148002.0)]
    rows = [{"image": "a.jpg", "question": "how many?", "answer": answer, "id": id} for answer, id in values]
    write(folder / "questions.jsonl", "\n".join(map(json.dumps, rows)))
    dataset = read_questions(folder)
    assert [(one.answers, one.source_id) for one in dataset.examples] == [
        (("1500000",), 262148000), (("2", "2"), 262148002),
    ]  # fmt: skip
    assert problems(dataset) == [
        (2, "'how many?' has no answer; the row was left out"),
        (3, "2 of the 4 answers to 'how many?' are empty; left out"),
    ]


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_lists_as_programs_print_them(folder, kind):
    """If this fails, "['yes', 'no']" is one answer, and no choice is one."""
    (folder / "questions.csv").unlink()
    mark = {"csv": ",", "tsv": "\t"}[kind]
    rows = [("image", "question", "answers", "choices"),
            ("a.jpg", "is it?", "['yes', 'yes', \"don't know\"]", '["yes", "no", "don\'t know"]'),
            ("a.jpg", "how many?", "[1 2 2]", "[1.0, 2.0]"), ("a.jpg", "what?", "dog|cat", "dog|cat")]  # fmt: skip
    with open(folder / f"questions.{kind}", "w", newline="") as file:
        csv.writer(file, delimiter=mark).writerows(rows)
    dataset = read_questions(folder)
    assert [(one.answers, one.choices) for one in dataset.examples] == [
        (("yes", "yes", "don't know"), ("yes", "no", "don't know")), (("1", "2", "2"), ("1", "2")),
        (("dog", "cat"), ("dog", "cat")),
    ]  # fmt: skip
    assert not dataset.problems


def test_two_ids_never_become_one(folder):
    """Two people's answers to one question are one question; two questions with ids of their own are two."""
    rows = ["image,question,answer,id", 'a.jpg,how many?,"1,000",07', 'a.jpg,how many?,"1,000,000",7',
            'a.jpg,how many?,"1,000",07', "a.jpg,what?,dog,", "a.jpg,what?,cat,"]  # fmt: skip
    write(folder / "questions.csv", "\n".join(rows))
    dataset = read_questions(folder)
    assert [(one.answers, one.source_id) for one in dataset.examples] == [
        (("1,000", "1,000"), "07"), (("1,000,000",), "7"), (("dog", "cat"), ""),
    ]  # fmt: skip
    assert any("1 rows of questions.csv ask what was asked" in note for note in dataset.notes)


def test_choices_that_are_the_same_answer_are_one(folder):
    """Blank and underscore are equal; a comma between digits separates nothing."""
    row = 'a.jpg,what?,a,"hot dog|hot_dog|1,000|1,000,000|a"'
    write(folder / "questions.csv", f"image,question,answer,choices\n{row}\n")
    dataset = read_questions(folder)
    assert dataset.examples[0].choices == ("hot dog", "1,000", "1,000,000", "a")
    assert problems(dataset) == [(2, "the choices of 'what?' repeat 'hot_dog'; it was kept once")]


def test_a_missing_column_is_named(folder):
    """If this fails, somebody whose column is called "reply" is not told what is missing."""
    write(folder / "questions.csv", "image,question,reply\na.jpg,What?,dog\n")
    with pytest.raises(UserError, match=r"questions.csv:1: the column `answer` is missing.*image, question and answer"):
        read_questions(folder)


def test_without_splits_images_are_split_by_hash(folder):
    """If this fails, a question about a training image is tested on."""
    names = [f"{number}.png" for number in range(40)]
    for number, name in enumerate(names):
        draw_image(folder / name, number)
    rows = [f"{name},{question},x" for name in names for question in ("What?", "Where?")]
    write(folder / "questions.csv", "\n".join(["image,question,answer", *rows]))
    dataset = read_questions(folder)
    check_dataset(dataset)
    assert set(dataset.splits()) == {"train", "dev", "test"} and "hash of its name" in dataset.notes[0]


def test_a_table_of_captions_is_no_table_of_questions(tmp_path):
    """If this fails, captions are asked as questions, or a folder with both cannot be read."""
    make_table(tmp_path)
    with pytest.raises(UserError, match="not a data set in a layout"):
        read_questions(tmp_path)
    write(tmp_path / "questions.csv", "image,question,answer\na.jpg,What?,dog\n")
    assert len(read_questions(tmp_path).examples) == 1 and len(read_dataset(tmp_path).examples) == 3


def test_an_imagefolder_of_questions_has_answers_choices_and_splits(tmp_path):
    """If this fails, questions as `datasets` loads them cannot be learned from, or are in another split."""
    make_question_imagefolder(tmp_path)
    dataset = read_questions(tmp_path)
    check_dataset(dataset)
    assert not dataset.problems and not dataset.notes and dataset.splits() == {"train": 3, "dev": 1, "test": 1}
    assert [(one.id, one.answers, one.choices, one.source_id, one.type) for one in dataset.examples] == [
        ("TEST/2.jpg#0", ("boat", "ship"), (), "", "what"),
        ("validation/0.png#0", ("yes", "no", "yes"), (), "", ""),
        ("Train/0.png#0", ("dog",), ("dog", "cat"), 7, ""),
        ("Train/0.png#1", ("on grass", "on a lawn"), (), 8, ""),
        ("Train/more/1.png#0", ("cat",), (), 9, ""),
    ]
    with pytest.raises(UserError, match="not a data set in a layout"):
        read_dataset(tmp_path)


def test_metadata_of_questions_in_one_folder_is_split_by_what_says_it(tmp_path):
    """If this fails, test images are trained on."""
    for shade, name in enumerate(("train/a.png", "VAL/b.png", "c.png")):
        draw_image(tmp_path / name, shade)
    rows = [("train/a.png", "train"), ("VAL/b.png", "Validation"), ("c.png", "TEST")]
    write(tmp_path / "metadata.csv", "file_name,question,answer\n" + "".join(f"{name},What?,x\n" for name, _ in rows))
    assert read_questions(tmp_path).splits() == {"train": 2, "dev": 1}
    lines = "".join(f"{name},What?,x,{split}\n" for name, split in rows)
    write(tmp_path / "metadata.csv", f"file_name,question,answer,split\n{lines}c.png,Where?,y,train\nc.png,Who?,y,\n")
    dataset = read_questions(tmp_path)
    assert dataset.splits() == {"train": 1, "dev": 1, "test": 1}
    assert problems(dataset) == [
        (5, "'c.png' is in train here, but in test line 4; it stays in test, and this row was left out"),
        (6, "'c.png' has no split; the row was left out"),
    ]


def test_metadata_files_that_are_not_read_are_listed(tmp_path):
    """If this fails, one of several splits is missing without a word."""
    make_question_imagefolder(tmp_path)
    write(tmp_path / "validation/metadata.csv", "file_name,question,reply\n0.png,Is it red?,yes\n")
    write(tmp_path / "TEST/metadata.csv", "file_name,question,answer\n2.jpg,Is it red?,yes\n")
    dataset = read_questions(tmp_path)
    assert dataset.splits() == {"train": 3, "test": 1}
    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in dataset.problems] == [
        "TEST/metadata.csv: metadata.jsonl beside it was read instead",
        "validation/metadata.csv: it has no columns file_name and question and answer; left out",
    ]
