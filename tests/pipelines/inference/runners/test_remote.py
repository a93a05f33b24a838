"""Images, presets and outputs at s3://, in a store on the loopback interface."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from captioner import remote
from captioner.errors import UserError
from captioner.images.decode import ImageError, ImageLimits, read_bytes
from captioner.presets.folder import write_preset
from captioner.remote import find_file, list_files, read_file, remove_file, write_file
from captioner.settings import CaptionerSettings
from captioner.text.vocabulary import Vocabulary
from pipelines.cli.app import app
from pipelines.inference.jobs.captioning import CaptionJob, CaptionOptions
from pipelines.inference.jobs.image_walk import find_images
from pipelines.inference.runners import remote_output
from pipelines.inference.runners.local import run_job
from tests.pipelines.inference.jobs.test_job import Lengths
from tests.pipelines.inference.stub_captioner import StubCaptioner

ROOT = Path(__file__).parents[4]
BUCKET = "s3://bucket"
PATIENCE = 900.0
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'captioner[cloud]'")
    moto = pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[server]'")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}.items():
            patch.setenv(name, value)
        yield server
    server.stop()


@pytest.fixture
def store(server):
    """An empty bucket."""
    import s3fs

    urllib.request.urlopen(urllib.request.Request(f"{os.environ['AWS_ENDPOINT_URL']}/moto-api/reset", method="POST"))
    s3fs.S3FileSystem(use_listings_cache=False).mkdir("bucket")


def picture(number):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def fill(names):
    for number, name in enumerate(names):
        write_file(f"{BUCKET}/in/{name}", picture(number))


def names_in(folder=BUCKET):
    return [file.address.removeprefix(f"{folder}/") for file in list_files(folder)]


def caption(output, paths=(f"{BUCKET}/in",), seconds=0.0, **callbacks):
    return run_job(CaptionJob(paths, StubCaptioner(seconds), CaptionOptions(batch_size=4)), output, **callbacks)


def test_all_objects_below_a_folder_are_found_in_order_whatever_their_number(store, monkeypatch):
    monkeypatch.setattr("captioner.remote._PAGE", 3)
    fill([f"{number:02}.png" for number in range(8)])
    write_file(f"{BUCKET}/other/9.png", b"x")
    write_file(f"{BUCKET}/in2.png", b"x")
    assert names_in(f"{BUCKET}/in") == [f"{number:02}.png" for number in range(8)]
    assert [file.address for file in list_files(f"{BUCKET}/in/03.png")] == [f"{BUCKET}/in/03.png"]
    assert len(names_in()) == 10 and find_file(f"{BUCKET}/in/nothing") is None


def test_an_object_is_an_image_by_its_name_or_its_content(store):
    fill(["b/2.png", "a/1.png", "noname"])
    for name in ("text.txt", "._1.png", "@eaDir/x.png", "folder/"):
        write_file(f"{BUCKET}/in/{name}", b"no image")
    found = list(find_images([f"{BUCKET}/in"]))
    assert [image.name for image in found] == ["a/1.png", "b/2.png", "noname"]
    assert [image.name for image in find_images([f"{BUCKET}/in/a", f"{BUCKET}/in/b"])] == [
        f"{BUCKET}/in/a/1.png",
        f"{BUCKET}/in/b/2.png",
    ]
    image = found[0].path
    assert read_bytes(image) == picture(1)
    with pytest.raises(ImageError, match="too large: "):
        read_bytes(image, ImageLimits(max_bytes=10))
    remove_file(image)
    with pytest.raises(ImageError, match="there is no such file"):
        read_bytes(image)


def test_a_folder_in_the_store_has_the_records_of_the_same_folder_on_disk(store, tmp_path):
    names = [f"{number:02}.png" for number in range(10)]
    fill(names)
    write_file(f"{BUCKET}/in/broken.jpg", b"\xff\xd8\xff")
    for number, name in enumerate(names):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(picture(number))
    (tmp_path / "in" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    caption(tmp_path / "disk.csv", [tmp_path / "in"])
    for output in (f"{BUCKET}/out/c.csv", tmp_path / "c.csv"):
        summary = caption(output)
        assert (summary.done, summary.skipped) == (10, 1)
    for ending in ("", ".jsonl"):
        whole = (tmp_path / f"disk.csv{ending}").read_bytes()
        assert read_file(f"{BUCKET}/out/c.csv{ending}") == (tmp_path / f"c.csv{ending}").read_bytes() == whole
    assert names_in(f"{BUCKET}/out") == ["c.csv", "c.csv.jsonl", "c.csv.jsonl.run.json", "c.csv.jsonl.stamps"]
    fill(["00.png", "new.png"])  # the first as it was
    write_file(f"{BUCKET}/in/03.png", picture(99))
    summary = caption(f"{BUCKET}/out/c.csv")
    assert (summary.before, summary.changed, summary.done) == (10, 1, 2)


def test_a_job_cut_after_any_part_goes_on_and_has_the_same_bytes(store, monkeypatch):
    """A part after every record; the job ends without a chance to write anything more."""
    monkeypatch.setattr(remote_output, "EVERY", 0.0)
    run_job(Lengths(), f"{BUCKET}/whole.jsonl")
    whole = read_file(f"{BUCKET}/whole.jsonl")

    class Killed(BaseException):
        pass

    for records in range(1, 7):
        monkeypatch.setattr(remote_output.RemoteOutput, "keep", lambda self: None)
        count = 0

        def count_down(record, records=records):
            nonlocal count
            count += 1
            if count > records:
                raise Killed

        with pytest.raises(Killed):
            run_job(Lengths(), f"{BUCKET}/l.jsonl", on_record=count_down)
        assert any(".parts/" in name for name in names_in())
        resumed = []
        summary = run_job(Lengths(), f"{BUCKET}/l.jsonl", on_start=resumed.append)
        assert resumed[0] == summary.before >= records
        assert read_file(f"{BUCKET}/l.jsonl") == whole, records
        assert sorted(name for name in names_in() if name.startswith("l.")) == [
            "l.jsonl", "l.jsonl.run.json", "l.jsonl.stamps",
        ]  # fmt: skip
        for name in ("l.jsonl", "l.jsonl.run.json", "l.jsonl.stamps"):
            remove_file(f"{BUCKET}/{name}")


def test_what_a_job_had_written_is_kept_when_it_fails_and_another_job_is_refused(store):
    class Broken(Lengths):
        def work(self, batch, missing, contents):
            if "fox" in batch:
                raise UserError("the network is broken")
            return super().work(batch, missing, contents)

    with pytest.raises(UserError, match="the network is broken"):
        run_job(Broken(), f"{BUCKET}/l.jsonl")
    before = []
    run_job(Lengths(), f"{BUCKET}/l.jsonl", on_start=before.append)
    assert before == [6]
    with pytest.raises(UserError, match=f"^{BUCKET}/l.jsonl holds lengths that were made with another unit"):
        run_job(Lengths(unit="bytes"), f"{BUCKET}/l.jsonl")
    write_file(f"{BUCKET}/l.csv", b"somebody else's")
    with pytest.raises(UserError, match=f"^{BUCKET}/l.csv exists already and was not begun by this command"):
        run_job(Lengths(), f"{BUCKET}/l.csv")
    assert read_file(f"{BUCKET}/l.csv") == b"somebody else's"


def test_the_second_of_two_writers_is_refused(store, monkeypatch):
    monkeypatch.setattr(remote_output, "EVERY", 0.0)
    monkeypatch.setattr(remote_output.RemoteOutput, "keep", lambda self: None)

    class Killed(BaseException):
        pass

    def die(record):
        if record["image"] == "bee":  # what is before it is in a part
            raise Killed

    def begin_another(record):
        if record["image"] == "ant":
            with pytest.raises(Killed):
                run_job(Lengths(), f"{BUCKET}/l.jsonl", on_record=die)

    with pytest.raises(UserError, match=f"^{BUCKET}/l.jsonl is being written by another process"):
        run_job(Lengths(), f"{BUCKET}/l.jsonl", on_record=begin_another)


def test_the_command_takes_images_preset_and_output_from_the_store(store, tmp_path, monkeypatch):
    """The preset is downloaded once."""
    monkeypatch.setenv("CAPTIONER_CACHE", str(tmp_path / "cache"))
    write_preset(
        tmp_path / "model", CaptionerSettings(), Vocabulary(["a"]), lambda path: path.write_bytes(b""), {"recipe": "s"}
    )
    for path in (tmp_path / "model").iterdir():
        write_file(f"{BUCKET}/models/small/{path.name}", path.read_bytes())
    loaded = []
    monkeypatch.setattr(
        "pipelines.inference.models.load_captioner", lambda models, *_: loaded.append(models) or StubCaptioner()
    )
    fill([f"{number}.png" for number in range(6)])
    command = ["caption", f"{BUCKET}/in", "--model", f"{BUCKET}/models/small", "--batch-size", "4", "--output"]
    for output in (f"{BUCKET}/a.jsonl", f"{BUCKET}/b.jsonl"):
        ran = CliRunner().invoke(app, [*command, output])
        assert ran.exit_code == 0 and "6 images captioned" in ran.output and output in ran.output, ran.output
    assert read_file(f"{BUCKET}/a.jsonl") == read_file(f"{BUCKET}/b.jsonl")
    assert len(read_file(f"{BUCKET}/a.jsonl").splitlines()) == 6
    assert len(list((tmp_path / "cache" / "presets").iterdir())) == 1
    ran = CliRunner().invoke(app, [*command[:2], "--model", f"{BUCKET}/gone"])
    assert ran.exit_code == 1 and f"{BUCKET}/gone is not a model: there is no such folder" in ran.output
    ran = CliRunner().invoke(app, ["check", f"{BUCKET}/in"])
    assert ran.exit_code == 1 and f"{BUCKET}/in is an address" in ran.output.replace("\n", " ")


class Failing:
    """A store of which one function fails."""

    def __init__(self, store, name, error):
        self.store, self.name, self.error = store, name, error

    def __getattr__(self, name):
        return self.fail if name == self.name else getattr(self.store, name)

    def fail(self, *_, **__):
        raise self.error


def test_a_store_that_refuses_or_is_not_there_is_one_sentence(store, tmp_path, monkeypatch):
    fill(["1.png"])
    for address in ("s3://gone/in", f"{BUCKET}/nothing"):
        with pytest.raises(UserError) as error:
            caption(tmp_path / "c.jsonl", [address])
        assert "\n" not in str(error.value) and ("no such bucket" in str(error.value) or "no image" in str(error.value))
    assert not list(tmp_path.iterdir())

    store = remote._store()
    monkeypatch.setattr(remote, "_store", lambda: Failing(store, "pipe_file", PermissionError("Access Denied")))
    with pytest.raises(UserError, match=f"{BUCKET}/c.jsonl.* cannot be written: the store does not allow it"):
        caption(f"{BUCKET}/c.jsonl")
    monkeypatch.setattr(remote, "_store", lambda: Failing(store, "call_s3", PermissionError("Access Denied")))
    with pytest.raises(UserError, match=f"{BUCKET}/in cannot be listed: the store does not allow it"):
        caption(tmp_path / "c.jsonl")


def test_a_store_that_goes_away_ends_the_job_and_is_no_error_of_the_images(store, tmp_path, monkeypatch):
    """Wrong if an hour without a network becomes a hundred thousand lines with errors, which no one makes again."""
    fill([f"{number:02}.png" for number in range(40)])

    store = remote._store()
    gone = Failing(store, "cat_file", OSError("Could not connect to the endpoint URL"))

    def stop(record):
        monkeypatch.setattr(remote, "_store", lambda: gone)

    with pytest.raises(UserError, match="cannot be read: Could not connect"):
        caption(tmp_path / "c.jsonl", on_record=stop)
    lines = [json.loads(line) for line in (tmp_path / "c.jsonl").read_text().splitlines()]
    assert lines and not [line for line in lines if "error" in line]


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(UserError, match=r"need a package more: pip install 'captioner\[cloud\]'"):
        list(list_files("s3://bucket/in"))


KILLED = """
    import sys
    from pipelines.inference.jobs.captioning import CaptionJob, CaptionOptions
    from pipelines.inference.runners import remote_output
    from pipelines.inference.runners.local import run_job
    from tests.pipelines.inference.stub_captioner import StubCaptioner

    remote_output.EVERY = 0.2
    run_job(CaptionJob(["s3://bucket/in"], StubCaptioner(0.05), CaptionOptions(batch_size=4)), "s3://bucket/c.jsonl")
"""


@pytest.mark.long
def test_killed_at_random_moments_the_object_has_the_same_bytes(store, tmp_path):
    import random
    import textwrap

    fill([f"{number:04}.png" for number in range(600)])
    caption(f"{BUCKET}/whole.jsonl")
    chance = random.Random(0)
    command = [sys.executable, "-c", textwrap.dedent(KILLED)]

    def begin():
        return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})

    for kills in range(5):
        before, process = len(names_in(f"{BUCKET}/c.jsonl.parts")), begin()
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and len(names_in(f"{BUCKET}/c.jsonl.parts")) <= (before if kills else 0):
            assert time.monotonic() < deadline, "the job does not get on"
            time.sleep(0.05)
            before = min(before, len(names_in(f"{BUCKET}/c.jsonl.parts")))  # a new start joins the parts
        time.sleep(chance.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, f"it ended before kill {kills}"
    assert begin().wait(PATIENCE) == 0
    assert read_file(f"{BUCKET}/c.jsonl") == read_file(f"{BUCKET}/whole.jsonl")
