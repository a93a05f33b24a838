"""The folder on disk: drawn, read again, and what happens to damage."""

import json

import pytest
from PIL import Image

from captioner.errors import UserError
from pipelines.data.datasets import read_dataset, shapes
from pipelines.data.question_datasets import read_questions
from pipelines.evaluation.data_metrics import NovelObject, Truth

SIZES = {"train": 8, "dev": 3, "test": 3, "novel": 3}


@pytest.fixture
def folder(tmp_path):
    shapes.draw(tmp_path / "shapes", seed=1, sizes=SIZES)
    return tmp_path / "shapes"


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_drawn_and_read_again(folder):
    """Every picture comes back with its captions, its questions and its scene, under one id."""
    data = read_dataset(folder)
    assert data.name == "shapes" and data.splits() == SIZES and not data.problems
    assert all(example.image.is_file() and len(example.captions) == 5 for example in data.examples)
    assert data.examples[0].id == "images/train_00000.png"
    questions = read_questions(folder)
    assert questions.name == "shapes" and {q.image for q in questions.examples} == {e.image for e in data.examples}
    captions = {example.id: example.captions[0] for example in data.examples}
    scenes = shapes.read_scenes(folder)
    rows = Truth().rows(list(captions.values()), [scenes[image] for image in captions])
    assert Truth.combine(rows)["faithfulness"] == 1
    novel = shapes.read_scenes(folder, "novel")
    assert NovelObject().rows([captions[image] for image in novel], list(novel.values())).all()
    assert Image.open(data.examples[0].image).size == (64, 64)


def test_the_same_settings_give_the_same_bytes(folder, tmp_path):
    """Otherwise two people would train on different data under one name."""
    shapes.draw(tmp_path / "again", seed=1, sizes=SIZES)
    assert contents(tmp_path / "again") == contents(folder)


def test_what_is_drawn_already_is_not_drawn_again(folder):
    """`make train` calls this each time; it may cost nothing then."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    shapes.draw(folder, seed=1, sizes=SIZES)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_other_settings_replace_the_drawing(folder):
    """Pictures of the old drawing must not be left among the new."""
    shapes.draw(folder, seed=2, sizes={"train": 4}, image_size=96)
    assert len(list((folder / "images").iterdir())) == 4
    assert read_dataset(folder).splits() == {"train": 4}
    assert Image.open(folder / "images" / "train_00000.png").size == (96, 96)


def test_a_drawing_that_was_stopped_is_finished_later(folder):
    """drawn.json is written last, so a half drawn folder is drawn again."""
    whole = contents(folder)
    for name in ("drawn.json", "captions.jsonl", "images/dev_00001.png"):
        (folder / name).unlink()
    shapes.draw(folder, seed=1, sizes=SIZES)
    assert contents(folder) == whole


def test_progress_is_told(tmp_path):
    """The command line shows it."""
    told = []
    shapes.draw(tmp_path / "new", sizes={"train": 2, "dev": 1}, progress=lambda *counts: told.append(counts))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_other_peoples_folders_are_left_alone(tmp_path):
    """Drawing into the wrong folder must not delete or mix anything."""
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match="already holds something else"):
        shapes.draw(tmp_path)
    (tmp_path / "README.txt").write_text("my photographs")
    with pytest.raises(UserError, match="already holds something else"):
        shapes.draw(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.txt", "holiday.jpg"]


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"sizes": {"trian": 5}}, "Did you mean `train`"),
        ({"sizes": {"train": -1}}, "-1 scenes"),
        ({"image_size": 8}, "8 pixels"),
    ],
)
def test_settings_out_of_range(tmp_path, settings, message):
    """One sentence that names the setting, before anything is drawn."""
    with pytest.raises(UserError, match=message):
        shapes.draw(tmp_path / "new", **settings)
    assert not (tmp_path / "new").exists()


def test_a_place_that_cannot_be_written(tmp_path):
    """A traceback would not say which folder."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="file"):
        shapes.draw(tmp_path / "file" / "shapes", sizes={"train": 1})


def test_damaged_lines_are_told_with_their_number(folder):
    """The rest must be read all the same."""
    lines = (folder / "captions.jsonl").read_text().splitlines()
    missing = json.loads(lines[3]) | {"image": "images/nowhere.png"}
    empty = json.loads(lines[5]) | {"captions": [""]}
    lines[1:6] = [
        "{not json",
        "[1]",
        json.dumps(missing),
        '{"image": "images/train_00004.png"}',
        json.dumps(empty),
    ]
    (folder / "captions.jsonl").write_text("\n".join(lines))
    data = read_dataset(folder)
    assert [problem.line for problem in data.problems] == [2, 3, 4, 5, 6]
    assert "nowhere.png" in str(data.problems[2]) and "captions.jsonl:4" in str(data.problems[2])
    assert "expected image, captions and split" in data.problems[3].text
    assert len(data.examples) == sum(SIZES.values()) - 5


@pytest.mark.parametrize("damage", [{"split": "Mont\udce9e"}, {"captions": ["a cup", "\ud83d"]}])
def test_what_is_no_text_costs_its_line_or_caption_alone(folder, damage):
    """Else a training ends at its first checkpoint, whose files are UTF-8."""
    path = folder / "captions.jsonl"
    first, *others = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps(json.loads(first) | damage), *others]))
    data = read_dataset(folder)
    (problem,) = data.problems
    assert problem.line == 1 and "not UTF-8 text" in problem.text
    lines = [json.loads(line) for line in others]
    assert [one.id for one in data.examples[-len(lines) :]] == [line["image"] for line in lines]
    if "captions" in damage:
        assert data.examples[0].captions == ("a cup",)
    else:
        assert len(data.examples) == len(lines)


def test_a_damaged_scene_is_refused(folder):
    """A faithfulness over the scenes that happen to be readable would be another figure."""
    lines = (folder / "scenes.jsonl").read_text().splitlines()
    (folder / "scenes.jsonl").write_text("\n".join([lines[0], lines[1].replace('"things"', '"thongs"')]))
    with pytest.raises(UserError, match=r"scenes\.jsonl:2.*'things'"):
        shapes.read_scenes(folder)


def test_older_questions_are_written_anew_and_nothing_else(folder):
    """Pictures need not be drawn again, nor features computed; but new questions must not be taken for old ones."""
    whole = contents(folder)
    older = json.loads((folder / "drawn.json").read_text())
    for questions in (None, 1):
        older.pop("questions", None)
        drawn = older if questions is None else {**older, "questions": questions}
        (folder / "drawn.json").write_text(json.dumps(drawn))
        (folder / "questions.jsonl").write_text("")
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")}
        shapes.draw(folder, seed=1, sizes=SIZES)
        assert contents(folder) == whole
        assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")} == before
