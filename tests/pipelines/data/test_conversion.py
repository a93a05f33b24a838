"""`captioner data convert`: from any layout to any format, and back, without losing anything."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from captioner.errors import UserError
from captioner.images.files import read_bytes
from pipelines.cli.app import app
from pipelines.data.conversion import FORMATS, convert
from pipelines.data.datasets import DATASETS, read_dataset
from pipelines.data.examples import CaptionExample, DataSet, QuestionExample
from pipelines.data.question_datasets import QUESTION_DATASETS, read_questions
from tests.support_datasets import LAYOUTS, check_dataset, picture_bytes, write
from tests.support_questions import QUESTION_LAYOUTS

CAPTION_FORMATS = FORMATS.names()
QUESTION_FORMATS = [name for name in FORMATS.names() if name in (*QUESTION_DATASETS.names(), "coco")]


def captions_of(dataset):
    """What has to stay, whatever the format: in each split the captions of the same pictures, in their order."""
    return {
        split: [(read_bytes(each.image), each.captions) for each in dataset.split(split)] for split in dataset.splits()
    }


def questions_of(dataset):
    """What has to stay of questions; those of one image may come together."""
    return {
        split: sorted(
            (read_bytes(each.image), each.question, each.answers, each.choices, each.type, each.answer_type)
            for each in dataset.split(split)
        )
        for split in dataset.splits()
    }


def faults(dataset):
    """What is wrong with a data set. Splits of its own are meant here, and A-OKVQA's answers need not be choices."""
    meant = ("kept as one of its own", "none of the choices of")
    return [str(problem) for problem in dataset.problems if not any(text in problem.text for text in meant)]


def rows_of(dataset):
    """All that examples say, by what they are called."""
    rows = {}
    for each in dataset.examples:
        rest = each.captions if isinstance(each, CaptionExample) else (each.question, each.answers, each.choices)
        kind = () if isinstance(each, CaptionExample) else (each.type, each.answer_type)
        rows[each.id] = (each.split, each.source_id, read_bytes(each.image), rest, kind)
    return rows


@pytest.mark.parametrize("format", CAPTION_FORMATS)
@pytest.mark.parametrize("layout", [name for name in DATASETS.names() if name not in ("shapes", "clips")])
def test_captions_of_every_layout_stay_what_they_are(layout, format, tmp_path):
    """If this fails, a converted data set has other captions, pictures or splits than the one it was made from."""
    LAYOUTS[layout][0](tmp_path / "source")
    before = read_dataset(tmp_path / "source")
    result = convert(before, tmp_path / "out", format)
    after = read_dataset(tmp_path / "out")
    check_dataset(after)
    assert after.name == format and not after.problems and not after.notes and not result.problems
    assert captions_of(after) == captions_of(before)
    assert after.licence == before.licence or not before.licence, "the terms of the pictures are lost"
    assert result.images == result.examples == len(before.examples)


@pytest.mark.parametrize("format", QUESTION_FORMATS)
@pytest.mark.parametrize("layout", [name for name in QUESTION_DATASETS.names() if name != "shapes"])
def test_questions_of_every_layout_stay_what_they_are(layout, format, tmp_path):
    """If this fails, a converted data set has other questions, answers, choices or types."""
    QUESTION_LAYOUTS[layout][0](tmp_path / "source")
    before = read_questions(tmp_path / "source", layout)
    result = convert(before, tmp_path / "out", format)
    after = read_questions(tmp_path / "out")
    check_dataset(after)
    assert after.name == (format if format != "coco" else "vqa") and not faults(after)
    expected = questions_of(before)
    if format == "imagefolder":  # has no place for a split whose answers are withheld, and says so
        withheld = [split for split, rows in expected.items() if not any(row[2] for row in rows)]
        assert bool(result.problems) == bool(withheld)
        expected = {split: rows for split, rows in expected.items() if split not in withheld}
    if format == "coco":  # types stand in the annotations, which a split whose answers are withheld has not
        expected = {
            split: rows if any(row[2] for row in rows) else [(*row[:4], "", "") for row in rows]
            for split, rows in expected.items()
        }
    assert questions_of(after) == expected


TEXTS = st.sampled_from(["A dog.", "a", 'Zwei Hunde, "laut"', "犬", "nan dog", "[1]", "it's | one", "x" * 300, "null?"])
STEMS = st.sampled_from(
    ["a", "A", "b.c", "b_c", "d/e", "train/f", "images/g", "é", "e\u0301", "con ", "q?", "n" * 150, ""]
)
SPLITS = ("train", "dev", "test")


@st.composite
def caption_sets(draw, splits):
    """Data sets of captions as readers give them, in memory."""
    ids = draw(st.sampled_from(["none", "numbers", "texts"]))
    images = draw(
        st.lists(st.tuples(STEMS, st.sampled_from([".png", ".PNG", ".jpg", ""]), splits), min_size=1, max_size=6)
    )
    examples = []
    for number, (stem, ending, split) in enumerate(images):
        texts = draw(st.lists(TEXTS, min_size=1, max_size=3))
        own = {"none": "", "numbers": 10 + number, "texts": f"id {number}"}[ids]
        examples.append((f"{stem}{ending}", number, tuple(texts), split, own))
    return examples


def dataset_of(folder: Path, rows) -> DataSet:
    """The data set in a folder of its own, in which names that are alike get folders of their own."""
    examples = []
    for name, number, texts, split, own in rows:
        path = write(folder / f"{number}" / (name.strip(". /") or "x"), picture_bytes(number))
        examples.append(CaptionExample(path.relative_to(folder).as_posix(), path, texts, split, own))
    return DataSet("table", folder, tuple(examples))


@pytest.mark.parametrize("first", CAPTION_FORMATS)
@pytest.mark.parametrize("second", CAPTION_FORMATS)
def test_there_and_back_nothing_is_lost(first, second, tmp_path_factory):
    """If this fails, examples have another name, id, split, caption or picture after a conversion there and back."""
    splits = st.sampled_from(SPLITS) if "coco" in (first, second) else st.sampled_from((*SPLITS, "novel", "my split!"))

    @settings(max_examples=settings.default.max_examples // 4, suppress_health_check=list(HealthCheck))
    @given(caption_sets(splits))
    @example([("a.png", 0, ("a",), "train", ""), ("a.png", 1, ("a",), "train", "")])
    @example([("a.png", 0, ("a", "dog", "it", "is", "a"), "dev", ""), ("b.png", 1, ("a dog",), "dev", "")])
    def search(rows):
        root = tmp_path_factory.mktemp("round")
        convert(dataset_of(root / "source", rows), root / "a", first)
        a = read_dataset(root / "a")
        assert captions_of(a) == captions_of(dataset_of(root / "source", rows)) and not faults(a)
        convert(a, root / "b", second)
        b = read_dataset(root / "b")
        assert captions_of(a) == captions_of(b) and not faults(b)
        convert(b, root / "back", first)
        back = read_dataset(root / "back")
        expected, found = rows_of(a), rows_of(back)
        if second == "coco" and rows[0][4] == "":  # COCO's images have a number each
            expected = {id: (row[0], None, *row[2:]) for id, row in expected.items()}
            found = {id: (row[0], None, *row[2:]) for id, row in found.items()}
        assert found == expected

    search()


@pytest.mark.parametrize("first", QUESTION_FORMATS)
@pytest.mark.parametrize("second", QUESTION_FORMATS)
def test_there_and_back_no_question_is_lost(first, second, tmp_path_factory):
    """If this fails, questions have another name, id, split, answer or picture after a conversion there and back."""

    @settings(max_examples=settings.default.max_examples // 4, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(
            st.tuples(
                st.integers(0, 3),
                st.sampled_from(["Is it?", "Who?", "Is it?  "]),
                st.lists(st.sampled_from(["yes", "a, b", "no|t", "['x']", "7"]), min_size=1, max_size=3),
                st.sampled_from([(), ("yes", "no"), ("a", "b", "c|d")]),
                st.sampled_from(["", "is it"]),
            ),
            min_size=1,
            max_size=8,
        )
    )
    def search(rows):
        root = tmp_path_factory.mktemp("round")
        examples, counts = [], {}
        for number, (image, question, answers, choices, kind) in enumerate(rows):
            path = write(root / f"source/images/{image}.png", picture_bytes(image))
            place = counts[image] = counts.get(image, -1) + 1
            name, split = f"images/{image}.png#{place}", SPLITS[image % 3]
            answered = (question.strip(), tuple(answers), split, choices, kind, 100 + number, kind)
            examples.append(QuestionExample(name, path, *answered))
        source = DataSet("table", root / "source", tuple(examples))
        convert(source, root / "a", first)
        a = read_questions(root / "a")
        assert questions_of(a) == questions_of(source)
        convert(a, root / "b", second)
        convert(read_questions(root / "b"), root / "back", first)
        assert rows_of(read_questions(root / "back")) == rows_of(a)

    search()


def test_images_that_cannot_be_read_are_left_out_and_said(tmp_path):
    """If this fails, an image that vanished ends the conversion, or its captions vanish without a word."""
    rows = [("a.png", 0, ("A dog.",), "train", ""), ("b.png", 1, ("A cat.",), "dev", "")]
    dataset = dataset_of(tmp_path / "source", rows)
    dataset.examples[0].image.unlink()
    result = convert(dataset, tmp_path / "out", "webdataset")
    assert result.images == 1 and "there is no such file" in str(result.problems[0])
    assert captions_of(read_dataset(tmp_path / "out", "webdataset")) == {"dev": [(picture_bytes(1), ("A cat.",))]}
    dataset.examples[1].image.unlink()
    with pytest.raises(UserError, match=r"No image of .* could be converted"):
        convert(dataset, tmp_path / "none", "parquet")
    assert not (tmp_path / "none").exists() and sorted(path.name for path in tmp_path.iterdir()) == ["out", "source"]


def test_what_is_there_stays_and_a_split_without_a_place_is_refused(tmp_path):
    """If this fails, a folder of somebody is overwritten, or a split is lost."""
    dataset = dataset_of(tmp_path / "source", [("a.png", 0, ("A dog.",), "novel", "")])
    write(tmp_path / "out/mine.txt", "mine")
    with pytest.raises(UserError, match=r"out is there already. Give another folder"):
        convert(dataset, tmp_path / "out", "parquet")
    with pytest.raises(UserError, match=r"there is 'novel'. Choose another format"):
        convert(dataset, tmp_path / "new", "coco")
    assert not (tmp_path / "new").exists() and (tmp_path / "out/mine.txt").read_text() == "mine"


def test_the_same_data_set_gives_the_same_shards(tmp_path):
    """If this fails, two conversions of one data set cannot be told to be the same."""
    dataset = dataset_of(tmp_path / "source", [(f"{n}.png", n, ("A dog.",), "train", "") for n in range(3)])
    for format in FORMATS.names():
        for out in ("one", "two"):
            convert(dataset, tmp_path / format / out, format)
        files = [
            {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
            for root in ((tmp_path / format / "one"), (tmp_path / format / "two"))
        ]
        assert files[0] == files[1]


def test_coco_s_numbers_stay_numbers(tmp_path):
    """If this fails, results of a converted data set cannot be sent to COCO's server."""
    LAYOUTS["coco"][0](tmp_path / "source")
    dataset = read_dataset(tmp_path / "source")
    for format in FORMATS.names():
        convert(dataset, tmp_path / format, format)
        assert {each.source_id for each in read_dataset(tmp_path / format).examples} == {9, 25, 42}, format
    content = json.loads((tmp_path / "coco/annotations/captions_train.json").read_text())
    assert content["images"][0] == {"id": 9, "file_name": "train/train2014/COCO_train2014_000000000009.jpg"}


def run(*arguments):
    return CliRunner().invoke(app, ["data", "convert", *map(str, arguments)])


def test_the_command_says_what_it_wrote_and_what_it_left_out(tmp_path):
    """If this fails, `captioner data convert` takes captions for questions, or ends well where rows were left out."""
    LAYOUTS["table"][0](tmp_path / "both")
    QUESTION_LAYOUTS["table"][0](tmp_path / "both")
    done = run(tmp_path / "both", "--format", "parquet", "--out", tmp_path / "captions")
    assert done.exit_code == 0 and "3 images captioned (1 train, 1 dev, 1 test)" in done.output
    done = run(tmp_path / "both", "--format", "webdataset", "--out", tmp_path / "questions", "--questions")
    assert done.exit_code == 0 and "3 images and 4 questions (2 train, 1 dev, 1 test)" in done.output
    assert len(read_questions(tmp_path / "questions").examples) == 4
    again = run(tmp_path / "captions", "--format", "coco", "--out", tmp_path / "captions")
    assert again.exit_code == 1 and "is there already" in again.output
    (tmp_path / "both/images/a.jpg").unlink()
    done = run(tmp_path / "both/captions.csv", "--format", "imagefolder", "--out", tmp_path / "less")
    assert done.exit_code == 3 and "there is no image 'a.jpg'" in done.output
    wrong = run(tmp_path / "both", "--format", "parket", "--out", tmp_path / "x")
    assert wrong.exit_code == 1 and "Did you mean `parquet`" in wrong.output and not (tmp_path / "x").exists()
