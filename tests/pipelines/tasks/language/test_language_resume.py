"""A language model whose training was killed ends where one that was never killed ends, bit for bit."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.training.checkpoint import FILE
from tests.pipelines.training.test_resume import finish, kill_when, table, tensors

ROOT = Path(__file__).parents[4]
STEPS = 60  # an epoch
SETTINGS = [
    "model.units=8",
    "model.layers=2",
    "model.embedding_size=4",
    "model.dropout=0.3",
    "text.minimum_count=1",
    "training.epochs=2",
    "training.rows=2",
    "training.chunk=4",
    "training.warmup_steps=5",
    "training.average_weights=0.9",
    "training.sample_length=20",
]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Letters that nobody can predict, in files that end in the middle of chunks."""
    folder = tmp_path_factory.mktemp("text")
    random = np.random.default_rng(0)
    for number in range(7):
        letters = random.choice(list("abcdefgh \n"), 2 * 4 * STEPS // 6 + 3)
        (folder / f"{number}.txt").write_text("".join(letters))
    return folder


def start(run, text, *more):
    options = [part for setting in (*SETTINGS, *more) for part in ("--set", setting)]
    command = [sys.executable, "-m", "pipelines.cli.app", "language", "train", "language-characters", "--data", text]
    return subprocess.Popen(
        [str(part) for part in [*command, "--out", run, *options]],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.long
def test_a_run_that_was_killed_ends_as_one_that_never_was(text, tmp_path):
    """A checkpoint that forgets the carried state, or a stream that goes on elsewhere, shows here. What all trainings
    share, `tests/pipelines/training/test_resume.py` kills twice."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(whole, text))
    often = "training.checkpoint_minutes=1e-9"
    at = kill_when(start(killed, text, often), killed, lambda at: at["epoch"] == 1 and at["step"] > 9)
    assert 9 < at["step"] < STEPS, "it was to be killed in the middle of an epoch"
    output = finish(start(killed, text, often))
    assert f"Going on at epoch 2, step {at['step'] + 1}" in output

    assert table(killed) == table(whole) and [row["epoch"] for row in table(whole)] == ["1", "2"]
    ours, theirs = tensors(killed / "model.weights.h5"), tensors(whole / "model.weights.h5")
    assert ours.keys() == theirs.keys() and len(ours) > 8
    assert not [name for name in theirs if not np.array_equal(ours[name], theirs[name])]
    with np.load(killed / FILE) as ours, np.load(whole / FILE) as theirs:
        names = [name for name in theirs.files if name != "progress"]
        assert not [name for name in names if not np.array_equal(ours[name], theirs[name])], "the last state differs"
