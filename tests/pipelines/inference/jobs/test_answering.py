"""Answers to files of questions: every question once, under its own image, whatever happens meanwhile."""

import csv
import json
import os
import random

import numpy as np
import pytest
from PIL import Image

from captioner.errors import UserError
from pipelines.data.datasets.text import NOT_TEXT
from pipelines.inference.jobs.answering import NO_WORD_KNOWN, AskOptions, question_picture
from pipelines.inference.jobs.question_files import Question, question_key, read_questions_file
from tests.pipelines.inference.stub_visual_qa import StubVisualQA
from tests.support_jobs import answer_questions

OPTIONS = AskOptions(batch_size=3, questions=7)
HOSTILE = ("two words.png", "a,b.png", "a\"b'.png", "line\nbreak.png", "犬.png", "=1+1.png", "\u2028.png", "|.png")


def draw(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)).save(path, "PNG")


def write_csv(path, rows, head=("image", "question", "choices")):
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


@pytest.fixture
def table(tmp_path):
    """Ten images with three questions each, in no order; and one row of everything that can be wrong."""
    for number in range(10):
        draw(tmp_path / "images" / f"{number}.png", number)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    texts = ("what colour is it?", "how many?", "quux frobnicates?")
    rows = [(f"{number}.png", text, "red|blue" if number == 3 else "") for number in range(10) for text in texts]
    rows += [("broken.jpg", "what is it?", ""), ("gone.png", "what is it?", ""), ("1.png", " ?", ""),
             ("2.png", "is it?", "red|red"), ("2.png", "is it?", "red"), ("", "what is it?", "")]  # fmt: skip
    random.Random(1).shuffle(rows)
    return write_csv(tmp_path / "questions.csv", rows)


def records(path):
    return [json.loads(line) for line in path.read_bytes().decode("utf-8").split("\n")[:-1]]


def ask(table, output, model=None, options=OPTIONS, **more):
    return answer_questions(read_questions_file(table)[0], model or StubVisualQA(), output, options=options, **more)


def test_every_question_has_one_record_and_what_cannot_be_asked_its_reason(table, tmp_path):
    summary = ask(table, tmp_path / "a.jsonl")
    lines = records(tmp_path / "a.jsonl")
    assert len({question_key(line) for line in lines}) == len(lines) == 36
    wrong = {(line["image"], line["question"]): line["error"] for line in lines if "error" in line}
    assert len(wrong) == 5, "the two rows about 2.png are one question with two sets of choices"
    assert wrong["gone.png", "what is it?"] == "there is no such file"
    assert wrong["1.png", "?"] == "the question is empty" and wrong["", "what is it?"] == "no image is named"
    assert wrong["broken.jpg", "what is it?"].startswith(("truncated", "damaged"))
    both = {line["error"] for line in lines if line["image"] == "2.png" and "error" in line}
    assert both == {"the choices repeat 'red'", "there must be at least 2 choices, and here is 1"}
    assert (summary.done, summary.skipped, summary.faults) == (30, 6, 6)
    assert {line["answer"] for line in lines if line["image"] == "3.png"} <= {"red", "blue"}, "not one of the choices"
    for line in lines:
        if "error" not in line:
            assert line["answers"][0] == {name: line[name] for name in ("answer", "probability")}


def test_a_question_of_unknown_words_is_answered_and_marked(table, tmp_path):
    summary = ask(table, tmp_path / "a.jsonl")
    marked = [line for line in records(tmp_path / "a.jsonl") if "warning" in line]
    assert summary.warnings == len(marked) == 10
    assert {line["question"] for line in marked} == {"quux frobnicates?"} and all(line["answer"] for line in marked)
    assert marked[0]["warning"] == NO_WORD_KNOWN


def test_questions_about_one_image_stand_together_and_encode_it_once(table, tmp_path):
    model = StubVisualQA()
    ask(table, tmp_path / "a.jsonl", model, AskOptions(batch_size=16, questions=64))
    assert sum(model.encoded) == 10 and len(model.asked) == 30
    images = [line["image"] for line in records(tmp_path / "a.jsonl")]
    assert len([n for n in range(1, len(images)) if images[n] != images[n - 1]]) + 1 == len(set(images))


def test_an_image_with_many_questions_is_encoded_once_a_batch(tmp_path):
    draw(tmp_path / "a.png", 0)
    table = write_csv(tmp_path / "q.csv", [("a.png", f"what is it {n}?", "") for n in range(20)])
    model = StubVisualQA()
    ask(table, tmp_path / "a.jsonl", model)
    assert model.encoded == [1, 1, 1] and len(records(tmp_path / "a.jsonl")) == 20


def test_cut_anywhere_and_gone_on_with_the_file_has_the_same_bytes(table, tmp_path):
    output = tmp_path / "a.jsonl"
    ask(table, output)
    whole = output.read_bytes()
    assert len({line.get("probability") for line in records(output)}) > 4, "else this proves nothing"
    for length in random.Random(0).sample(range(len(whole)), 20):
        output.write_bytes(whole[:length])
        ask(table, output)
        assert output.read_bytes() == whole, f"cut after {length} bytes"


def test_questions_do_not_lead_out_of_the_folder_of_their_table(tmp_path):
    """Wrong if a table of a stranger has pictures looked at that lie beside its folder."""
    draw(tmp_path / "private.png", 1)
    draw(tmp_path / "in" / "a.png", 2)
    (tmp_path / "in" / "images").mkdir()
    names = ["a.png", "../private.png", "images/../../private.png", "images/../a.png", str(tmp_path / "private.png")]
    table = write_csv(tmp_path / "in" / "questions.csv", [(name, "what is it?", "") for name in names])
    ask(table, tmp_path / "a.jsonl")
    errors = {line["image"]: line["error"] for line in records(tmp_path / "a.jsonl") if "error" in line}
    assert set(errors) == {"../private.png", "images/../../private.png"}
    assert errors["../private.png"].startswith("there is no image '../private.png' below the folder")


def test_a_finished_job_loads_no_model_and_new_questions_are_added(table, tmp_path):
    def load():
        raise AssertionError("the model was loaded though there was nothing to do")

    ask(table, tmp_path / "a.jsonl")
    assert ask(table, tmp_path / "a.jsonl", load).before == 36
    before = records(tmp_path / "a.jsonl")
    with open(table, "a", encoding="utf-8") as file:
        file.write("5.png,is it new?,\n5.png,is it new?,\n")
    _, repeated = read_questions_file(table)
    assert repeated == 1
    summary = ask(table, tmp_path / "a.jsonl")
    after = records(tmp_path / "a.jsonl")
    assert summary.done == 1 and after[:-1] == before and after[-1]["question"] == "is it new?"


def test_questions_about_a_changed_image_are_answered_again(table, tmp_path):
    ask(table, tmp_path / "a.jsonl")
    draw(tmp_path / "gone.png", 77)
    draw(tmp_path / "images" / "4.png", 78)
    os.utime(tmp_path / "images" / "4.png", (1, 1))
    summary = ask(table, tmp_path / "a.jsonl")
    assert (summary.changed, summary.done, summary.faults) == (4, 4, 5)
    assert len(records(tmp_path / "a.jsonl")) == 36


def test_an_output_of_another_job_is_refused(table, tmp_path):
    ask(table, tmp_path / "a.jsonl", made_with={"model": "a"})
    before = (tmp_path / "a.jsonl").read_bytes()
    with pytest.raises(UserError, match="holds answers that were made with another model and another number of"):
        ask(table, tmp_path / "a.jsonl", made_with={"model": "b"}, options=AskOptions(top=1))
    assert (tmp_path / "a.jsonl").read_bytes() == before


def test_csv_and_parquet_are_made_from_the_journal(table, tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    for kind in ("csv", "parquet"):
        ask(table, tmp_path / f"a.{kind}")
        lines = records(tmp_path / f"a.{kind}.jsonl")
        found = getattr(pandas, f"read_{kind}")(tmp_path / f"a.{kind}")
        assert found["question"].tolist() == [line["question"] for line in lines]
        assert found["probability"].dropna().tolist() == [one["probability"] for one in lines if "probability" in one]
    shown = found["answers"].dropna().iloc[0]
    assert shown.count(" | ") == 4 and f"({found['probability'].dropna().iloc[0]:.4f})" in shown
    assert "'=yes" in (tmp_path / "a.csv").read_text("utf-8"), "a spreadsheet would run an answer as a formula"


def test_images_of_all_names_are_found_in_all_kinds_of_files(tmp_path):
    names = [*HOSTILE, os.fsdecode(b"caf\xe9.png")]
    for number, name in enumerate(names):
        draw(tmp_path / name, number)
    rows = [{"image": name, "question": "what is it?", "id": number} for number, name in enumerate(names)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "q.jsonl").write_text(lines, "utf-8")
    write_csv(tmp_path / "q.csv", [(row["image"], row["question"], "", row["id"]) for row in rows],
              ("image", "question", "choices", "id"))  # fmt: skip
    for kind, as_it_came in (("jsonl", int), ("csv", str)):
        ask(tmp_path / f"q.{kind}", tmp_path / f"{kind}.jsonl")
        found = records(tmp_path / f"{kind}.jsonl")
        assert {line["id"]: line["image"] for line in found if "error" not in line} == {
            as_it_came(row["id"]): row["image"] for row in rows
        }


def test_ids_leave_as_they_came(tmp_path):
    """Float ids vanished, 0 was none, and "007" must not become 7: whoever asked could not match the answers."""
    draw(tmp_path / "a.png", 0)
    ids = ["007", 7, 0, "7", 1.5, "x|y"]
    rows = [{"image": "a.png", "question": "what is it?", "id": id} for id in ids]
    lines = [*map(json.dumps, rows), '{"image": "a.png", "question": "what is it?", "id": 262148000.0}']
    (tmp_path / "q.jsonl").write_text("\n".join(lines))
    for kind in ("jsonl", "csv"):
        ask(tmp_path / "q.jsonl", tmp_path / f"a.{kind}")
    found = [line["id"] for line in records(tmp_path / "a.jsonl")]
    assert found == [*ids, 262148000] and list(map(type, found[:5])) == list(map(type, ids[:5]))
    with open(tmp_path / "a.csv", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == [*map(str, ids), "262148000"]


def test_choices_that_the_model_does_not_know_are_marked_or_an_error(tmp_path):
    """Two of 0.5 each for two unknown choices looked like an answer."""
    draw(tmp_path / "a.png", 0)
    choices = ("unknown a|unknown b", "unknown|red")
    path = write_csv(tmp_path / "q.csv", [("a.png", "is it?", each) for each in choices])
    summary = ask(path, tmp_path / "a.jsonl")
    error, marked = records(tmp_path / "a.jsonl")
    assert error["error"] == "the model knows none of the choices" and "answer" not in error
    assert marked["warning"].endswith("their probabilities say nothing: 'unknown'") and marked["answer"]
    assert (summary.warnings, summary.faults) == (1, 1)


def test_lists_as_programs_print_them_are_choices(tmp_path):
    draw(tmp_path / "a.png", 0)
    path = write_csv(tmp_path / "q.csv", [("a.png", "is it?", "['red', 'two']")])
    assert read_questions_file(path)[0][0].choices == ("red", "two")


def test_rows_that_cannot_be_read_are_records_too(tmp_path):
    draw(tmp_path / "a.png", 0)
    lines = ['{"image": "a.png", "question": "what is it?"}', "no json", '{"image": [7], "question": "x"}', "[]",
             '{"image": "a.png", "question": "is it?", "choices": {"red": 1}}',
             '{"image": "a.png", "question": "is it?", "id": [7]}']  # fmt: skip
    (tmp_path / "q.jsonl").write_text("\n".join(lines))
    ask(tmp_path / "q.jsonl", tmp_path / "a.jsonl")
    found = records(tmp_path / "a.jsonl")
    assert [line["line"] for line in found if "line" in line] == [2, 3, 4, 5, 6] and len(found) == 6
    assert all(line["error"].startswith(f"line {line['line']}: ") for line in found if "line" in line)
    (tmp_path / "q.csv").write_bytes(b"image,question\na.png,\xff what?\na.png,one,two\n")
    ask(tmp_path / "q.csv", tmp_path / "c.jsonl")
    found = {line.get("line"): line["error"] for line in records(tmp_path / "c.jsonl")}
    assert found[None] == NOT_TEXT and "3 fields where the header has 2" in found[3]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("q.csv", "image,text\na.png,what\n", "the column `question` is missing"),
        ("q.csv", "image,question\n", "holds no questions"),
        ("q.txt", "image,question\na.png,what\n", r"\.csv, \.tsv or \.jsonl was expected"),
        ("q.csv", None, "There is no file"),
    ],
)
def test_a_file_that_is_none_of_questions_is_a_sentence(tmp_path, name, text, sentence):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_questions_file(tmp_path / name)


@pytest.mark.parametrize("looks_by", ["words", "hops", None])
def test_each_answered_question_gets_a_picture(table, tmp_path, looks_by):
    options = AskOptions(batch_size=3, questions=7, attention=tmp_path / "looks")
    ask(table, tmp_path / "a.jsonl", StubVisualQA(looks_by), options)
    pictures = sorted(path for path in (tmp_path / "looks").rglob("*.png") if path.is_file())
    assert len(pictures) == 30 and {path.parent.name for path in pictures} == {f"{n}.png" for n in range(10)}
    with Image.open(next(path for path in pictures if "what-colour-is-it" in path.name)) as picture:
        columns = {"words": 5, "hops": 3, None: 2}[looks_by]  # the image and what there is to see
        assert picture.width == columns * (224 + 12) + 12


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../b", "x" * 255, "..", "ä" * 127])
def test_no_question_leads_its_picture_out_of_its_folder(tmp_path, name):
    path = question_picture(Question(name, name, "../" * 99 + "?"), tmp_path)
    assert tmp_path in path.parents and ".." not in path.parts
    assert all(len(os.fsencode(part)) <= 255 for part in path.parts)


def test_a_single_image_is_asked_without_a_file(tmp_path):
    draw(tmp_path / "a.png", 0)
    shown, model = [], StubVisualQA()
    questions = [Question("a.png", str(tmp_path / "a.png"), text) for text in ("what is it?", "how many?")]
    summary = answer_questions(questions, model, on_record=shown.append)
    assert [one["question"] for one in shown] == ["what is it?", "how many?"] and model.encoded == [1]
    assert summary.done == 2 and list(tmp_path.iterdir()) == [tmp_path / "a.png"]
