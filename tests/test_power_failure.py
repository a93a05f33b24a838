"""After a power failure at any moment nothing that was finished is lost, and the same command goes on.

The moments are those after each call to the system; `tests/support_disk.py` says what a disk may hold then.
"""

import json
import os
import shutil
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from captioner.files import LOCK, atomic_write
from captioner.presets.folder import read_preset, write_preset
from captioner.settings import CaptionerSettings
from captioner.text.vocabulary import Vocabulary
from pipelines.data.datasets.drawn import drawn_with
from pipelines.data.datasets.shapes import draw
from pipelines.data.features.cache import FeatureCache, FeatureRows
from pipelines.inference.jobs.captioning import CaptionOptions
from pipelines.inference.jobs.shards import Shard, merge_shards, share_of
from pipelines.inference.runners.local import run_job
from pipelines.recipes.recipe import load_recipe
from pipelines.training.checkpoint import FILE, restore_checkpoint, save_checkpoint
from pipelines.training.resume_guard import DataIdentity, check_same_data, keep_data
from pipelines.training.run_folder import keep_recipe, keep_words, kept_words, open_run
from tests.pipelines.inference.jobs.test_job import Lengths
from tests.pipelines.inference.stub_captioner import StubCaptioner
from tests.support_disk import RecordedDisk, restore
from tests.support_jobs import caption_images

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="reads the names of open files from /proc")


def recorded(root, function):
    disk = RecordedDisk(root)
    with disk.recording():
        function()
    return disk


def tree(folder):
    """All files but those of locks."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != LOCK and path.name != LOCK)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_model_finds_what_is_not_flushed(tmp_path):
    """Files written as programs usually do it: without this test, one that finds nothing would prove nothing."""

    def carelessly():
        (tmp_path / "disk" / "a.new").write_text("new")
        os.replace(tmp_path / "disk" / "a.new", tmp_path / "disk" / "a")

    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a").write_text("old")
    disk = recorded(tmp_path / "disk", carelessly)
    assert (("a", b""),) in disk.states, "an empty file in place of the old one"
    assert (("a", b"old"),) in disk.certain(), "the old file, although the program went on"
    assert (("a", b"n"),) in disk.states


def test_a_file_is_the_old_one_or_the_new_one_and_in_the_end_the_new_one(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a").write_text("old")
    disk = recorded(tmp_path / "disk", lambda: atomic_write(tmp_path / "disk" / "a", "new"))
    assert {dict(state)["a"] for state in disk.states} == {b"old", b"new"}
    assert {dict(state)["a"] for state in disk.certain()} == {b"new"}
    for replace in (True, False):
        path = tmp_path / "disk" / f"b{replace}"
        disk = recorded(tmp_path / "disk", partial(atomic_write, path, "b", replace=replace))
        assert {dict(state).get(f"b{replace}") for state in disk.states} == {None, b"b"}
        assert disk.certain() == [tuple((name, data) for name, data in sorted(tree(tmp_path / "disk").items()))]


def write(folder, words, weights):
    write_preset(
        folder, CaptionerSettings(), Vocabulary(words), lambda path: path.write_bytes(weights), {"words": len(words)}
    )


def test_a_preset_is_the_old_one_or_the_new_one_and_in_the_end_the_new_one(tmp_path):
    write(tmp_path / "disk", ["a"], b"old weights")
    disk = recorded(tmp_path / "disk", lambda: write(tmp_path / "disk", ["a", "dog"], b"new"))
    found, certain = set(), disk.certain()
    assert len(disk.states) > 20
    for number, state in enumerate(disk.states):
        folder = restore(state, tmp_path / f"{number}")
        preset = read_preset(folder, {"captioner": CaptionerSettings})
        found.add((len(preset.vocabulary), preset.weights.read_bytes()))
        if state in certain:
            assert preset.weights.read_bytes() == b"new"
        write(folder, ["x"], b"newest")
        assert sorted(tree(folder)) == ["config.json", "metadata.json", "model.weights.h5", "vocabulary.txt"]
    assert found == {(5, b"old weights"), (6, b"new")}


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_job_goes_on_and_writes_the_same_bytes(tmp_path, ending):
    name = f"lengths.{ending}"
    run_job(Lengths(), tmp_path / "whole" / name)
    whole = tree(tmp_path / "whole")
    (tmp_path / "disk").mkdir()
    disk = recorded(tmp_path / "disk", lambda: run_job(Lengths(), tmp_path / "disk" / name))
    assert len(disk.states) > 10
    for number, state in enumerate(disk.states):
        folder = restore(state, tmp_path / f"{number}")
        run_job(Lengths(), folder / name)
        assert {each: data for each, data in tree(folder).items() if "stamps" not in each} == {
            each: data for each, data in whole.items() if "stamps" not in each
        }
    for state in disk.certain():
        assert dict(state)[name] == whole[name], "a finished job whose file is lost"


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_merge_is_whole_or_not_there_and_may_be_repeated(tmp_path, ending):
    run_job(Lengths(), tmp_path / "whole" / f"l.{ending}")
    for number in (1, 2):
        run_job(Lengths(), tmp_path / "shards" / f"l.{ending}", share=share_of(Lengths(), Shard(number, 2)))
    merge = partial(merge_shards, sorted((tmp_path / "shards").iterdir()))
    (tmp_path / "disk").mkdir()
    disk = recorded(tmp_path / "disk", lambda: merge(tmp_path / "disk" / f"l.{ending}"))
    whole = tree(tmp_path / "whole")
    assert tree(tmp_path / "disk") == whole and len(disk.states) > 5
    for number, state in enumerate(disk.states):
        folder = restore(state, tmp_path / f"{number}")
        there = {name: data for name, data in tree(folder).items() if not name.endswith(".captioner-part")}
        assert there.items() <= whole.items(), "half a file has the name of a whole one"
        merge(folder / f"l.{ending}")
        assert tree(folder) == whole


def test_files_beside_images_are_whole_or_not_there(tmp_path):
    """A half one would be taken for somebody else's, and stay for ever."""
    pictures = tmp_path / "disk" / "in"
    pictures.mkdir(parents=True)
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(pictures / f"{number}.png")
    options = CaptionOptions(batch_size=2, sidecars=("txt",))

    def caption(folder):
        return caption_images([folder / "in"], StubCaptioner(), folder / "c.jsonl", options=options)

    disk = recorded(tmp_path / "disk", lambda: caption(tmp_path / "disk"))
    beside = {name: data for name, data in tree(pictures).items() if name.endswith(".txt")}
    assert len(beside) == 3
    whole = tree(pictures)
    for state in disk.states:
        there = {name: data for name, data in state if name.startswith("in/") and name.endswith(".txt")}
        assert all(beside[name.removeprefix("in/")] == data for name, data in there.items())
        if len(there) == 1:
            shutil.rmtree(tmp_path / "disk")
            assert not caption(restore(state, tmp_path / "disk")).left_alone and tree(pictures) == whole


class Variable:
    """Of a network, as far as a checkpoint knows it."""

    def __init__(self, value):
        self.value, self.shape, self.path = np.asarray(value, "float32"), np.shape(value), "variable"

    def __array__(self, dtype=None, copy=None):
        return self.value

    def assign(self, value):
        self.value = np.array(value)


def test_a_training_goes_on_from_its_last_checkpoint_with_all_that_it_keeps(tmp_path):
    recipe = load_recipe("shapes")
    identity = DataIdentity("here", "digest", "shapes", {"train": 1})
    at = {"step": 0, "seconds": 0.0, "best": None, "history": []}

    def network(value):
        variables = [Variable([value] * 3)]
        return SimpleNamespace(variables=variables, optimizer=SimpleNamespace(variables=[]), metrics_variables=[])

    def train(run, epochs):
        """The order of `pipelines.training.experiment.Experiment.train`."""
        progress = open_run(recipe, run)
        check_same_data(identity, run)
        words = kept_words(recipe, run)
        if progress is None:
            words = Vocabulary(["a", "dog"])
            keep_recipe(recipe, run)
            keep_data(identity, run)
            keep_words(words, run)
        epoch, model = 0, network(0.0)
        if progress is not None:
            epoch = progress["epoch"]
            restore_checkpoint(run, model)
        assert float(model.variables[0].value[0]) == epoch and words == Vocabulary(["a", "dog"])
        while epoch < epochs:
            epoch += 1
            save_checkpoint(run, network(float(epoch)), {"epoch": epoch, **at})
        return progress

    (tmp_path / "disk").mkdir()
    disk = recorded(tmp_path / "disk", lambda: train(tmp_path / "disk", 2))
    assert len(disk.states) > 10
    for number, state in enumerate(disk.states):
        run = restore(state, tmp_path / f"{number}")
        begun = FILE in dict(state)
        if begun:
            for name in ("recipe.toml", "data.json", "words.txt"):
                assert dict(state)[name] == (tmp_path / "disk" / name).read_bytes(), f"{name} is lost"
        assert (train(run, 2) is not None) == begun
        assert open_run(recipe, run)["epoch"] == 2
    for state in disk.certain():
        assert open_run(recipe, restore(state, tmp_path / f"end-{hash(state)}"))["epoch"] == 2


def test_features_are_whole_or_not_there(tmp_path):
    features = {digest: np.full((2, 2), number, "float16") for number, digest in enumerate("abcd")}

    def cache_in(root):
        return FeatureCache(root, {"network": "n", "cut": "c"}, (2, 2))

    def fill():
        cache = cache_in(tmp_path / "disk")
        cache.prepare()
        cache.add(["a", "b"], np.stack([features["a"], features["b"]]))
        cache.add(["c", "d"], np.stack([features["c"], features["d"]]))

    (tmp_path / "disk").mkdir()
    disk = recorded(tmp_path / "disk", fill)
    sizes = set()
    for number, state in enumerate(disk.states):
        cache = cache_in(restore(state, tmp_path / f"{number}"))
        rows = FeatureRows(cache)
        for digest in features:
            if digest in cache:
                row = np.empty((2, 2), "float16")
                rows.read_into(row, *cache.location(digest))
                np.testing.assert_array_equal(row, features[digest])
        sizes.add(len(cache))
        if state in disk.certain():
            assert len(cache) == 4
    assert sizes == {0, 2, 4}


def test_drawn_data_are_whole_once_they_say_so(tmp_path):
    sizes = {"train": 2}
    (tmp_path / "disk").mkdir()
    disk = recorded(tmp_path / "disk", lambda: draw(tmp_path / "disk", sizes=sizes, image_size=32))
    whole, finished = tree(tmp_path / "disk"), 0
    for number, state in enumerate(disk.states):
        folder = restore(state, tmp_path / f"{number}")
        if drawn_with(folder) is not None:
            finished += 1
            assert tree(folder) == whole
        draw(folder, sizes=sizes, image_size=32)
        assert tree(folder) == whole
    assert finished and json.loads(whole["drawn.json"])["sizes"] == sizes
