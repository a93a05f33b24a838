"""Training from beginning to end, on forty drawn pictures."""

import csv
import dataclasses
import json

import keras
import numpy as np
import pytest
from rich.console import Console

from captioner.errors import UserError
from captioner.metrics.score import ScoreReport
from captioner.models.captioner import Caption, ImageCaptioner
from captioner.text.vocabulary import Vocabulary
from pipelines import train as training
from pipelines.batches import CaptionBatches
from pipelines.checkpoint import read_progress
from pipelines.datasets import read_dataset, shapes
from pipelines.prepare import prepare_model
from pipelines.settings import load_recipe
from pipelines.show import Show

TINY = [
    "encoder.image_size=16",
    "encoder.channels=8",
    "decoder.units=6",
    "decoder.embedding_size=5",
    "decoder.attention_size=4",
    "text.max_length=7",
    "search.max_words=5",
    "training.epochs=2",
    "training.images_per_batch=8",
    "training.captions_per_image=2",
    "training.warmup_steps=0",
    "training.learning_rate=0.01",
    "training.select_by=bleu_4",
]


def tiny(*overrides):
    return load_recipe("shapes", [*TINY, *overrides])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "shapes"
    shapes.draw(root, sizes={"train": 24, "dev": 8, "test": 8}, image_size=32)
    # Words that no training caption holds.
    lines = [json.loads(line) for line in (root / "captions.jsonl").read_text().splitlines()]
    for line in lines:
        if line["split"] != "train":
            line["captions"] = [f"{caption} {line['split']}word" for caption in line["captions"]]
    (root / "captions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


@pytest.fixture(scope="module", autouse=True)
def eagerly():
    """Compiling takes longer than two epochs of this."""
    compile_model = keras.Model.compile

    def compile_eagerly(model, *arguments, jit_compile=None, **options):
        compile_model(model, *arguments, run_eagerly=True, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "compile", compile_eagerly)
        yield


def run(folder, data, *overrides, **options):
    """Trains, and returns what was said."""
    console = Console(record=True, width=300)
    show = Show(console)
    training.train(tiny(*overrides), folder, data=data, show=show, **options)
    return console.export_text()


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    said = run(folder, data)
    return folder, said


def rows(folder):
    with open(folder / "metrics.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_a_model_a_table_curves_and_its_recipe(trained):
    folder, _ = trained
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoint.npz", "config.json", "curves.png", "metadata.json", "metrics.csv", "model.weights.h5",
        "recipe.toml", "vocabulary.txt", "words.txt",
    ]  # fmt: skip
    assert load_recipe(str(folder / "recipe.toml")) == tiny()
    history = rows(folder)
    assert [row["epoch"] for row in history] == ["1", "2"] and [row["steps"] for row in history] == ["3", "6"]
    assert float(history[1]["loss"]) < float(history[0]["loss"]), "nothing was learned"
    for name in ("bleu_4", "cider_d", "faithfulness", "distinct_captions", "seconds"):
        assert float(history[0][name]) >= 0, name
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_metadata_tell_what_was_trained(trained, data):
    metadata = json.loads((trained[0] / "metadata.json").read_text())
    assert metadata["recipe"] == "shapes" and metadata["data_set"]["splits"] == {"train": 24, "dev": 8, "test": 8}
    assert metadata["scores"]["split"] == "dev" and metadata["data_set"]["licence"]
    assert str(data.parent) not in json.dumps(metadata), "a path of this machine"


def test_progress_shows_captions_beside_their_references(trained):
    said = trained[1]
    assert "shapes: 24 train, 8 dev, 8 test" in said and "Epoch 2: loss" in said and "BLEU-4" in said
    assert said.count("reference: ") == 2 * 3 * 2, "three images an epoch, with two references each"
    assert "devword" in said, "references are shown, and scored, as people wrote them"


def test_the_vocabulary_never_saw_development_or_test_words(trained, data):
    vocabulary = ImageCaptioner.from_preset(trained[0]).vocabulary
    train = read_dataset(data).split("train")
    assert vocabulary == Vocabulary.from_captions([caption for example in train for caption in example.captions])
    assert "devword" not in vocabulary and "testword" not in vocabulary


def test_a_finished_run_is_finished(trained, data):
    before = {path.name: path.read_bytes() for path in trained[0].iterdir()}
    run(trained[0], data)
    after = {path.name: path.read_bytes() for path in trained[0].iterdir()}
    assert after == before


def test_another_training_does_not_overwrite_a_run(trained, data):
    with pytest.raises(UserError, match="holds a training with other settings"):
        run(trained[0], data, "training.seed=1")


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(trained, data, tmp_path):
    """A result that nobody can repeat."""
    run(tmp_path / "again", data, "training.epochs=2")
    run(tmp_path / "other", data, "training.seed=1", "training.epochs=1")
    folders = trained[0], tmp_path / "again", tmp_path / "other"
    one, again, other = (ImageCaptioner.from_preset(folder).network.get_weights() for folder in folders)
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True) if np.ptp(a) > 0 and a.ndim > 1)


def test_the_preset_is_that_of_the_best_decoded_score(data, tmp_path, monkeypatch):
    """Losses say little about captions that were written freely: the lowest loss is not the best model."""
    weights, scores = [], iter([0.1, 0.3, 0.2])

    def decode(self):
        weights.append([np.asarray(v) for v in self.network.weights])
        return {"bleu_4": next(scores), "distinct_captions": 1.0}

    monkeypatch.setattr(training.Training, "_decode", decode)
    said = run(tmp_path / "run", data, "training.epochs=3")
    assert "Best epoch 2: bleu_4 0.3" in said
    assert json.loads((tmp_path / "run" / "metadata.json").read_text())["trained"]["epochs"] == 2
    saved = ImageCaptioner.from_preset(tmp_path / "run").network.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(saved, weights[1], strict=True))
    assert [float(row["bleu_4"]) for row in rows(tmp_path / "run")] == [0.1, 0.3, 0.2]


def test_patience_ends_a_training_that_gets_no_better(data, tmp_path, monkeypatch):
    scores = iter([0.3, 0.2, 0.1, 0.9])
    monkeypatch.setattr(training.Training, "_decode", lambda self: {"bleu_4": next(scores), "distinct_captions": 1.0})
    run(tmp_path / "run", data, "training.epochs=4", "training.patience=2")
    assert len(rows(tmp_path / "run")) == 3


@pytest.mark.parametrize(("images", "told"), [(100, True), (99, False)])
def test_collapse_is_told(trained, data, monkeypatch, images, told):
    """The same caption for every image can have scores that look like progress."""
    example = read_dataset(data).split("dev")[0]
    examples = tuple(dataclasses.replace(example, id=str(n)) for n in range(images))
    written = {n: [Caption("a square", ("a", "square"), -1.0)] for n in range(images)}
    monkeypatch.setattr(training, "decode_source", lambda *_, **__: written)
    monkeypatch.setattr(training, "score_split", lambda *_: ScoreReport({}, {}, "ptb", images))
    console = Console(record=True, width=300)
    prepared = prepare_model(tiny(), read_dataset(data))
    prepared.dev_examples = examples
    prepared.batches = CaptionBatches(None, [], prepared.captioner.vocabulary, 7, 1, 1, 0)
    said = training.Training(prepared, trained[0], None, Show(console))._decode()
    assert said["distinct_captions"] == 1 / images
    assert ("captions are distinct: the decoder says much the same" in console.export_text()) is told


def test_the_written_weights_are_the_moving_average_and_training_goes_on_with_its_own(data, tmp_path):
    """Keras puts the averages in place of the weights at the end of each `fit`: every epoch would begin from them."""
    run(tmp_path / "run", data, "training.average_weights=0.9", "training.epochs=1")
    run(tmp_path / "plain", data, "training.epochs=1")
    with np.load(tmp_path / "run" / "checkpoint.npz") as ours, np.load(tmp_path / "plain" / "checkpoint.npz") as plain:
        weights = len(ImageCaptioner.from_preset(tmp_path / "run").network.variables)
        names = [f"v{n:04d}" for n in range(weights)]
        assert all(np.array_equal(ours[name], plain[name]) for name in names)
    averaged, last = (ImageCaptioner.from_preset(tmp_path / f).network.get_weights() for f in ("run", "plain"))
    assert not all(np.array_equal(a, b) for a, b in zip(averaged, last, strict=True))


def test_a_loss_that_is_no_number_stops_the_training(data, tmp_path):
    with pytest.raises(UserError, match=r"The loss is (nan|inf) at epoch 1, step \d+\..*lower training\.learning_rate"):
        run(tmp_path / "run", data, "training.learning_rate=1e38", "training.clip_norm=0")
    assert not (tmp_path / "run" / "checkpoint.npz").exists(), "the same command would go on from NaN"


def test_init_from_keeps_the_weights_of_known_words(trained, data, tmp_path):
    """New captions bring new words; those of the model must neither move nor be forgotten."""
    lines = [json.loads(line) for line in (data / "captions.jsonl").read_text().splitlines()]
    other = tmp_path / "data"
    other.mkdir()
    table = [f"{data / line['image']},a zebra {n},{line['split']}" for n, line in enumerate(lines)]
    (other / "captions.csv").write_text("\n".join(["image,caption,split", *table]))
    # A rate too small to move anything, so that what is there is what came with the preset.
    options = ["training.epochs=1", "training.learning_rate=1e-30", "decoder.units=99", "text.minimum_count=9"]
    run(tmp_path / "run", other, *options, init_from=trained[0])
    before, after = ImageCaptioner.from_preset(trained[0]), ImageCaptioner.from_preset(tmp_path / "run")
    known = len(before.vocabulary)
    assert after.vocabulary.words[:known] == before.vocabulary.words and "zebra" in after.vocabulary.words[known:]
    assert after.settings.decoder == before.settings.decoder, "weights fit only the model they were trained in"
    for old, new in zip(before.network.trainable_variables, after.network.trainable_variables, strict=True):
        inner = tuple(slice(0, size) for size in old.shape)
        np.testing.assert_array_equal(np.asarray(new)[inner], np.asarray(old), err_msg=old.path)


def test_a_run_that_was_stopped_before_its_first_checkpoint_begins_again(trained, data, tmp_path, monkeypatch):
    """It must begin with the weights it began with: those of --init-from, or those of its seed."""
    options = ["training.epochs=1", "training.learning_rate=1e-30"]
    with monkeypatch.context() as patch:
        patch.setattr(training, "prepare_sources", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(tmp_path / "run", data, *options, init_from=trained[0])
    assert (tmp_path / "run" / "words.txt").is_file() and read_progress(tmp_path / "run") is None
    run(tmp_path / "run", data, *options, init_from=trained[0])
    folders = trained[0], tmp_path / "run"
    old, new = (ImageCaptioner.from_preset(folder).network.trainable_variables for folder in folders)
    assert all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))


def test_without_a_development_split_the_loss_chooses(data, tmp_path):
    table = [f'{example.image},"{example.captions[0]}",train' for example in read_dataset(data).split("train")]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "captions.csv").write_text("\n".join(["image,caption,split", *table]))
    said = run(tmp_path / "run", tmp_path / "data", "training.epochs=1")
    assert "there is no development split to decode" in said
    assert ImageCaptioner.from_preset(tmp_path / "run").metadata["trained"]["epochs"] == 1


def test_frozen_features_are_learned_from_the_cache(data, tmp_path):
    """The second run must not encode anything again."""
    options = [
        "encoder.name=vgg16", "encoder.weights=none", "encoder.image_size=32", "encoder.half_precision=false",
        "training.epochs=1",
    ]  # fmt: skip
    said = run(tmp_path / "one", data, *options, cache=tmp_path / "cache")
    assert "24 of 24 images are to be encoded" in said
    again = run(tmp_path / "two", data, *options, "training.seed=1", cache=tmp_path / "cache")
    assert "to be encoded" not in again
