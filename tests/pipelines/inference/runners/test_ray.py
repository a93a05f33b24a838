"""Jobs on Ray: the bytes of one process, whoever is killed; nobody else is let in; one sentence for what is wrong."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from captioner.errors import UserError
from pipelines.inference.jobs.captioning import CaptionJob, CaptionOptions
from pipelines.inference.runners.local import run_job
from pipelines.inference.runners.ray import RayCluster, Worker
from tests.pipelines.inference.jobs.test_job import Lengths
from tests.pipelines.inference.stub_captioner import StubCaptioner

ROOT = Path(__file__).parents[4]
PATIENCE = 900.0  # seconds after which something hangs


def needs_ray():
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'captioner[ray]'")


def draw(folder, numbers):
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:05}.png")


@pytest.fixture
def folder(tmp_path):
    draw(tmp_path / "in", range(200))
    (tmp_path / "in" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return tmp_path / "in"


def begin(folder, output, seconds=0.0, workers=2):
    command = [sys.executable, "-m", "tests.pipelines.inference.runners.run_stub_job", str(folder), str(output),
               str(seconds), str(workers)]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def one_process(folder, output):
    run_job(CaptionJob([folder], StubCaptioner(), CaptionOptions(batch_size=4)), output)
    return output.read_bytes()


def workers_of(process):
    return [each for each in psutil.Process(process.pid).children(recursive=True) if "ray::Worker" in each.name()]


def wait_for(condition, process):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the job does not get on"
        time.sleep(0.02)


def wait_for_progress(process, output):
    before = size(output)
    wait_for(lambda: size(output) > before and len(workers_of(process)) == 2, process)


def size(path):
    return path.stat().st_size if path.exists() else 0


@pytest.mark.long
def test_two_workers_write_the_bytes_of_one_process(folder, tmp_path):
    needs_ray()
    for workers in (1, 2):
        process = begin(folder, tmp_path / f"{workers}.csv", workers=workers)
        said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0 and "done=200, skipped=1" in said, said
        one_process(folder, tmp_path / "whole.csv")
        for ending in ("csv", "csv.jsonl", "csv.jsonl.run.json", "csv.jsonl.stamps"):
            whole = (tmp_path / f"whole.{ending}").read_bytes()
            assert (tmp_path / f"{workers}.{ending}").read_bytes() == whole, ending


@pytest.mark.long
def test_a_local_ray_listens_on_the_loopback_interface_only(folder, tmp_path):
    """Whoever reaches a port of Ray runs code on this machine."""
    needs_ray()
    process = begin(folder, tmp_path / "c.jsonl", seconds=1.0)
    try:
        wait_for(lambda: size(tmp_path / "c.jsonl"), process)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        heard = []
        for each in family:
            try:
                heard += [link.laddr.ip for link in each.net_connections("inet") if link.status == psutil.CONN_LISTEN]
            except psutil.NoSuchProcess:
                continue
        assert len(heard) > 3, "what Ray listens on was not found"
        assert {address.removeprefix("::ffff:") for address in heard} <= {"127.0.0.1", "::1"}
    finally:
        process.kill()
        process.communicate()


@pytest.mark.long
@pytest.mark.parametrize("victim", ["worker", "driver"])
def test_killed_ten_times_the_file_has_the_same_bytes(folder, tmp_path, victim):
    """A worker that is killed is replaced, and a command that is killed goes on when it is repeated."""
    needs_ray()
    chance, output = random.Random(victim), tmp_path / "c.jsonl"
    draw(folder, range(200, 3000))
    whole = one_process(folder, tmp_path / "whole.jsonl")
    process = begin(folder, output, seconds=0.05)
    for kills in range(10):
        wait_for_progress(process, output)
        time.sleep(chance.uniform(0, 0.3))
        hit = size(output) < len(whole)
        if victim == "worker":
            chance.choice(workers_of(process)).send_signal(signal.SIGKILL)
        else:
            family = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            family = [each for each in family if each.is_running() and "Agent" not in each.name()]  # these end later
            _, alive = psutil.wait_procs(family, timeout=60)
            assert not alive, f"they go on without their driver: {alive}"
            process = begin(folder, output, seconds=0.05)
        assert hit, f"{kills} kills hit the job, then it had ended"
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert output.read_bytes() == whole


@pytest.mark.long
def test_the_command_has_the_same_captions_with_a_real_network(folder, tmp_path):
    """And says which other preset a worker has found, if the preset changes under the command."""
    needs_ray()
    from captioner.models.captioning.image_captioner import ImageCaptioner
    from captioner.settings import CaptionerSettings
    from captioner.text.vocabulary import Vocabulary
    from tests.support import randomise

    values = {"encoder": {"name": "vgg_small", "image_size": 16, "pool": 1, "options": {"channels": 8}},
              "decoder": {"units": 8, "embedding_size": 8, "attention_size": 8},
              "search": {"num_beams": 2, "max_words": 8}}  # fmt: skip
    captioner = ImageCaptioner(CaptionerSettings.model_validate(values), Vocabulary([f"w{n}" for n in range(40)]))
    randomise(captioner.decoder, scale=1.5)
    captioner.save_to_preset(tmp_path / "model")

    def run(output, *more):
        command = [sys.executable, "-m", "pipelines.cli.app", "caption", str(folder), "--batch-size", "8",
                   "--model", str(tmp_path / "model"), "--output", str(output), *more]  # fmt: skip
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
        assert "Traceback" not in ran.stderr, ran.stderr
        return ran

    assert run(tmp_path / "whole.jsonl").returncode == 3
    on_ray = ("--runner", "ray", "--workers", "2")
    ran = run(tmp_path / "c.jsonl", *on_ray)
    assert ran.returncode == 3 and "200 images captioned" in ran.stderr, ran.stderr
    lines = [json.loads(line) for line in (tmp_path / "whole.jsonl").read_text().splitlines()]
    assert len({line.get("score") for line in lines}) > 20
    assert (tmp_path / "c.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    ran = run(tmp_path / "d.jsonl", *on_ray, "--dry-run")
    assert ran.returncode == 0 and "201 to do, " in ran.stdout + ran.stderr and not list(tmp_path.glob("d.*"))


class Unloadable(Lengths):
    def load(self):
        raise UserError("There is no preset nowhere.")


class Deadly(Lengths):
    def work(self, batch, missing, contents):
        if "fox" in batch:
            os._exit(1)
        return super().work(batch, missing, contents)


class Slow(Lengths):
    """So many items that a worker is lost in the middle of them."""

    def __init__(self):
        super().__init__([f"item {number:03}" for number in range(100)])

    def work(self, batch, missing, contents):
        time.sleep(0.2)
        return super().work(batch, missing, contents)


@pytest.mark.long
@pytest.mark.parametrize("again", ["no", "yes"])
def test_a_cluster_that_loses_all_workers_keeps_what_was_written(tmp_path, again):
    """And goes on if it gets another machine in time."""
    needs_ray()
    command = [sys.executable, "-m", "tests.pipelines.inference.runners.lose_cluster", str(tmp_path / "l.jsonl"), again]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    run_job(Slow(), tmp_path / "whole.jsonl")
    whole, written = (tmp_path / "whole.jsonl").read_bytes(), (tmp_path / "l.jsonl").read_bytes()
    if again == "yes":
        assert ran.returncode == 0 and written == whole, ran.stderr
    else:
        assert ran.returncode == 1 and "The cluster has lost all its workers, and no machine that" in ran.stderr
        assert written and whole.startswith(written) and written != whole
        run_job(Slow(), tmp_path / "l.jsonl")
        assert (tmp_path / "l.jsonl").read_bytes() == whole


class Unreadable(Lengths):
    """Of another version: a worker does not know it."""

    def __reduce__(self):
        return _unknown, ()


def _unknown():
    raise AttributeError("there is no Unreadable")


class Elsewhere(Lengths):
    def places(self):
        return ["/nowhere/at/all"]


@pytest.mark.long
@pytest.mark.parametrize(
    "job, match",
    [
        (Unloadable, "A worker of the cluster cannot go on: There is no preset nowhere. What was written until now"),
        (Elsewhere, "it has no /nowhere/at/all: the same files are needed on all machines"),
        (Unreadable, "it cannot read the job, so it may have another version of captioner .*no Unreadable"),
        (Deadly, "5 workers died over the batch that begins with fox: there may not be enough memory"),
    ],
)
def test_what_a_worker_cannot_do_is_a_sentence_and_what_was_written_stays(tmp_path, job, match):
    needs_ray()
    run_job(Lengths(["ant", "", "bee", "cicada"]), tmp_path / "l.jsonl")
    before = (tmp_path / "l.jsonl").read_bytes()
    with pytest.raises(UserError, match=match):
        run_job(job(), tmp_path / "l.jsonl", compute=RayCluster(workers=1).compute)
    assert (tmp_path / "l.jsonl").read_bytes().startswith(before)
    run_job(Lengths(), tmp_path / "l.jsonl")
    run_job(Lengths(), tmp_path / "whole.jsonl")
    assert (tmp_path / "l.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.long
def test_more_workers_than_there_is_room_for_are_refused(tmp_path):
    needs_ray()
    with pytest.raises(UserError, match=r"5,000 workers need as many cores, and this cluster has \d+: give --workers"):
        run_job(Lengths(), tmp_path / "l.jsonl", compute=RayCluster(workers=5000).compute)
    assert not list(tmp_path.iterdir())


def test_a_worker_of_another_version_is_refused(monkeypatch):
    monkeypatch.setattr("os.environ", dict(os.environ))
    worker = Worker("0.0.0", 1, {}, os.getcwd(), [])
    assert "of captioner and the command has 0.0.0: install the same one" in worker.start([]).reason


def test_without_ray_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("os.environ", dict(os.environ))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"The runner ray needs a package more: pip install 'captioner\[ray\]'\."):
        run_job(Lengths(), tmp_path / "l.jsonl", compute=RayCluster().compute)
    assert not list(tmp_path.iterdir())


def test_an_address_that_does_not_answer_is_a_sentence(tmp_path):
    needs_ray()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    for given, match in {
        address: f"No Ray cluster answers at {address}",
        "nowhere": "takes HOST:PORT of the head of a Ray cluster, or auto; received was 'nowhere'",
        "ray://head:10001": "takes HOST:PORT",
        "head:99999999": "No Ray cluster answers at head:99999999",
    }.items():
        with pytest.raises(UserError, match=match):
            run_job(Lengths(), tmp_path / "l.jsonl", compute=RayCluster(given).compute)
    assert not list(tmp_path.iterdir())


def test_a_finished_job_needs_no_cluster(tmp_path):
    run_job(Lengths(), tmp_path / "l.jsonl")
    summary = run_job(Lengths(), tmp_path / "l.jsonl", compute=RayCluster("nowhere").compute)
    assert summary.before == 7
