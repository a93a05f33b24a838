"""Training from beginning to end, on forty drawn pictures."""

import csv
import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from captioner.errors import UserError
from captioner.files import atomic_file
from captioner.models.captioning.image_captioner import Caption, ImageCaptioner
from captioner.text.vocabulary import Vocabulary
from pipelines.data.datasets import read_dataset, shapes
from pipelines.data.features.sources import PixelSource
from pipelines.data.provenance import is_trained_on
from pipelines.recipes.recipe import load_recipe
from pipelines.tasks.captioning import train as training
from pipelines.tasks.captioning.batches import CaptionBatches
from pipelines.tasks.captioning.build import adopt_model, build_captioner
from pipelines.training import history as training_log
from pipelines.training import loop
from pipelines.training.checkpoint import read_progress
from pipelines.training.dry_run import dry_run
from pipelines.utils.progress import Reporter
from tests.support_encoders import narrow_networks
from tests.support_training import train_and_log

TINY = [
    "encoder.image_size=16",
    "encoder.options.channels=8",
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


pytestmark = pytest.mark.usefixtures("eager_training")


def run(folder, data, *overrides, **options):
    """Trains, and returns what was logged."""
    return train_and_log(tiny(*overrides), folder, data=data, **options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "draw_curves", training_log.draw_curves)
        return folder, run(folder, data)


@pytest.fixture
def begun(monkeypatch):
    """Trainings that were begun; nothing is learned in them."""
    found = []
    monkeypatch.setattr(loop.TrainingLoop, "run_epochs", lambda begun: found.append(begun))
    return found


@pytest.fixture
def scored(monkeypatch):
    """Sets the scores of the epochs to come, in which the weights move without anything being learned."""

    def set_scores(*values):
        scores = iter(values)

        def move(self):
            for variable in self.network.trainable_variables:
                variable.assign_add(np.ones(variable.shape))
            return 1.0

        monkeypatch.setattr(loop.TrainingLoop, "_fit_epoch", move)
        decoded = lambda *_: {"bleu_4": next(scores), "distinct_captions": 1.0}  # noqa: E731
        monkeypatch.setattr(training.CaptioningExperiment, "_decode", decoded)

    return set_scores


def weights(network):
    return [np.asarray(variable) for variable in network.weights]


def same(left, right):
    return [np.array_equal(a, b) for a, b in zip(left, right, strict=True)]


def rows(folder):
    with open(folder / "metrics.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_a_model_a_table_curves_and_its_recipe(trained):
    folder, _ = trained
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoint.npz", "config.json", "curves.png", "data.json", "metadata.json", "metrics.csv", "model.weights.h5",
        "recipe.toml", "vocabulary.txt", "words.txt",
    ]  # fmt: skip
    assert load_recipe(str(folder / "recipe.toml")) == tiny()
    history = rows(folder)
    assert [row["epoch"] for row in history] == ["1", "2"] and [row["steps"] for row in history] == ["3", "6"]
    assert float(history[1]["loss"]) < float(history[0]["loss"]), "nothing was learned"
    for name in ("bleu_4", "cider_d", "faithfulness", "distinct_captions", "seconds"):
        assert float(history[0][name]) >= 0, name
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_development_loss_is_what_the_model_makes_of_development_captions(trained, data):
    folder, _ = trained
    captioner = ImageCaptioner.from_preset(folder)
    examples = shapes.read(data).split("dev")
    source = PixelSource(captioner.encoder, [example.image for example in examples])
    batches = CaptionBatches(source, [e.captions for e in examples], captioner.vocabulary, 7, 8, 1, seed=0)
    (images,), (mask,) = batches.order(0)
    ids = batches.words(images, mask, 0)
    read = captioner.read(source.read(images.tolist()), ids, 8)["log_probabilities"]
    best = captioner.metadata["trained"]["epochs"]
    expected = -read.sum() / (ids[:, :, 1:] != captioner.vocabulary.pad_id).sum()
    assert float(rows(folder)[best - 1]["dev_loss"]) == pytest.approx(expected, rel=1e-4)


def test_the_metadata_tell_what_was_trained(trained, data):
    metadata = json.loads((trained[0] / "metadata.json").read_text())
    assert metadata["recipe"] == "shapes" and metadata["data_set"]["splits"] == {"train": 24, "dev": 8, "test": 8}
    assert metadata["scores"]["split"] == "dev" and metadata["data_set"]["licence"]
    assert is_trained_on(metadata, read_dataset(data)) and "train_digest" in metadata["data_set"]
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
    with pytest.raises(UserError, match=r"holds a training with other settings .*training\.seed = 0 there, 1 here\."):
        run(trained[0], data, "training.seed=1")
    with pytest.raises(UserError, match=r"`decoder\.cell` = 'lsmt' does not fit.*Did you mean `lstm`"):
        run(trained[0], data, "decoder.cell=lsmt")


def test_the_same_seed_begins_with_the_same_weights_and_another_with_others(data, tmp_path, begun):
    """A result that nobody can repeat."""
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        run(tmp_path / name, data, f"training.seed={seed}")
    one, again, other = (weights(training.network) for training in begun)
    assert all(same(one, again))
    drawn = [np.ptp(values) > 0 and values.ndim > 1 for values in one]
    assert any(drawn) and not any(np.array(same(one, other))[drawn])


def test_the_preset_is_that_of_the_best_decoded_score(data, tmp_path, scored):
    """Losses say little about captions that were written freely: the lowest loss is not the best model."""
    scored(0.1, 0.3, 0.2)
    said = run(tmp_path / "run", data, "training.epochs=3")
    assert "Best epoch 2: BLEU-4 30.0 on the development split" in said
    assert [float(row["bleu_4"]) for row in rows(tmp_path / "run")] == [0.1, 0.3, 0.2]
    assert json.loads((tmp_path / "run" / "metadata.json").read_text())["trained"]["epochs"] == 2
    scored(0.5, 0.0)
    run(tmp_path / "second", data, "training.epochs=2")
    best, first = (ImageCaptioner.from_preset(tmp_path / name).network for name in ("run", "second"))
    for two, one in zip(best.trainable_variables, first.trainable_variables, strict=True):
        np.testing.assert_allclose(np.asarray(two), np.asarray(one) + 1, atol=1e-5)


def test_an_epoch_that_says_little_is_not_the_best(data, tmp_path, monkeypatch, scored):
    """Nothing false is easily said of one thing in four; such an epoch once looked like the best."""
    scored()
    found = iter([(0.99, 0.0), (0.7, 1.0), (0.6, 1.0), (1.0, 0.0)])

    def decode(*_):
        value, valid = next(found)
        return {"faithfulness": value, "faithfulness_valid": valid, "distinct_captions": 1.0}

    monkeypatch.setattr(training.CaptioningExperiment, "_decode", decode)
    said = run(tmp_path / "run", data, "training.epochs=4", "training.select_by=faithfulness")
    assert "Best epoch 2: Faithfulness 70.0" in said


def test_patience_ends_a_training_that_gets_no_better(data, tmp_path, scored):
    scored(0.3, 0.2, 0.1, 0.9)
    run(tmp_path / "run", data, "training.epochs=4", "training.patience=2")
    assert len(rows(tmp_path / "run")) == 3


@pytest.mark.parametrize(("images", "told"), [(100, True), (99, False)])
def test_collapse_is_told(trained, data, monkeypatch, images, told):
    """The same caption for every image can have scores that look like progress."""
    example = read_dataset(data).split("dev")[0]
    examples = tuple(dataclasses.replace(example, id=str(n)) for n in range(images))
    written = {n: [Caption("a square", ("a", "square"), -1.0)] for n in range(images)}
    monkeypatch.setattr(training, "decode_source", lambda *_, **__: written)
    monkeypatch.setattr(training, "score_split", lambda *_: SimpleNamespace(scores={"bleu_4": 0.1}))
    console = Console(record=True, width=300)
    experiment = training.CaptioningExperiment(tiny(), data=data, reporter=Reporter(console))
    experiment.open_data()
    experiment.build(None)
    experiment.dev_examples, experiment.dev_source, experiment.batches = examples, object(), None
    said = experiment.evaluate(0, 1.0).scores
    assert said["distinct_captions"] == 1 / images
    assert ("captions are distinct: the decoder says much the same" in console.export_text()) is told


def test_the_written_weights_are_the_moving_average_and_training_goes_on_with_its_own(trained, data, tmp_path):
    """Keras puts the averages in place of the weights at the end of each `fit`: every epoch would begin from them."""
    run(tmp_path / "run", data, "training.average_weights=0.9")
    network = ImageCaptioner.from_preset(tmp_path / "run").network
    last = []
    for folder in (tmp_path / "run", trained[0]):
        with np.load(folder / "checkpoint.npz") as file:
            last.append([file[f"v{number:04d}"] for number in range(len(network.variables))])
    assert all(same(*last)), "averaging changes what is learned"
    learned = [any(variable is other for other in network.trainable_variables) for variable in network.variables]
    written = same(map(np.asarray, network.variables), last[0])
    assert not any(np.array(written)[learned]), "the model that was kept is no average"


def test_a_loss_that_is_no_number_stops_the_training(data, tmp_path):
    with pytest.raises(UserError, match=r"The loss is (nan|inf) at epoch 1, step \d+\..*lower training\.learning_rate"):
        run(tmp_path / "run", data, "training.learning_rate=1e38", "training.clip_norm=0")
    assert not (tmp_path / "run" / "checkpoint.npz").exists(), "the same command would go on from NaN"


def test_init_from_keeps_the_weights_of_known_words(trained, data, tmp_path, begun):
    """New captions bring new words; those of the model must neither move nor be forgotten."""
    examples = read_dataset(data).examples
    (tmp_path / "images").symlink_to(data / "images")
    table = [f"{example.id},a zebra {n},{example.split}" for n, example in enumerate(examples)]
    (tmp_path / "captions.csv").write_text("\n".join(["image,caption,split", *table]))
    run(tmp_path / "run", tmp_path, "decoder.units=99", "text.minimum_count=9", init_from=trained[0])
    before, after = ImageCaptioner.from_preset(trained[0]), begun[0].experiment.captioner
    known = len(before.vocabulary)
    assert after.vocabulary.words[:known] == before.vocabulary.words and "zebra" in after.vocabulary.words[known:]
    assert not {"0", "1", "2"} & set(after.vocabulary.words), "rarer than text.minimum_count"
    assert after.settings.decoder == before.settings.decoder, "weights fit only the model they were trained in"
    for old, new in zip(weights(before.network), weights(after.network), strict=True):
        np.testing.assert_array_equal(new[tuple(slice(0, size) for size in old.shape)], old)


def test_init_from_takes_changes_that_fit_its_weights_and_tells_of_others(trained, data, tmp_path, begun):
    """A `--set` that is accepted and then ignored."""
    changes = ["decoder.word_dropout=0.25", "decoder.dropout=0.5", "decoder.units=99"]
    said = run(tmp_path / "run", data, *changes, init_from=trained[0])
    settings = begun[0].experiment.captioner.settings.decoder
    assert (settings.word_dropout, settings.dropout, settings.units) == (0.25, 0.5, 6)
    assert begun[0].network.decoder.word_dropout_rate == 0.25
    assert "decoder.units is as in" in said and "decoder.dropout is" not in said
    assert "decoder.embedding_size is" not in said, "it is the same there"


def test_init_from_takes_new_weights_of_the_loss_and_no_new_cell(data, tmp_path):
    """Options have paths of their own: looked up by half of it, they were dropped without a word."""
    said = []
    captions = [caption for example in read_dataset(data).split("train") for caption in example.captions]
    build_captioner(tiny("decoder.name=hard_attention"), captions).save_to_preset(tmp_path)
    options = ["decoder.options.reinforce_weight=0.5", "decoder.cell_options.activation=relu"]
    adopted = adopt_model(tiny("decoder.name=hard_attention", *options), tmp_path, said.append)
    assert adopted.decoder.options == {"reinforce_weight": 0.5} and adopted.decoder.cell_options == {}
    assert [line.partition(" is as in")[0] for line in said] == ["decoder.cell_options.activation"]
    whole = adopt_model(tiny("decoder.options={entropy_weight=0.1}"), tmp_path)
    assert whole.decoder.options == {"entropy_weight": 0.1} and whole.decoder.name == "hard_attention"


def test_the_last_block_is_learned_from_what_a_model_was_while_it_was_frozen(data, tmp_path, begun):
    """Stages that each take up what the last one left: first the decoder, then VGG's last block with it."""
    vgg = [
        "encoder.name=vgg16",
        "encoder.options={}",
        "encoder.weights=none",
        "encoder.image_size=32",
        "encoder.half_precision=false",
    ]
    with narrow_networks():
        run(tmp_path / "first", data, *vgg, cache=tmp_path / "cache")
        begun[0].experiment.captioner.save_to_preset(tmp_path / "preset")
        one, said = ["encoder.options.train_last_block=true", "training.epochs=1"], []
        said = run(tmp_path / "second", data, *vgg, *one, init_from=tmp_path / "preset", cache=tmp_path / "cache")
    assert "24 of 24 images are to be encoded" in said, "the cut is elsewhere, so are the features"
    second = begun[1].experiment
    paths = [variable.path for variable in second.network.trainable_variables]
    assert sum("block5_conv" in path for path in paths) == 6
    before = [np.asarray(variable) for variable in second.network.trainable_variables]
    second.network.fit(second.batches.epoch(0), shuffle=False, verbose=0)
    after = [np.asarray(variable) for variable in second.network.trainable_variables]
    moved = [path for path, one, other in zip(paths, before, after, strict=True) if not np.array_equal(one, other)]
    assert sum("block5_conv" in path for path in moved) == 6, "the block is learned from the cached features before it"


def test_a_finer_grid_is_seen_with_the_weights_of_a_coarser_one(data, tmp_path, begun):
    """A short training on few places, then a longer one on many: what attention knows of a place fits all."""
    vgg = ["encoder.name=vgg16", "encoder.options={}", "encoder.weights=none", "encoder.half_precision=false"]
    with narrow_networks():
        run(tmp_path / "first", data, *vgg, "encoder.image_size=32", "encoder.pool=2", cache=tmp_path / "cache")
        begun[0].experiment.captioner.save_to_preset(tmp_path / "preset")
        finer = ["encoder.pool=1", "encoder.image_size=64"]
        run(tmp_path / "second", data, *vgg, *finer, init_from=tmp_path / "preset", cache=tmp_path / "cache")
    coarse, fine = (each.experiment.captioner for each in begun)
    assert (coarse.encoder.grid, fine.encoder.grid) == ((1, 1), (4, 4))
    for one, other in zip(weights(coarse.network), weights(fine.network), strict=True):
        np.testing.assert_array_equal(one, other)


def test_components_are_found_once_and_taken_over(data, tmp_path, begun):
    """Those of a model that is gone on from are kept: its decoder knows no others."""
    vgg = [
        "encoder.name=vgg16",
        "encoder.options={}",
        "encoder.weights=none",
        "encoder.image_size=32",
        "encoder.half_precision=false",
    ]
    with narrow_networks():
        said = run(tmp_path / "first", data, *vgg, "encoder.pca_components=3", cache=tmp_path / "cache")
        first = begun[0].experiment.captioner.encoder
        begun[0].experiment.captioner.save_to_preset(tmp_path / "preset")
        others = tmp_path / "others"
        shapes.draw(others, seed=5, sizes={"train": 12, "dev": 4}, image_size=32)
        again = run(tmp_path / "second", others, *vgg, init_from=tmp_path / "preset", cache=tmp_path / "cache")
        second = begun[1].experiment.captioner.encoder
        features = begun[0].batches.source.read(range(24)).astype("float64").reshape(-1, 16)
    assert "3 principal components hold" in said and "principal components" not in again
    np.testing.assert_allclose(first.components.mean, features.mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(second.components.projection, first.components.projection)
    assert second.memory_shape[-1] == 3 and not second.components.trainable_weights


def test_too_few_features_for_components_are_a_sentence(data, tmp_path, begun):
    examples = read_dataset(data).split("train")[:1]
    (tmp_path / "images").symlink_to(data / "images")
    (tmp_path / "captions.csv").write_text(f"image,caption,split\n{examples[0].id},a red star,train\n")
    fc7 = [
        "encoder.name=vgg16",
        "encoder.options={}",
        "encoder.weights=none",
        "encoder.image_size=32",
        "encoder.options.features=fc7",
    ]
    with narrow_networks(), pytest.raises(UserError, match="two features at least, received 1"):
        run(tmp_path / "run", tmp_path, *fc7, "encoder.pca_components=3", "decoder.name=inject")


def test_a_run_that_was_stopped_before_its_first_checkpoint_begins_again(trained, data, tmp_path, begun):
    """It must begin with the weights it began with: those of --init-from, or those of its seed."""
    for _ in range(2):
        run(tmp_path / "seed", data, "training.seed=3")
    for _ in range(2):
        run(tmp_path / "preset", data, init_from=trained[0])
    assert (tmp_path / "preset" / "words.txt").is_file() and read_progress(tmp_path / "preset") is None
    first, second, third, fourth = (weights(training.network) for training in begun)
    assert all(same(first, second)) and all(same(third, fourth))
    assert all(same(third, weights(ImageCaptioner.from_preset(trained[0]).network)))


def test_a_run_that_was_stopped_while_it_wrote_its_words_counts_them_again(data, tmp_path, begun, monkeypatch):
    """Wrong if a run that has no words yet could not be gone on with."""

    def stopped(path, data):
        with atomic_file(path) as file:
            file.write(b"<pad>\n<start>\n<end>\n<unk>\na\n")
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("captioner.text.vocabulary.atomic_write", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "run", data)
    run(tmp_path / "run", data)
    assert len(begun[0].experiment.captioner.vocabulary) > 20


@pytest.mark.parametrize("captions", [True, False], ids=["unreadable images", "no captions"])
def test_development_images_that_cannot_be_scored_are_refused_before_the_first_step(tmp_path, monkeypatch, captions):
    """An epoch was learned before the sentence, and again on every restart."""
    shapes.draw(tmp_path / "shapes", sizes={"train": 4, "dev": 2}, image_size=32)
    dataset = read_dataset(tmp_path / "shapes")
    for example in dataset.split("dev"):
        if captions:
            example.image.write_bytes(b"none")
    if not captions:
        without = tuple(dataclasses.replace(example, captions=()) for example in dataset.split("dev"))
        dataset = dataclasses.replace(dataset, examples=(*dataset.split("train"), *without))
        monkeypatch.setattr(training, "open_captions", lambda *_: dataset)
    monkeypatch.setattr(loop.TrainingLoop, "run_epochs", lambda _: pytest.fail("a step was taken"))
    for _ in ("the first time", "again"):
        with pytest.raises(UserError, match=r"None of the development images .* has captions and can be read") as told:
            run(tmp_path / "run", tmp_path / "shapes")
        assert (dataset.split("dev")[0].image.name in str(told.value)) == captions, "the first problem is named"


def test_without_a_development_split_the_loss_chooses(data, tmp_path, monkeypatch):
    (tmp_path / "images").symlink_to(data / "images")
    table = [f'{example.id},"{example.captions[0]}",train' for example in read_dataset(data).split("train")]
    (tmp_path / "captions.csv").write_text("\n".join(["image,caption,split", *table]))
    losses = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(loop.TrainingLoop, "_fit_epoch", lambda self: next(losses))
    said = run(tmp_path / "run", tmp_path, "training.epochs=3")
    assert "there is no development split to decode" in said
    assert ImageCaptioner.from_preset(tmp_path / "run").metadata["trained"]["epochs"] == 2


def test_frozen_features_are_learned_from_the_cache(data, tmp_path, begun):
    """The second run must not encode anything again."""
    options = [
        "encoder.name=vgg16",
        "encoder.options={}",
        "encoder.weights=none",
        "encoder.image_size=32",
        "encoder.half_precision=false",
    ]
    said = run(tmp_path / "one", data, *options, cache=tmp_path / "cache")
    assert "24 of 24 images are to be encoded" in said
    again = run(tmp_path / "two", data, *options, "training.seed=1", cache=tmp_path / "cache")
    assert "to be encoded" not in again
    inputs, targets = next(iter(begun[1].batches.epoch(0)))
    assert inputs["image"].shape == (8, 2, 2, 512) and targets.shape == (8, 2, 6)


def test_a_dry_run_tells_what_training_then_takes_and_writes_nothing(trained, data, tmp_path):
    folder, console = trained[0], Console(record=True, width=300)
    cost = dry_run(tiny(), data=data, cache=tmp_path / "cache", reporter=Reporter(console))
    assert not list(tmp_path.rglob("*")) and cost.memory_bytes > 1e8 and cost.epoch_seconds > 0
    assert cost.parameters == json.loads((folder / "metadata.json").read_text())["parameters"]
    assert cost.vocabulary_size == len(Vocabulary.load(folder / "vocabulary.txt", "ptb"))
    assert (cost.epochs, cost.steps) == (len(rows(folder)), int(rows(folder)[0]["steps"]))
    with np.load(folder / "checkpoint.npz") as file:
        numbers = sum(file[name].nbytes for name in file.files if name != "progress")
    assert cost.checkpoint_bytes == pytest.approx(numbers, rel=0.02) and cost.model_bytes == 4 * cost.parameters
    said = console.export_text()
    assert f"{cost.parameters:,}, with {cost.vocabulary_size} words" in said and "the encoder is trained" in said
