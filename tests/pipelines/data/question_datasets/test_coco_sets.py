"""OK-VQA, A-OKVQA, VizWiz-VQA and COCO-QA: what is special about each."""

import json
import shutil

import pytest

from captioner.errors import UserError
from captioner.metrics.vqa_accuracy import VqaAccuracy
from pipelines.data.checks.inspect import inspect_layout
from pipelines.data.open import as_asked
from pipelines.data.question_datasets import read_questions
from tests.support_datasets import check_dataset
from tests.support_questions import make_a_okvqa, make_coco_qa, make_ok_vqa, make_vizwiz_vqa, make_vqa, make_vqa_1


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def problems(dataset):
    return [(problem.line, problem.text) for problem in dataset.problems]


def test_ok_vqa_has_kinds_of_knowledge_and_is_not_taken_for_vqa(tmp_path):
    """If this fails, OK-VQA is called VQA, with types of questions that are called "four"."""
    make_ok_vqa(tmp_path)
    dataset = read_questions(tmp_path)
    assert dataset.name == "ok-vqa" and "OK-VQA" in dataset.licence
    first = dataset.split("train")[0]
    assert (first.type, first.answer_type, first.source_id) == ("Sports and Recreation", "other", 95)
    assert first.answers == ("rac",) * 6 + ("motocross",) * 4
    assert VqaAccuracy.for_corpus([one.answers for one in dataset.examples]), "ten answers have a soft accuracy"
    with pytest.raises(UserError, match="There is no"):
        read_questions(tmp_path, "vqa")


def test_vqa_is_not_taken_for_ok_vqa_and_both_are_refused_together(tmp_path):
    """If this fails, one of two data sets is trained on without a word."""
    make_vqa_1(tmp_path / "1")
    with pytest.raises(UserError, match="no questions of OK-VQA"):
        read_questions(tmp_path / "1", "ok-vqa")
    make_vqa(tmp_path / "both")
    make_ok_vqa(tmp_path / "both")
    with pytest.raises(UserError, match=r"several data sets at once: vqa .*ok-vqa"):
        read_questions(tmp_path / "both")
    assert read_questions(tmp_path / "both", "vqa").splits() == {"train": 6, "dev": 3, "test": 3}


def test_a_okvqa_is_asked_with_choices_or_without(tmp_path):
    """If this fails, the choice that is right is scored as wrong, as few of the ten people gave it without choices."""
    make_a_okvqa(tmp_path)
    dataset = read_questions(tmp_path)
    assert dataset.splits() == {"train": 2, "dev": 1, "test": 1}
    assert dataset.notes[0].startswith("The answers of aokvqa_v1p0_test.json are withheld")
    first, second = as_asked(dataset).split("train")
    assert first.answers == ("cab",) and first.choices == ("skateboarder", "train", "delivery", "cab")
    assert (first.type, second.type) == ("direct answer", "difficult direct answer")
    assert (first.image.name, second.image.name) == ("000000000009.jpg", "COCO_train2014_000000000025.jpg")
    (unanswered,) = as_asked(dataset).split("test")
    assert unanswered.answers == () and len(unanswered.choices) == 4
    direct = as_asked(dataset, choices=False)
    assert not any(one.choices for one in direct.examples)
    assert direct.split("dev")[0].answers == ("ride",) * 8 + ("bus", "taxi")
    (report,) = inspect_layout(tmp_path)
    assert any("4 with 4" in line for line in report.lines())


def test_odd_entries_of_a_okvqa(tmp_path):
    """If this fails, an entry whose right choice is not known is learned with a wrong one, or ends the reading."""
    make_a_okvqa(tmp_path)

    def change(rows):
        first = rows[0]
        odd = [{"correct_choice_idx": 4}, {"correct_choice_idx": True}, {"correct_choice_idx": None},
               {"choices": "a, b"}, {"direct_answers": "cab"}, {"question": None}, {"image_id": []},
               {"choices": ["cab", "", "bus", ""]}]  # fmt: skip
        rows[1:] = [{**first, **change} for change in odd] + [7, {"question": "What?", "image_id": 9}]

    edit(tmp_path / "aokvqa_v1p0_train.json", change)
    dataset = read_questions(tmp_path)
    check_dataset(dataset)
    assert [bool(one.choices) for one in dataset.split("train")] == [True, False, False, False, False, False]
    assert [text.partition(":")[0] for _, text in problems(dataset)] == [f"[{n}]" for n in range(1, 11)]


def test_vizwiz_says_which_questions_can_be_answered(tmp_path):
    """If this fails, a model that always says "unanswerable" looks like one that sees."""
    make_vizwiz_vqa(tmp_path)
    dataset = read_questions(tmp_path)
    first, second = dataset.split("train")
    assert (first.type, second.type) == ("answerable", "unanswerable")
    assert (first.answer_type, second.answer_type) == ("other", "unanswerable")
    assert len(first.answers) == 10 and first.answers.count("unanswerable") == 6
    assert first.source_id == "VizWiz_train_00000000.jpg"
    assert dataset.split("test")[0].answers == () and "withheld" in dataset.notes[0]


def test_odd_entries_of_vizwiz(tmp_path):
    """If this fails, a question without answers is scored among those with answers."""
    make_vizwiz_vqa(tmp_path)

    def change(rows):
        first = rows[0]
        rows[1:] = [
            {**first, "answers": None},
            {**first, "answers": [{"answer": None}, {}, "x"]},
            {"image": "x.jpg"},
            [],
        ]

    edit(tmp_path / "Annotations/train.json", change)
    dataset = read_questions(tmp_path)
    check_dataset(dataset)
    assert [one.answers[-1] for one in dataset.split("train")] == ["bowl", "x"]
    assert [text[:3] for _, text in problems(dataset)] == ["[1]", "[2]", "[3]", "[4]"]
    assert "2 of the 3 answers" in problems(dataset)[1][1]


def test_lines_of_coco_qa_belong_together_by_their_number(tmp_path):
    """If this fails, one missing line gives every question after it the answer of another."""
    make_coco_qa(tmp_path)
    dataset = read_questions(tmp_path)
    assert [(one.question, one.answers, one.type, one.source_id) for one in dataset.split("train")][:2] == [
        ("what is the color of the boat", ("red",), "color", "train/1"),
        ("how many dogs are there", ("two",), "number", "train/2"),
    ]
    (tmp_path / "train/answers.txt").write_text("red\n\nblue\ntwo\nfive\n")
    (tmp_path / "train/types.txt").write_text("2\n1\n9\n")
    dataset = read_questions(tmp_path)
    check_dataset(dataset)
    assert [(one.answers, one.type) for one in dataset.split("train")] == [
        (("red",), "color"),
        (("blue",), ""),
        (("two",), ""),
    ]
    assert problems(dataset) == [
        (5, "this line has no question and no image in the files beside it; left out"),
        (2, "this line has no answer in the files beside it; left out"),
        (3, "expected a type from 0 to 3, got '9'; the question has none"),
        (4, "expected a type from 0 to 3, got ''; the question has none"),
    ]


def test_images_of_coco_are_found_under_all_their_names_and_folders(tmp_path):
    """If this fails, somebody who has COCO of 2017, or all images in one folder, has to download it again."""
    make_coco_qa(tmp_path)
    before = read_questions(tmp_path)
    images = tmp_path / "Images/Train2017"
    images.mkdir(parents=True)
    for folder in ("train2014", "val2014"):
        for path in sorted((tmp_path / folder).iterdir()):
            path.rename(images / f"{path.stem.rpartition('_')[2]}.jpg")
        shutil.rmtree(tmp_path / folder)
    after = read_questions(tmp_path)
    assert [one.question for one in after.examples] == [one.question for one in before.examples] and not after.problems
