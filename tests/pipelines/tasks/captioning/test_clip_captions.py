"""`captioner caption --frames`, and a recipe of clips from drawing to scores."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from captioner.errors import UserError
from captioner.images.clips import PADDING, ClipSpec
from captioner.settings import CaptionerSettings
from pipelines.cli.app import app
from pipelines.inference.jobs.captioning import CaptionOptions
from pipelines.inference.jobs.image_walk import find_clips
from tests.pipelines.inference.stub_captioner import StubCaptioner
from tests.support_jobs import caption_images

FRAMES = CaptionOptions(batch_size=2, frames=True)


@pytest.fixture
def folder(tmp_path):
    """walk/ and walk/deep/ of three and two frames, run.gif, and an empty folder."""
    pictures = [Image.fromarray(np.full((8, 8, 3), 30 * n, "uint8")) for n in range(5)]
    for place, count in (("in/walk", 3), ("in/walk/deep", 2), ("in/empty", 0)):
        (tmp_path / place).mkdir(parents=True)
        for number in range(count):
            pictures[number].save(tmp_path / place / f"{number}.png")
    pictures[0].save(tmp_path / "in" / "run.gif", save_all=True, append_images=pictures[1:])
    (tmp_path / "in" / "notes.txt").write_text("no frame")
    return tmp_path / "in"


class ClipCaptioner(StubCaptioner):
    def __init__(self):
        super().__init__()
        self.encoder.spec = ClipSpec(8, 8, "raw", 4)
        self.settings = CaptionerSettings(encoder={"frames": 4})
        self.seen = []

    def encode(self, pixels, batch_size):
        self.seen += [int((row < PADDING).all(axis=(1, 2, 3)).sum()) for row in pixels]
        return pixels


def test_each_folder_of_frames_and_each_gif_is_one_clip(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    names = [found.name for found in find_clips(["in"])]
    assert names == ["in/run.gif", "in/walk", "in/walk/deep"]
    assert [found.name for found in find_clips(["in/walk/deep", "in/run.gif"])] == ["in/walk/deep", "in/run.gif"]
    assert [found.name for found in find_clips(["in/walk/0.png"])] == ["in/walk/0.png"]
    with pytest.raises(UserError, match="There is no file or folder gone"):
        find_clips(["gone"])


def test_clips_are_captioned_and_gone_on_with(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    captioner = ClipCaptioner()
    summary = caption_images(["in"], captioner, tmp_path / "c.jsonl", options=FRAMES)
    lines = [json.loads(line) for line in (tmp_path / "c.jsonl").read_text().splitlines()]
    assert [line["image"] for line in lines] == ["in/run.gif", "in/walk", "in/walk/deep"] and summary.done == 3
    assert captioner.seen == [4, 3, 2], "frames of each clip"
    again = caption_images(["in"], ClipCaptioner(), tmp_path / "c.jsonl", options=FRAMES)
    assert again.done == 0 and again.before == 3
    with pytest.raises(UserError, match="another way of reading folders"):
        caption_images(["in"], ClipCaptioner(), tmp_path / "c.jsonl", options=CaptionOptions(batch_size=2))


def test_a_clip_with_another_frame_is_captioned_again(folder, tmp_path, monkeypatch):
    """A frame that is written over leaves its folder as old as it was."""
    monkeypatch.chdir(tmp_path)
    caption_images(["in"], ClipCaptioner(), tmp_path / "c.jsonl", options=FRAMES)
    before = (folder / "walk" / "deep").stat().st_mtime_ns
    (folder / "walk" / "deep" / "1.png").write_bytes((folder / "walk" / "2.png").read_bytes())
    assert (folder / "walk" / "deep").stat().st_mtime_ns == before
    again = caption_images(["in"], ClipCaptioner(), tmp_path / "c.jsonl", options=FRAMES)
    assert (again.done, again.before) == (1, 2)


def test_a_folder_that_is_one_clip_has_one_tree(folder, tmp_path):
    options = CaptionOptions(frames=True, tree=tmp_path / "tree.html")
    with pytest.raises(UserError, match="Give a folder"):
        caption_images([folder], ClipCaptioner(), tmp_path / "c.jsonl", options=options)
    with pytest.raises(UserError, match="no caption of its own"):  # the place of the page was no fault
        caption_images([folder / "walk" / "deep"], refusing, tmp_path / "c.jsonl", options=options)


def refusing():
    raise UserError("This model has no caption of its own.")


def test_frames_are_refused_by_a_model_of_single_images(folder):
    with pytest.raises(UserError, match="looks at single images"):
        caption_images([folder], StubCaptioner(), options=FRAMES)


def test_without_frames_every_image_is_a_clip_of_its_own(folder):
    captioner = ClipCaptioner()
    assert caption_images([folder], captioner, options=CaptionOptions(batch_size=8)).done == 6
    assert sorted(captioner.seen) == [1, 1, 1, 1, 1, 4]


@pytest.mark.long
def test_a_recipe_of_clips_from_drawing_to_scores(tmp_path, monkeypatch):
    """Wrong if any stage takes a clip for a single image."""
    monkeypatch.chdir(tmp_path)
    small = [
        "data.sizes={train=8, dev=4, test=4}", "encoder.image_size=16", "encoder.options.channels=8",
        "encoder.frames=3",
        "decoder.units=8", "decoder.embedding_size=8", "training.epochs=1", "training.images_per_batch=4",
        "training.captions_per_image=1",
    ]  # fmt: skip
    words = ["train", "lrcn-clips", "--out", "run"]
    for setting in small:
        words += ["--set", setting]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "Drawing the clips data set" in done.output and "Direction right" in done.output
    done = CliRunner().invoke(app, ["evaluate", "run", "--report", "report"])
    assert done.exit_code == 0 and "Direction right" in done.output
    scores = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert {"direction_right", "moving_right"} <= set(scores["scores"]) & set(scores["intervals"])
    one = "data/clips/images/test_00000.gif"
    done = CliRunner().invoke(app, ["caption", one, "--model", "run", "--frames"])
    assert done.exit_code == 0 and len(done.stdout.splitlines()) == 1
