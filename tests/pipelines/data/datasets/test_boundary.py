"""Nothing outside a data set's folder is read: neither by what its files say nor by links, but for linked folders."""

import json

import pytest

from captioner.errors import UserError
from pipelines.data.checks.inspect import inspect_layout
from pipelines.data.datasets import DATASETS, read_dataset
from pipelines.data.question_datasets import QUESTION_DATASETS, read_questions
from tests.support_datasets import ARCHIVES, LAYOUTS, check_dataset, draw_image, write
from tests.support_questions import QUESTION_LAYOUTS

READERS = [
    *((read_dataset, name, *LAYOUTS[name]) for name in DATASETS.names() if name not in ARCHIVES),
    *((read_questions, name, *QUESTION_LAYOUTS[name]) for name in QUESTION_DATASETS.names() if name not in ARCHIVES),
]  # links of archives have a test of their own, beside the others of archives
IDS = [f"{'questions' if read is read_questions else 'captions'}-{name}" for read, name, _, _ in READERS]
FILES = [
    (read, name, make, file) for read, name, make, files in READERS for file in files if file != "scenes.jsonl"
]  # which only scores of drawn scenes read
every_reader = pytest.mark.parametrize(("read", "name", "make", "files"), READERS, ids=IDS)


def move_out(path, outside):
    """Moves a file or folder out of the data and leaves a link."""
    outside.mkdir(exist_ok=True)
    path.rename(outside / path.name)
    path.symlink_to(outside / path.name)


@pytest.fixture(autouse=True)
def no_links_followed(monkeypatch):
    monkeypatch.delenv("CAPTIONER_FOLLOW_LINKS", raising=False)


@every_reader
def test_folders_directly_in_the_data_may_be_links_and_are_noted(read, name, make, files, tmp_path):
    """If this fails, somebody who keeps `images` or `train2014` on another disk can no longer train."""
    root = tmp_path / "data"
    make(root)
    before = read(root)
    folders = [path for path in sorted(root.iterdir()) if path.is_dir()]
    for folder in folders:
        move_out(folder, tmp_path / "outside")
    if name == "sidecar":  # which walks, and follows no link, as it could walk in a circle
        with pytest.raises(UserError, match="not a data set"):
            read(root)
        return
    after = read(root)
    check_dataset(after)
    assert after.examples == before.examples and not after.problems
    for folder in folders:
        assert any(note.startswith(f"{folder.name}/ is a link out of") for note in after.notes)


@every_reader
def test_an_image_that_is_a_link_out_of_the_data_is_reported_and_not_read(
    read, name, make, files, tmp_path, monkeypatch
):
    """If this fails, a data set of a stranger puts private pictures into models and reports that are sent to others."""
    root = tmp_path / "data"
    make(root)
    before = read(root)
    gone = before.examples[0].image
    move_out(gone, tmp_path / "outside")
    after = read(root)
    assert {one.image for one in after.examples} == {one.image for one in before.examples} - {gone}
    link = "is a link that leads out of the data's folder"
    assert any(gone.name in problem.text and link in problem.text for problem in after.problems)
    monkeypatch.setenv("CAPTIONER_FOLLOW_LINKS", "1")
    assert read(root).examples == before.examples and not read(root).problems


@pytest.mark.parametrize(("read", "name", "make", "file"), FILES, ids=[f"{name}-{file}" for _, name, _, file in FILES])
def test_an_annotation_file_that_is_a_link_out_of_the_data_is_not_read(read, name, make, file, tmp_path, monkeypatch):
    """If this fails, lines of a private file become captions, or are quoted in messages."""
    root = tmp_path / "data"
    make(root)
    before = read(root)
    move_out(root / file, tmp_path / "outside")
    try:
        after = read(root)
    except UserError as error:
        assert "ink" in str(error) and str(tmp_path / "outside") in str(error)
    else:
        assert any("is a link that leads out" in str(problem) for problem in after.problems)
    monkeypatch.setenv("CAPTIONER_FOLLOW_LINKS", "1")
    assert read(root).examples == before.examples


def test_a_link_within_the_data_is_a_file_like_any_other(tmp_path):
    """If this fails, a folder in which two names lead to one picture loses it."""
    draw_image(tmp_path / "images/all/a.jpg")
    (tmp_path / "images/b.jpg").symlink_to("all/a.jpg")
    (tmp_path / "captions.csv").symlink_to(write(tmp_path / "tables/first.csv", "image,caption\nb.jpg,A dog.\n"))
    dataset = read_dataset(tmp_path)
    assert [example.id for example in dataset.examples] == ["images/b.jpg"] and not dataset.problems


def test_a_link_below_a_linked_folder_does_not_lead_further_out(tmp_path):
    """If this fails, one link that the user made opens the whole disk to names in a table."""
    draw_image(tmp_path / "pictures/a.jpg")
    draw_image(tmp_path / "private/b.jpg")
    (tmp_path / "pictures/more").symlink_to(tmp_path / "private")
    (tmp_path / "pictures/c.jpg").symlink_to("a.jpg")
    root = tmp_path / "data"
    write(root / "captions.csv", "image,caption\na.jpg,One.\nmore/b.jpg,Two.\nc.jpg,Three.\n")
    (root / "images").symlink_to(tmp_path / "pictures")
    dataset = read_dataset(root)
    assert [example.id for example in dataset.examples] == ["images/a.jpg", "images/c.jpg"]
    assert [problem.line for problem in dataset.problems] == [3]


@pytest.mark.parametrize("layout", ["table", "imagefolder", "questions", "coco", "shapes"])
@pytest.mark.parametrize("kind", ["parent", "whole", "hidden"])
def test_no_name_in_a_file_leads_out(layout, kind, tmp_path):
    """If this fails, what an annotation file says decides which of the user's files are read."""
    root = tmp_path / "data"
    draw_image(root / "a.png")
    draw_image(tmp_path / "private.png", 7)
    away = {"parent": "../private.png", "whole": str(tmp_path / "private.png"), "hidden": "b/../../private.png"}[kind]
    read = read_dataset
    if layout == "table":
        write(root / "captions.csv", f"image,caption\na.png,A dog.\n{away},A cat.\n")
    elif layout == "imagefolder":
        write(root / "metadata.csv", f"file_name,text\na.png,A dog.\n{away},A cat.\n")
    elif layout == "questions":
        write(root / "questions.csv", f"image,question,answer\na.png,What?,dog\n{away},What?,cat\n")
        read = read_questions
    elif layout == "coco":
        images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": away}]
        annotations = [{"id": number, "image_id": number, "caption": "A dog."} for number in (1, 2)]
        write(root / "captions_train2014.json", json.dumps({"images": images, "annotations": annotations}))
    else:
        rows = [{"image": name, "captions": ["A dog."], "split": "train"} for name in ("a.png", away)]
        write(root / "captions.jsonl", "\n".join(map(json.dumps, rows)))
        write(root / "scenes.jsonl", "")
    dataset = read(root)
    assert [example.id.partition("#")[0] for example in dataset.examples] == ["a.png"]
    (problem,) = dataset.problems
    assert problem.text.count("is outside of the data's folder, of which nothing is read") == 1


def test_a_whole_path_into_the_data_is_understood(tmp_path):
    """If this fails, tables of programs that write whole paths are of no use where they were made."""
    draw_image(tmp_path / "images/a.jpg")
    write(tmp_path / "captions.csv", f"image,caption\n{tmp_path / 'images/a.jpg'},A dog.\n")
    assert [example.id for example in read_dataset(tmp_path).examples] == ["images/a.jpg"]


def test_a_snapshot_in_the_cache_of_the_hub_is_read(tmp_path):
    """If this fails, `--data ~/.cache/huggingface/hub/datasets--x--y/snapshots/z` finds nothing: all is links there."""
    repository = tmp_path / "datasets--x--y"
    root = repository / "snapshots" / "0a1b"
    draw_image(repository / "blobs/1.png")
    write(repository / "blobs/2", "file_name,text\na.png,A dog.\n")
    root.mkdir(parents=True)
    (root / "a.png").symlink_to("../../blobs/1.png")
    (root / "metadata.csv").symlink_to("../../blobs/2")
    dataset = read_dataset(root)
    assert dataset.name == "imagefolder" and [example.id for example in dataset.examples] == ["a.png"]


def test_a_table_that_the_user_names_may_itself_be_a_link(tmp_path):
    """If this fails, `--data mine.csv` is refused although the user named it."""
    draw_image(tmp_path / "data/a.jpg")
    table = write(tmp_path / "tables/first.csv", "image,caption\na.jpg,A dog.\n")
    (tmp_path / "data/mine.csv").symlink_to(table)
    assert read_dataset(tmp_path / "data/mine.csv").examples
    (tmp_path / "data/mine.csv").rename(tmp_path / "data/captions.csv")
    with pytest.raises(UserError, match="is a link that leads out of the data's folder"):
        read_dataset(tmp_path / "data")


def test_the_list_of_layouts_names_links_that_were_not_read(tmp_path):
    """If this fails, a folder of links is said to be no data set, without the reason."""
    table = write(tmp_path / "tables/first.csv", "image,question,answer\na.jpg,What?,dog\n")
    draw_image(tmp_path / "data/a.jpg")
    (tmp_path / "data/questions.csv").symlink_to(table)
    with pytest.raises(UserError, match=r"Links that lead out of it are not read: questions.csv"):
        read_questions(tmp_path / "data")
    with pytest.raises(UserError, match=r"questions.csv"):
        inspect_layout(tmp_path / "data")
