"""The mean of several models: of their weights, number by number, and of nothing that does not belong together."""

import json

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.presets.folder import read_preset
from captioner.presets.weight_averaging import average_weights
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings
from captioner.text.vocabulary import Vocabulary
from pipelines.cli.app import app
from tests.support_encoders import narrow_networks

DECODER = {"units": 3, "embedding_size": 3, "attention_size": 3}


def preset(folder, seed=0, words=("a", "dog"), half=False, **decoder):
    keras.utils.set_random_seed(seed)
    settings = CaptionerSettings(
        encoder=EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": 8}),
        decoder=DecoderSettings(**{**DECODER, **decoder}),
    )
    model = ImageCaptioner(settings, Vocabulary(list(words)))
    model.save_to_preset(
        folder, {"recipe": f"seed {seed}", "scores": {"bleu_4": 0.9}, "trained": {"epochs": 9}}, half_precision=half
    )
    return [np.array(weight) for weight in model.network.get_weights()]


def test_every_number_is_the_mean(tmp_path):
    """Wrong if a share goes to another model, shares do not sum to 1, or a weight is left out."""
    one, other = preset(tmp_path / "one"), preset(tmp_path / "other", 1, dropout=0.4)
    average_weights([tmp_path / "one", tmp_path / "other"], tmp_path / "mean", [3, 1])
    mean = ImageCaptioner.from_preset(tmp_path / "mean")
    for ours, first, second in zip(mean.network.get_weights(), one, other, strict=True):
        np.testing.assert_allclose(ours, 0.75 * first + 0.25 * second, rtol=1e-6, atol=1e-7)
    assert mean.settings.decoder.dropout == DecoderSettings().dropout, "settings are those of the first"
    assert mean.metadata["mean_of"] == [{"model": "one", "share": 0.75}, {"model": "other", "share": 0.25}]
    assert "trained" not in mean.metadata, "the time that one of them took is told as the mean's"
    assert mean.metadata["recipe"] == "seed 0" and "scores" not in mean.metadata, "nobody has scored it yet"


def test_the_mean_of_a_model_and_itself_is_the_model(tmp_path):
    weights = preset(tmp_path / "one")
    preset(tmp_path / "half", half=True)
    average_weights([tmp_path / "one", tmp_path / "one", tmp_path / "half"], tmp_path / "mean", half_precision=True)
    for ours, theirs in zip(ImageCaptioner.from_preset(tmp_path / "mean").network.get_weights(), weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=1e-6)
    assert (tmp_path / "mean/model.weights.h5").stat().st_size < (tmp_path / "one/model.weights.h5").stat().st_size


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"units": 4}, "decoder.units is 3 and 4"),
        ({"words": ("a", "cat")}, "the same words in the same order"),
        ({"cell": "gru"}, "decoder.cell is 'lstm' and 'gru'"),
    ],
)
def test_models_that_do_not_belong_together(other, sentence, tmp_path):
    preset(tmp_path / "one")
    preset(tmp_path / "other", 1, **other)
    with pytest.raises(UserError, match=sentence):
        average_weights([tmp_path / "one", tmp_path / "other"], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


@pytest.mark.parametrize("shares", [[1], [1, -1], [0, 0], [1, 1, 1], [1, float("inf")], [1, float("nan")]])
def test_shares_that_are_none(shares, tmp_path):
    preset(tmp_path / "one")
    with pytest.raises(UserError, match="Each of the 2 models needs a share"):
        average_weights([tmp_path / "one", tmp_path / "one"], tmp_path / "mean", shares)
    with pytest.raises(UserError, match="two models at least"):
        average_weights([tmp_path / "one"], tmp_path / "mean")


def test_models_that_see_through_other_weights(tmp_path):
    """Of the frozen network, which is not in the preset: the decoders never saw the same features."""
    path = tmp_path / "vgg16.weights.h5"
    with narrow_networks():
        for seed in (0, 1):
            keras.utils.set_random_seed(seed)
            keras.applications.VGG16(include_top=False, input_shape=(32, 32, 3)).save_weights(path)
            encoder = EncoderSettings(image_size=32)
            settings = CaptionerSettings(encoder=encoder, decoder=DecoderSettings(**DECODER))
            ImageCaptioner(settings, Vocabulary(["a"]), path).save_to_preset(tmp_path / str(seed))
    average_weights([tmp_path / "0", tmp_path / "0"], tmp_path / "same")
    with pytest.raises(UserError, match="see through networks with other weights"):
        average_weights([tmp_path / "0", tmp_path / "1"], tmp_path / "mean")


def test_what_is_no_model_or_damaged_is_named(tmp_path):
    preset(tmp_path / "one")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty is not a model"):
        average_weights([tmp_path / "one", tmp_path / "empty"], tmp_path / "mean")
    preset(tmp_path / "other", 1)
    path = tmp_path / "other/model.weights.h5"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"other.model\.weights\.h5 is damaged"):
        average_weights([tmp_path / "one", tmp_path / "other"], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_the_command_writes_a_model_once(tmp_path):
    preset(tmp_path / "one")
    command = ["average", str(tmp_path / "one"), str(tmp_path / "one"), "--out", str(tmp_path / "mean")]
    assert CliRunner().invoke(app, command).exit_code == 0 and ImageCaptioner.from_preset(tmp_path / "mean")
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 1 and "There is a model in" in again.output, "a model is never written over"


def test_metadata_need_not_say_how_many_parameters_there_are(tmp_path):
    for name in ("one", "other"):
        preset(tmp_path / name)
        metadata = json.loads((tmp_path / name / "metadata.json").read_text())
        metadata.pop("parameters")
        metadata["checksums"].pop("metadata.json")
        (tmp_path / name / "metadata.json").write_text(json.dumps(metadata))
    average_weights([tmp_path / "one", tmp_path / "other"], tmp_path / "mean")
    assert ImageCaptioner.from_preset(tmp_path / "mean")


def test_weights_of_another_shape_are_told(tmp_path):
    """A file with as many numbers, in other places: nothing is written."""
    import h5py

    from captioner.text.files import checksum

    preset(tmp_path / "one")
    preset(tmp_path / "other", 1)
    path = tmp_path / "other/model.weights.h5"
    with h5py.File(path, "a") as file:
        file.move("decoder/vars", "decoder/elsewhere")
    metadata = json.loads((tmp_path / "other/metadata.json").read_text())
    metadata["checksums"] = {**metadata["checksums"], path.name: checksum(path)}
    metadata["checksums"].pop("metadata.json")
    (tmp_path / "other/metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(UserError, match="not arranged in the same way"):
        average_weights([tmp_path / "one", tmp_path / "other"], tmp_path / "mean")
    with pytest.raises(UserError):
        read_preset(tmp_path / "mean", {"captioner": CaptionerSettings})
