"""Captioning that is stopped: killed, interrupted, on a disk that is full or may only be read."""

import json
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from captioner.presets.folder import write_preset
from captioner.settings import CaptionerSettings
from captioner.text.vocabulary import Vocabulary
from pipelines.inference.jobs.captioning import CaptionOptions
from tests.pipelines.inference.stub_captioner import StubCaptioner
from tests.support_jobs import caption_images

ROOT = Path(__file__).parents[4]
OPTIONS = CaptionOptions(batch_size=4)
PATIENCE = 900.0  # seconds after which something hangs
MINUTE, HASTE = 60.0, 30.0  # how long a slow network computes, and how long a stop that does not wait for it may take

# The command itself; only the network is a stub, which takes its time.
COMMAND = """
    import sys
    from pipelines.cli.app import main
    from pipelines.inference import models
    from tests.pipelines.inference.stub_captioner import StubCaptioner
    seconds, quick = float(sys.argv.pop(1)), int(sys.argv.pop(1))
    models.load_captioner = lambda *_: StubCaptioner(seconds, quick=quick)
    main()
"""


def draw(folder, number):
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(folder / f"{number:03}.png")


@pytest.fixture
def folder(tmp_path):
    for number in range(120):
        draw(tmp_path / "in", number)
    (tmp_path / "in" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return tmp_path / "in"


@pytest.fixture
def model(tmp_path):
    write_preset(
        tmp_path / "model",
        CaptionerSettings(),
        Vocabulary(["a"]),
        lambda path: path.write_bytes(b""),
        {"recipe": "stub"},
    )
    return tmp_path / "model"


def start(folder, model, output, seconds=0.03, quick=0, limit=None, more=()):
    command = [sys.executable, "-c", textwrap.dedent(COMMAND), str(seconds), str(quick), "caption", str(folder),
               "--model", str(model), "--output", str(output), "--batch-size", "4", *more]  # fmt: skip

    def prepare():
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored in what a script runs in the background
        if limit:
            import resource

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python does; an error is told then
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=prepare, start_new_session=True,
    )  # fmt: skip


def wait_for_more(process, output):
    """Waits until the job has got on by a batch: a slow machine would otherwise never get on."""
    size = output.stat().st_size if output.exists() else 0
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and (not output.exists() or output.stat().st_size <= size):
        assert time.monotonic() < deadline, "the job does not get on"
        time.sleep(0.005)


def kill_again_and_again(begin, output, whole, times, chance):
    """Kills a job so many times at random moments, each time before its file was `whole`: else nothing is tested."""
    for kills in range(times):
        process = begin()
        wait_for_more(process, output)
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        said = process.communicate()
        hit = process.returncode == -signal.SIGKILL and output.stat().st_size < whole.stat().st_size
        assert hit, f"{kills} kills hit the job, then it ended by itself: {said}"


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.long)])
def test_killed_at_random_moments_the_file_has_the_same_bytes(folder, model, tmp_path, times):
    """No line twice, none missing, none cut: nobody has to look a caption file over after a power cut."""
    for number in range(120, 120 + 28 * times):  # more than a job gets on until it is killed: seven batches
        draw(folder, number)
    quiet, output = tmp_path / "quiet.jsonl", tmp_path / "c.jsonl"
    process = start(folder, model, quiet, seconds=0)
    assert process.wait(PATIENCE) == 3, process.communicate()
    kill_again_and_again(lambda: start(folder, model, output), output, quiet, times, random.Random(times))
    process = start(folder, model, output, seconds=0)
    said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, said
    assert output.read_bytes() == quiet.read_bytes()


@pytest.mark.long
def test_killed_twice_with_a_real_network_the_file_has_the_same_bytes(folder, tmp_path):
    """The last digits of a real network's scores depend on what else is in the batch."""
    from captioner.models.captioning.image_captioner import ImageCaptioner
    from tests.support import randomise

    values = {"encoder": {"name": "vgg_small", "image_size": 16, "pool": 1, "options": {"channels": 8}},
              "decoder": {"units": 8, "embedding_size": 8, "attention_size": 8},
              "search": {"num_beams": 2, "max_words": 8}}  # fmt: skip
    words = Vocabulary([f"word{number}" for number in range(40)])
    captioner = ImageCaptioner(CaptionerSettings.model_validate(values), words)
    randomise(captioner.decoder, scale=1.5)
    captioner.save_to_preset(tmp_path / "model")
    for number in range(120, 900):
        draw(folder, number)
    command = [sys.executable, "-m", "pipelines.cli.app", "caption", str(folder), "--model", str(tmp_path / "model"),
               "--batch-size", "8", "--output"]  # fmt: skip

    def begin(output):
        return subprocess.Popen([*command, str(output)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    quiet, output = tmp_path / "quiet.jsonl", tmp_path / "c.jsonl"
    assert begin(quiet).wait(PATIENCE) == 3
    assert len({json.loads(line).get("score") for line in quiet.read_text("utf-8").splitlines()}) > 20
    kill_again_and_again(lambda: begin(output), output, quiet, 2, random.Random(0))
    assert begin(output).wait(PATIENCE) == 3
    assert output.read_bytes() == quiet.read_bytes()


def test_control_c_ends_it_and_says_how_to_go_on(folder, model, tmp_path):
    """The network computes for a minute: whoever waited for it would not be done in half of that."""
    output = tmp_path / "c.jsonl"
    assert start(folder, model, tmp_path / "quiet.jsonl", seconds=0).wait(PATIENCE) == 3
    process = start(folder, model, output, seconds=MINUTE, quick=2)
    try:
        wait_for_more(process, output)
        time.sleep(1)  # then the batches that take no time are done
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=HASTE)
    finally:
        process.kill()
    assert process.returncode == 130 and "Traceback" not in said
    assert f"Stopped. What is done is in {output}; the same command goes on from there." in said
    assert start(folder, model, output, seconds=0).wait(PATIENCE) == 3
    assert output.read_bytes() == (tmp_path / "quiet.jsonl").read_bytes()


INTERRUPTED = """
    import os, signal, sys, threading
    from pathlib import Path
    from tests.pipelines.inference.jobs.test_stopping import OPTIONS
    from tests.pipelines.inference.stub_captioner import StubCaptioner
    from tests.support_jobs import caption_images

    class Interrupted(StubCaptioner):
        def encode(self, *arguments, **options):
            threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
            return super().encode(*arguments, **options)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a script runs in the background
    try:
        caption_images([sys.argv[1]], Interrupted(seconds=5.0), Path(sys.argv[2]), options=OPTIONS)
    except KeyboardInterrupt:
        os.write(1, b"stopped")
        os._exit(0)
"""


def test_control_c_is_heard_while_the_network_computes(folder, tmp_path):
    """A signal that waited for the network would find the first batch written."""
    command = [sys.executable, "-c", textwrap.dedent(INTERRUPTED), str(folder), str(tmp_path / "c.jsonl")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert ran.stdout == "stopped", ran.stderr
    assert not (tmp_path / "c.jsonl").read_bytes()
    caption_images([folder], StubCaptioner(), tmp_path / "c.jsonl", options=OPTIONS)
    assert len((tmp_path / "c.jsonl").read_bytes().splitlines()) == 121


def test_a_file_that_may_not_grow_is_a_sentence_and_the_job_goes_on_later(folder, model, tmp_path):
    pytest.importorskip("resource")
    quiet, output = tmp_path / "quiet.jsonl", tmp_path / "c.jsonl"
    assert start(folder, model, quiet, seconds=0).wait(PATIENCE) == 3
    process = start(folder, model, output, seconds=0, limit=5000)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1 and "Traceback" not in said
    assert f"{output} cannot be written: the file would be larger than" in said
    assert "What was written until now is kept: the same command goes on from there." in said
    assert 0 < output.stat().st_size <= 5000 and quiet.read_bytes().startswith(output.read_bytes())
    assert start(folder, model, output, seconds=0).wait(PATIENCE) == 3
    assert output.read_bytes() == quiet.read_bytes()


@pytest.fixture
def disk(tmp_path):
    """A disk of 64 kB, where this machine lets the tests make one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no `mount` here")
    if done.returncode:
        pytest.skip("these tests may not mount a disk here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True, capture_output=True)


def test_a_full_disk_is_a_sentence_and_loses_nothing(folder, model, tmp_path, disk):
    quiet, output = tmp_path / "quiet.jsonl", disk / "c.jsonl"
    assert start(folder, model, quiet, seconds=0).wait(PATIENCE) == 3
    (disk / "ballast").write_bytes(bytes(48 * 1024))
    process = start(folder, model, output, seconds=0)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1 and "Traceback" not in said, said
    assert "cannot be written: the disk is full. Free some space." in said
    (disk / "ballast").unlink()
    assert start(folder, model, output, seconds=0).wait(PATIENCE) == 3
    assert output.read_bytes() == quiet.read_bytes()


def test_a_disk_that_may_only_be_read_is_a_sentence(folder, model, disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True, capture_output=True)
    process = start(folder, model, disk / "c.jsonl", seconds=0)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1 and "Traceback" not in said
    assert "c.jsonl cannot be written: its disk is read-only. Give another place." in said
