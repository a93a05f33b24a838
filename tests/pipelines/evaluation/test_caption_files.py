"""Caption files of strangers: arbitrary text and bytes are captions, or a sentence, and never a traceback."""

import csv
import io
import json
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captioner.errors import UserError
from captioner.metrics.score import score_captions
from pipelines.evaluation.caption_files import read_predictions, read_references
from pipelines.evaluation.matching import match
from pipelines.evaluation.results import Prediction, coco_result
from pipelines.utils.tables import write_csv, write_parquet

KINDS = ("json", "jsonl", "csv", "tsv", "txt")
RELAXED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["image", "image_id", "caption", "annotations", "images"]), inner, max_size=4)
    ),
    max_leaves=12,
)


def assert_captions_or_a_sentence(path):
    """What a caller gets to see: captions, or the one error that the command line turns into a sentence."""
    for reader in (lambda path: read_predictions(path)[0], lambda path: read_references(path).captions):
        try:
            table = reader(path)
            assert table and all(isinstance(image, str) for image in table)
        except UserError as error:
            assert path.name in str(error)


@RELAXED
@given(kind=st.sampled_from(KINDS), content=st.binary(max_size=200))
def test_arbitrary_bytes(tmp_path, kind, content):
    path = tmp_path / f"captions.{kind}"
    path.write_bytes(content)
    assert_captions_or_a_sentence(path)


@RELAXED
@given(kind=st.sampled_from(KINDS), rows=st.lists(st.lists(st.text(max_size=6), max_size=4), max_size=6))
def test_arbitrary_tables(tmp_path, kind, rows):
    path = tmp_path / f"captions.{kind}"
    text = io.StringIO()
    csv.writer(text).writerows([["image", "caption"], *rows])
    path.write_text(text.getvalue(), encoding="utf-8", errors="backslashreplace", newline="")
    assert_captions_or_a_sentence(path)


@RELAXED
@given(kind=st.sampled_from(("json", "jsonl")), content=JSON)
def test_arbitrary_json(tmp_path, kind, content):
    path = tmp_path / f"captions.{kind}"
    path.write_text(json.dumps(content))
    assert_captions_or_a_sentence(path)


def cut(whole):
    return whole[: len(whole) // 2]


def overwritten(whole):
    return whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :]


@pytest.mark.parametrize("damage", [lambda whole: b"", lambda whole: b"no parquet\n" * 9, cut, overwritten])
def test_a_damaged_parquet_file_is_a_sentence_that_names_it(tmp_path, damage):
    """A copy that was cut off would end in a traceback of another library."""
    path = tmp_path / "captions.parquet"
    pytest.importorskip("pyarrow")
    write_parquet([{"image": f"{number}.jpg", "caption": "a dog"} for number in range(99)], path, ["image", "caption"])
    assert len(read_predictions(path)[0]) == 99
    path.write_bytes(damage(path.read_bytes()))
    for reader in (read_predictions, read_references):
        with pytest.raises(UserError, match=r"captions\.parquet cannot be read: a whole parquet file was expected"):
            reader(path)


def test_references_of_parquet_may_be_lists(tmp_path):
    """Programs keep all captions of an image in one row; read as something else, they would be refused."""
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"image_id": [1, 2], "captions": [["a dog", "the dog"], ["a cat"]]})
    pytest.importorskip("pyarrow.parquet").write_table(table, tmp_path / "r.parquet")
    assert read_references(tmp_path / "r.parquet").captions == {"1": ("a dog", "the dog"), "2": ("a cat",)}


def test_without_the_library_of_parquet_its_name_is_told(tmp_path, monkeypatch):
    """It is an extra: many have not installed it."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "captions.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"pip install 'captioner\[parquet\]'. Or use .csv or .jsonl"):
        read_predictions(tmp_path / "captions.parquet")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_names_of_columns_may_be_in_capitals(tmp_path, kind):
    """Spreadsheets begin them so: a csv with such a head was read, the same rows as JSON were refused."""
    path = tmp_path / f"captions.{kind}"
    row = json.dumps({"Image": "a.jpg", "Caption": "a dog"})
    path.write_text({"csv": "Image,Caption\na.jpg,a dog\n", "jsonl": row, "json": f"[{row}]"}[kind])
    assert read_predictions(path) == ({"a.jpg": "a dog"}, 0)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
@pytest.mark.parametrize(
    "caption",
    [b"a dog\x92s ball", b"a dog\\ud83d", b"a \\u0000 dog"],
    ids=["Windows-1252", "half of an emoji", "a zero byte"],
)
def test_a_caption_that_is_no_text_is_refused_as_it_is_by_check(tmp_path, kind, caption):
    """It was scored with whatever words its bytes made, and exit status 0."""
    path = tmp_path / f"captions.{kind}"
    row = b'{"image_id": 42, "caption": "' + caption + b'"}'
    plain = caption.replace(b"\\u0000", b"\0").replace(b"\\ud83d", b"\xed\xa0\xbd")
    path.write_bytes({"csv": b"image_id,caption\n42," + plain + b"\n", "jsonl": row, "json": b"[" + row + b"]"}[kind])
    place = {"csv": ":2", "jsonl": ":1", "json": ", entry 1"}[kind]
    for reader in (read_predictions, read_references):
        with pytest.raises(
            UserError, match=rf"captions\.{kind}{place}: this is not UTF-8 text .* save the file as UTF-8"
        ):
            reader(path)


def test_what_is_wrong_with_a_row_of_a_table_is_told(tmp_path):
    """Whoever is told that fields are missing where one is too long looks for the wrong fault."""
    path = tmp_path / "captions.csv"
    for row, fault in [
        (f"a.jpg,{'x' * 200_000}", "a field has more than 131,072"),
        ('a.jpg,"x', "a quotation mark is"),
    ]:
        path.write_text(f"image,caption\n{row}\n")
        with pytest.raises(UserError, match=rf"captions\.csv:2: this row cannot be read: {fault}"):
            read_predictions(path)


def test_json_of_great_depth_is_a_sentence(tmp_path):
    path = tmp_path / "captions.json"
    path.write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"captions\.json"):
        read_predictions(path)


def test_json_that_python_alone_cannot_read_is_a_sentence_without_python(tmp_path):
    path = tmp_path / "captions.json"
    for content, fault in (("[" * 100_000, "nested too deeply"), ("[" + "9" * 5000 + "]", "more than 4,300 digits")):
        path.write_text(content)
        with pytest.raises(UserError, match=rf"captions\.json is not JSON that can be read: .*{fault}\.$"):
            read_predictions(path)


def test_an_image_that_stands_twice_in_an_object_is_refused(tmp_path):
    """Python's reader keeps the last one, so that a caption was scored and another one lost."""
    path = tmp_path / "captions.json"
    path.write_text('{"0.png": "a dog", "1.png": "a bird", "0.png": "a cat"}')
    with pytest.raises(UserError, match=r"captions\.json: '0.png' stands twice in one object"):
        read_predictions(path)
    with pytest.raises(UserError, match="stands twice"):
        read_references(path)


def test_a_list_that_was_printed_into_a_cell_is_its_caption(tmp_path):
    """`str(["a dog"])` was scored with its brackets and quotation marks."""
    path = tmp_path / "captions.csv"
    path.write_text("image,caption\n0.png,['a dog']\n1.png,[1]\n2.png,[]\n")
    assert read_predictions(path) == ({"0.png": "a dog", "1.png": "[1]", "2.png": "[]"}, 0)
    path.write_text("image,caption\n0.png,\"['a dog', 'a cat']\"\n")
    with pytest.raises(UserError, match="several captions"):
        read_predictions(path)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(str.strip)
# Names as an operating system has them, and captions as a model may write them.
CAPTIONS = st.dictionaries(TEXT, TEXT, min_size=1, max_size=5)


@RELAXED
@given(captions=CAPTIONS)
def test_what_is_written_is_read_back(tmp_path, captions):
    """A caption that came back changed would be scored as another one."""
    predictions = [Prediction(image, caption, ("x",), {}) for image, caption in captions.items()]
    (tmp_path / "p.json").write_text(json.dumps(coco_result(predictions)), encoding="utf-8")
    rows = [{"image": image, "caption": caption} for image, caption in captions.items()]
    write_csv(rows, tmp_path / "p.csv", ["image", "caption"])
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for kind in ("json", "jsonl"):
        assert read_predictions(tmp_path / f"p.{kind}") == (captions, 0)
    # Lines of a table end in "\n" for its reader, whatever they ended in.
    plain = {_with_plain_ends(image): _with_plain_ends(caption) for image, caption in captions.items()}
    if len(plain) == len(captions):
        assert read_predictions(tmp_path / "p.csv") == (plain, 0)


def _with_plain_ends(text):
    return text.replace("\r\n", "\n").replace("\r", "\n")


@RELAXED
@given(
    captions=CAPTIONS,
    references=st.dictionaries(TEXT, st.lists(TEXT, min_size=1, max_size=3), min_size=1),
    others=st.dictionaries(TEXT, st.lists(TEXT, min_size=1, max_size=2), max_size=2),
)
def test_any_two_tables_are_matched_and_scored_or_a_sentence(captions, references, others):
    expected = {image: tuple(texts) for image, texts in references.items()}
    try:
        matched = match(captions, expected, others)
    except UserError:
        return
    assert set(matched) <= set(expected)
    score_captions(matched, expected, metrics=["bleu"])
