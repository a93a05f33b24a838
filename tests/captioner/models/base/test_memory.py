"""What a model takes beside its weights: bounded for one image, and batches are computed in parts."""

import numpy as np
import pytest

from captioner.encoders import build_encoder
from captioner.errors import UserError
from captioner.models.base import batching, memory
from captioner.models.base.memory import MOST, encoding_memory, reading_memory, rows_at_once, searching_memory
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.vqa.visual_qa import VisualQA
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings, VisualQASettings
from captioner.text.answers import AnswerList
from captioner.text.vocabulary import Vocabulary

WORDS = Vocabulary([f"word{number}" for number in range(20)])
SMALL = {
    "encoder": {"name": "vgg_small", "image_size": 16, "options": {"channels": 8}},
    "decoder": {"units": 8, "embedding_size": 8, "attention_size": 8},
    "search": {"num_beams": 2, "max_words": 4},
}


def captioner(words=WORDS, **changes):
    values = {name: SMALL[name] | changes.get(name, {}) for name in SMALL}
    return ImageCaptioner(CaptionerSettings.model_validate(values), words)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"encoder": {"image_size": 1024, "options": {"channels": 2048}}}, "Looking at one image"),
        ({"encoder": {"image_size": 224, "frames": 32, "options": {"channels": 1024}}}, "Looking at one image"),
        ({"encoder": {"image_size": 1024}, "decoder": {"attention_size": 1024}, "search": {"num_beams": 128}}, "Writ"),
    ],
    ids=["convolutions", "a clip", "attention"],
)
def test_settings_that_ask_for_gigabytes_are_a_sentence(changes, what):
    """Wrong if a file of some kilobytes, whose settings are all within bounds, fills the memory of the machine."""
    with pytest.raises(
        UserError, match=rf"^{what}.* takes about .* GB of memory, and at most 1\.1 GB are allowed. Lower"
    ):
        captioner(**changes)


def test_a_huge_vocabulary_with_many_beams_is_a_sentence():
    words = Vocabulary([str(number) for number in range(400_000)])
    with pytest.raises(UserError, match="Writing about one image takes about"):
        captioner(words, decoder={"units": 1, "embedding_size": 1}, search={"num_beams": 128})


def test_a_search_that_somebody_asks_for_is_checked_too():
    model = captioner(encoder={"image_size": 64})
    features = np.zeros((1, 64, 64, 3), "float32")
    with pytest.raises(UserError, match=r"Writing about one image takes about .* Lower num_beams, candidates"):
        model.caption_features(features, do_sample=True, candidates=10_000_000)


def test_questions_that_ask_for_gigabytes_are_a_sentence():
    settings = VisualQASettings.model_validate(
        {
            "encoder": {"name": "vgg_small", "image_size": 1024, "pool": 1, "options": {"channels": 8}},
            "fusion": {"name": "stacked", "size": 8192},
        }
    )
    with pytest.raises(UserError, match=r"Answering one question takes about .* GB"):
        VisualQA(settings, WORDS, AnswerList(["yes", "no"]))


def test_a_batch_is_computed_in_parts_that_fit(monkeypatch):
    """Wrong if sixteen large images at once take sixteen times what one does, or if the parts change an image."""
    encoder = build_encoder(EncoderSettings(name="efficientnet_lite2", weights="none", image_size=64))
    pixels = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3)).astype("float32")
    whole, sizes, predict = batching.encode_with(encoder, pixels, 5), [], encoder.backbone.predict
    monkeypatch.setattr(memory, "_TOGETHER", 2 * encoding_memory(encoder))
    monkeypatch.setattr(encoder.backbone, "predict", lambda part: sizes.append(len(part)) or predict(part))
    parts = batching.encode_with(encoder, pixels, 5)
    assert sizes == [2, 2, 2]
    np.testing.assert_allclose(parts.astype("float32"), whole.astype("float32"), rtol=1e-2, atol=1e-2)


def test_captions_and_their_scores_are_the_same_in_parts(monkeypatch):
    model = captioner()
    images = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)
    texts = [["word1 word2", "word3"]] * 5
    captions, scores = model.caption(images), model.score(images, texts)
    monkeypatch.setattr(memory, "_TOGETHER", 1)
    assert [each[0].text for each in model.caption(images)] == [each[0].text for each in captions]
    for one, other in zip(model.score(images, texts), scores, strict=True):
        np.testing.assert_allclose([each.score for each in one], [each.score for each in other], rtol=1e-5)


def test_the_estimate_counts_the_widest_layer():
    """Two arrays of 64 channels at full size in VGG16: single precision takes four bytes a number."""
    settings = EncoderSettings(name="vgg16", weights="none", image_size=64, half_precision=False)
    assert encoding_memory(build_encoder(settings)) == 2 * 4 * 64 * 64 * (64 + 3)


def test_estimates_grow_with_what_is_asked_for():
    sizes = (DecoderSettings(), (100, 512), 10_000)
    few, many = searching_memory(*sizes, 1, 20, 0), searching_memory(*sizes, 100, 20, 0)
    assert 50 * few < many + 50 * few < MOST
    assert reading_memory(*sizes, 5, 250) > 5 * 250 * 10_000 * 4
    assert rows_at_once(16, 0) == 16 and rows_at_once(16, MOST * 9) == 1


@pytest.mark.parametrize("name", ["flickr8k", "photos"])
def test_an_installed_model_keeps_its_batches(name):
    """Of sixteen images, in half precision or with the smaller network: results have the digits that were measured."""
    settings = {
        "flickr8k": EncoderSettings(name="vgg16", weights="none", image_size=224, half_precision=False),
        "photos": EncoderSettings(name="efficientnet_lite2", weights="none", image_size=320),
    }[name]
    assert rows_at_once(16, encoding_memory(build_encoder(settings))) == 16
