"""`--shard` and `captioner merge` on the command line."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pipelines.cli.app import app
from tests.pipelines.inference.jobs.test_stopping import PATIENCE, draw, folder, model, start, wait_for_more  # noqa: F401
from tests.pipelines.inference.stub_captioner import StubCaptioner


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def stub(monkeypatch):
    monkeypatch.setattr("pipelines.inference.models.load_captioner", lambda *_: StubCaptioner())


def test_three_commands_and_a_merge_give_the_file_of_one(folder, model, tmp_path, stub):  # noqa: F811
    command = ("caption", folder, "--model", model, "--batch-size", 4, "--output")
    assert run(*command, tmp_path / "whole.csv").exit_code == 3
    for number in (2, 1, 3):
        ran = run(*command, tmp_path / "c.csv", "--shard", f"{number}/3")
        assert ran.exit_code == (3 if number == 3 else 0), ran.output  # broken.jpg comes last
        assert f"c.shard-{number}-of-3.jsonl" in ran.output.replace("\n", "")
    shards = sorted(tmp_path.glob("c.shard-*"))
    assert len(shards) == 9, "what lies beside shards is among what a pattern of the shell names"
    ran = run("merge", *shards, "-o", tmp_path / "c.csv")
    assert ran.exit_code == 3 and '121 captions of 3 shards, 1 of them with an "error"' in ran.output
    assert (tmp_path / "c.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    ran = run("merge", *[path for path in shards if "-2-of-" not in path.name], "-o", tmp_path / "d.csv")
    assert ran.exit_code == 1 and "Shard 2 of 3 is missing" in ran.output


def test_shards_that_cannot_be_are_refused(folder, model, tmp_path, stub):  # noqa: F811
    ran = run("caption", folder, "--model", model, "--shard", "1/2")
    assert ran.exit_code == 1 and "--shard needs --output" in ran.output
    ran = run("caption", folder, "--model", model, "-o", tmp_path / "c.jsonl", "--shard", "0/2")
    assert ran.exit_code == 2 and "such as 3/8" in ran.output


def test_shards_of_features_are_the_files_of_one_process(tmp_path, monkeypatch):
    """They share a cache, and nothing has to be merged."""
    monkeypatch.setattr("pipelines.data.features.extract.SHARD_IMAGES", 4)
    rows = ["image,caption"]
    for number in range(14):
        name = f"{number:02}.png"
        pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "images" / name)
        rows.append(f"{name},a dog")
    (tmp_path / "captions.csv").write_text("\n".join(rows))
    command = ("features", tmp_path / "captions.csv", "--encoder", "efficientnet_lite2", "--image-size", 32,
               "--batch-size", 2, "--cache")  # fmt: skip
    assert run(*command, tmp_path / "whole").exit_code == 0
    for number in (3, 1, 2):
        ran = run(*command, tmp_path / "shared", "--shard", f"{number}/3")
        assert ran.exit_code == 0, ran.output
    files = {path.relative_to(tmp_path / "whole"): path.read_bytes() for path in (tmp_path / "whole").glob("*/*")}
    assert len(files) == 9  # four times two files, and about.json
    assert files == {
        path.relative_to(tmp_path / "shared"): path.read_bytes() for path in (tmp_path / "shared").glob("*/*")
    }


@pytest.mark.long
def test_killed_shards_go_on_and_merge_to_the_bytes_of_one_process(folder, model, tmp_path):  # noqa: F811
    for number in range(120, 600):
        draw(folder, number)
    assert start(folder, model, tmp_path / "whole.jsonl", seconds=0).wait(PATIENCE) == 3
    chance, shards = random.Random(0), []
    for number in (1, 2, 3):
        shard = tmp_path / f"c.shard-{number}-of-3.jsonl"
        for _ in range(3):
            process = start(folder, model, tmp_path / "c.jsonl", more=("--shard", f"{number}/3"))
            wait_for_more(process, shard)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert process.returncode == -signal.SIGKILL, "the shard ended before it was killed"
        assert start(folder, model, tmp_path / "c.jsonl", seconds=0, more=("--shard", f"{number}/3")).wait(
            PATIENCE
        ) in (0, 3)
        shards.append(shard)
    chance.shuffle(shards)
    command = [sys.executable, "-m", "pipelines.cli.app", "merge", *map(str, shards), "-o", str(tmp_path / "c.jsonl")]
    assert subprocess.run(command, cwd=Path(__file__).parents[3], timeout=PATIENCE).returncode == 3
    assert (tmp_path / "c.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
