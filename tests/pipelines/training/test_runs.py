"""Where the files of a run go."""

from pathlib import Path

from captioner.presets.installed import MODELS
from pipelines.training.run_folder import folder_of


def test_nothing_is_written_into_the_installed_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert folder_of("flickr8k") == folder_of(MODELS / "flickr8k") == Path("runs/flickr8k")
    (tmp_path / "flickr8k").mkdir()  # data, say
    assert folder_of("flickr8k") == Path("runs/flickr8k")
    for name in ("config.json", "metadata.json", "model.weights.h5"):
        (tmp_path / "flickr8k" / name).write_text("{}")
    assert folder_of("flickr8k") == Path("flickr8k")
