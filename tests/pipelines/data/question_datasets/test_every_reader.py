"""What holds for every data set of questions in the registry."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from captioner.errors import UserError
from pipelines.data.question_datasets import QUESTION_DATASETS, read_questions
from tests.support_datasets import ARCHIVES, check_dataset, make_flickr8k, reader_examples, write
from tests.support_questions import QUESTION_LAYOUTS, make_daquar, make_visual7w

FRAGMENTS = [
    b"a.jpg", b"image3", b"image12 ?\n", b"in the image9999999999999999 ?", b"What?", b"yes", b"|", b",", b";",
    b"\t", b'"', b"\n", b"\r\n", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\0", b"{", b"}", b"[", b"]", b":",
    b'"image":', b'"images":[', b'"question":', b'"questions":[', b'"annotations":[', b'"answers":', b'"answer":',
    b'"answer_id":1', b'"question_id":9', b'"image_id":9', b'"multiple_choices":[', b'"qa_pairs":[',
    b'"choices":', b'"split":"train"',
    b'"\\ud800"', b"1e999", b"NaN", b"null", b"true", b"1", b"-7",
]  # fmt: skip
DAMAGE = st.binary(max_size=200) | st.lists(st.sampled_from(FRAGMENTS), max_size=40).map(b"".join)
# Any JSON, with the keys that readers look for: what `json.loads` lets through is not what they expect.
_KEYS = (
    "image images filename split qa_pairs question answer answers multiple_choices choices questions annotations "
    "question_id image_id qa_id answer_id type question_type answer_type id"
)
KEYS = _KEYS.split()
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 99) | st.floats() | st.sampled_from(["", "9", "\ud800", "a.jpg", "?"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)
JSON = (ODD | st.fixed_dictionaries({"questions": ODD, "annotations": ODD, "images": ODD})).map(
    lambda value: json.dumps(value).encode()
)
READERS = [(name, file) for name in QUESTION_DATASETS.names() for file in QUESTION_LAYOUTS[name][1]]


@pytest.mark.parametrize("name", QUESTION_DATASETS.names())
def test_it_is_recognised_and_sound(name, tmp_path):
    """If this fails, `--data DIR` picks the wrong reader, or the reader breaks what all else relies on."""
    QUESTION_LAYOUTS[name][0](tmp_path)
    dataset = read_questions(tmp_path)
    assert dataset.name == name and not dataset.problems
    check_dataset(dataset)
    assert {"train"} < set(dataset.splits())
    assert len(dataset.table()) == sum(max(1, len(one.answers)) for one in dataset.examples)
    assert read_questions(tmp_path, name) == dataset


@pytest.mark.parametrize("name", QUESTION_DATASETS.names())
def test_no_image_is_opened(name, tmp_path):
    """If this fails, reading a large data set takes minutes instead of seconds."""
    QUESTION_LAYOUTS[name][0](tmp_path)
    before = read_questions(tmp_path)
    for row in before.examples:
        if isinstance(row.image, Path):  # an archive is looked through, from head to head
            row.image.write_bytes(b"")
    assert read_questions(tmp_path) == before


@pytest.mark.parametrize("name", QUESTION_DATASETS.names())
def test_it_is_read_the_same_with_the_line_breaks_and_marks_of_other_systems(name, tmp_path):
    """If this fails, files that were saved on Windows lose rows."""
    make, files = QUESTION_LAYOUTS[name]
    make(tmp_path)
    before = read_questions(tmp_path)
    for file in files:
        path = tmp_path / file
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_questions(tmp_path) == before


@pytest.mark.parametrize("name", [name for name in QUESTION_DATASETS.names() if name not in ARCHIVES])
def test_a_missing_image_is_told_and_costs_its_questions_only(name, tmp_path):
    """If this fails, training stops at an image that is not there, or a question is dropped without a word."""
    QUESTION_LAYOUTS[name][0](tmp_path)
    before = read_questions(tmp_path)
    gone = before.examples[0].image
    gone.unlink()
    after = read_questions(tmp_path)
    assert {one.question for one in before.examples if one.image != gone} == {one.question for one in after.examples}
    assert {one.image for one in after.examples} == {one.image for one in before.examples} - {gone}
    assert len(after.problems) == 1
    problem = str(after.problems[0])
    assert gone.stem in problem and "question" in problem and "left out" in problem


@pytest.mark.parametrize(("name", "file"), READERS)
def test_whatever_an_annotation_file_holds_only_a_user_error_comes_out(name, file, tmp_path_factory):
    """If this fails, a damaged file ends in a traceback instead of a sentence that names it."""
    root = tmp_path_factory.mktemp(name)
    QUESTION_LAYOUTS[name][0](root)
    path = root / file
    original = path.read_bytes()

    @settings(max_examples=reader_examples(), suppress_health_check=list(HealthCheck))
    @given(DAMAGE | JSON, st.booleans())
    @example(b"[" * 100_000, True)
    @example(b"9" * 5_000, True)
    @example(b"what is it in the image3 ?\n" * 3, True)
    @example(b"image,question,answer\n\0,x,y\n../../../..,x,y\n/,x,y\na.jpg,?,y\na.jpg,x, \n", True)
    @example(b'{"image": "a.jpg", "question": "x", "answers": [1, 2.5, "b"], "choices": [true]}', True)
    def read(damage, whole):
        path.write_bytes(damage if whole else original[: len(original) // 2] + damage)
        try:
            dataset = QUESTION_DATASETS.get(name).read(root)
        except UserError as error:
            assert str(root) in str(error), "the message does not say where"
        else:
            for problem in dataset.problems:
                str(problem).encode("utf-8")
            if dataset.examples:
                check_dataset(dataset)

    read()


def test_a_folder_that_is_no_data_set_gets_a_list_of_layouts(tmp_path):
    """If this fails, a newcomer is not told what a data set of questions has to look like."""
    make_flickr8k(tmp_path)  # captions, but no questions
    with pytest.raises(UserError, match="not a data set in a layout") as caught:
        read_questions(tmp_path)
    for name in QUESTION_DATASETS.names():
        assert f"{name}: " in str(caught.value)


def test_a_folder_that_could_be_two_data_sets_is_refused(tmp_path):
    """If this fails, one of two data sets is trained on without a word."""
    make_daquar(tmp_path)
    make_visual7w(tmp_path)
    with pytest.raises(UserError, match=r"several data sets at once: daquar .*visual7w"):
        read_questions(tmp_path)
    assert read_questions(tmp_path, "visual7w").name == "visual7w"


def test_a_missing_folder_a_file_and_an_unknown_layout_are_named(tmp_path):
    """If this fails, a typo in a path or a name ends in a traceback."""
    with pytest.raises(UserError, match=r"does not exist.*questions and the images"):
        read_questions(tmp_path / "nowhere")
    with pytest.raises(UserError, match="is a file, and no table"):
        read_questions(write(tmp_path / "questions.json", "{}"))
    with pytest.raises(UserError, match="No image with a question"):
        read_questions(write(tmp_path / "questions.csv", "image,question,answer\n"))
    with pytest.raises(UserError, match="Did you mean `daquar`"):
        read_questions(tmp_path, "daquard")
