"""Cluttered scenes, and a network of glimpses from drawing to a picture of where it looked."""

import json
from random import Random

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from captioner.errors import UserError
from captioner.models.glimpses.model import GlimpseModel
from captioner.models.glimpses.networks import build_glimpse_network
from captioner.models.glimpses.settings import GlimpseNetworkSettings, GlimpseSettings
from pipelines.cli.app import app
from pipelines.recipes.recipe import load_recipe
from pipelines.tasks.glimpses.scenes import LABELS, SceneBatches, sample_scene, sample_scenes
from pipelines.tasks.glimpses.settings import GlimpseRecipe
from pipelines.training.experiment import train
from pipelines.utils.progress import Reporter

SMALL = [
    "data.sizes={train=20, dev=8, test=8}", "network.image_size=32", "network.glimpses=2",
    "network.units=8", "network.filters=4", "training.epochs=2",
    "training.batch_size=8", "training.xla=false",
]  # fmt: skip
TINY = {"image_size": 16, "size": 4, "scales": 2, "units": 6, "filters": 4, "glimpses": 3}


def test_the_same_seed_draws_the_same_scenes():
    pixels, _ = sample_scenes(3, "test", range(3))
    np.testing.assert_array_equal(pixels, sample_scenes(3, "test", range(5))[0][:3])
    assert pixels.dtype == np.uint8 and pixels.shape == (3, 64, 64, 3)
    assert not np.array_equal(pixels, sample_scenes(3, "dev", range(3))[0])
    assert not np.array_equal(pixels, sample_scenes(4, "test", range(3))[0])
    assert set(sample_scenes(0, "test", range(200))[1]) == set(range(len(LABELS)))


def test_every_epoch_has_other_scenes_and_goes_on_where_it_stopped():
    batches = SceneBatches(0, 10, 4, 32)
    assert batches.steps == 3
    first = [inputs["image"].numpy() for inputs, _ in batches.epoch(0)]
    rest = [inputs["image"].numpy() for inputs, _ in batches.epoch(0, skip=1)]
    np.testing.assert_array_equal(first[1:], rest)
    other = [inputs["image"].numpy() for inputs, _ in batches.epoch(1)]
    scenes = {scene.tobytes() for batch in first + other for scene in batch}
    assert len(scenes) == 24
    twice = next(iter(SceneBatches(0, 10, 4, 32, times=2).epoch(0)))
    np.testing.assert_array_equal(twice[0]["image"], first[0][:2].repeat(2, axis=0))
    assert twice[1].numpy().tolist() == twice[1].numpy()[[0, 0, 2, 2]].tolist()


def test_the_whole_shape_is_anywhere():
    """Wrong if it always lay in the middle: nobody would have to look for it."""
    plain = []
    for number in range(60):
        random = Random(f"s/{number}")
        pixels, label = sample_scene(random)
        assert label in LABELS and (pixels < 200).any()
        plain.append(pixels)
    spread = np.abs(np.stack(plain).astype(float) - 234).mean(axis=(0, 3))
    assert spread[4:28, 4:28].mean() > 0.3 * spread[20:44, 20:44].mean(), "the corners are empty"


def test_the_other_network_has_as_many_parameters():
    settings = GlimpseNetworkSettings()
    sizes = []
    for name in ("glimpses", "downscaled"):
        network = build_glimpse_network(settings.model_copy(update={"name": name}), 8)
        network({"image": np.zeros((1, 64, 64, 3), "uint8"), "label": np.zeros(1, "int32")})
        sizes.append(network.count_params())
    assert sizes[1] == pytest.approx(sizes[0], rel=0.01)


@pytest.mark.parametrize("name", ["glimpses", "downscaled"])
def test_a_preset_says_what_the_model_said(name, tmp_path):
    model = GlimpseModel(
        GlimpseSettings(network=GlimpseNetworkSettings(name=name, **TINY), labels=("star", "ring", "moon"))
    )
    pixels = np.random.default_rng(0).integers(0, 255, (5, 16, 16, 3)).astype("uint8")
    model.save_to_preset(tmp_path / "preset")
    back = GlimpseModel.from_preset(tmp_path / "preset")
    for one, other in zip(model.read(pixels, 2), back.read(pixels, 5), strict=True):
        assert (one is None and other is None) or np.allclose(one, other, atol=1e-5)
    Image.fromarray(pixels[0]).save(tmp_path / "scene.png")
    seen = back.classify([tmp_path / "scene.png", pixels[1]])
    assert seen[0].label in ("star", "ring", "moon") and 1 / 3 <= seen[0].probability <= 1
    assert back.classify(tmp_path / "scene.png").label == seen[0].label, "a path was read letter by letter"
    with pytest.warns(UserWarning, match="1 of 2 images left out: nowhere.png: there is no such file"):
        assert back.classify(["nowhere.png", pixels[1]], on_error="skip") == [None, seen[1]]
    assert (seen[0].locations is None) == (name == "downscaled")
    assert name == "downscaled" or (seen[0].locations.shape == (3, 2) and not seen[0].locations[0].any())


def test_sizes_that_do_not_go_together_are_a_sentence():
    with pytest.raises(UserError, match="cannot be halved 2 times"):
        GlimpseModel(GlimpseSettings(network=GlimpseNetworkSettings(image_size=62), labels=("a", "b")))


def test_a_recipe_from_drawing_to_the_picture_of_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["train", "glimpses", "--out", "run"]
    for setting in SMALL:
        words += ["--set", setting]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert 0 <= report["scores"]["accuracy"] <= 1 and report["examples"] == 8
    assert Image.open(tmp_path / "run" / "paths.png").width > 300
    assert len((tmp_path / "run" / "predictions.csv").read_text().splitlines()) == 9
    refused = CliRunner().invoke(app, ["train", "glimpses", "--data", str(tmp_path)])
    assert refused.exit_code == 1 and "--data means nothing to glimpses" in refused.output


@pytest.mark.long
def test_a_stopped_training_ends_with_the_same_weights(tmp_path):
    """Wrong if the places that are drawn after a stop are others than those of a run that was never stopped."""

    class Stop(Exception):
        pass

    class Stopping(Reporter):
        def log(self, text):
            if text.startswith("Epoch 1:"):
                raise Stop

    recipe = load_recipe("glimpses", SMALL)
    assert isinstance(recipe, GlimpseRecipe)
    train(recipe, tmp_path / "whole", reporter=Reporter(quiet=True))
    with pytest.raises(Stop):
        train(recipe, tmp_path / "cut", reporter=Stopping(quiet=True))
    train(recipe, tmp_path / "cut", reporter=Reporter(quiet=True))
    for one, other in zip(
        GlimpseModel.from_preset(tmp_path / "whole").network.weights,
        GlimpseModel.from_preset(tmp_path / "cut").network.weights,
        strict=True,
    ):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
