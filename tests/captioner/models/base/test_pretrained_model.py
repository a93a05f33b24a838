"""What every model class does with a preset: a stranger's weights file is refused before anything of it is loaded."""

import json
import resource
import shutil

import h5py
import keras
import numpy as np
import pytest

from captioner.errors import UserError
from captioner.models.base.pretrained_model import MOST_COMPILED
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.glimpses.model import GlimpseModel
from captioner.models.glimpses.settings import GlimpseNetworkSettings, GlimpseSettings
from captioner.models.language.language_model import LanguageModel
from captioner.models.sequences.model import SequenceModel
from captioner.models.sequences.settings import ReaderSettings, SequenceSettings
from captioner.models.vqa.visual_qa import VisualQA
from captioner.presets.folder import checksum
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


def with_integers_that_fill_the_memory(file):
    file.create_dataset("more", (2**30,), "int32", chunks=(2**20,), compression="gzip")


def with_complex_numbers(file):
    names = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    values = file[names[0]][()].astype("complex64")
    del file[names[0]]
    file[names[0]] = values


def with_groups_in_circles(file):
    group = file.create_group("more")
    for _ in range(30):
        group["b"] = group.create_group("a")
        group = group["a"]


def with_one_number_more(file):
    file["more"] = np.zeros(1, "float32")


def with_an_array_of_another_shape(file):
    names = []
    file.visititems(lambda name, item: names.append(name) if getattr(item, "ndim", 0) == 2 else None)
    values = file[names[0]][()]
    del file[names[0]]
    file[names[0]] = values.ravel()


SPOILED = {
    with_a_link: "is a link to another place or file",
    with_numbers_of_another_file: "takes its numbers from another file",
    with_a_size_that_fills_the_memory: "compressed or not there in full",
    with_integers_that_fill_the_memory: "compressed or not there in full",
    with_complex_numbers: "holds no numbers",
    with_groups_in_circles: "is there a second time",
    with_one_number_more: "does not fit config",
    with_an_array_of_another_shape: "does not fit config",
}


HUGE = {  # settings that may be, of a model of gigabytes that the weights file does not hold
    image_captioner: ("decoder.units", "decoder.embedding_size", "decoder.attention_size", "encoder.options.channels"),
    visual_qa: ("question.units", "question.embedding_size", "fusion.size", "fusion.options.attention_size"),
    language_model: ("model.units", "model.embedding_size"),
    sequence_model: ("reader.units", "reader.embedding_size"),
    glimpse_model: ("network.units",),
}
TOO_LARGE = {
    image_captioner: {
        "encoder.frames": 10**8, "encoder.image_size": 10**5, "encoder.options.channels": 10**9,
        "encoder.pca_components": 10**6, "decoder.units": 30_000, "decoder.layers": 3000,
        "decoder.embedding_size": 10**7,
        "decoder.options.reinforce_weight": 1e300, "text.max_length": 10**9, "search.num_beams": 10**5,
        "search.num_beam_groups": 10**5, "search.max_words": 10**6, "search.no_repeat_ngram_size": 10**9,
    },
    visual_qa: {
        "question.units": 30_000, "question.layers": 3000, "question.options.widths": 3000, "fusion.size": 10**6,
        "fusion.options.hops": 3000, "answer.hidden": [1] * 3000, "answer.search.num_beams": 10**5,
        "answer.decoder.units": 10**6, "text.max_words": 10**9,
    },
    language_model: {"model.units": 30_000, "model.layers": 3000, "model.window": 10**6},
    sequence_model: {
        "reader.units": 30_000, "reader.layers": 3000, "frame_size": 10**5, "decoder.units": 30_000,
        "search.num_beams": 10**5,
    },
    glimpse_model: {
        "network.units": 30_000, "network.glimpses": 10**5, "network.size": 10**5, "network.scales": 60,
        "network.filters": 10**6, "network.image_size": 10**5,
    },
}  # fmt: skip


def keep_checksum(folder, name):
    """As a careful stranger would, who changed a file."""
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["checksums"][name] = checksum(folder / name)
    metadata["checksums"].pop("metadata.json", None)
    (folder / "metadata.json").write_text(json.dumps(metadata))


def change_setting(folder, name, value):
    values = json.loads((folder / "config.json").read_text())
    inner = values
    *path, last = name.split(".")
    for part in path:
        inner = inner[part]
    inner[last] = value
    (folder / "config.json").write_text(json.dumps(values))
    keep_checksum(folder, "config.json")


@pytest.fixture(scope="module", params=HUGE, ids=lambda make: make.__name__)
def saved(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("preset")
    model = request.param()
    model.save_to_preset(folder)
    back = type(model).from_preset(folder)
    for own, loaded in zip(model.network.weights, back.network.weights, strict=True):
        np.testing.assert_array_equal(own, loaded)
    return request.param, type(model), folder


def test_a_foreign_weights_file_is_refused(saved, tmp_path):
    """Wrong if one of the classes loads weights on its own, without the checks: that happened to `SequenceModel`."""
    _, model, folder = saved
    for spoil, message in SPOILED.items():
        copy = shutil.copytree(folder, tmp_path / spoil.__name__)
        with h5py.File(copy / "model.weights.h5", "a") as file:
            spoil(file)
        keep_checksum(copy, "model.weights.h5")
        with pytest.raises(UserError, match=message):
            model.from_preset(copy)


def test_a_config_of_a_larger_model_takes_no_memory(saved, tmp_path):
    """Wrong if a preset of some kilobytes can make the program build a network of gigabytes."""
    make, model, folder = saved
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in HUGE[make]:
        copy = shutil.copytree(folder, tmp_path / name)
        change_setting(copy, name, 8192)
        with pytest.raises(
            UserError, match=r"describes a model of more than the [\d,]+ numbers|does not fit config\.json"
        ):
            model.from_preset(copy)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes


def test_a_config_beyond_all_models_is_a_sentence(saved, tmp_path):
    make, model, folder = saved
    for name, value in TOO_LARGE[make].items():
        copy = shutil.copytree(folder, tmp_path / name)
        change_setting(copy, name, value)
        with pytest.raises(UserError, match=rf"`{name.split('.')[0]}.* does not fit|frames = .* can be read") as raised:
            model.from_preset(copy)
        assert len(str(raised.value)) < 1000


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


def test_networks_that_are_no_longer_used_are_forgotten():
    """If this fails, a service whose clients vary their options grows until the memory is full."""

    class Scaled(keras.Model):
        def __init__(self, network, factor):
            super().__init__()
            self.network, self.factor = network, factor

    model = language_model()
    often = model.compiled(Scaled, (1,), 0)
    seldom = model.compiled(Scaled, (1,), 1)
    for factor in range(2, MOST_COMPILED + 4):
        model.compiled(Scaled, (1,), factor)
        assert model.compiled(Scaled, (1,), 0) is often, "what is used goes on being kept"
    assert model.compiled(Scaled, (1,), 1) is not seldom
