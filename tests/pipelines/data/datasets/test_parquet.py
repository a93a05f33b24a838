"""Parquet with images inside: what files of the hub hold, what may be wrong with them, and how images are read."""

import io
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captioner.errors import UserError
from captioner.images.decode import ImageError, ImageSpec, decode_image
from captioner.images.files import ImageLimits, read_bytes
from pipelines.data.checks.inspect import inspect_layout
from pipelines.data.datasets import read_dataset
from pipelines.data.datasets.parquet_files import BlockCache, ParquetFile, _Stream
from pipelines.data.features.cache import KnownFiles
from pipelines.data.question_datasets import read_questions
from tests.support_datasets import (
    check_dataset,
    make_parquet,
    picture_bytes,
    reader_examples,
    write,
    write_images_parquet,
)
from tests.support_questions import TEN, make_question_parquet


def problems(dataset):
    return [str(problem) for problem in dataset.problems]


def captions(dataset):
    return {example.id: example.captions for example in dataset.examples}


def test_captions_of_all_kinds_and_splits_by_files(tmp_path):
    """If this fails, files as the hub has them have other captions or splits here, or other images."""
    make_parquet(tmp_path)
    dataset = read_dataset(tmp_path)
    check_dataset(dataset)
    assert captions(dataset) == {
        "TEST.parquet#0": ("A tree.",),
        "Validation/0.parquet#0": ("Two people.",),
        "data/train-00000-of-00002.parquet#0": ("A dog.",),
        "data/train-00000-of-00002.parquet#1": ("A cat.", "A grey cat."),
        "data/train-00001-of-00002.parquet#0": ("A boat.", "A boat."),  # of two people
    }
    assert dataset.splits() == {"train": 3, "dev": 1, "test": 1}
    assert [example.source_id for example in dataset.examples] == ["", "0.png", 7, 8, ""]
    assert [read_bytes(example.image) for example in dataset.examples] == list(map(picture_bytes, (5, 4, 1, 2, 3)))
    assert not dataset.problems and not dataset.notes


def test_questions_as_the_hub_has_them(tmp_path):
    """If this fails, ten people's answers are one, or each question has an image of its own."""
    make_question_parquet(tmp_path)
    dataset = read_questions(tmp_path)
    check_dataset(dataset)
    by_text = {example.question: example for example in dataset.examples}
    assert by_text["Is it red?"].answers == tuple(TEN) and by_text["Is it green?"].answers == ()
    assert by_text["Is it red?"].image == by_text["Is it blue?"].image
    assert by_text["Is it blue?"].id == "data/train-00000-of-00001.parquet#0#1"
    assert by_text["Is it blue?"].source_id == 91 and by_text["Is it blue?"].answer_type == "yes/no"
    assert by_text["What is it?"].choices == ("dog", "cat")


def test_an_image_in_a_row_goes_wherever_a_path_goes(tmp_path):
    """If this fails, images in parquet are read as others, or features of an old file are used for a new one."""
    path = write_images_parquet(tmp_path / "train.parquet", [picture_bytes(5)], ["a/k.png"], caption=["A dog."])
    (row,) = read_dataset(path).examples
    assert str(row.image) == f"{path}#0" and row.image.stem == "k"
    spec = ImageSpec(8, 8, "raw")
    assert np.array_equal(decode_image(row.image, spec), decode_image(picture_bytes(5), spec))
    with pytest.raises(ImageError, match=r"train.parquet#0: too large"):
        read_bytes(row.image, ImageLimits(max_bytes=3))
    known = KnownFiles(tmp_path / "files.jsonl")
    known.remember(row.image, path.stat(), "0" * 64)
    assert known.lookup(row.image) == "0" * 64
    write_images_parquet(path, [picture_bytes(6), picture_bytes(5)], caption=["A dog.", "A cat."])
    assert known.lookup(row.image) is None
    with pytest.raises(ImageError, match=r"train.parquet was changed since it was looked through"):
        read_bytes(row.image)


@pytest.mark.parametrize("rows", [1, 7, 100])
@pytest.mark.parametrize("block", [1, 300, 10**9])
def test_any_order_of_reading_gives_the_same_images(rows, block, tmp_path, monkeypatch):
    """If this fails, an image gets the caption of another one."""
    monkeypatch.setattr("pipelines.data.datasets.parquet_files._BLOCK_BYTES", block)
    images = [bytes([n]) * (n + 1) for n in range(40)]
    path = write_images_parquet(tmp_path / "train.parquet", images, rows=rows)
    file = ParquetFile(path, BlockCache(most=200))
    order = np.random.default_rng(0).permutation(40).tolist()
    with ThreadPoolExecutor(4) as pool:
        for indices in (range(40), order, reversed(range(40))):
            indices = list(indices)
            assert list(pool.map(lambda row: file.value("image.bytes", row), indices)) == [images[n] for n in indices]


def test_few_blocks_are_kept_and_each_is_read_once_in_order(tmp_path, monkeypatch):
    """If this fails, memory grows with the data, or a file is read once for each of its images."""
    monkeypatch.setattr("pipelines.data.datasets.parquet_files._BLOCK_BYTES", 2_000)
    path = write_images_parquet(tmp_path / "train.parquet", [bytes([n]) * 500 for n in range(200)], rows=50)
    cache, opened = BlockCache(most=5_000), []
    init = _Stream.__init__
    monkeypatch.setattr(_Stream, "__init__", lambda self, *args: opened.append(args) or init(self, *args))
    file = ParquetFile(path, cache)
    for row in range(200):
        assert file.value("image.bytes", row) == bytes([row]) * 500
        assert sum(block.nbytes for block in cache._blocks.values()) <= 5_000
    assert len(opened) == 4


def test_what_is_wrong_with_rows_is_said_and_the_others_are_read(tmp_path):
    """If this fails, a row is dropped without a word, or an image is in two splits."""
    write_images_parquet(
        tmp_path / "a.parquet",
        [picture_bytes(n) for n in range(5)] + [None, b"no"],
        split=["TRAIN", "val", "test", "", None, "train", "train"],
        img_id=["a", "b", "a", "c", "d", "e", "f"],
        captions=[["A dog.", None, "", "A dog."], ["A cat."], ["A boat."], ["A."], ["B."], ["C."], ["D."]],
    )
    dataset = read_dataset(tmp_path)
    check_dataset(dataset)
    path = tmp_path / "a.parquet"
    assert captions(dataset) == {
        "a.parquet#0": ("A dog.", "A dog."),
        "a.parquet#1": ("A cat.",),
        "a.parquet#5": ("C.",),
        "a.parquet#6": ("D.",),
    }
    assert problems(dataset) == [
        f"{path}: row 2: 'a' is in test here, but in train an earlier row; it stays in train, and this row was "
        "left out",
        f"{path}: row 3: 'c' has no split; the row was left out",
        f"{path}: row 4: 'd' has no split; the row was left out",
    ]
    with pytest.raises(ImageError, match=r"a.parquet#5: there is no image in this row; write the file"):
        read_bytes(dataset.examples[2].image)
    (report,) = inspect_layout(tmp_path)
    text = "\n".join(report.lines())
    assert f"{path}#5: there is no image" in text and f"{path}#6: " in text


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ({"caption": [7]}, r"has int64 in its column `caption`; captions as texts, or lists of texts, were expected"),
        ({"captions": [[["a", "dog"]]]}, r"has list<element: list<element: string>> in its column `captions`"),
        ({"Image": ["a.jpg"], "caption": ["A dog."]}, r"has string in its column `Image`; images as bytes, or"),
        ({"image": [7], "caption": ["A dog."]}, r"has int64 in its column `image`; images as bytes"),
        ({"img": [b"x"], "label": [7]}, r"has no column of captions; it has: `img`, `label`"),
        ({"caption": ["A dog."], "picture": [b"x"]}, r"has no column `image`; it has: `caption`, `picture`"),
    ],
)
def test_a_column_of_another_type_is_a_sentence(column, text, tmp_path):
    """If this fails, a column of numbers or of tokens is learned as captions, or ends in a traceback."""
    if "image" not in column and "Image" not in column and "img" not in column and "picture" not in column:
        column = {"image": [picture_bytes(1)], **column}
    pyarrow.parquet.write_table(pyarrow.table(column), tmp_path / "train.parquet")
    with pytest.raises(UserError, match=rf"No image with a caption was found.*train.parquet: {text}"):
        read_dataset(tmp_path, "parquet")
    make = {"image": [picture_bytes(1)], "caption": ["A dog."]}
    pyarrow.parquet.write_table(pyarrow.table(make), tmp_path / "val.parquet")
    dataset = read_dataset(tmp_path, "parquet")
    assert dataset.splits() == {"dev": 1} and len(dataset.problems) == 1


def test_a_list_of_the_words_of_a_caption_is_a_sentence(tmp_path):
    """If this fails, a model learns that captions have one word, and nobody is told."""
    path, images = tmp_path / "train.parquet", [picture_bytes(n) for n in range(2)]
    write_images_parquet(path, images, captions=[["a", "dog", "runs", "."], ["Two people."]])
    dataset = read_dataset(path)
    assert captions(dataset) == {"train.parquet#1": ("Two people.",)}
    assert "train.parquet: row 0: expected captions, and not a list of the words of one" in problems(dataset)[0]


def test_a_file_that_ends_early_or_is_damaged_is_named(tmp_path):
    """If this fails, a broken download ends in a traceback, or is trained on as if it were whole."""
    write_images_parquet(tmp_path / "val.parquet", [picture_bytes(9)], caption=["A cat."])
    path = write_images_parquet(
        tmp_path / "train.parquet", [picture_bytes(n) for n in range(3)], caption=["A dog."] * 3
    )
    whole = path.read_bytes()
    for length in (0, 3, 8, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        dataset = read_dataset(tmp_path)
        assert dataset.splits() == {"dev": 1}
        (text,) = problems(dataset)
        assert text.startswith(f"{path}: ends early, or is no parquet file (") and "\n" not in text
    path.write_bytes(whole)
    dataset = read_dataset(tmp_path)
    path.write_bytes(whole[:4] + b"\xff" * 200 + whole[204:])
    for example in dataset.split("train"):
        with pytest.raises(ImageError, match=r"train.parquet#\d: train.parquet (is damaged here|was changed)"):
            read_bytes(example.image)


def test_without_the_library_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    """If this fails, whoever lacks the extra gets a traceback, or a list of layouts that has this one."""
    make_parquet(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for read in (read_dataset, read_questions):
        with pytest.raises(UserError, match=r"pip install 'captioner\[parquet\]'"):
            read(tmp_path)


def test_captions_that_a_program_wrote_beside_a_table_are_no_data_set(tmp_path):
    """If this fails, results in parquet make a folder of photographs and their table unreadable."""
    write(tmp_path / "k.png", picture_bytes(5))
    write(tmp_path / "captions.csv", "image,caption,split\nk.png,A dog.,train\n")
    table = pyarrow.table({"image": ["k.png"], "caption": ["A dog."]})
    pyarrow.parquet.write_table(table, tmp_path / "results.parquet")
    assert read_dataset(tmp_path).name == "table"


CELLS = st.none() | st.sampled_from(["A dog.", "", "nan", "train", "VAL", "x\0", "['a', 'b']", "7"])
COLUMNS = st.dictionaries(
    st.sampled_from(
        [
            "caption",
            "Caption",
            "captions",
            "caption_1",
            "text",
            "sentences",
            "split",
            "image_id",
            "filename",
            "question",
            "answer",
            "answers",
            "choices",
            "question_id",
            "question_type",
            "img",
            "label",
        ]
    ),
    st.lists(CELLS, min_size=4, max_size=4)
    | st.lists(st.none() | st.lists(CELLS, max_size=3), min_size=4, max_size=4)
    | st.lists(st.none() | st.integers(-3, 9), min_size=4, max_size=4)
    | st.lists(st.none() | st.floats(), min_size=4, max_size=4)
    | st.lists(st.none() | st.booleans(), min_size=4, max_size=4)
    | st.lists(st.lists(st.lists(CELLS, max_size=2), max_size=2), min_size=4, max_size=4)
    | st.lists(st.fixed_dictionaries({"raw": CELLS, "answer": CELLS}), min_size=4, max_size=4)
    | st.lists(st.lists(st.fixed_dictionaries({"answer": CELLS, "raw": CELLS}), max_size=2), min_size=4, max_size=4)
    | st.lists(st.none() | st.binary(max_size=5), min_size=4, max_size=4),
    max_size=6,
)
IMAGES = st.sampled_from(
    [
        [{"bytes": picture_bytes(n), "path": f"{n}.png"} for n in range(4)],
        [
            {"bytes": picture_bytes(1), "path": None},
            {"bytes": None, "path": "../a.png"},
            None,
            {"bytes": b"", "path": ""},
        ],
        [picture_bytes(1), None, b"", b"x"],
        ["a.png", None, "b.png", ""],
        [{"path": "a.png"}] * 4,
        [[b"x"]] * 4,
        [None] * 4,
    ]
)


@pytest.mark.parametrize("read", [read_dataset, read_questions])
def test_whatever_a_file_holds_only_a_user_error_comes_out(read, tmp_path_factory):
    """If this fails, a damaged or odd parquet file ends in a traceback, or a row of it vanishes."""
    root = tmp_path_factory.mktemp("files")
    path = root / "train-0.parquet"

    @settings(max_examples=reader_examples(), suppress_health_check=list(HealthCheck))
    @given(
        IMAGES,
        COLUMNS,
        st.integers(1, 4),
        st.none() | st.integers(0, 3_000),
        st.lists(st.tuples(st.integers(0, 3_000), st.binary(min_size=1, max_size=9)), max_size=2),
    )
    def search(images, columns, rows, length, patches):
        buffer = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.table({"image": images, **columns}), buffer, row_group_size=rows)
        content = bytearray(buffer.getvalue())
        for position, patch in patches:
            content[position : position + len(patch)] = patch
        path.write_bytes(content[:length])
        try:
            dataset = read(root, "parquet")
        except UserError as error:
            assert str(root) in str(error), "the message does not say where"
            return
        check_dataset(dataset)
        for example in dataset.examples:
            try:
                read_bytes(example.image)
            except ImageError as error:
                assert f"{path}#" in str(error)
        if not patches and length is None:
            listed = "\n".join(map(str, dataset.problems))
            grouped = {"image_id", "filename"} & set(columns)
            used = {example.image.row for example in dataset.examples}
            for row in range(4):
                assert row in used or f"row {row}: " in listed or grouped, f"row {row} is neither used nor listed"

    search()
