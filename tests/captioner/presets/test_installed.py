"""Models that come with the package: found by name, whole, small enough, and with a card that says what they are."""

import json
import tomllib
from pathlib import Path

import pytest

from captioner.errors import UserError
from captioner.presets.folder import read_preset
from captioner.presets.installed import CARD, MODELS, installed_models, model_folder, model_summary
from captioner.settings import CaptionerSettings, VisualQASettings

ROOT = Path(__file__).parents[3]
KINDS = {"captioner": CaptionerSettings, "visual_qa": VisualQASettings}


@pytest.mark.parametrize("name", installed_models())
def test_an_installed_model_is_whole_and_found_by_its_name(name, tmp_path, monkeypatch):
    """A file that was left out of the package would be missed by the first user who has no checkout."""
    monkeypatch.chdir(tmp_path)
    preset = read_preset(name, kinds=KINDS)
    assert preset.folder == MODELS / name and preset.weights.is_file()
    assert sum(path.stat().st_size for path in preset.folder.iterdir()) < 40_000_000
    metadata = json.loads((preset.folder / "metadata.json").read_text())
    assert metadata["licence"] and "/" not in json.dumps(metadata["data_set"])


@pytest.mark.parametrize("name", installed_models())
def test_its_card_says_what_people_must_know(name):
    card = (MODELS / name / CARD).read_text(encoding="utf-8")
    for heading in ("Licence", "What it is for", "Scores", "Limits and biases"):
        assert f"## {heading}\n" in card
    assert f"captioner evaluate {name} " in card, "figures stand beside the command that gives them"
    assert model_summary(name).endswith(".") and len(model_summary(name)) < 200


def test_the_wheel_takes_every_file_of_a_model():
    package_data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    found = {path for pattern in package_data["captioner"] for path in (ROOT / "captioner").glob(pattern)}
    assert found >= {path for path in MODELS.glob("*/*") if path.is_file()} and installed_models()


def test_a_preset_in_the_working_folder_wins_and_other_folders_do_not(tmp_path, monkeypatch):
    """The model somebody trained must not be passed over for ours; the data that it is called after is no model."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flickr8k").mkdir()
    assert model_folder("flickr8k") == MODELS / "flickr8k"
    (tmp_path / "flickr8k" / "config.json").write_text("{}")
    assert model_folder("flickr8k") == Path("flickr8k")


def test_an_unknown_name_is_told_those_that_there_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"flickr9k is not a model: .*: .*flickr8k.* Did you mean `flickr8k`\?"):
        model_folder("flickr9k")
    with pytest.raises(UserError, match="runs/mine is not a model: there is no such folder"):
        model_folder("runs/mine")
