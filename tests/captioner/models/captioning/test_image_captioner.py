"""The captioner as people use it: the same caption however an image comes, and after saving and loading."""

import io

import numpy as np
import pytest
from PIL import Image

from captioner.errors import UserError
from captioner.images.decode import ImageError
from captioner.models.base.batching import pad_batch
from captioner.models.captioning.image_captioner import Caption, ImageCaptioner
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings, SearchSettings, TextSettings
from captioner.text.vocabulary import UNKNOWN, Vocabulary
from tests.support import numbers, randomise

WORDS = ["a", "red", "blue", "dog", "runs", "sleeps"]
SETTINGS = CaptionerSettings(
    encoder=EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": 8}),
    decoder=DecoderSettings(units=6, embedding_size=5, attention_size=7),
    text=TextSettings(max_length=7),
    search=SearchSettings(num_beams=2, max_words=5),
)


@pytest.fixture(scope="module")
def captioner():
    made = ImageCaptioner(SETTINGS, Vocabulary(WORDS))
    for seed, variable in enumerate(made.network.trainable_variables):
        variable.assign(np.random.default_rng(400 + seed).normal(0, 1, variable.shape))
    return made


@pytest.fixture(scope="module")
def pictures():
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (16, 16, 3), np.uint8) // (1 + n % 3) for n in range(10)]


def texts(found):
    return [captions[0].text for captions in found]


def test_ten_images_get_ten_captions_of_their_own(captioner, pictures):
    """One image in a batch of ten gives ten captions elsewhere; and each must be the one it gets alone."""
    together = captioner.caption(pictures)
    assert len(together) == 10 and all(len(captions) == 1 for captions in together)
    assert len(set(texts(together))) > 1, "pictures that are alike prove nothing"
    for picture, captions in list(zip(pictures, together, strict=True))[:4]:
        alone = captioner.caption(picture)
        assert [caption.text for caption in alone] == [caption.text for caption in captions]
        assert alone[0].score == pytest.approx(captions[0].score, abs=1e-4)
    # In three batches, the last one filled up.
    thirds = captioner.caption(pictures, batch_size=4)
    assert texts(thirds) == texts(together)
    assert [c[0].score for c in thirds] == pytest.approx([c[0].score for c in together], abs=1e-4)


def test_a_path_bytes_an_array_and_a_picture_are_one_image(captioner, pictures, tmp_path):
    picture = Image.fromarray(pictures[0])
    picture.save(tmp_path / "a.png")
    file = io.BytesIO()
    picture.save(file, "PNG")
    sources = [tmp_path / "a.png", str(tmp_path / "a.png"), file.getvalue(), picture, pictures[0], file]
    sources += [bytearray(file.getvalue()), pictures[0].astype(int), pictures[0] / 255, pictures[0].astype("float32")]
    found = [captioner.caption(source)[0] for source in sources]
    with open(tmp_path / "a.png", "rb") as opened:
        found.append(captioner.caption(opened)[0])
    assert len({(caption.text, caption.score) for caption in found}) == 1


def test_many_images_come_in_any_form(captioner, pictures, tmp_path):
    """Wrong if an array of N images were one image, or if a generator were consumed before its images are read."""
    Image.fromarray(pictures[0]).save(tmp_path / "0.png")
    expected = texts(captioner.caption(pictures[:3]))
    for images in (
        np.stack(pictures[:3]),
        np.stack(pictures[:3]) / 255,
        tuple(pictures[:3]),
        (picture for picture in pictures[:3]),
        [tmp_path / "0.png", Image.fromarray(pictures[1]), pictures[2] / 255],
        np.array([str(tmp_path / "0.png")] * 3),
    ):
        names = isinstance(images, np.ndarray) and images.ndim == 1
        assert texts(captioner.caption(images)) == ([expected[0]] * 3 if names else expected)
    assert texts(captioner.caption(tmp_path.glob("*.png"))) == expected[:1]


@pytest.mark.parametrize(
    ("images", "options", "said"),
    [
        (None, {}, r"There is no image: an image is a path, .*; received None \(a missing value\)"),
        ({"a": "a.jpg"}, {}, "received dict"),
        ([None], {}, r"image 0: an image is a path, .*; received None \(a missing value\)"),
        (["a.jpg", float("nan")], {"on_error": "skip"}, None),
        ([], {"batch_size": -1}, "`batch_size` is a whole number from 1 up; received -1"),
        ([], {"batch_size": 1.5}, "received 1.5"),
        ([], {"batch_size": True}, "received True"),
        ([], {"on_error": "ignore"}, "`on_error` is 'raise' or 'skip'; received 'ignore'"),
        ([], {"on_error": "skpi"}, "Did you mean `skip`"),
        ([], {"num_beams": 0}, "`num_beams` = 0 does not fit"),
        (io.StringIO("text"), {}, "open for text; open it with 'rb'"),
    ],
)
def test_arguments_that_cannot_be_are_one_sentence(captioner, images, options, said):
    if said is None:
        with pytest.warns(UserWarning, match=r"2 of 2 images left out: a\.jpg: .*; image 1: .*received nan"):
            assert captioner.caption(images, **options) == [[], []]
        return
    with pytest.raises(UserError, match=said):
        captioner.caption(images, **options)


def test_a_broken_image_costs_no_other_its_caption(captioner, pictures, tmp_path):
    """Wrong if one of a thousand images loses all captions, or if the others move up by one."""
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    images = [pictures[0], tmp_path / "bad.jpg", pictures[1], pictures[2]]
    with pytest.raises(ImageError, match=r"bad\.jpg"):
        captioner.caption(images)
    with pytest.warns(UserWarning, match=r"^1 of 4 images left out: .*bad\.jpg: not an image"):
        found = captioner.caption(images, on_error="skip", batch_size=2)
    assert found[1] == [] and texts([found[0], *found[2:]]) == texts(captioner.caption(pictures[:3]))
    with pytest.warns(UserWarning, match="1 of 1"):
        assert captioner.caption(tmp_path / "bad.jpg", on_error="skip") == []


def test_only_a_language_model_takes_part(captioner):
    with pytest.raises(UserError, match="A LanguageModel takes part in the search; received str"):
        captioner.set_language_model("runs/language")


def test_candidates_differ_and_come_best_first(captioner, pictures):
    for captions in captioner.caption(pictures[:3], num_beams=3, candidates=3):
        assert len({caption.text for caption in captions}) == 3
        assert [c.score for c in captions] == sorted((c.score for c in captions), reverse=True)
        assert all(UNKNOWN not in caption.words and caption.score < 0 for caption in captions)
        assert all(caption.attention is None for caption in captions)
    with pytest.raises(UserError, match="2 beams give 1 to 2 candidates; received 3"):
        captioner.caption(pictures[0], num_beams=2, candidates=3)


def test_attention_has_a_row_a_word_and_rows_sum_to_one(captioner, pictures):
    for captions in captioner.caption(pictures[:3], candidates=2, attention=True):
        for caption in captions:
            assert caption.attention.shape == (len(caption.words), *captioner.encoder.grid)
            assert caption.attention.sum(axis=(1, 2)) == pytest.approx(1, abs=1e-5)
            assert "attention" not in repr(caption) and len(repr(caption)) < 100
        assert captions[0] == captions[0] != captions[1] and len(set(captions)) == 2, "arrays are neither equal nor not"


def test_limits_and_presets_of_another_type_are_refused(captioner, pictures):
    with pytest.raises(UserError, match=r"`limits` is an ImageLimits\(.*received 3"):
        captioner.caption(pictures[0], limits=3)
    for wrong in (None, 3, b"photos"):
        with pytest.raises(UserError, match="A model is named by its folder"):
            ImageCaptioner.from_preset(wrong)


def test_features_and_pixels_of_another_shape_are_refused(captioner, pictures):
    """Keras' own message is a page about layers, and some shapes were read as something else."""
    features = captioner.encode(np.zeros((2, *captioner.encoder.spec.shape), "float32"))
    received = f"received an array .{', '.join(map(str, features.shape[1:]))}.. Write features.None. for one"
    with pytest.raises(UserError, match=received):
        captioner.caption_features(features[0])
    for wrong in (features[..., :-1], features.reshape(2, -1), np.float32(1), [["a"]], None, [[1], [1, 2]]):
        for call in (captioner.caption_features, lambda each: captioner.score_features(each, [["a"]] * 2)):
            with pytest.raises(UserError, match=r"`features` is an array .N, .*as model.encode"):
                call(wrong)
    with pytest.raises(UserError, match="2 were expected, 1 received"):
        captioner.score_features(features, [["a"]])
    with pytest.raises(UserError, match="`pixels` is an array"):
        captioner.encode(pictures[0])
    assert captioner.caption_features(features.tolist()) and captioner.caption_features(features[:0]) == []


def test_a_captions_score_is_its_mean_log_probability_a_word(captioner, pictures):
    """Searching and scoring must agree, the end word counted; other captions are less likely than those found."""
    features = captioner.encode(np.stack([p.astype("float32") / 127.5 - 1 for p in pictures[:3]]))
    found = captioner.caption_features(features, candidates=2)
    assert texts(found) == texts(captioner.caption(pictures[:3]))
    scores = captioner.score_features(features, [[c.text for c in captions] for captions in found])
    for captions, given in zip(found, scores, strict=True):
        for caption, words in zip(captions, given, strict=True):
            assert len(words) == len(caption.words) + 1
            assert words.mean() == pytest.approx(caption.score, abs=1e-4)


def test_a_preset_captions_as_the_model_did(captioner, pictures, tmp_path):
    captioner.save_to_preset(tmp_path / "preset", {"recipe": "tiny"})
    assert sorted(path.name for path in (tmp_path / "preset").iterdir()) == [
        "config.json", "metadata.json", "model.weights.h5", "vocabulary.txt",
    ]  # fmt: skip
    back = ImageCaptioner.from_preset(tmp_path / "preset")
    assert back.settings == captioner.settings and back.vocabulary == captioner.vocabulary
    assert back.metadata["recipe"] == "tiny" and back.metadata["parameters"] == captioner.network.count_params()
    assert str(tmp_path) not in (tmp_path / "preset" / "metadata.json").read_text(), "a path of this machine"
    before, after = captioner.caption(pictures), back.caption(pictures)
    assert [(c[0].text, c[0].score) for c in after] == [(c[0].text, c[0].score) for c in before]


def test_weights_of_other_words_are_refused(captioner, tmp_path):
    """A preset whose vocabulary has grown by hand would say the wrong words."""
    captioner.save_to_preset(tmp_path)
    other = ImageCaptioner(SETTINGS, Vocabulary([*WORDS, "cat"]))
    other.save_to_preset(tmp_path / "other")
    import json

    from captioner.presets.folder import _own_checksum
    from captioner.text.files import checksum

    (tmp_path / "vocabulary.txt").write_bytes((tmp_path / "other" / "vocabulary.txt").read_bytes())
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    metadata["checksums"]["vocabulary.txt"] = checksum(tmp_path / "vocabulary.txt")
    metadata["checksums"]["metadata.json"] = _own_checksum(metadata)
    (tmp_path / "metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(UserError, match=r"model\.weights\.h5 does not fit .*config\.json"):
        ImageCaptioner.from_preset(tmp_path)


def test_a_bad_image_is_named(captioner, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"bad\.jpg"):
        captioner.caption([tmp_path / "bad.jpg"])


def test_no_images_give_no_captions(captioner):
    assert captioner.caption([]) == []


def test_batches_are_filled_with_their_last_row():
    assert pad_batch(np.array([[1], [2]]), 4).tolist() == [[1], [2], [2], [2]]
    assert Caption("a", ("a",), -0.5).attention is None


def test_frozen_features_give_the_caption_of_the_picture():
    """Captions from cached features and from photographs must not differ: the cache is only a short cut."""
    settings = SETTINGS.model_copy(
        update={"encoder": EncoderSettings(name="vgg16", weights="none", image_size=32, half_precision=False, pool=1)}
    )
    captioner = ImageCaptioner(settings, Vocabulary(WORDS))
    randomise(captioner.decoder)
    pixels = [np.uint8(255 * np.abs(numbers(32, 32, 3, seed=n)) % 256) for n in range(2)]
    from captioner.images.decode import load_image

    features = captioner.encode(np.stack([load_image(p, captioner.encoder.spec) for p in pixels]))
    assert features.dtype == np.float16 and features.shape == (2, 2, 2, 512)
    assert texts(captioner.caption_features(features, batch_size=2)) == texts(captioner.caption(pixels))


def test_half_precision_takes_half_the_space_and_keeps_the_captions(tmp_path):
    """Weights that were rounded too much, or not read back as single precision, would change what is written."""
    import h5py
    import numpy as np

    from captioner import ImageCaptioner, Vocabulary
    from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings, SearchSettings

    settings = CaptionerSettings(
        encoder=EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": 16}),
        decoder=DecoderSettings(units=8, embedding_size=8, attention_size=8),
        search=SearchSettings(max_words=3),
    )
    whole = ImageCaptioner(settings, Vocabulary(list("abcdef")))
    whole.save_to_preset(tmp_path / "half", half_precision=True)
    kinds = set()
    with h5py.File(tmp_path / "half" / "model.weights.h5") as file:
        file.visititems(lambda _, item: kinds.add(str(item.dtype)) if isinstance(item, h5py.Dataset) else None)
    assert "float16" in kinds and "float32" not in kinds
    half = ImageCaptioner.from_preset(tmp_path / "half")
    for ours, theirs in zip(whole.network.weights, half.network.weights, strict=True):
        assert theirs.dtype == "float32"
        np.testing.assert_allclose(np.asarray(theirs), np.asarray(ours), atol=1e-3)
    image = np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype("uint8")
    assert half.caption(image, num_beams=1)[0].text == whole.caption(image, num_beams=1)[0].text
