"""Tables that people make: what they may look like, and every way in which they go wrong."""

import json

import pytest

from captioner.errors import UserError
from pipelines.data.checks.inspect import inspect_layout
from pipelines.data.datasets import read_dataset, table
from pipelines.data.datasets.text import NOT_TEXT_LEFT_OUT
from tests.support_datasets import check_dataset, draw_image, make_shapes, make_table, write


@pytest.fixture
def folder(tmp_path):
    for shade, name in enumerate("abcd"):
        draw_image(tmp_path / f"{name}.jpg", shade)
    return tmp_path


def problems(dataset):
    return [(problem.line, problem.text) for problem in dataset.problems]


def test_lines_are_right_after_quoted_line_breaks(folder):
    """If this fails, messages after the first caption with a line break send people to the wrong row."""
    rows = ["image,caption,split", 'a.jpg,"A dog', 'that ""runs"".",train', "", "a.jpg,,train", "b.jpg,A cat"]
    write(folder / "captions.csv", "\n".join(rows))
    dataset = read_dataset(folder)
    assert dataset.examples[0].captions == ('A dog that "runs".',)
    assert problems(dataset) == [
        (5, "the caption of 'a.jpg' is empty; the row was left out"),
        (6, "2 fields where the header has 3; the row was left out"),
    ]


def test_a_stray_quotation_mark_costs_one_row(folder):
    """If this fails, one unclosed quotation mark swallows the rest of the file without a word."""
    rows = [
        "image,caption",
        'a.jpg,"A dog',
        "b.jpg,A cat",
        'c.jpg,"A hat" here',
        'd.jpg,A "big" hat',
        'a.jpg,"Yes"',
    ]
    write(folder / "captions.csv", "\n".join(rows))
    dataset = read_dataset(folder)
    assert {example.id: example.captions for example in dataset.examples} == {
        "b.jpg": ("A cat",),
        "d.jpg": ('A "big" hat',),
        "a.jpg": ("Yes",),
    }
    assert [line for line, _ in problems(dataset)] == [2, 4]
    assert "quotation mark" in problems(dataset)[0][1]


def test_ragged_missing_repeated_and_undecodable_rows(folder):
    """If this fails, bad rows are read as something else, or stop the rest."""
    rows = [
        b"image,caption,split,who",
        b"a.jpg,A dog, a big one,train,me",
        b"a.jpg,A dog,train,me,,,",  # padded by a spreadsheet
        b"a.jpg,A dog,train,you",
        b"x.jpg,Nothing,train,me",
        b"b.jpg,Caf\xe9,train,me",
        b"b.jpg,A cup,,me",
        b",A cup,train,me",
        b"a.jpg,The same dog,dev,me",
        b"c.jpg,A boat,trian,me",
        b"d.jpg,A ship,holiday,me",
        b"d.jpg,A white ship,holiday,me",
        b"b.jpg,A cup,Mont\xe9e,me",
    ]
    write(folder / "captions.csv", b"\r\n".join(rows))
    dataset = read_dataset(folder)
    check_dataset(dataset)
    assert dataset.splits() == {"train": 1, "trian": 1, "holiday": 1}
    commas = "(a caption with commas needs quotation marks)"
    assert problems(dataset) == [
        (2, f"5 fields where the header has 4 {commas}; the row was left out"),
        (4, "repeats line 3 (same image, same caption); left out"),
        (5, "there is no image 'x.jpg'; its caption was left out"),
        (6, f"'b.jpg': {NOT_TEXT_LEFT_OUT}"),
        (7, "'b.jpg' has no split; the row was left out"),
        (8, "no image is named; the row was left out"),
        (9, "'a.jpg' is in dev here, but in train line 3; it stays in train, and this row was left out"),
        (10, "the split 'trian' is neither train, dev nor test; it was kept as one of its own. Did you mean `train`?"),
        (11, "the split 'holiday' is neither train, dev nor test; it was kept as one of its own."),
        (13, f"'b.jpg': {NOT_TEXT_LEFT_OUT}"),
    ]


def test_a_field_that_is_too_long_is_called_so(folder):
    """If this fails, whoever has such a field looks for a quotation mark that is not there."""
    long = "a dog " * 30_000
    rows = ["image,caption", f"a.jpg,{long}", f'b.jpg,"{long}"', 'c.jpg,"A boat', f"d.jpg,A {'big ' * 40_000}ship"]
    write(folder / "captions.csv", "\n".join([*rows, "a.jpg,A cat"]))
    dataset = read_dataset(folder)
    assert [example.captions for example in dataset.examples] == [("A cat",)]
    too_long = "a field has more than 131,072 characters"
    assert problems(dataset) == [
        (2, f"{too_long}; the row was left out"),
        (3, f"{too_long}; the row was left out"),
        (4, f"a quotation mark is not closed, or {too_long}; the row was left out"),
        (5, f"{too_long}; the row was left out"),
    ]


@pytest.mark.parametrize("name", ["captions.csv", "captions.jsonl"])
def test_names_of_columns_may_be_in_capitals_in_every_kind_of_table(folder, name):
    """If this fails, a table of JSON lines is recognised by its columns, and then none of its rows is read."""
    row = {"Image": "a.jpg", " CAPTION": "A dog", "Split": "test"}
    csv_text = f"{','.join(row)}\n{','.join(row.values())}\n"
    write(folder / name, json.dumps(row) if name.endswith("l") else csv_text)
    dataset = read_dataset(folder)
    assert [(one.id, one.captions, one.split) for one in dataset.examples] == [("a.jpg", ("A dog",), "test")]
    assert not dataset.problems


def test_of_two_columns_with_one_name_the_first_counts(folder):
    """If this fails, csv and jsonl of the same table are read as two different ones."""
    write(folder / "captions.csv", "image,caption,Caption\na.jpg,A dog,A cat\n")
    first = read_dataset(folder)
    (folder / "captions.csv").unlink()
    write(folder / "captions.jsonl", '{"image": "a.jpg", "caption": "A dog", "Caption": "A cat"}\n')
    assert first.examples[0].captions == ("A dog",) and read_dataset(folder).examples == first.examples


def test_a_missing_column_is_named_with_what_is_there(folder):
    """If this fails, someone whose column is called "captions" is not told so."""
    write(folder / "captions.csv", "image,captions\na.jpg,A dog\n")
    with pytest.raises(UserError, match=r"captions.csv:1: the column `caption` is missing.*Did you mean `captions`"):
        read_dataset(folder)


@pytest.mark.parametrize("text", ["", "\n\n", '"', "image,caption\n", "image,caption\nz.jpg,A dog\n"])
def test_a_table_without_any_use_is_an_error_and_not_an_empty_data_set(folder, text):
    """If this fails, training starts on nothing."""
    write(folder / "captions.csv", text)
    with pytest.raises(UserError, match=str(folder)):
        read_dataset(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("captions.tsv", "image\tcaption\na.jpg\tA dog, running\n"),
        ("mine.csv", "Image;Caption\na.jpg;A dog, running\n"),
        ("mine.csv", "caption,image\n\"A dog, running\",./a.jpg\n"),
        ("captions.csv", "image,caption\na.jpg,\"A dog, running\"\n".encode("utf-16")),
        ("captions.jsonl", '{"image": "a.jpg", "caption": "A dog, running"}\n'),
        ("x.jsonl", '\ufeff{"caption": ["A dog, running"], "image": "a.jpg"}\r\n\r\n'),
    ],
)  # fmt: skip
def test_forms_that_a_table_may_have(folder, name, content):
    """If this fails, people have to convert their tables first."""
    write(folder / name, content)
    dataset = read_dataset(folder)
    assert not dataset.problems
    assert [(example.id, example.captions) for example in dataset.examples] == [("a.jpg", ("A dog, running",))]


def test_jsonl_rows_that_are_none(folder):
    """If this fails, a broken line ends the reading or goes unnoticed."""
    rows = [
        '{"image": "a.jpg", "caption": "A dog", "split": "val"}',
        "{",
        "[1]",
        '{"image": "a.jpg"}',
        '{"image": 1}',
    ]
    rows.append(json.dumps({"image": "b.jpg", "caption": "\ud800", "split": "test"}))
    write(folder / "captions.jsonl", "\n".join(rows))
    dataset = read_dataset(folder)
    assert dataset.splits() == {"dev": 1}
    assert [line for line, _ in problems(dataset)] == [2, 3, 4, 5, 6]


def test_one_file_a_split_and_the_scored_split_wins(folder):
    """If this fails, an image that is in two files is trained on and scored on."""
    write(folder / "train.csv", "image,caption\na.jpg,A dog\nb.jpg,A cat\n")
    write(folder / "valid.tsv", "image\tcaption\nb.jpg\tA cat\n")
    write(folder / "test.jsonl", '{"image": "c.jpg", "caption": "A boat"}\n')
    dataset = read_dataset(folder)
    check_dataset(dataset)
    assert {example.id: example.split for example in dataset.examples} == {
        "a.jpg": "train", "b.jpg": "dev", "c.jpg": "test",
    }  # fmt: skip
    (problem,) = dataset.problems
    assert str(problem).startswith(
        f"{folder / 'train.csv'}:3: 'b.jpg' is in train here, but in dev line 2 of valid.tsv"
    )


def test_several_tables_without_a_name_that_decides_are_refused(folder):
    """If this fails, one of two tables is read without a word."""
    write(folder / "old.csv", "image,caption\n")
    write(folder / "new.csv", "image,caption\n")
    with pytest.raises(UserError, match=r"It holds: new.csv, old.csv"):
        read_dataset(folder)


def test_images_in_folders_and_by_other_spellings_are_one_image(folder):
    """If this fails, one image has two ids and may be in two splits."""
    draw_image(folder / "images/sub/e.jpg")
    names = [
        "sub/e.jpg",
        "images/sub/e.jpg",
        "sub\\e.jpg",
        "./sub/../sub/e.jpg",
        str(folder / "images/sub/e.jpg"),
    ]
    write(
        folder / "captions.csv",
        "\n".join(["image,caption", *(f"{name},{n}" for n, name in enumerate(names))]),
    )
    dataset = read_dataset(folder)
    assert [(example.id, example.captions) for example in dataset.examples] == [("images/sub/e.jpg", tuple("01234"))]


def test_a_relative_name_never_leads_out_of_the_folder(tmp_path):
    """Wrong if a data set of a stranger puts pictures from beside it into a report that is sent to others."""
    folder = tmp_path / "data"
    draw_image(folder / "a.jpg")
    draw_image(tmp_path / "private.jpg", 7)
    draw_image(tmp_path / "data and more" / "b.jpg", 8)
    names = ["a.jpg", "../private.jpg", "images/../../private.jpg", "../data and more/b.jpg", "..\\private.jpg",
             "../data/a.jpg", "images/../a.jpg"]  # fmt: skip
    write(folder / "captions.csv", "\n".join(["image,caption", *(f"{name},{n}" for n, name in enumerate(names))]))
    (folder / "images").mkdir()
    dataset = read_dataset(folder)
    assert [(example.id, example.captions) for example in dataset.examples] == [("a.jpg", ("0", "6"))]
    sentence = "'../private.jpg' is outside of the data's folder, of which nothing is read"
    remedy = "link its folder into the data's, and name it from there"
    assert problems(dataset)[0] == (3, f"{sentence}: {remedy}; its 2 captions were left out (lines 3, 6)")
    assert [line for line, _ in problems(dataset)] == [3, 4, 5, 7]


def test_drawn_captions_do_not_lead_out_of_their_folder_either(tmp_path):
    make_shapes(tmp_path / "data")
    draw_image(tmp_path / "private.jpg")
    table = tmp_path / "data" / "captions.jsonl"
    first, *rest = table.read_text("utf-8").splitlines()
    table.write_text("\n".join([json.dumps({**json.loads(first), "image": "../private.jpg"}), *rest]), "utf-8")
    dataset = read_dataset(tmp_path / "data")
    assert "private" in problems(dataset)[0][1] and not any("private" in example.id for example in dataset.examples)


def test_tables_that_macos_keeps_beside_others_are_left_out_and_counted(folder):
    """Wrong if a folder that was once on a USB stick holds two tables, and none is read."""
    write(folder / "data.csv", "image,caption\na.jpg,a dog\n")
    write(folder / "._data.csv", b"\0\5\x16\7\0\2\0\0Mac OS X")
    dataset = read_dataset(folder)
    assert [example.captions for example in dataset.examples] == [("a dog",)]
    assert "Left out, as other programs keep it beside tables: 1 x ._*." in dataset.notes


def test_a_split_that_is_not_there_is_answered_with_those_that_are(tmp_path):
    """If this fails, `--split tset` ends in an empty report."""
    make_table(tmp_path)
    dataset = table.read(tmp_path)
    assert [example.id for example in dataset.split("validation")] == ["images/holiday/b.png"]
    with pytest.raises(
        UserError, match=r"no split called 'tset'.*train \(1\), dev \(1\), test \(1\).*Did you mean `test`"
    ):
        dataset.split("tset")


def test_a_table_may_be_given_itself_where_a_folder_holds_several(tmp_path):
    """If this fails, a folder with two tables can only be used after renaming files."""
    make_table(tmp_path)
    of_folder = read_dataset(tmp_path)
    (tmp_path / "captions.csv").rename(tmp_path / "mine.csv")
    write(tmp_path / "other.csv", "image,caption\na.jpg,Another one.\n")
    with pytest.raises(UserError, match="or give the table itself in place of its folder"):
        read_dataset(tmp_path)
    dataset = read_dataset(tmp_path / "mine.csv")
    check_dataset(dataset)
    assert (dataset.root, dataset.examples) == (tmp_path, of_folder.examples)
    assert read_dataset(tmp_path / "other.csv").examples[0].captions == ("Another one.",)


def test_a_table_given_itself_is_checked_as_what_it_holds(tmp_path):
    """If this fails, `captioner check` of a table of questions is about captions, or about another table beside it."""
    make_table(tmp_path)
    (tmp_path / "captions.csv").rename(tmp_path / "mine.csv")
    rows = "question_id,image,split,question,answer,answers,question_type\n7,a.jpg,train,What is it?,dog,dog|cat,what\n"
    write(tmp_path / "vqa.csv", rows)
    assert [report.dataset.examples for report in inspect_layout(tmp_path / "mine.csv")] == [
        read_dataset(tmp_path / "mine.csv").examples
    ]
    (report,) = inspect_layout(tmp_path / "vqa.csv")
    (question,) = report.dataset.examples
    assert (question.answers, question.source_id, question.type) == (("dog", "cat"), 7, "what")


@pytest.mark.parametrize("form", ["table", "cell", "imagefolder", "drawn"])
def test_the_words_of_one_caption_are_no_list_of_captions(form, folder):
    """If this fails, a model learns from "a", "dog" and "runs" as from three captions of people."""
    tokens = ["a", "dog", "runs"]
    if form == "cell":
        write(folder / "captions.csv", f'image,caption\na.jpg,A cat.\nb.jpg,"{tokens}"\n')
    elif form == "table":
        rows = [{"image": "a.jpg", "caption": ["A cat.", "Cat"]}, {"image": "b.jpg", "caption": tokens}]
        write(folder / "captions.jsonl", "\n".join(map(json.dumps, rows)))
    elif form == "imagefolder":
        rows = [
            {"file_name": "a.jpg", "captions": ["一只狗", "一只猫", "狗"]},
            {"file_name": "b.jpg", "captions": tokens},
        ]
        write(folder / "metadata.jsonl", "\n".join(map(json.dumps, rows)))
    else:
        rows = [{"image": f"{name}.jpg", "captions": captions, "split": "train"}
                for name, captions in (("a", ["A cat."]), ("b", tokens))]  # fmt: skip
        write(folder / "captions.jsonl", "\n".join(map(json.dumps, rows)))
        write(folder / "scenes.jsonl", "")
    dataset = read_dataset(folder)
    assert [example.id for example in dataset.examples] == ["a.jpg"]
    (problem,) = problems(dataset)
    assert (
        problem[0] == (3 if form == "cell" else 2)
        and "a list of the words of one (join them with blanks)" in problem[1]
    )
