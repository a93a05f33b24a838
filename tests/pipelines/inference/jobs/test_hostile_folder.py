"""A folder with everything in it: every image captioned once, everything else listed, no traceback."""

import csv
import json
import os
import re
import shutil

import pytest
from typer.testing import CliRunner

from captioner.presets.folder import write_preset
from captioner.settings import CaptionerSettings
from captioner.text.vocabulary import Vocabulary
from pipelines.cli.app import app
from pipelines.evaluation.reports.html_page import render_report
from pipelines.inference import models
from tests.pipelines.inference.stub_captioner import StubCaptioner
from tests.support_hostile import IGNORED, LITTER, LITTER_LINE, READABLE, UNREADABLE, make_hostile_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="such names cannot be there")


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile") / "in"
    return root, make_hostile_folder(root)


@pytest.fixture
def model(tmp_path, monkeypatch):
    """The way in is that of the command; only the network is a stub (a real one is in the long test below)."""
    settings, words = CaptionerSettings(), Vocabulary(["a"])
    write_preset(tmp_path / "model", settings, words, lambda path: path.write_bytes(b""), {})
    monkeypatch.setattr(models, "load_captioner", lambda *_: StubCaptioner())
    return tmp_path / "model"


def test_there_are_enough_kinds():
    assert len(READABLE) + len(UNREADABLE) + len(IGNORED) + len(LITTER) + 7 >= 150


def test_every_image_is_captioned_once_and_everything_else_has_its_reason(hostile, model, tmp_path):
    folder, expected = hostile
    output = tmp_path / "c.jsonl"
    done = run("caption", folder, "--model", model, "--output", output, "--attention", tmp_path / "looks")
    assert done.exit_code == 3 and "Traceback" not in done.output, done.output
    lines = [json.loads(line) for line in output.read_text("utf-8").split("\n")[:-1]]
    assert len({line["image"] for line in lines}) == len(lines) == len(expected), "a line is missing or there twice"
    assert {line["image"] for line in lines} == set(expected)
    for line in lines:
        reason = expected[line["image"]]
        if reason is None:
            assert isinstance(line.get("caption"), str), f"{line['image']!r} was not captioned: {line.get('error')}"
        else:
            assert re.search(reason, line.get("error", "(a caption)")), f"{line['image']!r}: {line}"
            assert "\n" not in line["error"]
    readable = sum(reason is None for reason in expected.values())
    assert f"{readable:,} images captioned" in done.stderr
    assert f"{len(expected) - readable:,} could not be read" in done.stderr
    assert LITTER_LINE in done.stderr
    pictures = [path for path in (tmp_path / "looks").rglob("*") if path.is_file()]
    assert len(pictures) == readable, "a picture of attention is missing, or two images share one"
    before = output.read_bytes()
    assert run("caption", folder, "--model", model, "--output", output).exit_code == 3
    assert output.read_bytes() == before


def test_the_table_holds_the_same_names(hostile, model, tmp_path):
    from pipelines.utils.tables import unguarded

    folder, expected = hostile
    done = run("caption", folder, "--model", model, "--output", tmp_path / "c.csv")
    assert done.exit_code == 3 and "Traceback" not in done.output
    with open(tmp_path / "c.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {unguarded(row["image"]) for row in rows}
    assert found == {name.encode("utf-8", "backslashreplace").decode() for name in expected}
    assert not [row for row in rows if row["image"].startswith(("=", "+", "-", "@"))]


def test_sidecars_stand_beside_every_image_and_nothing_else_changes(hostile, model, tmp_path):
    folder, expected = hostile
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, symlinks=True, ignore=lambda _, names: [name for name in names if name == "pipe.jpg"])
    kept = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    done = run("caption", copy, "--model", model, "--output", tmp_path / "c.jsonl", "--sidecar", "txt")
    assert done.exit_code == 3 and "Traceback" not in done.output, done.output
    assert all(path.read_bytes() == content for path, content in kept.items()), "somebody's file was changed"
    new = {path for path in copy.rglob("*") if path.is_file()} - set(kept)
    # One image has a name of 254 bytes: its text has, too, for the ending is no longer.
    assert len(new) == sum(reason is None for reason in expected.values())


def test_limits_can_be_set(hostile, model, tmp_path):
    folder, _ = hostile
    for option, value, reason in (("--max-pixels", 1, "pixels in all"), ("--max-bytes", 3, "the limit is 3 bytes")):
        done = run("caption", folder / "plain.png", "--model", model, option, value)
        assert done.exit_code == 3 and reason in done.stderr


def test_what_is_printed_moves_no_cursor(hostile, model):
    folder, _ = hostile
    done = run("caption", folder, "--model", model)
    assert done.exit_code == 3 and "Traceback" not in done.output
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", done.output)


def test_a_report_of_it_is_text(hostile, model, tmp_path):
    """Wrong if a file's name becomes markup in a page that is sent to others."""
    from pipelines.evaluation.results import Evaluation, Prediction

    folder, expected = hostile
    predictions = tuple(
        Prediction(name, f"caption of {name}", (name,), {"bleu_4": 0.1}, None, folder / name) for name in expected
    )
    scores = {"brevity_penalty": 1.0, "prediction_words": 1.0, "reference_words": 1.0}
    page = render_report(Evaluation("hostile", scores, {}, predictions, {"tokenizer": "ptb"}))
    assert "<script>alert" not in page and page.count("<script") == 2


@pytest.mark.long
def test_a_real_network_and_command_come_through(hostile, tmp_path):
    import subprocess
    import sys

    from captioner.models.captioning.image_captioner import ImageCaptioner

    folder, expected = hostile
    values = {"encoder": {"name": "vgg_small", "image_size": 16, "pool": 1, "options": {"channels": 8}},
              "decoder": {"units": 8, "embedding_size": 8, "attention_size": 8},
              "search": {"num_beams": 2, "max_words": 6}}  # fmt: skip
    captioner = ImageCaptioner(CaptionerSettings.model_validate(values), Vocabulary(["a", "dog", "runs"]))
    captioner.save_to_preset(tmp_path / "model")
    command = [sys.executable, "-m", "pipelines.cli.app", "caption", folder, "--model", tmp_path / "model", "--output",
               tmp_path / "c.jsonl"]  # fmt: skip
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=os.getcwd())
    assert done.returncode == 3 and "Traceback" not in done.stderr, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "c.jsonl").read_text("utf-8").split("\n")[:-1]]
    assert {line["image"]: "error" in line for line in lines} == {
        name: reason is not None for name, reason in expected.items()
    }
