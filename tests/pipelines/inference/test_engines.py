"""Jobs with exported networks: the same captions, made once, and never mixed with those of Keras."""

import numpy as np
import pytest
from PIL import Image

from captioner.errors import UserError
from captioner.settings import GenerationConfig
from pipelines.inference.engines import cache_folder
from pipelines.inference.jobs.captioning import CaptionOptions
from pipelines.inference.models import captioner_source, visual_qa_source
from tests.pipelines.export.test_write import captioner_with
from tests.support_jobs import caption_images

pytest.importorskip("openvino")


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "captioner"
    captioner_with().save_to_preset(folder)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAPTIONER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield cache_folder()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for number in range(4):
        Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8) // (1 + number % 3)).save(
            folder / f"{number}.png"
        )
    return folder


def captions_of(images, source, output):
    caption_images([images], source.load, output, model=source.identity, options=CaptionOptions(batch_size=2))
    return output.read_text("utf-8")


def test_a_job_writes_the_same_with_both_engines_and_exports_once(preset, cache, images, tmp_path, capfd):
    written = captions_of(images, captioner_source([preset]), tmp_path / "keras.jsonl")
    source = captioner_source([preset], engine="openvino")
    assert captions_of(images, source, tmp_path / "a.jsonl") == written
    (folder,) = (cache / "exports").iterdir()
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert captions_of(images, captioner_source([preset], engine="openvino"), tmp_path / "b.jsonl") == written
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert captions_of(images, captioner_source([folder]), tmp_path / "c.jsonl") == written, "a folder is a model, too"


def test_captions_of_two_engines_are_not_mixed(preset, cache, images, tmp_path):
    """Wrong if a job that was begun with one engine goes on with another."""
    captions_of(images, captioner_source([preset]), tmp_path / "captions.jsonl")
    with pytest.raises(UserError, match="another model"):
        captions_of(images, captioner_source([preset], engine="openvino"), tmp_path / "captions.jsonl")


def test_what_exported_networks_cannot_do_is_reported_before_anything_is_written(preset, cache, tmp_path):
    with pytest.raises(UserError, match="Ensembles and language models need the engine keras"):
        captioner_source([preset, preset], engine="openvino")
    with pytest.raises(UserError, match="do_sample = True needs the engine keras"):
        captioner_source([preset], GenerationConfig(do_sample=True), engine="openvino")
    with pytest.raises(UserError, match="'visual_qa' is needed here"):
        visual_qa_source(preset, engine="openvino")


def test_a_cache_that_cannot_be_written_is_a_sentence(preset, tmp_path, monkeypatch):
    """Wrong if a read-only home ends in a traceback; the engine keras does not need it."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("CAPTIONER_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="cannot be written: part of its path is a file"):
        captioner_source([preset], engine="openvino").load()
    assert captioner_source([preset]).load() is not None
