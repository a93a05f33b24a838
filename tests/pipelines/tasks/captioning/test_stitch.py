"""A trained captioner behind the encoder of another recipe, from folder to preset."""

import numpy as np
import pytest
from typer.testing import CliRunner

from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings, TextSettings
from captioner.text.vocabulary import Vocabulary
from pipelines.cli.app import app
from pipelines.data.datasets import shapes

pytestmark = pytest.mark.usefixtures("eager")
NEW = ("--set", "encoder.image_size=16", "--set", "encoder.pool=1", "--set", "encoder.options.channels=16")


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("stitch")
    shapes.draw(root / "data", sizes={"train": 14, "dev": 2}, image_size=32)
    settings = CaptionerSettings(
        encoder=EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": 8}),
        decoder=DecoderSettings(units=4, embedding_size=3, attention_size=5),
        text=TextSettings(max_length=6),
    )
    ImageCaptioner(settings, Vocabulary(["a", "red", "circle"])).save_to_preset(root / "old")
    return root


def test_words_and_decoder_stay_and_the_encoder_is_another(root, tmp_path):
    done = run("stitch", root / "old", "shapes", "--data", root / "data", "--out", tmp_path / "new", *NEW)
    assert done.exit_code == 0, done.output
    assert "% of what the old one sees" in done.output
    old, new = ImageCaptioner.from_preset(root / "old"), ImageCaptioner.from_preset(tmp_path / "new")
    assert new.vocabulary == old.vocabulary and new.settings.decoder == old.settings.decoder
    assert new.encoder.memory_shape == (4, 16) and new.metadata["stitched_from"] == "old"
    np.testing.assert_array_equal(
        np.asarray(new.decoder.embedding.embeddings), np.asarray(old.decoder.embedding.embeddings)
    )
    again = run("stitch", root / "old", "shapes", "--data", root / "data", "--out", tmp_path / "new", *NEW)
    assert again.exit_code == 1 and "There is a model in" in again.output


def test_what_cannot_be_stitched_is_a_sentence(root, tmp_path):
    arguments = ("stitch", root / "old", "shapes", "--data", root / "data", "--out", tmp_path / "new")
    done = run(*arguments, *NEW, "--set", "encoder.image_size=24")
    assert done.exit_code == 1 and "gives 4 positions" in " ".join(done.output.split())
    assert run(*arguments, "--images", 9).exit_code == 2
    assert not (tmp_path / "new").exists()
