"""Features on disk: the backbone's very numbers, each computed once, whatever happens meanwhile."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from benchmarks import features as benchmark
from captioner.encoders.vgg import VGG16Encoder
from captioner.encoders.vgg_small import SmallVGGEncoder
from captioner.errors import UserError
from captioner.images.decode import load_image
from pipelines.cli import train as train_command
from pipelines.cli.app import app
from pipelines.data.features import extract as features
from pipelines.data.features.cache import FeatureCache
from pipelines.data.features.extract import FeatureExtraction
from pipelines.data.features.sources import PixelSource
from pipelines.recipes.recipe import load_recipe
from pipelines.utils.threads import parallel_map
from tests.support_encoders import narrow_networks


class CountingTrunk:
    """A backbone that counts the batches it sees, and can fail or be interrupted on the way."""

    def __init__(self, backbone):
        self._backbone, self.batches, self.fail_at, self.error = backbone, 0, None, None

    def __getattr__(self, name):
        return getattr(self._backbone, name)

    def predict(self, images):
        self.batches += 1
        if self.batches == self.fail_at:
            raise self.error
        return self._backbone.predict(images)


@pytest.fixture(scope="module")
def network():
    with narrow_networks():
        return VGG16Encoder(weights="none", pool=2, image_size=64)


@pytest.fixture
def encoder(network):
    backbone = network.backbone
    network.backbone = CountingTrunk(backbone)
    yield network
    network.backbone = backbone


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    return [draw(folder / f"{number:02}.png", number) for number in range(11)]


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr(features, "SHARD_IMAGES", 4)


def draw(path, number):
    Image.fromarray(np.random.default_rng(number).integers(0, 256, (9, 12, 3), np.uint8)).save(path)
    return path


def run(encoder, photographs, cache, **options):
    return FeatureExtraction(encoder, photographs, cache).run(**{"batch_size": 2, **options})


def shards(cache):
    return sorted(path.name for path in cache.rglob("*.npy"))


def test_every_image_has_its_own_features(encoder, photographs, cache):
    """Wrong if rows are mixed up between threads, batches, shards or the order of asking."""
    store = run(encoder, photographs, cache)
    assert len(store) == len(photographs)
    assert store.shape == encoder.backbone_shape
    assert store.readable.all()
    wanted = [7, 0, 10, 7, 3]
    found = store.read(wanted)
    assert found.dtype == np.float16
    assert found.shape == (5, *encoder.backbone_shape)
    for index, row in zip(wanted, found, strict=True):
        pixels = np.stack([load_image(photographs[index], encoder.spec)] * 2)
        np.testing.assert_array_equal(row, encoder.backbone.predict(pixels)[0])
    assert np.abs(found[0].astype(float) - found[1]).max() > 0, "two images with the same features prove nothing"
    assert store.read([]).shape == (0, *encoder.backbone_shape)


def test_nothing_is_computed_or_read_twice(encoder, photographs, cache, monkeypatch):
    """Wrong if the second run of a command takes as long as the first."""
    first = run(encoder, photographs, cache)
    batches, files = encoder.backbone.batches, shards(cache)
    assert batches == 6

    def refuse(*_):
        raise AssertionError("a known file was read again")

    monkeypatch.setattr(features, "read_bytes", refuse)
    second = run(encoder, photographs, cache)
    assert encoder.backbone.batches == batches
    assert shards(cache) == files
    np.testing.assert_array_equal(first.read(range(11)), second.read(range(11)))


def test_content_counts_not_names(encoder, photographs, cache):
    """Wrong if a copy is computed again, or a changed photograph keeps the features of the old one."""
    first = run(encoder, photographs, cache)
    copy = photographs[0].with_name("copy.png")
    copy.write_bytes(photographs[0].read_bytes())
    batches = encoder.backbone.batches
    store = run(encoder, [copy, photographs[1]], cache)
    assert encoder.backbone.batches == batches
    np.testing.assert_array_equal(store.read([0, 1]), first.read([0, 1]))

    draw(photographs[1], 99)
    changed = run(encoder, photographs, cache)
    assert encoder.backbone.batches == batches + 1
    assert (changed.read([1]) != first.read([1])).any()
    np.testing.assert_array_equal(changed.read([0, 2]), first.read([0, 2]))


def test_the_same_photograph_twice_is_computed_once(encoder, photographs, cache):
    store = run(encoder, [photographs[0]] * 5 + photographs[:2], cache)
    assert encoder.backbone.batches == 1
    np.testing.assert_array_equal(store.read([0]), store.read([4]))


def test_new_images_add_shards_and_leave_the_old(encoder, photographs, cache):
    """Wrong if adding ten photographs rewrites the features of ten thousand."""
    run(encoder, photographs[:5], cache)
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*.npy")}
    batches = encoder.backbone.batches
    store = run(encoder, photographs, cache)
    assert encoder.backbone.batches == batches + 3
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert store.readable.all()


def test_another_cut_has_features_of_its_own(encoder, photographs, cache):
    """Wrong if a decoder reads features of another shape or meaning."""
    with narrow_networks():
        other = VGG16Encoder(weights="none", pool=1, image_size=64)
    run(encoder, photographs[:2], cache)
    store = run(other, photographs[:2], cache)
    assert store.shape != encoder.backbone_shape
    assert len([path for path in cache.iterdir() if path.is_dir()]) == 2
    about = [json.loads(path.read_text()) for path in cache.rglob("about.json")]
    assert sorted(entry["pool"] for entry in about) == [1, 2]


def test_unreadable_images_are_listed_and_left_out(encoder, photographs, cache):
    """Wrong if one bad file ends the run, shifts all that come after it, or is taken for a black picture."""
    photographs[2].write_bytes(b"")
    photographs[5].write_bytes(photographs[5].read_bytes()[:60])
    missing = photographs[0].with_name("gone.png")
    images = [*photographs, missing]
    store = run(encoder, images, cache)
    assert [problem.path for problem in store.problems] == [photographs[2], photographs[5], missing]
    assert str(store.problems[0]) == f"{photographs[2]}: empty file"
    assert np.flatnonzero(~store.readable).tolist() == [2, 5, 11]
    good = run(encoder, [photographs[3], photographs[10]], cache)
    np.testing.assert_array_equal(store.read([3, 10]), good.read([0, 1]))
    with pytest.raises(UserError, match="Image 2 has no features because it could not be read"):
        store.read([1, 2])
    assert len(run(encoder, images, cache).problems) == 3, "the second run forgets what was wrong"


def test_size_is_told_before_anything_is_computed(encoder, photographs, cache):
    """Wrong if a disk is filled before anybody knew how much it would be."""
    extraction, progress = FeatureExtraction(encoder, photographs, cache), []
    plan, batches = extraction.plan, encoder.backbone.batches
    extraction.run(2, progress=lambda *now: progress.append(now))
    size = int(np.prod(encoder.backbone_shape)) * 2
    assert batches == 0
    assert (plan.images, plan.new, plan.bytes_needed) == (11, 11, 11 * size)
    stored = sum(path.stat().st_size for path in cache.rglob("*.npy"))
    assert 0 <= stored - plan.bytes_needed <= 128 * len(shards(cache)), "more than the shards' headers"
    assert "11 of 11 images are to be encoded" in str(plan)
    assert [done for done, _, _ in progress] == [2, 4, 6, 8, 10, 11]
    assert {total for _, total, _ in progress} == {11}
    assert all(speed > 0 for _, _, speed in progress)
    assert "of all 11 images are in" in str(FeatureExtraction(encoder, photographs, cache).plan)
    copies = [path.rename(path.with_name(f"copy-{path.name}")) for path in photographs]
    again = str(FeatureExtraction(encoder, copies, cache).plan)
    assert "At most 11 of 11 images are to be encoded: at most" in again, "they are known, but not yet by this name"


def test_planning_writes_nothing(encoder, photographs, cache):
    plan = FeatureExtraction(encoder, photographs, cache).plan
    assert plan.new == 11
    assert plan.bytes_free > 0
    assert not cache.exists()


def test_a_disk_that_is_too_small_is_found_out_first(encoder, photographs, cache, monkeypatch):
    monkeypatch.setattr(features.shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(UserError, match=r"11 images need .*, but only 100 bytes are free"):
        run(encoder, photographs, cache)
    assert encoder.backbone.batches == 0


def test_an_encoder_that_is_trained_is_refused(photographs, cache):
    """Wrong if features of the first step are read for the rest of the training."""
    with pytest.raises(UserError, match="SmallVGGEncoder is trained whole"):
        run(SmallVGGEncoder(channels=8, image_size=16), photographs, cache)
    assert not cache.exists()


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "The disk is full"), (errno.EROFS, "cannot be written to .*[Rr]ead-only")],
)
def test_a_disk_that_fails_loses_nothing(number, words, encoder, photographs, cache, monkeypatch):
    """Wrong if the shards before are damaged, a temporary file stays, or the message is a traceback."""
    write, count = np.lib.format.write_array, iter(range(100))

    def failing(file, *arguments, **options):
        if next(count) == 1:
            file.write(b"half of a shard")
            raise OSError(number, os.strerror(number))
        write(file, *arguments, **options)

    monkeypatch.setattr(np.lib.format, "write_array", failing)
    with pytest.raises(UserError, match=words) as caught:
        run(encoder, photographs, cache)
    assert "The features of 4 images are stored and kept" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(cache.rglob("*part"))
    batches = encoder.backbone.batches
    assert run(encoder, photographs, cache).readable.all()
    assert encoder.backbone.batches - batches == 4, "the seven that were missing"


def test_a_folder_that_cannot_be_made(encoder, photographs, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"Features cannot be written to .*choose a folder that can be written to"):
        run(encoder, photographs, tmp_path / "file" / "cache")


def test_ctrl_c_keeps_what_was_computed(encoder, photographs, cache):
    """Wrong if an hour of work is lost, or threads go on working behind the prompt."""
    encoder.backbone.fail_at, encoder.backbone.error = 4, KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(encoder, photographs, cache)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]
    assert FeatureExtraction(encoder, photographs, cache).plan.new == 5
    assert run(encoder, photographs, cache).readable.all()
    assert encoder.backbone.batches == 4 + 3


def test_what_a_kill_or_a_bad_disk_leaves_is_computed_again(encoder, photographs, cache):
    """Wrong if half a shard is read as a whole one."""
    whole = run(encoder, photographs, cache).read(range(11))
    first, second, third = sorted(cache.rglob("*.npy"))
    first.write_bytes(first.read_bytes()[:-10])
    second.with_suffix(".json").unlink()
    third.with_suffix(".json").write_text('["half a ha')
    with open(cache / "files.jsonl", "a", encoding="utf-8") as file:
        file.write('["/cut in the midd')
    store = run(encoder, photographs, cache)
    np.testing.assert_array_equal(store.read(range(11)), whole)


def test_a_shard_cut_while_it_is_read_is_named(encoder, photographs, cache):
    store = run(encoder, photographs[:4], cache)
    (shard,) = cache.rglob("*.npy")
    shard.write_bytes(shard.read_bytes()[:200])
    with pytest.raises(UserError, match=r"\.npy ends too early.*Delete it and give the same command again"):
        store.read([3])


def test_many_threads_read_at_once(encoder, photographs, cache, monkeypatch):
    """Wrong if one thread moves the place where another one reads."""
    store = run(encoder, photographs, cache)
    whole = store.read(range(11))

    def check(seed):
        for _ in range(20):
            wanted = np.random.default_rng(seed).integers(0, 11, 8)
            if not np.array_equal(store.read(wanted), whole[wanted]):
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(check, range(8)))
    monkeypatch.delattr(os, "preadv", raising=False)  # as on Windows
    np.testing.assert_array_equal(store.read([4, 2]), whole[[4, 2]])


def test_a_batch_of_another_size_gives_the_same_features(encoder, photographs, cache):
    """Wrong if the last, incomplete batch is encoded with different numbers than the others."""
    whole = run(encoder, photographs, cache).read(range(11)).astype(float)
    alone = run(encoder, photographs, cache.with_name("other"), batch_size=8).read(range(11)).astype(float)
    assert np.abs(whole - alone).max() <= 0.05 * np.abs(whole).max()


KILLED = """
import sys, time
from pathlib import Path
from captioner.encoders.vgg import VGG16Encoder
from pipelines.data.features import extract as features
from tests.support_encoders import narrow_networks

with narrow_networks():
    encoder = VGG16Encoder(weights="none", pool=2, image_size=64)
features.SHARD_IMAGES = 2
predict = encoder.backbone.predict
encoder.backbone.predict = lambda images: (time.sleep(0.15), predict(images))[1]
photographs = sorted(Path(sys.argv[1]).iterdir())
features.FeatureExtraction(encoder, photographs, Path(sys.argv[2])).run(batch_size=2)
"""


def test_a_killed_run_goes_on(encoder, photographs, cache):
    """Wrong if `kill -9` loses more than the shard at hand, or leaves something that stands in the way."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(photographs[0].parent), str(cache)])
    try:
        deadline = time.monotonic() + 60
        while len(list(cache.rglob("*.json"))) < 3 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    missing = len(photographs) - len(FeatureCache(cache, encoder.identity(), encoder.backbone_shape))
    assert 0 < missing < len(photographs)
    store = run(encoder, photographs, cache)
    assert encoder.backbone.batches == (missing + 1) // 2
    quiet = run(encoder, photographs, cache.with_name("quiet"))
    np.testing.assert_array_equal(store.read(range(11)), quiet.read(range(11)))


def test_in_order_is_bounded_and_in_order():
    """Wrong if results overtake each other, or ten thousand decoded photographs wait in memory."""
    begun = []

    def work(number):
        begun.append(number)
        time.sleep(0.002 * (number % 3))
        return number

    results = parallel_map(work, range(1000), ahead=5, threads=3)
    assert [next(results) for _ in range(20)] == list(range(20))
    assert len(begun) <= 20 + 5
    results.close()
    assert len(begun) <= 20 + 5


def test_in_order_raises_what_the_work_raises():
    with pytest.raises(ZeroDivisionError):
        list(parallel_map(lambda number: 1 // number, [1, 0]))


def test_the_benchmark_runs(capsys):
    with narrow_networks():
        ratio = benchmark.main(["--toy"])
    assert ratio > 0
    assert "bare, batch 2" in capsys.readouterr().out


def test_the_command_fills_the_folder_in_which_training_looks(encoder, photographs, tmp_path, monkeypatch):
    """A cache that is filled beside the one that is read costs the hours twice."""
    rows = [f"photographs/{path.name},a dog,train" for path in photographs]
    (tmp_path / "captions.csv").write_text("\n".join(["image,caption,split", *rows]))
    photographs[0].write_bytes(b"no image")
    asked = []
    monkeypatch.setattr("captioner.encoders.build_encoder", lambda *given: asked.append(given) or encoder)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["features", str(tmp_path), "--image-size", "64"])
    assert done.exit_code == 3 and "00.png" in done.output, done.output
    assert (asked[0][0].pool, asked[0][0].image_size) == (load_recipe("flickr8k-attention").encoder.pool, 64)
    monkeypatch.setattr(train_command, "load_keras", lambda: None)
    looked = []
    monkeypatch.setattr("pipelines.training.experiment.train", lambda *_, cache, **__: looked.append(cache))
    assert CliRunner().invoke(app, ["train", "shapes", "--out", "runs/mine"]).exit_code == 0
    assert FeatureExtraction(encoder, photographs[1:], looked[0]).plan.new == 0


def test_a_file_is_named_once_also_where_the_whole_encoder_is_trained(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    (problem,) = PixelSource(SmallVGGEncoder(image_size=16, channels=8), [tmp_path / "a.png"]).problems
    assert str(problem).count("a.png") == 1
