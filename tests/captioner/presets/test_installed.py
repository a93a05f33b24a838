"""Models that come with the package: found by name, whole, small enough, and with a card that says what they are."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.presets.folder import read_preset
from captioner.presets.installed import (
    CARD,
    DEFAULT_MODELS,
    MODELS,
    default_model,
    installed_models,
    model_folder,
    model_summary,
)
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


def test_a_preset_in_the_working_folder_wins_and_other_folders_do_not(tmp_path, monkeypatch, caplog):
    """The model somebody trained must not be passed over for ours, and not be taken for ours; the data that it is
    called after is no model, whatever files it has."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flickr8k").mkdir()
    assert model_folder("flickr8k") == MODELS / "flickr8k"
    (tmp_path / "flickr8k" / "config.json").write_text("{}")
    assert model_folder("flickr8k") == MODELS / "flickr8k"
    assert not caplog.text
    for name in ("metadata.json", "model.weights.h5"):
        (tmp_path / "flickr8k" / name).write_text("{}")
    assert model_folder("flickr8k") == model_folder("flickr8k") == Path("flickr8k")
    assert caplog.text.count("not the installed model flickr8k") == 1


def test_a_model_is_installed_for_each_kind_that_has_a_default():
    """Wrong if a command without --model names a model that is not there, or one of another kind."""
    for kind in DEFAULT_MODELS:
        assert read_preset(default_model(kind), kinds={kind: KINDS[kind]})
    with pytest.raises(UserError, match="No model of this kind is installed"):
        default_model("glimpses")


def test_an_unknown_name_is_told_those_that_there_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"flickr9k is not a model: .* Did you mean `flickr8k`\? .*: .*flickr8k"):
        model_folder("flickr9k")
    with pytest.raises(UserError, match="runs/mine is not a model: there is no such folder"):
        model_folder("runs/mine")


@pytest.mark.parametrize("name", ["flickr8k", "daquar"])
def test_an_installed_model_writes_what_it_wrote(name, monkeypatch):
    """A weight that is read into another layer, or a setting with another default, would change words and scores.

    The features are those of VGG16 for docs/images/painted, the texts those of version 0.1.0 (tests/golden).
    """
    golden = json.loads((ROOT / "tests" / "golden" / "installed.json").read_text(encoding="utf-8"))[name]
    with np.load(ROOT / "tests" / "golden" / "installed_features.npz", allow_pickle=False) as stored:
        features = stored[name].astype("float32")
    model = without_backbone(name, monkeypatch)
    if name == "flickr8k":
        found = [
            [{"caption": one.text, "score": pytest.approx(one.score, abs=1e-3)} for one in captions]
            for captions in model.caption_features(features, candidates=3)
        ]
        assert found == golden
        return
    images, questions = [one["image"] for one in golden], [one["question"] for one in golden]
    answers = model.answer_features(features, questions, images=images, top=3)
    found = [
        [{"answer": one.text, "probability": pytest.approx(float(one.probability), abs=1e-3)} for one in each]
        for each in answers
    ]
    assert found == [one["answers"] for one in golden]


def test_models_that_come_with_their_encoder_write_what_they_wrote():
    """From files to texts: a change in decoding, in the encoder, in folding its weights or in the search shows here.

    The texts are those of the commit that installed the models, about docs/images/painted. Scores move a little with
    the decoder of JPEG files.
    """
    from captioner import ImageCaptioner, VisualQA

    golden = json.loads((ROOT / "tests" / "golden" / "installed.json").read_text(encoding="utf-8"))
    folder = ROOT / "docs" / "images" / "painted"
    captions = ImageCaptioner.from_preset("photos").caption(
        [folder / one["image"] for one in golden["photos"]], candidates=2
    )
    assert [
        [{"caption": one.text, "score": pytest.approx(one.score, abs=5e-3)} for one in each] for each in captions
    ] == [one["captions"] for one in golden["photos"]]
    model = VisualQA.from_preset("photos-vqa")
    for one in golden["photos-vqa"]:
        (answers,) = model.answer(folder / one["image"], [one["question"]], top=2)
        assert [
            {"answer": each.text, "probability": pytest.approx(float(each.probability), abs=1e-2)} for each in answers
        ] == one["answers"]


def without_backbone(name, monkeypatch):
    """An installed model whose frozen VGG16 has random weights: the tests have no network to fetch it."""
    from captioner import ImageCaptioner, VisualQA
    from captioner.encoders import vgg
    from captioner.models.base import compatibility

    monkeypatch.setattr(compatibility, "same_weights", lambda *_: True)
    build = vgg.build_application
    monkeypatch.setattr(vgg, "build_application", lambda network, _, *rest: build(network, "none", *rest))
    return {"flickr8k": ImageCaptioner, "daquar": VisualQA}[name].from_preset(name)
