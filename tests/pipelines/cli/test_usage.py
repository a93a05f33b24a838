"""What a command says before it loads a model: who is meant, what is missing, and what is there already."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from captioner import __version__
from pipelines.cli.app import app

ROOT = Path(__file__).parents[3]


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a file by the name of an image; whatever loads Keras fails."""
    from PIL import Image

    def load(*_):
        raise AssertionError("a model was loaded")

    monkeypatch.chdir(tmp_path)
    for module in (
        *("inference.models", "tasks.captioning.retrieval", "tasks.vqa.evaluate", "tasks.vqa.calibrate"),
        *("cli.train", "cli.features", "cli.language", "cli.sequence"),
    ):
        monkeypatch.setattr(f"pipelines.{module}.load_keras", load)
    Image.new("RGB", (8, 8)).save("photo.png")
    return tmp_path


def test_the_version_is_that_of_the_package():
    done = run("--version")
    assert done.exit_code == 0 and done.stdout == f"captioner {__version__}\n"


def test_the_package_is_run_as_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "captioner", "caption", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and "Usage: captioner caption" in done.stdout


def every_command(group=None, path=()):
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(every_command())


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_is_whole_at_80_columns(path, monkeypatch):
    """Wrong if the name of an option is cut, or if one has no word about it."""
    monkeypatch.setenv("COLUMNS", "80")
    text = run(*path, "--help").output
    assert "…" not in text and max(map(len, text.splitlines())) <= 80
    for parameter in COMMANDS[path].params:
        assert parameter.help, f"{parameter.name} has no help"
        assert all(name in text.split() for name in parameter.opts if name.startswith("--"))


@pytest.mark.parametrize(
    "words, expected",
    [
        ("captioner eva", {"evaluate"}),
        ("captioner language s", {"sample", "score"}),
        ("captioner train sequence-t", {"sequence-tag", "sequence-translate"}),
        ("captioner ask photo.png what --model d", {"daquar"}),
    ],
)
def test_a_shell_completes_commands_and_names(words, expected):
    """Wrong if the completion that `--install-completion` installs finds nothing."""
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_CAPTIONER_COMPLETE": "complete_bash"}
    done = subprocess.run(
        [sys.executable, "-m", "captioner"], cwd=ROOT, capture_output=True, text=True, env=os.environ | asked
    )
    assert set(done.stdout.split()) == expected


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("ask", "what is it?", "photo.png"), 'captioner ask photo.png "what is it?"'),
        (("score", "a red dog", "photo.png"), 'captioner score photo.png "a red dog"'),
        (("ask", "gone.png", "what is it?"), "there is no image gone.png"),
        (("score", "gone.png", "a dog"), "there is no image gone.png"),
        (("caption", "flickr8k", "photo.png"), "flickr8k is a model: write --model flickr8k"),
        (("ask", "daquar", "what is it?"), "there is no image daquar"),
        (("caption", "photo.png", "--encoder-weights", "vgg16.h5"), "there is no file vgg16.h5"),
        (("evaluate", "flickr8k", "--encoder-weights", "."), "there is no file ."),
        (("language", "sample", "gone", "--temperature", "-1"), "greater than or equal to 0"),
        (("language", "sample", "gone", "--top-p", "2"), "less than or equal to 1"),
        (("caption", "photo.png", "--min-score", "nan"), "no caption is below nan"),
        (("data", "shapes", "--out", "new", "--size", "train=²"), "write it like train=1000"),
        (("data", "shapes", "--out", "new", "--size", "train=" + "9" * 5000), "write it like train=1000"),
        (("list", "recipe"), "there is no such list. Did you mean `recipes`? Available: cells, encoders"),
    ],
)
def test_what_was_given_wrongly_ends_with_2_and_no_model(arguments, sentence, folder):
    done = run(*arguments)
    assert done.exit_code == 2 and sentence in " ".join(done.stderr.replace("│", " ").split())
    assert [path.name for path in folder.iterdir()] == ["photo.png"]


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("caption", "https://example.org/a.jpg"), "https://example.org/a.jpg is an address"),
        (("caption", "photo.png", "--output", "gs://bucket/c.jsonl"), "gs://bucket/c.jsonl is an address"),
        (("check", "s3://bucket/data"), "s3://bucket/data is an address"),
        (("ask", "http://example.org/a.jpg", "what?"), "http://example.org/a.jpg is an address"),
        (("score", "http://example.org/a.jpg", "a dog"), "http://example.org/a.jpg is an address"),
        (("train", "shapes", "--data", "hf://datasets/shapes"), "hf://datasets/shapes is an address"),
        (("compare", "https://example.org/metrics.json"), "Download it first"),
        (("caption", "photo.png", "--candidates", "9", "--output", "c.jsonl"), "beams give 1 to"),
        (("caption", "photo.png", "--force-words", "zebra-crossing"), "does not know the word"),
        (("caption", "photo.png", "--language-model", "gone"), "gone is not a model"),
        (("evaluate", "flickr8k", "--data", "gone"), "gone does not exist"),
        (("evaluate", "flickr8k"), "--data DIR"),
        (("evaluate", "flickr8k", "--data", ".", "--language-model", "gone"), "gone is not a model"),
        (("evaluate", "daquar", "--data", "gone"), "gone does not exist"),
        (("rank", "flickr8k", "--data", "gone"), "gone does not exist"),
        (("features", "gone"), "gone does not exist"),
        (("average", "photos", "photos-vqa", "--out", "mean"), "are models of different kinds"),
        (("calibrate", "photos", "--data", "gone"), "gone does not exist"),
        (("calibrate", "photos-vqa", "--data", "gone"), "gone does not exist"),
        (("caption", "photo.png", "--frames"), "looks at single images"),
        (("language", "sample", "gone"), "gone is not a model"),
        (("language", "sample", "photos"), "use `captioner caption`"),
        (("language", "score", "photos", "--text", "a"), "use `captioner caption`"),
        (("language", "inspect", "photos", "--text", "a"), "use `captioner caption`"),
        (("sequence", "predict", "a", "--model", "gone"), "gone is not a model"),
        (("sequence", "predict", "a", "--model", "photos-vqa"), "use `captioner ask`"),
        (("caption", "gone.png"), "There is no file or folder gone.png"),
    ],
)
def test_what_cannot_be_done_ends_with_1_and_no_model(arguments, sentence, folder):
    done = run(*arguments)
    assert done.exit_code == 1 and sentence in done.stderr and "Traceback" not in done.output
    assert [path.name for path in folder.iterdir()] == ["photo.png"], "something was left behind"


def test_an_address_in_a_table_is_called_one(folder):
    from pipelines.inference.jobs.caption_rows import read_rows, row_problem

    Path("rows.csv").write_text("image,caption\nhttps://example.org/a.jpg,a dog\nphoto.png,a cat\n")
    first, second = read_rows(Path("rows.csv"))[0]
    assert row_problem(first) == "there is no image 'https://example.org/a.jpg' (it is an address: download it first)"
    assert row_problem(second) == ""
