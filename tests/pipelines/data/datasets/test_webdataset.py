"""WebDataset: what shards hold, what may be wrong with them, and images that are read from where they lie."""

import io
import json
import tarfile

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from captioner.errors import UserError
from captioner.images.clips import ClipSpec, decode_clip
from captioner.images.decode import ImageError, ImageLimits, ImageSpec, decode_image, load_image
from captioner.images.files import read_bytes
from pipelines.data.checks.inspect import inspect_layout
from pipelines.data.datasets import read_dataset
from pipelines.data.datasets.splits import set_aside
from pipelines.data.features.cache import KnownFiles
from pipelines.data.question_datasets import read_questions
from pipelines.evaluation.reports.figures import picture_of, thumbnail_uri
from pipelines.inference.jobs.file_fingerprints import file_fingerprints
from pipelines.inference.jobs.images import read_image
from tests.support_datasets import check_dataset, make_webdataset, picture_bytes, reader_examples, write, write_tar

SPEC = ImageSpec(8, 8, "raw")


def problems(dataset):
    return [str(problem) for problem in dataset.problems]


def captions(dataset):
    return {example.id: example.captions for example in dataset.examples}


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_captions_of_all_kinds_and_splits_by_shards(tmp_path):
    """If this fails, shards as img2dataset and tar write them have other captions or splits here."""
    make_webdataset(tmp_path)
    dataset = read_dataset(tmp_path)
    check_dataset(dataset)
    assert captions(dataset) == {
        "VAL/000.tar/k.webp": ("A boat.", "A boat."),  # of two people
        "flowers-train-000000.tar/0001.jpg": ("A dog.", "A brown dog."),
        "flowers-train-000000.tar/more/2.PNG": ("A cat.",),  # which is in two files
        "test.tar/a.b.jpg": ("Two people.",),
    }
    assert dataset.splits() == {"train": 2, "dev": 1, "test": 1}
    assert [example.source_id for example in dataset.examples] == [7, "0001.jpg", "more/2.PNG", "a.b.jpg"]
    assert dataset.notes == ("Left out, as other programs keep it beside images in flowers-train-000000.tar: 1 x ._*.",)
    assert not dataset.problems


def test_an_image_in_a_tar_goes_wherever_a_path_goes(tmp_path):
    """If this fails, one of the places that read images knows no archives."""
    data = picture_bytes(5)
    write_tar(tmp_path / "train.tar", [("a/k.png", data), ("a/k.txt", "A dog.")])
    (row,) = read_dataset(tmp_path).examples
    file = write(tmp_path / "k.png", data)
    name = str(tmp_path / "train.tar/a/k.png")
    assert str(row.image) == name and read_bytes(row.image) == data
    pixels = decode_image(file, SPEC)
    assert np.array_equal(decode_image(row.image, SPEC), pixels)
    assert np.array_equal(load_image(row.image, SPEC), load_image(file, SPEC))
    assert np.array_equal(decode_clip(row.image, ClipSpec(8, 8, "raw"))[0], pixels)
    assert np.array_equal(read_image(row.image, SPEC, ImageLimits()).pixels, pixels)
    assert np.array_equal(picture_of(row.image, np.zeros((2, 2, 3), np.uint8), 8), pixels)
    assert thumbnail_uri(row.image, 8, 90) == thumbnail_uri(file, 8, 90) != ""
    assert row.rows()[0]["image"] == name
    with pytest.raises(ImageError, match=r"train.tar/a/k.png: too large"):
        read_bytes(row.image, ImageLimits(max_bytes=3))


def test_a_shard_that_changes_is_another_one(tmp_path):
    """If this fails, features of an old image are used for a new one, or bytes of one image are shown as another."""
    path = write_tar(tmp_path / "train.tar", [("k.png", picture_bytes(5)), ("k.txt", "A dog.")])
    (row,) = read_dataset(tmp_path).examples
    known = KnownFiles(tmp_path / "files.jsonl")
    known.remember(row.image, path.stat(), "0" * 64)
    before = file_fingerprints(row.image, ImageLimits())
    assert known.lookup(row.image) == "0" * 64
    write_tar(path, [("more.png", picture_bytes(9)), ("k.png", picture_bytes(6)), ("k.txt", "A dog.")])
    assert known.lookup(row.image) is None and file_fingerprints(row.image, ImageLimits()) != before
    with pytest.raises(ImageError, match=r"train.tar/k.png: train.tar was changed since it was looked through"):
        read_bytes(row.image)
    path.unlink()
    with pytest.raises(ImageError, match="cannot be read any more"):
        read_bytes(row.image)
    assert file_fingerprints(row.image, ImageLimits()) is None


def test_without_names_of_splits_images_are_split_by_hash(tmp_path):
    """If this fails, shards as img2dataset writes them leave nothing to choose epochs by."""
    for shard in range(2):
        pairs = [(f"{n}.png", picture_bytes(n)) for n in range(8)] + [(f"{n}.txt", f"Dog {n}.") for n in range(8)]
        write_tar(tmp_path / f"0000{shard}.tar", pairs)
    dataset = read_dataset(tmp_path)
    check_dataset(dataset)
    assert set(dataset.splits()) == {"train", "dev", "test"} and len(dataset.examples) == 16
    (tmp_path / "00001.tar").rename(tmp_path / "train-1.tar")
    (tmp_path / "00000.tar").rename(tmp_path / "TRAIN-0.tar")
    assert read_dataset(tmp_path).notes[0].startswith("All images are in the shards of train: by a hash")
    aside = set_aside(read_dataset(tmp_path / "train-1.tar"), 0.25, "held")
    assert aside.splits()["held"] == 2


def test_splits_in_objects_count_before_names(tmp_path):
    """If this fails, a published split is replaced by the name of a file."""
    rows = [
        (f"{n}.json", json.dumps({"caption": "A dog.", "split": split})) for n, split in enumerate(("VAL", "Test", ""))
    ]
    write_tar(tmp_path / "train.tar", [(f"{n}.png", picture_bytes(n)) for n in range(3)] + rows)
    dataset = read_dataset(tmp_path)
    assert dataset.splits() == {"dev": 1, "test": 1}
    assert problems(dataset) == [f"{tmp_path}/train.tar: 2.png: '2.png' has no split; the row was left out"]


def test_what_is_wrong_with_members_is_said_and_the_others_are_read(tmp_path):
    """If this fails, a member is dropped without a word, a link is followed, or a path leads out of the folder."""
    secret = write(tmp_path.parent / f"{tmp_path.name}.png", picture_bytes(9))
    members = [
        ("good.png", picture_bytes(1)),
        ("good.txt", "A dog."),
        ("good.png", picture_bytes(2)),
        ("../up.png", picture_bytes(1)),
        ("../up.txt", "A dog."),
        ("/abs.png", picture_bytes(1)),
        special("link.png", tarfile.SYMTYPE, str(secret)),
        ("link.txt", "A dog."),
        special("hard.png", tarfile.LNKTYPE, "good.png"),
        special("pipe.txt", tarfile.FIFOTYPE),
        special("d", tarfile.DIRTYPE),
        ("bare.png", picture_bytes(3)),
        ("lost.txt", "A dog."),
        ("photos.csv", "a,b"),
        ("list.png", picture_bytes(3)),
        ("list.json", "[1]"),
        ("bad.png", picture_bytes(3)),
        ("bad.json", "{"),
        ("tokens.png", picture_bytes(3)),
        ("tokens.json", json.dumps({"captions": [["a", "dog"]]})),
        ("null.png", picture_bytes(3)),
        ("null.json", json.dumps({"caption": None})),
        ("k.png", picture_bytes(4)),
        ("k.jpg", picture_bytes(5, "JPEG")),
        ("k.txt", "A cat."),
        ("odd\udcff.png", picture_bytes(6)),
        ("odd\udcff.txt", "A dog."),
        ("latin.png", picture_bytes(6)),
        ("latin.txt", b"caf\xe9"),
    ]
    path = write_tar(tmp_path / "train-0.tar", members)
    dataset = read_dataset(tmp_path)
    check_dataset(dataset)
    assert captions(dataset) == {"train-0.tar/good.png": ("A dog.",), "train-0.tar/k.png": ("A cat.",)}
    assert read_bytes(dataset.examples[0].image) == picture_bytes(1)
    said = {}
    for problem in dataset.problems:
        assert problem.path == path
        part, _, text = problem.text.partition(": ")
        said.setdefault(part, []).append(text)
    expected = {
        "good.png": "already; the first is used",
        "../up.png": "leads out",
        "../up.txt": "leads out",
        "/abs.png": "leads out",
        "link.png": "a link to ",
        "link.txt": "no image of this key",
        "hard.png": "a link to 'good.png'",
        "pipe.txt": "no ordinary",
        "bare.png": "no caption beside",
        "lost.txt": "no image of this key",
        "list.json": "expected an object",
        "list.png": "no caption",
        "bad.json": "is not JSON",
        "bad.png": "no caption",
        "tokens.png": "expected each caption as one text, got ['a', 'dog']",
        "null.png": "is empty",
        "k.jpg": "was read for 'k.png'",
        "odd\udcff.png": "not UTF-8",
        "latin.png": "not UTF-8",
    }
    assert set(said) == set(expected)
    for part, text in expected.items():
        assert any(text in each for each in said[part]), (part, said[part])


def test_a_tar_that_ends_early_is_used_as_far_as_it_goes(tmp_path):
    """If this fails, a broken download is trained on as if it were whole, or is lost as a whole."""
    members = [part for n in range(3) for part in ((f"{n}.png", picture_bytes(n)), (f"{n}.txt", f"Dog {n}."))]
    path = write_tar(tmp_path / "train-0.tar", members)
    whole = path.read_bytes()
    write_tar(tmp_path / "val-0.tar", [("v.png", picture_bytes(7)), ("v.txt", "A cat.")])
    sizes = {}
    for length in range(0, len(whole), 100):
        path.write_bytes(whole[:length])
        dataset = read_dataset(tmp_path, "webdataset")
        check_dataset(dataset)
        sizes[length] = len(dataset.examples) - 1
        if length < 6 * 1024 + 512:  # of data, then comes padding of zeros, the mark of the end
            assert any(str(path) in text for text in problems(dataset)), f"nothing is said of {length} bytes"
        for row in dataset.examples:
            assert len(read_bytes(row.image)) > 50
    assert set(sizes.values()) == {0, 1, 2, 3} and list(sizes.values()) == sorted(sizes.values())
    path.write_bytes(whole[:4650])
    text = next(text for text in problems(read_dataset(tmp_path)) if "ends early" in text)
    assert text.startswith(f"{path}: ends early, within '2.png': ") and text.endswith("What comes before it is used")
    path.write_bytes(whole + whole)
    assert "goes on behind the end of the tar" in problems(read_dataset(tmp_path))[0]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is damaged at its beginning, or no tar .empty file."),
        (b"\x1f\x8b" + b"x" * 600, "is compressed.*gunzip"),
        (b"x" * 600, "is damaged at its beginning, or no tar"),
    ],
)
def test_a_file_that_is_no_tar_is_said_to_be_none(content, text, tmp_path):
    """If this fails, a compressed shard, or another file, ends in a traceback or an empty data set."""
    write(tmp_path / "train.tar", content)
    with pytest.raises(UserError, match=rf"No image with a caption was found.*train.tar: {text}"):
        read_dataset(tmp_path)
    with pytest.raises(UserError, match=text):
        read_questions(tmp_path)


def test_links_of_shards_lead_nowhere_outside_of_the_folder(tmp_path):
    """If this fails, files beside the data set are read."""
    outside = write_tar(tmp_path / "outside/train.tar", [("k.png", picture_bytes(5)), ("k.txt", "A dog.")])
    inside = write_tar(tmp_path / "data/shards/train.tar", [("k.png", picture_bytes(5)), ("k.txt", "A dog.")])
    (tmp_path / "data/linked.tar").symlink_to(outside)
    (tmp_path / "data/also.tar").symlink_to(inside)
    (tmp_path / "data/folder").symlink_to(outside.parent)
    dataset = read_dataset(tmp_path / "data")
    assert set(captions(dataset)) == {"also.tar/k.png", "shards/train.tar/k.png"}
    (problem,) = problems(dataset)
    assert problem.startswith(f"{tmp_path}/data/linked.tar: is a link that leads out of the data's folder, to ")


def test_a_tar_of_images_beside_another_layout_is_none_of_captions(tmp_path):
    """If this fails, keeping the archive that a data set came in beside it makes it two data sets."""
    write_tar(tmp_path / "images.tar", [("k.png", picture_bytes(5)), ("readme.json", "{}")])
    write(tmp_path / "k.png", picture_bytes(5))
    write(tmp_path / "captions.csv", "image,caption,split\nk.png,A dog.,train\n")
    assert read_dataset(tmp_path).name == "table"


def test_check_opens_images_in_archives_and_compares_them(tmp_path):
    """If this fails, damage and leaks in archives are found only while training."""
    write_tar(
        tmp_path / "train.tar",
        [("a.png", picture_bytes(1)), ("a.txt", "A dog."), ("b.png", b"no"), ("b.txt", "A cat.")],
    )
    write_tar(tmp_path / "val.tar", [("a.png", picture_bytes(1)), ("a.txt", "A dog.")])
    (report,) = inspect_layout(tmp_path)
    text = "\n".join(report.lines())
    assert f"{tmp_path}/train.tar/b.png: " in text
    assert "train.tar/a.png (train), val.tar/a.png (dev); it leaks" in text


NAMES = st.sampled_from(
    [
        "a.jpg",
        "a.txt",
        "a.json",
        "b.png",
        "b.caption",
        "./a.jpg",
        "d/a.png",
        "d/a.txt",
        "..",
        "../a.jpg",
        "/a.txt",
        "",
        ".",
        "a.b.jpg",
        "a.b.txt",
        "._a.jpg",
        "__MACOSX/a.jpg",
        "\udcff.jpg",
        " a.jpg ",
        "x\\a.jpg",
        "a\n.jpg",
        "n" * 300 + ".jpg",
        "é.png",
        "é.txt",
    ]
)
CONTENTS = st.binary(max_size=40) | st.sampled_from(
    [
        picture_bytes(1),
        b"A dog.\nA cat.",
        b'{"caption": "A dog."}',
        b'{"captions": ["A dog.", 7, null, ["x"]], "split": "val"}',
        b'{"questions": [{"question": "Is it?", "answers": ["yes", {"answer": "no"}]}, 7]}',
        b'{"question": "Is it?", "answer": null}',
        b'{"Split": {}, "text": "\\ud800", "image_id": [1], "file_name": "../x"}',
        b"[" * 50_000,
        b"\xff\xfea\0",
        b"{}",
    ]
)
KINDS = st.sampled_from(
    [tarfile.REGTYPE] * 6 + [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, b"S", b"Z"]
)


@st.composite
def tars(draw) -> bytes:
    """Tar files of any members, some of them damaged."""
    buffer = io.BytesIO()
    form = draw(st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))
    with tarfile.open(fileobj=buffer, mode="w", format=form, encoding="utf-8", errors="surrogateescape") as tar:
        for name, content, kind in draw(st.lists(st.tuples(NAMES, CONTENTS, KINDS), max_size=8)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "a.jpg"
            info.size = len(content) if kind in (tarfile.REGTYPE, b"Z") else 0
            tar.addfile(info, io.BytesIO(content) if info.size else None)
    data = bytearray(buffer.getvalue())
    for position, patch in draw(st.lists(st.tuples(st.integers(0, 6_000), st.binary(max_size=12)), max_size=3)):
        data[position : position + len(patch)] = patch
    if draw(st.booleans()):  # a number that is wrong under a checksum that is right
        head = 512 * draw(st.integers(0, 8))
        if len(data) >= head + 512:
            data[head + 124 : head + 136] = draw(
                st.sampled_from([b"-0000000001\0", b"77777777777\0", b"\xff" * 12, b"\x80" + b"\xff" * 11])
            )
            data[head + 148 : head + 156] = b" " * 8
            data[head + 148 : head + 156] = b"%06o\0 " % sum(data[head : head + 512])
    return bytes(data[: draw(st.integers(0, 12_000))])


@pytest.mark.parametrize("read", [read_dataset, read_questions])
def test_whatever_a_shard_holds_only_a_user_error_comes_out(read, tmp_path_factory):
    """If this fails, a damaged or hostile tar ends in a traceback, or a row of it vanishes."""
    root = tmp_path_factory.mktemp("shards")
    path = root / "train-0.tar"

    @settings(max_examples=reader_examples(), suppress_health_check=list(HealthCheck))
    @given(tars() | st.binary(max_size=1_500))
    @example(b"")
    def search(content):
        path.write_bytes(content)
        try:
            dataset = read(root, "webdataset")
        except UserError as error:
            assert str(root) in str(error), "the message does not say where"
            str(error).encode("utf-8", "surrogateescape")
            return
        check_dataset(dataset)
        listed = "\n".join((*map(str, dataset.problems), *dataset.notes))
        used = {row.image.member for row in dataset.examples}
        for row in dataset.examples:
            assert content[row.image.offset : row.image.offset + row.image.size] == (
                read_bytes(row.image) if row.image.size else b""
            )
        if "damaged" in listed or "early" in listed or "goes on behind" in listed:
            return
        with tarfile.open(path, encoding="utf-8", errors="surrogateescape") as tar:
            names = {member.name for member in tar if member.name.endswith((".jpg", ".png"))}
        for name in names:
            name = name.strip().replace("\\", "/").removeprefix("./")
            assert name in used or name in listed or "Left out" in listed, f"{name!r} is neither used nor listed"

    search()
