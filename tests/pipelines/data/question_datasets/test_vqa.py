"""VQA: what is special about its files, and what may be wrong in them."""

import json

import pytest

from captioner.errors import UserError
from pipelines.data.question_datasets import read_questions, vqa
from tests.support_datasets import check_dataset, draw_image, write
from tests.support_questions import CHOICES, TEN, make_vqa, make_vqa_1


def change(path, of, edit):
    """Edits the list `of` in a JSON file."""
    content = json.loads(path.read_text())
    edit(content[of])
    path.write_text(json.dumps(content))


def problems(dataset):
    return [problem.text for problem in dataset.problems]


def test_a_question_with_all_that_is_known_of_it(tmp_path):
    """If this fails, answers of some people, types or the data set's own numbers are lost."""
    make_vqa(tmp_path)
    dataset = read_questions(tmp_path)
    assert dataset.splits() == {"train": 6, "dev": 3, "test": 3}
    one = next(one for one in dataset.examples if one.source_id == 91)
    assert one.image == tmp_path / "train2014/COCO_train2014_000000000009.jpg"
    assert one.id == "train2014/COCO_train2014_000000000009.jpg#1"
    assert (one.question, one.answers) == ("Is it number 1?", tuple(TEN))
    assert (one.type, one.answer_type, one.choices) == ("is it", "yes/no", ())


def test_the_test_split_is_read_without_answers(tmp_path):
    """If this fails, nobody can answer the questions whose answers are withheld."""
    make_vqa(tmp_path)
    dataset = read_questions(tmp_path)
    assert all(one.answers == () for one in dataset.split("test")) and not dataset.problems
    assert any("test2015" in note and "not known" in note for note in dataset.notes)


def test_version_1_has_eighteen_choices(tmp_path):
    """If this fails, multiple choice is asked without choices, or every question twice."""
    make_vqa_1(tmp_path)
    dataset = read_questions(tmp_path)
    assert dataset.splits() == {"train": 6, "dev": 3} and not dataset.problems
    assert all(one.choices == tuple(CHOICES) and len(one.choices) == 18 for one in dataset.examples)


def test_multiple_choice_alone_is_enough(tmp_path):
    """If this fails, somebody who only has the files of multiple choice is told that there is no data."""
    make_vqa_1(tmp_path)
    for path in tmp_path.glob("OpenEnded_*"):
        path.unlink()
    dataset = read_questions(tmp_path)
    assert dataset.splits() == {"train": 6, "dev": 3} and len(dataset.examples[0].choices) == 18


@pytest.mark.parametrize("folder", ["Images/mscoco", "Images", "IMAGES", "images/MSCOCO", "."])
@pytest.mark.parametrize("of_files", [("Questions", "Annotations"), ("QUESTIONS", "annotations")])
def test_the_tree_of_the_official_toolkit(folder, of_files, tmp_path):
    """If this fails, data that lie as the official evaluation needs them have no image that is found."""
    make_vqa(tmp_path)
    for path in sorted(tmp_path.glob("*.json")):
        target = tmp_path / of_files["annotations" in path.name] / path.name
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    for subset in ("train2014", "val2014", "test2015"):
        target = tmp_path / folder / subset
        target.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / subset).rename(target)
    dataset = read_questions(tmp_path)
    check_dataset(dataset)
    assert dataset.splits() == {"train": 6, "dev": 3, "test": 3} and not dataset.problems
    assert dataset.examples[-1].image.resolve().is_relative_to((tmp_path / folder / "train2014").resolve())


def test_where_no_image_is_found_all_places_are_named(tmp_path):
    """If this fails, somebody whose images lie elsewhere is not told where they belong."""
    make_vqa(tmp_path)
    for subset in ("train2014", "val2014", "test2015"):
        (tmp_path / subset).rename(tmp_path / f"my_{subset}")
    with pytest.raises(UserError, match=r"looked for in the folder itself \(not there: .*images/mscoco/val2014/"):
        read_questions(tmp_path)


def test_of_two_versions_the_newer_is_read(tmp_path):
    """If this fails, images are asked about twice, with the balanced questions lost among the old."""
    make_vqa(tmp_path)
    make_vqa_1(tmp_path)
    dataset = read_questions(tmp_path)
    assert dataset.splits() == {"train": 6, "dev": 3, "test": 3} and not dataset.examples[0].choices
    assert "Both versions are there; v2 was read." in dataset.notes


def test_files_in_folders_and_images_elsewhere(tmp_path):
    """If this fails, the folders that the archives unpack to have to be sorted by hand."""
    make_vqa(tmp_path)
    for path in tmp_path.glob("*_questions.json"):
        write(tmp_path / "questions" / path.name, path.read_bytes())
        path.unlink()
    for path in tmp_path.glob("*_annotations.json"):
        write(tmp_path / "annotations" / path.name, path.read_bytes())
        path.unlink()
    (tmp_path / "images").mkdir()
    (tmp_path / "train2014").rename(tmp_path / "images" / "train2014")
    draw_image(tmp_path / "val2014" / "000000000042.jpg", 42)  # as newer copies call it
    (tmp_path / "val2014" / "COCO_val2014_000000000042.jpg").unlink()
    dataset = read_questions(tmp_path)
    assert not dataset.problems and dataset.splits() == {"train": 6, "dev": 3, "test": 3}
    assert "images/train2014/COCO_train2014_000000000025.jpg#0" in {one.id for one in dataset.examples}
    assert "val2014/000000000042.jpg#0" in {one.id for one in dataset.examples}


def test_the_small_test_set_is_a_part_of_the_large(tmp_path):
    """If this fails, half of its questions are there twice."""
    make_vqa(tmp_path)
    test = tmp_path / "v2_OpenEnded_mscoco_test2015_questions.json"
    small = write(tmp_path / "v2_OpenEnded_mscoco_test-dev2015_questions.json", test.read_bytes())
    dataset = read_questions(tmp_path)
    assert dataset.splits()["test"] == 3 and any("test-dev2015 is a part" in note for note in dataset.notes)
    test.unlink()
    dataset = read_questions(tmp_path)  # alone, its images are those of test2015
    assert dataset.splits()["test-dev"] == 3 and small.exists()


def test_annotations_and_questions_that_do_not_belong_together(tmp_path):
    """If this fails, a question gets another's answer, or disappears without a word."""
    make_vqa(tmp_path)
    annotations = tmp_path / "v2_mscoco_train2014_annotations.json"

    def spoil(rows):
        rows[0]["question_id"] = 777  # so question 90 has none, and this one no question
        rows[1]["image_id"] = 25
        rows.append(dict(rows[2]))
        rows[3]["answers"] = [{"answer": " "}] * 10
        rows[4]["answers"] = "yes"

    change(annotations, "annotations", spoil)
    dataset = read_questions(tmp_path)
    check_dataset(dataset)
    assert dataset.splits()["train"] == 2
    text = "\n".join(map(str, dataset.problems))
    questions = tmp_path / "v2_OpenEnded_mscoco_train2014_questions.json"
    assert f"{annotations}: annotations[0]: there is no question '777'; left out" in text
    assert f"{annotations}: annotations[6]: the question '92' is answered already; left out" in text
    assert f"{annotations}: annotations[4]: expected question_id and answers" in text
    assert f"{questions}: questions[0]: the question '90' has no annotation; left out" in text
    assert f"{questions}: questions[1]: its annotation is of another image, '25'; left out" in text
    assert f"{questions}: questions[3]: 'Is it number 0?' has no answer; the row was left out" in text
    assert f"{questions}: questions[4]: the question '251' has an annotation that cannot be used; left out" in text
    assert len(dataset.problems) == 7


def test_bad_questions(tmp_path):
    """If this fails, an empty question is trained on, or one of two with a number is lost."""
    make_vqa(tmp_path)

    def spoil(rows):
        rows[0]["question"] = "  ?"
        rows[1] = "Is it number 1?"
        rows[2]["question_id"] = rows[3]["question_id"]

    change(tmp_path / "v2_OpenEnded_mscoco_val2014_questions.json", "questions", lambda rows: rows.append(rows[0]))
    change(tmp_path / "v2_OpenEnded_mscoco_train2014_questions.json", "questions", spoil)
    found = problems(read_questions(tmp_path))
    assert any("questions[0]: the question about 'COCO_train2014_000000000009.jpg' is empty" in text for text in found)
    assert any(text.startswith("questions[1]: expected question, image_id and question_id") for text in found)
    assert any("questions[3]: the question_id '250' is there already; left out" in text for text in found)


def test_ids_that_are_text_in_one_file_and_numbers_in_the_other(tmp_path):
    """If this fails, all questions are left out, and each is said to have an annotation of another image."""
    make_vqa(tmp_path)

    def as_text(rows):
        for row in rows:
            row.update(image_id=str(row["image_id"]), question_id=float(row["question_id"]))

    change(tmp_path / "v2_OpenEnded_mscoco_train2014_questions.json", "questions", as_text)
    dataset = read_questions(tmp_path)
    assert dataset.splits() == {"train": 6, "dev": 3, "test": 3} and not dataset.problems
    assert [one.source_id for one in dataset.split("train")][:2] == [90, 91]


def test_ids_leave_as_they_came(tmp_path):
    """If this fails, a server that gave "02930152" gets 2930152, which it does not know."""
    make_vqa(tmp_path)
    ids = ["02930152", "201307251", 7]
    change(
        tmp_path / "v2_OpenEnded_mscoco_test2015_questions.json", "questions",
        lambda rows: [row.update(question_id=id) for row, id in zip(rows, ids, strict=True)],
    )  # fmt: skip
    assert [one.source_id for one in read_questions(tmp_path).split("test")] == ids


def test_one_answer_of_ten_that_is_none_costs_nothing_else(tmp_path):
    """If this fails, nine people's answers are lost, and the reason that is given is another one."""
    make_vqa(tmp_path)

    def damage(rows):
        rows[0]["answers"][3]["answer"] = None
        rows[1]["answers"] = {"0": "yes"}
        rows[2]["answers"][3] = {"answer_id": 4}

    change(tmp_path / "v2_mscoco_val2014_annotations.json", "annotations", damage)
    dataset = read_questions(tmp_path)
    assert [len(one.answers) for one in dataset.split("dev")] == [9, 9]
    found = sorted(problems(dataset))
    assert found[0].startswith("annotations[1]: expected question_id and answers, got")
    assert found[1:] == [
        "questions[0]: 1 of the 10 answers to 'Is it number 0?' is empty; left out",
        "questions[1]: the question '421' has an annotation that cannot be used; left out",
        "questions[2]: 1 of the 10 answers to 'Is it number 2?' is empty; left out",
    ]


@pytest.mark.parametrize(
    ("choices", "kept", "says"),
    [
        (["yes", "no", "Yes."], ("yes", "no"), "repeat 'Yes.'; it was kept once"),
        (["yes", "yes"], (), "has 1 choices where there must be 2; it is asked without"),
        (["red", "blue"], ("red", "blue"), "none of the choices of 'Is it number 0?' is an answer, such as 'yes'"),
    ],
)
def test_bad_choices(tmp_path, choices, kept, says):
    """If this fails, a repeated choice has two chances, or a single one is always right."""
    make_vqa_1(tmp_path)
    path = tmp_path / "MultipleChoice_mscoco_val2014_questions.json"
    change(path, "questions", lambda rows: rows[0].update(multiple_choices=choices))
    dataset = read_questions(tmp_path)
    assert dataset.split("dev")[0].choices == kept and len(dataset.split("dev")) == 3
    assert any(says in text for text in problems(dataset))


def test_other_files_of_questions_are_not_vqa(tmp_path):
    """If this fails, easy-VQA's folder or any `my_questions.json` is taken for VQA."""
    write(tmp_path / "questions.json", "[]")
    write(tmp_path / "my_questions.json", "[]")
    assert not vqa.recognise(tmp_path)
    write(tmp_path / "train_questions.json", "[]")
    assert vqa.recognise(tmp_path)
