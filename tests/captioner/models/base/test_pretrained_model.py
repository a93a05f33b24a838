"""What every model class does with a preset: a stranger's weights file is refused before anything of it is loaded."""

import h5py
import numpy as np
import pytest

from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.glimpses.model import GlimpseModel
from captioner.models.glimpses.settings import GlimpseNetworkSettings, GlimpseSettings
from captioner.models.language.language_model import LanguageModel
from captioner.models.sequences.model import SequenceModel
from captioner.models.sequences.settings import ReaderSettings, SequenceSettings
from captioner.models.vqa.visual_qa import VisualQA
from captioner.presets.folder import read_preset, write_preset
from captioner.settings import (
    CaptionerSettings,
    DecoderSettings,
    EncoderSettings,
    FusionSettings,
    LanguageModelSettings,
    LanguageNetworkSettings,
    QuestionSettings,
    VisualQASettings,
)
from captioner.text.answers import AnswerList
from captioner.text.vocabulary import Vocabulary

ENCODER = EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": 8})
DECODER = DecoderSettings(units=4, embedding_size=3, attention_size=3)
WORDS = ["a", "red", "star"]


def image_captioner():
    return ImageCaptioner(CaptionerSettings(encoder=ENCODER, decoder=DECODER), Vocabulary(WORDS, "ptb"))


def visual_qa():
    settings = VisualQASettings(
        encoder=ENCODER, question=QuestionSettings(units=4, embedding_size=3), fusion=FusionSettings(size=5)
    )
    return VisualQA(settings, Vocabulary(WORDS, "unicode"), AnswerList(["yes", "no"]))


def language_model():
    network = LanguageNetworkSettings(units=4, embedding_size=3)
    return LanguageModel(LanguageModelSettings(model=network), Vocabulary(["a", "b"], "characters"))


def sequence_model():
    settings = SequenceSettings(task="classify", labels=("no", "yes"), reader=ReaderSettings(units=4, embedding_size=3))
    return SequenceModel(settings, Vocabulary(WORDS, "unicode"))


def glimpse_model():
    network = GlimpseNetworkSettings(image_size=16, size=4, scales=2, units=6, filters=4, glimpses=2)
    return GlimpseModel(GlimpseSettings(network=network, labels=("star", "ring")))


def with_a_link(file):
    file["more"] = h5py.ExternalLink("/etc/passwd", "/x")


def with_numbers_of_another_file(file):
    file.create_dataset("more", (4,), "float32", external=[("/etc/passwd", 0, 16)])


def with_a_size_that_fills_the_memory(file):
    file.create_dataset("more", (10**6, 10**6), "float32", chunks=(100, 100))


@pytest.mark.parametrize(
    "spoil, message",
    [
        (with_a_link, "is a link to another place or file"),
        (with_numbers_of_another_file, "takes its numbers from another file"),
        (with_a_size_that_fills_the_memory, "does not fit config"),
    ],
)
@pytest.mark.parametrize("make", [image_captioner, visual_qa, language_model, sequence_model, glimpse_model])
def test_a_foreign_weights_file_is_refused(make, spoil, message, tmp_path):
    """Wrong if one of the classes loads weights on its own, without the checks: that happened to `SequenceModel`."""
    model = make()
    model.save_to_preset(tmp_path)
    back = type(model).from_preset(tmp_path)
    for own, loaded in zip(model.network.weights, back.network.weights, strict=True):
        np.testing.assert_array_equal(own, loaded)
    preset = read_preset(tmp_path, {model.settings.kind: type(model.settings)})
    weights = preset.weights.read_bytes()

    def save_weights(path):
        path.write_bytes(weights)
        with h5py.File(path, "a") as file:
            spoil(file)

    # With checksums that fit, as a careful stranger would write it.
    write_preset(tmp_path, preset.settings, preset.vocabulary, save_weights, preset.metadata, preset.answers)
    with pytest.raises(UserError, match=message):
        type(model).from_preset(tmp_path)


@pytest.mark.parametrize("make", [image_captioner, visual_qa, language_model, sequence_model, glimpse_model])
def test_a_preset_holds_no_optimizer(make, tmp_path):
    """Wrong if a trained model is saved with its optimizer: the file would be three times as large."""
    model = make()
    model.network.compile(optimizer="adam")
    model.network.optimizer.build(model.network.trainable_variables)
    model.save_to_preset(tmp_path)
    with h5py.File(tmp_path / "model.weights.h5") as file:
        assert "optimizer" not in file
    assert sorted(path.name for path in tmp_path.iterdir() if "weights" in path.name) == ["model.weights.h5"]
    assert type(model).from_preset(tmp_path).network.count_params() == model.network.count_params()
