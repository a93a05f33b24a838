"""Training that is killed and started again ends where one that was never killed ends, bit for bit."""

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipelines.data.datasets import shapes
from pipelines.training.checkpoint import FILE, read_progress

ROOT = Path(__file__).parents[3]
SETTINGS = [
    "encoder.image_size=16",
    "encoder.options.channels=8",
    "decoder.units=6",
    "decoder.embedding_size=5",
    "decoder.attention_size=4",
    "decoder.dropout=0.3",
    "decoder.word_dropout=0.1",
    "text.max_length=6",
    "search.max_words=4",
    "training.evaluate_num_beams=1",
    "training.epochs=2",
    "training.images_per_batch=2",
    "training.captions_per_image=2",
    "training.warmup_steps=5",
    "training.attention_penalty=0.1",
    "training.average_weights=0.9",
    "training.scheduled_sampling.probability=0.5",
    'training.augmentations=["flip"]',
    "training.select_by=bleu_4",
    "training.xla=true",
]
STEPS = 60  # an epoch; enough of them that a kill always lands between two
PATIENCE = 300.0  # seconds; a crowded machine must not fail the test


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "shapes"
    shapes.draw(root, sizes={"train": 2 * STEPS, "dev": 6}, image_size=32)
    return root


def start(run: Path, data: Path, *more: str) -> subprocess.Popen:
    """The command that people type, with XLA on as they have it with photographs."""
    options = [part for setting in (*SETTINGS, *more) for part in ("--set", setting)]
    command = [sys.executable, "-m", "pipelines.cli.app", "train", "shapes", "--data", data, "--out", run, *options]
    return subprocess.Popen(
        [str(part) for part in command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process: subprocess.Popen) -> str:
    said, _ = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0, said
    return said


def kill_when(process: subprocess.Popen, run: Path, reached) -> dict:
    """SIGKILL as soon as the checkpoint says so; returns where the run then stands."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        at = read_progress(run)
        if at and reached(at):
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert process.returncode == -signal.SIGKILL
            return read_progress(run)
        time.sleep(0.005)
    process.kill()
    pytest.fail(f"The run never came to the place where it was to be killed:\n{process.communicate()[0]}")


def table(run: Path) -> list[dict]:
    with open(run / "metrics.csv", encoding="utf-8", newline="") as file:
        return [{k: v for k, v in row.items() if "seconds" not in k} for row in csv.DictReader(file)]


def tensors(path: Path) -> dict[str, np.ndarray]:
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.mark.long
def test_a_run_that_was_killed_twice_ends_as_one_that_never_was(data, tmp_path):
    """Anything a checkpoint forgets shows here: dropout's seeds, the optimizer's moments and step, moving averages, the
    order of the data and the place in it, which words are the decoder's own, the view of each image, the mean of
    the loss, the best score so far."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(whole, data))
    often = "training.checkpoint_minutes=1e-9"

    at = kill_when(start(killed, data, often), killed, lambda at: at["step"] == STEPS)
    assert (at["epoch"], at["step"], at["history"]) == (0, STEPS, []), "to be killed while captions are decoded"
    at = kill_when(start(killed, data, often), killed, lambda at: at["epoch"] == 1 and at["step"] > 5)
    assert 5 < at["step"] < STEPS, "it was to be killed in the middle of an epoch"
    said = finish(start(killed, data, often))
    assert f"Going on at epoch 2, step {at['step'] + 1}" in said

    assert table(killed) == table(whole) and [row["epoch"] for row in table(whole)] == ["1", "2"]
    for name in ("vocabulary.txt", "words.txt", "config.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    ours, theirs = tensors(killed / "model.weights.h5"), tensors(whole / "model.weights.h5")
    assert ours.keys() == theirs.keys() and len(ours) > 20
    different = [name for name in theirs if not np.array_equal(ours[name], theirs[name])]
    assert not different, f"the model that was kept differs in {different}"
    with np.load(killed / FILE) as ours, np.load(whole / FILE) as theirs:
        names = [name for name in theirs.files if name != "progress"]
        assert not [name for name in names if not np.array_equal(ours[name], theirs[name])], "the last state differs"
