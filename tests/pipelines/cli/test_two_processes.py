"""Two processes at once: the second starter of a command that writes is refused at once, or does no harm."""

import subprocess
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from captioner.files import locked_file, locked_folder
from captioner.presets.folder import write_preset
from captioner.settings import CaptionerSettings, VisualQASettings
from captioner.text.answers import AnswerList
from captioner.text.vocabulary import Vocabulary
from pipelines.cli.app import app
from pipelines.data.features.cache import FeatureCache, FeatureRows, KnownFiles
from pipelines.evaluation.reports.write import write_evaluation
from pipelines.evaluation.results import Evaluation, Prediction


@contextmanager
def elsewhere(lock):
    """Somebody else has the lock: a thread, which is refused as another process is."""
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with lock:
            entered.set()
            leave.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert entered.wait(10)
    try:
        yield
    finally:
        leave.set()
        thread.join()


def refused(*arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 1 and "is being written by another process" in done.output, done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    "command",
    [
        ("train", "shapes"),
        ("train", "vqa-film"),
        ("train", "sequence-tag"),
        ("train", "glimpses"),
        ("language", "train", "language-characters"),
        ("average", "flickr8k", "flickr8k"),
        ("stitch", "flickr8k", "shapes"),
        ("data", "shapes"),
        ("data", "clips"),
    ],
    ids=" ".join,
)
def test_a_folder_that_is_being_written_is_refused(tmp_path, monkeypatch, command):
    """Wrong if two trainings write into one folder: a model of mixed files, and checkpoints of both."""
    monkeypatch.chdir(tmp_path)
    with elsewhere(locked_folder(tmp_path / "out")):
        refused(*command, "--out", tmp_path / "out")
        assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"], "something was written"


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    """Presets that are checked, but never loaded."""
    root = tmp_path_factory.mktemp("presets")
    write_preset(root / "captioner", CaptionerSettings(), Vocabulary(["a"]), lambda path: path.write_bytes(b"w"), {})
    write_preset(
        root / "vqa", VisualQASettings(), Vocabulary(["a"], "unicode"), lambda path: path.write_bytes(b"w"), {},
        AnswerList(["yes"]),
    )  # fmt: skip
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(root / "a.png")
    (root / "questions.csv").write_text("image,question\na.png,what?\n")
    (root / "captions.csv").write_text("image,caption\na.png,a dog\n")
    return root


@pytest.mark.parametrize(
    ("command", "journal"),
    [
        (("caption", "a.png", "--model", "captioner", "--output", "out.csv"), "out.csv.jsonl"),
        (("ask", "--questions", "questions.csv", "--model", "vqa", "--output", "out.jsonl"), "out.jsonl"),
        (("score", "captions.csv", "--model", "captioner", "--output", "out.csv"), "out.csv.jsonl"),
        (("language", "tasks", "--output", "out.csv"), "out.csv"),
        (("language", "tasks", "--output", "out.md"), "out.csv"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_a_file_that_is_being_written_is_refused(presets, monkeypatch, command, journal):
    monkeypatch.chdir(presets)
    with elsewhere(locked_file(presets / journal)):
        refused(*command)
    assert not list(presets.glob("out*")), "something was left behind"


@pytest.mark.parametrize(
    "command",
    [
        ("rank", "captioner", "--output", "out.json"),
        ("language", "score", "captioner", "--text", "a", "--output", "out.jsonl"),
        ("language", "inspect", "captioner", "--text", "a", "--output", "out.html"),
        ("export", "captioner", "--format", "onnx", "--out", "out"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_what_is_written_in_the_end_is_claimed_in_the_beginning(presets, monkeypatch, command):
    """Wrong if of two processes with one output the first's result is replaced by that of the second."""
    monkeypatch.chdir(presets)
    monkeypatch.setattr("pipelines.utils.console.load_keras", lambda: pytest.fail("loaded before the lock was asked"))
    with elsewhere(locked_file(presets / command[-1])):
        refused(*command)
    assert not list(presets.glob("out*")), "something was left behind"


# Commands that write, by the test here which has two of them at once, and those that write nothing.
REFUSED = {
    "train", "caption", "ask", "score", "rank", "average", "calibrate", "stitch", "export", "data shapes", "data clips",
    "language train", "language score", "language inspect", "language tasks",
}  # fmt: skip
# A report is written at once in the end, under a lock that is waited for; caches are shared. A converted data set takes
# its name whole, if nobody has; shards merge, under a lock, to the same bytes.
HARMLESS = {"evaluate", "language gradients", "features", "data convert", "merge"}
READING = {"serve", "compare", "check", "list", "language sample", "sequence predict", "sequence sharing"}


def test_every_command_was_tried_twice_at_once():
    """A new command that writes gets a test above, and a name in one of these lists."""

    def names(group, *before):
        for name, found in group.commands.items():
            yield from names(found, *before, name) if hasattr(found, "commands") else [" ".join((*before, name))]

    assert set(names(typer.main.get_command(app))) == REFUSED | HARMLESS | READING


def test_a_model_that_is_being_trained_is_not_calibrated(presets):
    with elsewhere(locked_folder(presets / "captioner")):
        refused("calibrate", presets / "captioner")


def evaluation(name):
    prediction = Prediction(f"{name}.jpg", name, (name,), {})
    return Evaluation(name, {}, {}, (prediction,), {"model": name}, {}, rows={"bleu": np.zeros((1, 2))})


def test_two_evaluations_leave_the_report_of_one(tmp_path):
    """They write one after the other: the files of a report are of one evaluation."""

    def write(name):
        for _ in range(3):
            write_evaluation(evaluation(name), tmp_path / "report", "markdown")

    threads = [threading.Thread(target=write, args=(name,)) for name in ("ant", "bee")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = {
        path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "report").iterdir() if path.suffix != ".npz"
    }
    names = {name: {word for word in ("ant", "bee") if f"{word}.jpg" in text} for name, text in texts.items()}
    assert len({word for words in names.values() for word in words}) == 1, names


REMEMBERS = """
import os, sys
from pathlib import Path
from pipelines.data.features.cache import KnownFiles
for number in range(40):
    known = KnownFiles(Path(sys.argv[1]))
    for k in range(20):
        known.remember(Path(f"/{sys.argv[2]}-{number}-{k}"), os.stat("."), sys.argv[2] * 64)
    known.save()
"""


def test_processes_that_share_a_cache_lose_no_line_of_each_other(tmp_path):
    path = tmp_path / "files.jsonl"
    processes = [subprocess.Popen([sys.executable, "-c", REMEMBERS, str(path), letter]) for letter in "ab"]
    assert [process.wait(120) for process in processes] == [0, 0]
    known = KnownFiles(path)._known
    assert len(known) == 2 * 40 * 20
    assert all(digest == name[1] * 64 for name, (_, _, digest) in known.items())


def test_processes_that_share_a_cache_read_whole_features(tmp_path):
    """The same images give the same shard: whoever writes it last writes the same bytes."""
    identity, shape = {"network": "n", "cut": "c"}, (4, 4)
    features = np.arange(32, dtype="float16").reshape(2, *shape)
    faults = []

    def work():
        for _ in range(10):
            cache = FeatureCache(tmp_path, identity, shape)
            cache.prepare()
            cache.add(["a", "b"], features)
            cache = FeatureCache(tmp_path, identity, shape)
            row = np.empty(shape, "float16")
            FeatureRows(cache).read_into(row, *cache.location("b"))
            if not np.array_equal(row, features[1]):
                faults.append(row)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults and sorted(path.suffix for path in tmp_path.rglob("*.*") if path.is_file()) == [
        ".json", ".json", ".npy"
    ]  # fmt: skip


def test_the_end_of_memory_is_a_sentence(presets, monkeypatch):
    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr("pipelines.evaluation.evaluated.read_evaluations", full)
    done = CliRunner().invoke(app, ["compare", str(presets)])
    assert done.exit_code == 1 and "There is not enough memory for this." in done.output
