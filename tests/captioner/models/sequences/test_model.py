"""A network over sequences as a preset: it comes back the same, and says what is wrong with what it is given."""

import numpy as np
import pytest
from PIL import Image

from captioner.errors import UserError
from captioner.images.clips import read_clip
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.sequences.model import SequenceModel
from captioner.models.sequences.settings import ReaderSettings, SequenceSettings
from captioner.presets.folder import write_preset
from captioner.settings import DecoderSettings, SearchSettings, TextSettings
from captioner.text.vocabulary import Vocabulary
from tests.support import randomise

FRAMES = np.random.default_rng(0).integers(1, 255, (2, 5, 8, 8, 3)).astype("uint8")
SOURCES = {
    "tag": ["a red star", "left of it", "zebra"],
    "classify": ["a red star", "left of a star left of it", "zebra"],
    "translate": ["a red star", "left of a star left of it left of it", "zebra"],
    "describe": ["count=1 shape=star", "count=2", "shape=star"],
    "frames": [FRAMES[0], FRAMES[1, :3]],
}


def make(task, **options):
    vocabulary = Vocabulary(["a", "red", "star", "left", "of", "it"], "unicode")
    settings = SequenceSettings(
        task=task,
        labels=("no", "yes", "perhaps") if task in ("tag", "classify", "frames") else (),
        facts=("count=1", "count=2", "shape=star") if task == "describe" else (),
        frame_size=8,
        text=TextSettings(tokenizer="unicode", max_length=6),
        reader=ReaderSettings(units=4, embedding_size=3, **options),
        decoder=DecoderSettings(
            name="attention" if task == "translate" else "inject", units=4, embedding_size=3, attention_size=3
        ),
        search=SearchSettings(num_beams=2, max_words=4),
    )
    model = SequenceModel(settings, vocabulary)
    randomise(model.network, scale=1.2)
    return model


@pytest.mark.parametrize("task", SOURCES)
def test_a_preset_predicts_the_same(task, tmp_path):
    model = make(task)
    predictions = model.predict(SOURCES[task])
    model.save_to_preset(tmp_path / "preset", {"recipe": "test"})
    back = SequenceModel.from_preset(tmp_path / "preset")
    assert back.predict(SOURCES[task]) == predictions
    assert back.metadata["recipe"] == "test" and back.metadata["parameters"] == model.network.count_params()
    assert sorted(path.name for path in (tmp_path / "preset").iterdir()) == [
        "config.json", "metadata.json", "model.weights.h5", "vocabulary.txt",
    ]  # fmt: skip


@pytest.mark.parametrize("task", ["tag", "translate", "frames"])
def test_alone_is_as_in_a_batch(task):
    model = make(task, bidirectional=True)
    together = model.predict(SOURCES[task])
    assert len({made.text for made in together}) > 1 or len({made.score for made in together}) > 1
    for source, expected in zip(SOURCES[task], together, strict=True):
        alone = model.predict([source])[0]
        assert alone.text == expected.text
        assert alone.score == pytest.approx(expected.score, abs=1e-4)


def test_a_prediction_tells_labels_words_and_how_sure_it_is():
    tagged = make("tag").predict(["A red, star"])[0]
    assert tagged.words == ("a", "red", "star") and len(tagged.labels) == 3
    assert tagged.text == " ".join(f"{word}/{label}" for word, label in zip(tagged.words, tagged.labels, strict=True))
    judged = make("classify").predict(["a red star"])[0]
    assert judged.labels == (judged.text,) and np.log(1 / 3) <= judged.score <= 0
    moved = make("frames").predict([FRAMES[1, :3]])[0]
    assert len(moved.labels) == 3 and moved.words == ()
    written = make("describe").predict(["count=1"])[0]
    assert written.labels == () and written.text.split() == list(written.words) and len(written.words) <= 4


def test_labels_are_the_likeliest_of_the_networks_logits():
    model = make("tag")
    logits = np.asarray(model.network(model.encode(["left of a star"], 4)))[0]
    assert model.predict(["left of a star"])[0].labels == tuple(model.settings.labels[n] for n in logits.argmax(-1))


def test_sources_become_ids_with_padding_and_unknown_words():
    ids = make("tag").encode(["a zebra", "of"])
    assert ids.shape == (2, 8) and ids[:, :3].tolist() == [[4, 3, 0], [8, 0, 0]]
    assert make("describe").encode(["shape=star count=2"]).tolist() == [[0, 1, 1]]


@pytest.mark.parametrize(
    "task, source, sentence",
    [
        ("tag", " ", "' ' holds no words, so there is nothing to tag"),
        ("classify", "!!!", "holds no words, so there is nothing to classify"),
        ("translate", "", "holds no words, so there is nothing to translate"),
        ("describe", "", "no facts to describe"),
        ("describe", "shape=sta", "'shape=sta' is no fact that this model knows. Did you mean `shape=star`"),
        ("frames", np.zeros((3, 8, 8, 4)), "an array \\(T, H, W, 3\\), but this one has \\(3, 8, 8, 4\\)"),
        ("frames", "nowhere.gif", "There is no file or folder nowhere.gif"),
    ],
)
def test_a_source_that_cannot_be_used_is_one_sentence(task, source, sentence):
    with pytest.raises(UserError, match=sentence):
        make(task).predict(["a star" if task in ("tag", "classify", "translate") else source, source])


def test_a_single_text_is_refused_instead_of_read_letter_by_letter():
    with pytest.raises(UserError, match=r"not a text: write \['a star'\]"):
        make("tag").predict("a star")
    with pytest.raises(UserError, match=r"write predict\(\[clip\]\)"):
        make("frames").predict("walk.gif")
    for option in ({"num_beams": 0}, {"batch_size": -1}):
        with pytest.raises(UserError, match="is a whole number from 1 up"):
            make("translate").predict(["a star"], **option)


def test_a_preset_of_another_kind_is_one_sentence(tmp_path):
    make("tag").save_to_preset(tmp_path / "preset")
    with pytest.raises(UserError, match="holds a model of kind 'sequence', but 'captioner' is needed here"):
        ImageCaptioner.from_preset(tmp_path / "preset")


def test_weights_that_do_not_fit_are_one_sentence(tmp_path):
    make("tag").save_to_preset(tmp_path / "one")
    make("tag", bidirectional=True).save_to_preset(tmp_path / "other")
    (tmp_path / "one" / "model.weights.h5").write_bytes((tmp_path / "other" / "model.weights.h5").read_bytes())
    with pytest.raises(UserError, match=r"model\.weights\.h5 is damaged or belongs to another model"):
        SequenceModel.from_preset(tmp_path / "one")
    model, other = make("tag"), make("tag", bidirectional=True)
    write_preset(tmp_path / "one", model.settings, model.vocabulary, other.network.save_weights, {})
    with pytest.raises(UserError, match=r"does not fit .*config\.json"):
        SequenceModel.from_preset(tmp_path / "one")


def save(frames, folder):
    folder.mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"frame{number}.png")


def test_a_folder_is_read_in_the_order_of_its_numbers(tmp_path):
    frames = np.random.default_rng(1).integers(0, 255, (12, 8, 8, 3)).astype("uint8")
    save(frames, tmp_path / "clip")
    assert np.array_equal(read_clip(tmp_path / "clip", 8), frames)  # frame10 after frame2
    assert read_clip(str(tmp_path / "clip"), 6).shape == (12, 6, 6, 3)


def test_a_gif_gives_all_its_frames(tmp_path):
    frames = [np.full((8, 8, 3), 20 * n, "uint8") for n in range(5)]
    pictures = [Image.fromarray(frame) for frame in frames]
    pictures[0].save(tmp_path / "clip.gif", save_all=True, append_images=pictures[1:], duration=100)
    assert np.array_equal(read_clip(tmp_path / "clip.gif", 8), np.stack(frames))
    pictures[3].save(tmp_path / "one.png")
    assert np.array_equal(read_clip(tmp_path / "one.png", 8), frames[3][None])


def test_clips_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: this folder holds no images"):
        read_clip(tmp_path / "empty", 8)
    (tmp_path / "text.gif").write_text("no picture")
    with pytest.raises(UserError, match=r"text\.gif"):
        read_clip(tmp_path / "text.gif", 8)
    pictures = [Image.fromarray(np.random.default_rng(n).integers(0, 255, (32, 32, 3)).astype("uint8")) for n in (0, 1)]
    pictures[0].save(tmp_path / "cut.gif", save_all=True, append_images=pictures[1:])
    data = (tmp_path / "cut.gif").read_bytes()
    (tmp_path / "cut.gif").write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(UserError, match=r"cut\.gif"):
        read_clip(tmp_path / "cut.gif", 8)
    save(FRAMES[0], tmp_path / "clip")
    (tmp_path / "clip" / "frame1.png").write_bytes(b"x")
    with pytest.raises(UserError, match=r"frame1\.png"):
        read_clip(tmp_path / "clip", 8)
