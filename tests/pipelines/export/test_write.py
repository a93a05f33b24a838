"""Exported models say what the originals say."""

import subprocess
import sys

import numpy as np
import pytest

from captioner.decoders import DECODERS
from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.runtime import load_export
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings, SearchSettings, TextSettings
from captioner.text.vocabulary import Vocabulary
from pipelines.export.networks import networks_of
from pipelines.export.write import ExportOptions, export_model
from tests.captioner.models.vqa.test_visual_qa import QUESTIONS, make

WORDS = ["a", "red", "blue", "dog", "dog's", "runs", "sleeps"]


def captioner_with(**decoder):
    settings = CaptionerSettings(
        encoder=EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": 8}),
        decoder=DecoderSettings(units=6, embedding_size=5, attention_size=7, **decoder),
        text=TextSettings(max_length=7),
        search=SearchSettings(num_beams=3, max_words=5, length_penalty=0.6),
    )
    captioner = ImageCaptioner(settings, Vocabulary(WORDS))
    for seed, variable in enumerate(captioner.network.trainable_variables):
        variable.assign(np.random.default_rng(400 + seed).normal(0, 1, variable.shape))
    return captioner


@pytest.fixture(scope="module")
def pictures():
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (16, 16, 3), np.uint8) // (1 + n % 3) for n in range(6)]


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "captioner"
    captioner_with().save_to_preset(folder)
    return folder


@pytest.fixture(scope="module")
def answering(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "vqa"
    make().save_to_preset(folder)
    return folder


def export(preset, out, *arguments, **options):
    lines = []
    export_model(preset, out, ExportOptions(*arguments, **options), lines.append)
    return lines[0]


@pytest.mark.parametrize("engine, package", [("openvino", "openvino"), ("onnx", "onnxruntime")])
def test_a_captioner_writes_the_same(preset, pictures, tmp_path, engine, package):
    pytest.importorskip(package)
    line = export(preset, tmp_path / "out", engine)
    assert line.startswith("Of 32 drawn scenes, 32 have the same captions as the original in single precision")
    assert line in (tmp_path / "out" / "README.md").read_text("utf-8")
    original, exported = ImageCaptioner.from_preset(preset), load_export(tmp_path / "out")
    for options in ({}, {"num_beams": 1}, {"num_beams": 4, "candidates": 4}, {"bad_words": ["dog"], "min_words": 3}):
        for ours, theirs in zip(
            exported.caption(pictures, **options), original.caption(pictures, **options), strict=True
        ):
            assert [caption.text for caption in ours] == [caption.text for caption in theirs], options
            assert [c.score for c in ours] == pytest.approx([c.score for c in theirs], abs=1e-4)


def test_a_saved_model_writes_the_same(preset, pictures, tmp_path):
    line = export(preset, tmp_path / "out", "savedmodel")
    assert line.startswith("Of 32 drawn scenes, 32 have the same captions")
    import io

    import tensorflow as tf
    from PIL import Image

    def file_of(pixels):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        return file.getvalue()

    model = tf.saved_model.load(str(tmp_path / "out" / "saved_model"))
    expected = [captions[0].text for captions in ImageCaptioner.from_preset(preset).caption(pictures)]
    for count in (6, 1):  # any number of images
        files = tf.constant([file_of(pixels) for pixels in pictures[:count]])
        outputs = model.caption_bytes(files)
        assert [texts[0].decode() for texts in outputs["captions"].numpy()] == expected[:count]
        assert outputs["scores"].shape == (count, 3)


@pytest.mark.parametrize("engine", ["openvino", "onnx", "savedmodel"])
def test_a_model_that_answers_says_the_same(answering, tmp_path, engine):
    pytest.importorskip({"openvino": "openvino", "onnx": "onnxruntime"}.get(engine, "tensorflow"))
    line = export(answering, tmp_path / "out", engine)
    assert line.startswith("Of 32 drawn scenes, 32 have the same answers")
    if engine == "savedmodel":
        return
    from captioner.models.vqa.visual_qa import VisualQA

    pictures = np.random.default_rng(1).integers(0, 256, (2, 16, 16, 3), np.uint8)
    original, exported = VisualQA.from_preset(answering), load_export(tmp_path / "out")
    for pixels in pictures:
        for choices in (None, ["red", "two"]):
            ours = exported.answer(pixels, QUESTIONS, choices=choices)
            theirs = original.answer(pixels, QUESTIONS, choices=choices)
            for answers, expected in zip(ours, theirs, strict=True):
                assert [each.text for each in answers] == [each.text for each in expected]
                assert [a.probability for a in answers] == pytest.approx([a.probability for a in expected], abs=1e-5)


def test_it_runs_without_keras(preset, tmp_path):
    """Wrong if whoever embeds a model has to install TensorFlow after all."""
    pytest.importorskip("openvino")
    export(preset, tmp_path / "out", "openvino")
    code = (
        "import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None\n"
        "import numpy as np\nfrom captioner.runtime import load_export\n"
        f"print(load_export({str(tmp_path / 'out')!r}).caption(np.zeros((9, 9, 3), 'uint8'))[0].text)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0 and ran.stdout.strip(), ran.stderr


def test_what_the_search_in_numpy_has_not_is_refused_by_name(preset, pictures, tmp_path):
    pytest.importorskip("openvino")
    export(preset, tmp_path / "out", "openvino")
    exported = load_export(tmp_path / "out")
    for options in ({"do_sample": True}, {"num_beams": 4, "num_beam_groups": 2}, {"force_words": ["dog"]},
                    {"no_repeat_ngram_size": 2}):  # fmt: skip
        name = list(options)[-1]
        with pytest.raises(UserError, match=f"{name} = .* needs the engine keras"):
            exported.caption(pictures[0], **options)
    with pytest.raises(UserError, match=r"Phrases in bad_words need the engine keras"):
        exported.caption(pictures[0], bad_words=["red dog"])


def test_what_cannot_be_exported_is_refused_by_name(preset, tmp_path):
    with pytest.raises(UserError, match=r"answer.name = 'words' writes answers word by word"):
        networks_of(make("attending", "question", "words"))
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.txt").write_text("mine")
    with pytest.raises(UserError, match=r"is there already. Give another folder with --out"):
        export(preset, tmp_path / "there", "openvino")
    with pytest.raises(UserError, match=r"name some, like those it will see, with --images"):
        export(preset, tmp_path / "out", "openvino", "int8")
    with pytest.raises(UserError, match=r"There is no image that can be read in"):
        export(preset, tmp_path / "out", "openvino", "int8", images=(tmp_path / "there",))
    assert [path.name for path in tmp_path.iterdir()] == ["there"], "something was left after an error"


@pytest.mark.long
@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_eight_bits_are_written(preset, pictures, tmp_path, engine):
    pytest.importorskip("nncf")
    from PIL import Image

    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    line = export(preset, tmp_path / "out", engine, "int8", images=(tmp_path,))
    assert line.startswith("Of 6 images, ")
    assert len(load_export(tmp_path / "out").caption(pictures)) == 6


@pytest.mark.long
@pytest.mark.parametrize("name", DECODERS.names())
def test_every_decoder_can_be_exported_or_says_why_not(name, pictures, tmp_path):
    pytest.importorskip("openvino")
    captioner_with(name=name).save_to_preset(tmp_path / "preset")
    assert "32 have the same" in export(tmp_path / "preset", tmp_path / "out", "openvino")
