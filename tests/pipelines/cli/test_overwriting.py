"""No command replaces a file that it did not write itself, unless somebody says so."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from captioner.errors import UserError
from pipelines.cli.app import app
from pipelines.cli.command import new_file


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    "arguments",
    [
        ("caption", "photo.png", "--candidates", "2", "--tree", "mine.html"),
        ("caption", "photo.png", "--output", "mine.jsonl"),
        ("ask", "--questions", "q.csv", "--output", "mine.jsonl"),
        ("score", "photo.png", "a dog", "--output", "mine.jsonl"),
        ("rank", "runs/mine", "--output", "mine.json"),
        ("language", "inspect", "runs/mine", "--output", "mine.html"),
        ("language", "score", "runs/mine", "--text", "a", "--output", "mine.jsonl"),
        ("language", "gradients", "--cells", "rnn", "--output", "mine"),
        ("language", "tasks", "--output", "mine.md"),
        ("evaluate", "--predictions", "p.csv", "--references", "r.csv", "--report", "mine"),
        ("evaluate", "--predictions", "mine/predictions.csv", "--references", "r.csv", "--report", "mine"),
        ("train", "shapes", "--out", "mine"),
        ("average", "runs/mine", "runs/mine", "--out", "mine"),
        ("data", "shapes", "--out", "mine"),
    ],
)
def test_a_file_of_somebody_else_stays_as_it_is(arguments, tmp_path, monkeypatch):
    """Wrong if hours of work, or a page that somebody has mended, are gone without a question."""
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (8, 8)).save("photo.png")
    Path("q.csv").write_text("image,question\nphoto.png,what is it?\n")
    for name in ("p.csv", "r.csv"):
        Path(name).write_text("image,caption\na.jpg,a dog\n")
    names = ["mine.html", "mine.json", "mine.jsonl", "mine.md"]
    inside = ["config.json", "predictions.csv", "report.html", "metrics.csv", "gradients.csv", "gradients.png"]
    Path("mine").mkdir()
    for name in (*names, *(f"mine/{name}" for name in inside)):
        Path(name).write_text("image,caption\na.jpg,mine\n")
    before = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    done = run(*arguments)
    assert done.exit_code == 1 and "mine" in done.stderr and "Traceback" not in done.output, done.output
    assert {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()} == before


def test_somebody_at_a_terminal_is_asked(tmp_path, monkeypatch):
    page, asked = tmp_path / "page.html", []
    new_file(page, "--output")
    page.touch()
    with pytest.raises(UserError, match=r"page\.html exists already\. Nothing was changed: give another --output"):
        new_file(page, "--output")
    for stream in ("stdin", "stderr"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    for answer in (True, False):
        monkeypatch.setattr(typer, "confirm", lambda text, err, answer=answer: asked.append(text) or answer)
        if answer:
            new_file(page, "--output")
        else:
            with pytest.raises(UserError, match="Nothing was changed"):
                new_file(page, "--output")
    assert asked == [f"{page} exists already. Replace it?"] * 2


def test_an_evaluation_may_be_made_again_but_not_over_what_it_reads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("p.csv", "r.csv"):
        Path(name).write_text("image,caption\na.jpg,a dog runs\nb.jpg,a cat sleeps\n")
    command = ("evaluate", "--references", "r.csv", "--report", "report", "--predictions")
    for _ in range(2):
        assert run(*command, "p.csv").exit_code == 0
    assert "evaluated" in json.loads(Path("report/metrics.json").read_text())
    done = run(*command, "report/predictions.csv")
    assert done.exit_code == 1 and "predictions.csv exists already" in done.stderr
