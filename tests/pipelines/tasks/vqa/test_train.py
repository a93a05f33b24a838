"""Every recipe from beginning to end on a few drawn scenes."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.fusions import FUSIONS
from captioner.models.vqa.visual_qa import VisualQA
from captioner.question_encoders import QUESTION_ENCODERS
from captioner.settings import VisualQASettings
from pipelines.data import open as opening
from pipelines.data.datasets import shapes
from pipelines.data.question_datasets import QUESTION_DATASETS, read_questions
from pipelines.recipes.recipe import load_recipe, recipe_names
from pipelines.tasks.vqa import train as training
from pipelines.tasks.vqa.answer import answer_split
from pipelines.tasks.vqa.build import encode_targets
from pipelines.tasks.vqa.images import QuestionsByImage
from pipelines.training import loop
from pipelines.training.checkpoint import FILE
from tests.support_encoders import narrow_networks
from tests.support_training import train_and_log

TINY = [
    "encoder.image_size=16",
    "encoder.options.channels=8",
    "question.units=4",
    "question.embedding_size=3",
    "fusion.size=6",
    "training.epochs=2",
    "training.images_per_batch=3",
    "training.questions_per_image=4",
    "training.warmup_steps=0",
]
DECODER = ["answer.decoder.units=4", "answer.decoder.embedding_size=3", "answer.decoder.attention_size=3"]
SHAPES = [name for name in recipe_names("visual_qa") if load_recipe(name).data.dataset == "shapes"]


pytestmark = pytest.mark.usefixtures("eager_training")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "shapes"
    shapes.draw(root, sizes={"train": 4, "dev": 2}, image_size=32)
    return root


def run(folder, recipe, data, *overrides, **options):
    """Trains, and returns what was logged."""
    return train_and_log(load_recipe(recipe, [*TINY, *overrides]), folder, data=data, **options)


def test_recipes_name_things_that_exist():
    found = {name: load_recipe(name) for name in recipe_names("visual_qa")}
    needed = "lstm-norm-i vis-lstm 7w-attention stacked-attention question-only image-only heads film easy daquar"
    assert {"photos-vqa", *(f"vqa-{name}" for name in needed.split())} == set(found)
    for recipe in found.values():
        assert recipe.description and recipe.fusion.name in FUSIONS and recipe.question.name in QUESTION_ENCODERS
        assert recipe.data.dataset in QUESTION_DATASETS


@pytest.mark.parametrize("name", SHAPES)
def test_every_recipe_trains_and_answers(name, data, tmp_path):
    settings = ["training.epochs=1"]
    if name == "vqa-7w-attention":
        settings += DECODER
    if name == "vqa-heads":
        settings += ["fusion.options.heads=1", "fusion.options.attention_size=3"]
    if name == "vqa-film":
        settings += ["fusion.options.channels=4"]
    said = run(tmp_path, name, data, *settings)
    assert "Exact match of the best choice from the list of" in said or name == "vqa-7w-attention"
    assert "Exact match without looking: the most frequent answer" in said and "relation" in said
    assert "development" in said
    model = VisualQA.from_preset(tmp_path)
    assert model.metadata["data_set"]["name"] == "shapes" and 0 <= model.metadata["scores"]["exact_match"] <= 1
    picture = read_questions(data).examples[0].image
    found = model.answer(picture, ["is there a red star?", "how many shapes are there?"], top=2)
    assert [len(answers) for answers in found] == [2, 2]


@pytest.mark.long
def test_a_run_that_was_stopped_ends_as_one_that_was_not(data, tmp_path, monkeypatch):
    """Dropout, order and averaged weights go on in the middle of an epoch."""
    settings = ["question.dropout=0.2", "fusion.dropout=0.2", "training.average_weights=0.9"]
    run(tmp_path / "whole", "vqa-stacked-attention", data, *settings)

    class Stop(Exception):
        pass

    told = loop.CheckpointCallback.on_train_batch_end

    def stop_after_four(keeper, batch, logs=None):
        told(keeper, batch, logs)
        if keeper.loop.at["epoch"] == 1 and keeper.loop.at["step"] == 1:
            keeper.loop.save()
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(loop.CheckpointCallback, "on_train_batch_end", stop_after_four)
        with pytest.raises(Stop):
            run(tmp_path / "parts", "vqa-stacked-attention", data, *settings)
    assert "Going on at epoch 2, step 2" in run(tmp_path / "parts", "vqa-stacked-attention", data, *settings)
    for name in ("model.weights.h5", FILE):
        assert (tmp_path / "parts" / name).is_file()
    histories = [list(csv.DictReader((tmp_path / run_ / "metrics.csv").open())) for run_ in ("whole", "parts")]
    for whole, parts in zip(*histories, strict=True):
        names = ("loss", "dev_loss", "exact_match")
        assert [whole[name] for name in names] == [parts[name] for name in names]
    one, other = (VisualQA.from_preset(tmp_path / part).network.get_weights() for part in ("whole", "parts"))
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)
    with pytest.raises(UserError, match="begun with other data"):
        less = tmp_path / "less"
        shapes.draw(less, sizes={"train": 3, "dev": 2}, image_size=32)
        run(tmp_path / "parts", "vqa-stacked-attention", less, *settings)


def test_words_and_answers_come_from_the_training_split_alone(data, tmp_path):
    """A word or an answer of the development split must not be known, and the ceiling has to say so."""
    lines = [json.loads(line) for line in (data / "questions.jsonl").read_text().splitlines()]
    table = list(map(dict, lines))
    for line in table:
        if line["split"] == "dev":
            line["question"], line["answer"] = "is this a zebra?", "zebra"
    root = tmp_path / "table"
    root.mkdir()
    (root / "images").symlink_to(data / "images")
    (root / "questions.jsonl").write_text("\n".join(map(json.dumps, table)) + "\n")
    for image in {line["image"] for line in lines}:
        (root / image).parent.mkdir(exist_ok=True, parents=True)
        (root / image).write_bytes((data / image).read_bytes())
    (root / "questions.jsonl").write_text(
        "\n".join(json.dumps({**line, "image": old["image"]}) for line, old in zip(table, lines, strict=True)) + "\n"
    )
    said = run(tmp_path / "run", "vqa-question-only", root, "training.epochs=1")
    model = VisualQA.from_preset(tmp_path / "run")
    assert "zebra" not in model.answers and model.unknown_words("zebra") == ["zebra"]
    assert "best choice from the list of 17 answers: 0.0" in said


def test_soft_targets_are_told_as_they_are_learned(data, tmp_path):
    """Their loss has a sigmoid an answer; the model has to know, and those of before this was kept are not changed."""
    run(tmp_path, "vqa-question-only", data, "training.epochs=1", "training.targets=soft")
    assert VisualQA.from_preset(tmp_path).settings.probabilities == "sigmoid"
    assert load_recipe("vqa-question-only").model.probabilities == "softmax"
    config = load_recipe("vqa-question-only").model.model_dump(exclude={"probabilities"})
    assert VisualQASettings.model_validate(config).probabilities == "softmax"


def test_sets_are_learned_whole_or_by_member(data):
    """By member a question stands once for each; the development questions keep their sets."""
    dataset = read_questions(data)
    given = {"train": ("lamp, book", "lamp"), "dev": ("lamp, chair",)}
    examples = []
    for split, answers in given.items():
        found = dataset.split(split)
        examples += [replace(one, answers=(answer,)) for one, answer in zip(found, answers, strict=False)]
    few = replace(dataset, examples=tuple(examples))
    built = {}
    for sets in ("whole", "members"):
        recipe = load_recipe("vqa-question-only", [*TINY, f"data.sets={sets}"])
        built[sets] = training.VisualQAExperiment(recipe)
        built[sets].dataset = few
        built[sets].build(None)
    assert set(built["whole"].model.answers.answers) == {"lamp, book", "lamp"}
    assert list(built["members"].model.answers.answers) == ["lamp", "book"], "the more frequent first"
    train, dev = built["members"].questions, built["members"].dev
    assert [one.answers for one in train.examples] == [("lamp",), ("book",), ("lamp",)]
    assert train.examples[0].question == train.examples[1].question and dev.examples[0].answers == ("lamp, chair",)
    targets = encode_targets("agreed", built["members"].model, train.examples)
    assert targets.values.tolist() == [0, 1, 0] and targets.known.all()
    unanswered = [replace(train.examples[0], answers=()), train.examples[1]]
    assert encode_targets("agreed", built["members"].model, unanswered).known.tolist() == [False, True]


def test_without_a_development_split_images_are_set_aside(data, tmp_path):
    """By image: a question about a picture that was learned from would tell nothing."""
    recipe = load_recipe("vqa-stacked-attention", TINY)
    dataset = read_questions(data)
    alone = type(dataset)(
        dataset.name, dataset.root, tuple(one for one in dataset.examples if one.split == "train"), (), ""
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "read_questions", lambda *_: alone)
        opened = opening.open_questions(data, recipe.source, print, recipe.data.development_share)
        images = {split: {one.image for one in opened.split(split)} for split in ("train", "dev")}
        assert len(images["dev"]) == 1 and not images["train"] & images["dev"]
        everything = load_recipe("vqa-stacked-attention", [*TINY, "data.development_share=0", "training.epochs=1"])
        assert opening.open_questions(data, everything.source, print, everything.data.development_share) == alone
        said = run(tmp_path, "vqa-stacked-attention", data, "data.development_share=0", "training.epochs=1")
    assert "no development split" in said and VisualQA.from_preset(tmp_path)


def test_a_network_that_never_looks_reads_no_image(data, monkeypatch, tmp_path):
    """Wrong if the network is asked for features that it does not use, which takes most of the time."""
    opened = []
    monkeypatch.setattr("pipelines.tasks.vqa.images.open_source", lambda *_: opened.append(1) or pytest.fail("opened"))
    said = run(tmp_path, "vqa-question-only", data, "training.epochs=1")
    assert not opened and "Epoch 1: loss" in said and VisualQA.from_preset(tmp_path).network.image_encoder is None


def test_components_are_those_of_the_training_images(data, tmp_path):
    """Of no other split; a run that goes on takes those it began with, whatever is in the images by then."""
    settings = [
        "encoder.name=vgg16",
        "encoder.options={}",
        "encoder.weights=none",
        "encoder.image_size=32",
        "encoder.pca_components=4",
    ]
    with narrow_networks():
        said = run(tmp_path, "vqa-stacked-attention", data, *settings, "training.epochs=1")
        encoder = VisualQA.from_preset(tmp_path).encoder
        train = QuestionsByImage.of(read_questions(data).split("train"))
        train.open(encoder, tmp_path / "cache", uses_image=True)
        recipe = tmp_path / "recipe.toml"
        recipe.write_text(recipe.read_text().replace("epochs = 1", "epochs = 2"))
        again = run(tmp_path, "vqa-stacked-attention", data, *settings, "training.epochs=2")
        kept = VisualQA.from_preset(tmp_path).encoder
    features = train.source.read(range(len(train.images))).astype("float64").reshape(-1, 16)
    np.testing.assert_allclose(encoder.components.mean, features.mean(axis=0), rtol=1e-4, atol=1e-6)
    assert "4 principal components hold" in said and "principal components" not in again
    assert "Epoch 2: loss" in again, "it went on"
    np.testing.assert_array_equal(kept.components.mean, encoder.components.mean)
    np.testing.assert_array_equal(kept.components.projection, encoder.components.projection)


def test_a_damaged_image_is_left_out(data, tmp_path):
    """The others are answered all the same."""
    root = tmp_path / "shapes"
    shapes.draw(root, sizes={"train": 4, "dev": 3}, image_size=32)
    dataset = read_questions(root)
    asked = QuestionsByImage.of(dataset.split("dev"))
    asked.images[1].write_bytes(b"no image")
    said = run(tmp_path / "run", "vqa-stacked-attention", root, "training.epochs=1")
    assert asked.images[1].name in said
    model = VisualQA.from_preset(tmp_path / "run")
    asked.open(model.encoder, tmp_path / "cache", uses_image=True)
    left_out = {asked.examples[number].id for number in asked.questions[1]}
    assert set(answer_split(model, asked)) == {one.id for one in asked.examples} - left_out


def test_development_questions_that_cannot_be_scored_are_refused_before_the_first_step(tmp_path, monkeypatch):
    """An epoch was learned before the sentence, and again on every restart."""
    root = tmp_path / "shapes"
    shapes.draw(root, sizes={"train": 4, "dev": 1}, image_size=32)
    read_questions(root).split("dev")[0].image.write_bytes(b"none")
    monkeypatch.setattr(loop.TrainingLoop, "run_epochs", lambda _: pytest.fail("a step was taken"))
    with pytest.raises(UserError, match=r"None of the development questions .* has answers.* first problem"):
        run(tmp_path / "run", "vqa-stacked-attention", root)


def test_settings_that_contradict_each_other_are_refused(data, tmp_path):
    with pytest.raises(UserError, match=r"'soft' goes with answer.name = 'classes'"):
        run(tmp_path, "vqa-7w-attention", data, "training.targets=soft")
    with pytest.raises(UserError, match="'members' from one"):
        run(tmp_path, "vqa-question-only", data, "training.targets=soft", "data.sets=members")
    with pytest.raises(UserError, match="vqa_accuracy' is not a score of this data: exact_match"):
        run(tmp_path / "b", "vqa-question-only", data, "training.select_by=vqa_accuracy", "training.epochs=1")
