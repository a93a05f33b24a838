"""What holds for every data set in the registry."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from captioner.errors import UserError
from pipelines.data.datasets import DATASETS, read_dataset
from tests.support_datasets import (
    LAYOUTS,
    check_dataset,
    draw_image,
    make_flickr8k,
    make_karpathy,
    reader_examples,
    write,
)

FRAGMENTS = [
    *(
        b"a.jpg",
        b"c.jpg",
        b"1.jpg",
        b"..",
        b"/",
        b"\\",
        b"image",
        b"caption",
        b"split",
        b"A dog .",
        b"train",
        b"trian",
    ),
    *(
        b",",
        b";",
        b"\t",
        b"|",
        b"| 0| ",
        b"| 4  ",
        b"#0\t",
        b"#99999999999999999999\t",
        b'"',
        b'""',
        b"\n",
        b"\r",
        b"\r\n",
    ),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b'"image":',
        b'"images":[',
        b'"annotations":[',
        b'"sentences":',
        b'"caption":',
    ),
    *(
        b'"\\ud800"',
        b"1e999",
        b"NaN",
        b"null",
        b"\0",
        b"\xff",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xc3\xa9",
        b"\xe2\x80\xa8",
    ),
]
DAMAGE = st.binary(max_size=200) | st.lists(st.sampled_from(FRAGMENTS), max_size=40).map(b"".join)


@pytest.mark.parametrize("name", DATASETS.names())
def test_it_is_recognised_and_sound(name, tmp_path):
    """If this fails, `--data DIR` picks the wrong reader, or the reader breaks what all else relies on."""
    LAYOUTS[name][0](tmp_path)
    dataset = read_dataset(tmp_path)
    assert dataset.name == name
    assert not dataset.problems
    check_dataset(dataset)
    assert {"train", "dev"} <= set(dataset.splits())
    assert len(dataset.table()) == sum(len(example.captions) for example in dataset.examples)
    assert read_dataset(tmp_path, name) == dataset


@pytest.mark.parametrize("name", DATASETS.names())
def test_no_image_is_opened(name, tmp_path):
    """If this fails, reading a large data set takes minutes instead of a second."""
    LAYOUTS[name][0](tmp_path)
    before = read_dataset(tmp_path)
    for row in before.examples:
        if isinstance(row.image, Path):  # an archive is looked through, from head to head
            row.image.write_bytes(b"")
    assert read_dataset(tmp_path) == before


@pytest.mark.parametrize("name", DATASETS.names())
def test_it_is_read_the_same_with_the_line_breaks_and_marks_of_other_systems(name, tmp_path):
    """If this fails, files that were saved on Windows lose rows or have a first row of their own."""
    make, files = LAYOUTS[name]
    make(tmp_path)
    before = read_dataset(tmp_path)
    for file in files:
        path = tmp_path / file
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_dataset(tmp_path) == before


@pytest.mark.parametrize(("name", "file"), [(name, file) for name in DATASETS.names() for file in LAYOUTS[name][1]])
def test_whatever_an_annotation_file_holds_only_a_user_error_comes_out(name, file, tmp_path_factory):
    """If this fails, a damaged file ends in a traceback instead of a sentence that names it."""
    root = tmp_path_factory.mktemp(name)
    LAYOUTS[name][0](root)
    path = root / file

    @settings(max_examples=reader_examples(), suppress_health_check=list(HealthCheck))
    @given(DAMAGE, st.booleans())
    @example(b"[" * 100_000, True)
    @example(b'{"a":' * 100_000, True)
    @example(b"9" * 5_000, True)
    @example(b"a.jpg#0\tA dog\n" + b'"' * 200_000, True)
    @example(b'{"image": "a.jpg", "split": ["x"], "captions": [{}]}', True)
    @example(
        json.dumps({"images": [[], 1, None, {"id": [], "file_name": "a.jpg"}], "annotations": [0]}).encode(),
        True,
    )
    @example(b"image,caption\n\0,x\n" + b"a" * 5000 + b"/b,x\n../../../..,x\n/,x\n", True)
    def read(damage, whole):
        intact = original[: len(original) // 2]
        path.write_bytes(damage if whole else intact + damage)
        try:
            dataset = DATASETS.get(name).read(root)
        except UserError as error:
            assert str(root) in str(error), "the message does not say where"
        else:
            for problem in dataset.problems:
                str(problem).encode("utf-8")
            if dataset.examples:
                check_dataset(dataset)

    original = path.read_bytes()
    read()


def test_a_folder_that_is_no_data_set_gets_a_list_of_layouts(tmp_path):
    """If this fails, a newcomer is not told what a data set has to look like."""
    with pytest.raises(UserError, match="not a data set in a layout") as caught:
        read_dataset(tmp_path)
    for name in DATASETS.names():
        assert f"{name}: " in str(caught.value)


def test_a_folder_that_could_be_two_data_sets_is_refused(tmp_path):
    """If this fails, one of two data sets is trained on without a word."""
    make_flickr8k(tmp_path)
    make_karpathy(tmp_path)
    with pytest.raises(UserError, match=r"several data sets at once: flickr8k .*karpathy"):
        read_dataset(tmp_path)
    assert read_dataset(tmp_path, "karpathy").name == "karpathy"


def test_a_missing_folder_a_file_and_an_unknown_layout_are_named(tmp_path):
    """If this fails, a typo in a path or a name ends in a traceback."""
    with pytest.raises(UserError, match="does not exist"):
        read_dataset(tmp_path / "nowhere")
    with pytest.raises(UserError, match="is a file, and no table"):
        read_dataset(write(tmp_path / "captions.json", "{}"))
    with pytest.raises(UserError, match="No image with a caption"):
        read_dataset(write(tmp_path / "captions.csv", "image,caption\n"))
    with pytest.raises(UserError, match="Did you mean `coco`"):
        read_dataset(tmp_path, "cocoa")


def test_images_are_found_under_names_that_another_system_composed(tmp_path):
    """If this fails, names with accents are lost between macOS and Linux."""
    draw_image(tmp_path / "cafe\u0301.png")
    write(tmp_path / "captions.csv", "image,caption,split\ncaf\u00e9.png,A cup,train\n")
    dataset = read_dataset(tmp_path)
    check_dataset(dataset)
    assert [example.id for example in dataset.examples] == ["cafe\u0301.png"]
