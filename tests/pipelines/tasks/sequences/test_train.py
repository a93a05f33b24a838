"""Every recipe from beginning to end, on a few examples."""

import csv
import json

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from captioner.cells import CELLS
from captioner.decoders import DECODERS
from captioner.errors import UserError
from captioner.models.sequences.model import SequenceModel
from captioner.text import TOKENIZERS
from captioner.text.vocabulary import Vocabulary
from pipelines.cli.app import app
from pipelines.recipes.recipe import load_recipe, recipe_names
from pipelines.tasks.sequences import train as training
from pipelines.tasks.sequences.batches import NONE, SequenceBatches, encode_examples
from pipelines.tasks.sequences.examples import SequenceExample, generate
from pipelines.tasks.sequences.scores import score, selection_metric
from pipelines.utils.progress import Reporter
from tests.support_training import train_and_log

TASKS = ("tag", "classify", "translate", "frames", "describe")
SIZES = {"train": 20, "dev": 4, "test": 4}
TINY = [
    "data.sizes.dev=4",
    "data.sizes.test=4",
    "reader.units=6",
    "reader.embedding_size=5",
    "decoder.units=6",
    "decoder.embedding_size=5",
    "decoder.attention_size=4",
    "search.max_words=6",
    "text.max_length=9",
    "training.epochs=2",
    "training.batch_size=10",
    "training.warmup_steps=0",
    "training.learning_rate=0.02",
    "training.baseline_epochs=1",
]


def sizes(task):
    """All facts have to be among the training examples."""
    return {**SIZES, "train": 60} if task == "describe" else SIZES


def tiny(task, *overrides):
    return load_recipe(f"sequence-{task}", [*TINY, f"data.sizes.train={sizes(task)['train']}", *overrides])


pytestmark = pytest.mark.usefixtures("eager_training")


def run(folder, task, *overrides, **options):
    """Trains, and returns what was logged."""
    return train_and_log(tiny(task, *overrides), folder, **options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """`trained(task)`: the folder of a run and the output."""
    made = {}

    def get(task):
        if task not in made:
            folder = tmp_path_factory.mktemp("runs") / task
            made[task] = folder, run(folder, task)
        return made[task]

    return get


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_there_is_a_recipe_for_each_task():
    assert set(recipe_names("sequence")) == {f"sequence-{task}" for task in TASKS}
    for name in recipe_names("sequence"):
        recipe = load_recipe(name)
        assert recipe.name == name and recipe.description and recipe.task == name.removeprefix("sequence-")
        assert recipe.text.tokenizer in TOKENIZERS and {recipe.reader.cell, recipe.decoder.cell} <= set(CELLS.names())
        assert recipe.decoder.name in DECODERS and not recipe.data.directory
        if recipe.task in ("translate", "describe"):
            # No sentence to learn from is cut, and none as long is out of reach: start and end take two of the ids.
            made = generate(recipe.task, 0, {"train": 400, "dev": 0, "test": 0})["train"]
            longest = max(len(example.target.split()) for example in made)
            assert longest <= recipe.text.max_length - 2 and longest <= recipe.search.max_words


@pytest.mark.parametrize("task", TASKS)
def test_a_recipe_trains_and_leaves_a_model_its_scores_and_its_predictions(task, trained):
    folder, output = trained(task)
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        "checkpoint.npz", "config.json", "data.json", "metadata.json", "metrics.csv", "metrics.json",
        "model.weights.h5", "predictions.csv", "recipe.toml", "vocabulary.txt",
    }  # fmt: skip
    history = rows(folder / "metrics.csv")
    assert [row["epoch"] for row in history] == ["1", "2"]
    assert float(history[1]["loss"]) < float(history[0]["loss"]), "nothing was learned"
    assert all(float(row["dev_loss"]) > 0 for row in history)
    report = json.loads((folder / "metrics.json").read_text())
    assert report["split"] == "test" and report["examples"] == 4
    assert ("without_recurrence" in report) == (task in ("tag", "classify", "frames"))
    assert "Test, 4 examples: " in output and "Best epoch" in output
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["data_set"]["splits"] == sizes(task) and metadata["recipe"] == f"sequence-{task}"


@pytest.mark.parametrize("task", TASKS)
def test_the_preset_predicts_what_was_reported(task, trained):
    folder, _ = trained(task)
    model = SequenceModel.from_preset(folder)
    test = generate(task, 0, sizes(task))["test"]
    predictions = model.predict([example.source for example in test])
    predicted = [made.text if task in ("translate", "describe") else " ".join(made.labels) for made in predictions]
    # A sheet keeps no text that begins like a formula, and an empty one comes back empty.
    assert [row["predicted"] for row in rows(folder / "predictions.csv")] == predicted
    assert score(task, test, predictions) == json.loads((folder / "metrics.json").read_text())["scores"]


def test_words_labels_and_facts_are_those_of_the_training_split():
    examples = {
        "tag": [SequenceExample("a b", ("X", "Y"))],
        "translate": [SequenceExample("a b", "c d")],
        "describe": [SequenceExample("x=1 y=2", "c d")],
    }
    tagged = training.build_model(tiny("tag"), examples["tag"])
    assert set(tagged.vocabulary.words[4:]) == {"a", "b"} and tagged.settings.labels == ("X", "Y")
    assert set(training.build_model(tiny("translate"), examples["translate"]).vocabulary.words[4:]) == set("abcd")
    described = training.build_model(tiny("describe"), examples["describe"])
    assert described.settings.facts == ("x=1", "y=2") and set(described.vocabulary.words[4:]) == {"c", "d"}


def test_the_same_command_ends_with_the_same_weights_and_goes_on_after_a_stop(trained, tmp_path, monkeypatch):
    whole = dict(np.load(trained("tag")[0] / "checkpoint.npz"))
    evaluate, calls = training.SequenceExperiment.evaluate, []

    def stop(self, epoch, loss):
        calls.append(epoch)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return evaluate(self, epoch, loss)

    monkeypatch.setattr(training.SequenceExperiment, "evaluate", stop)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", "tag")
    output = run(tmp_path / "run", "tag")
    assert "Going on at epoch 2" in output
    again = dict(np.load(tmp_path / "run" / "checkpoint.npz"))
    for name in whole:
        if name != "progress":  # which tells seconds
            assert np.array_equal(whole[name], again[name]), name


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000], ids=["cut", "a list", "too deep"])
def test_a_damaged_note_of_the_examples_is_named(tmp_path, text):
    (tmp_path / "data.json").write_text(text)
    with pytest.raises(UserError, match=r"data\.json is (damaged|not JSON)"):
        run(tmp_path, "classify")


def test_other_settings_or_other_examples_are_refused(trained, tmp_path):
    folder, _ = trained("classify")
    with pytest.raises(UserError, match="a training with other settings"):
        run(folder, "classify", "reader.units=7")
    table = "text,label,split\n" + "".join(
        f"w{n},l{n % 2},{split}\n" for n, split in enumerate(["train"] * 6 + ["dev"])
    )
    (tmp_path / "mine.csv").write_text(table)
    with pytest.raises(
        UserError, match=r"begun with other data than mine\.csv as it is now: Examples of classify, made with seed 0 \("
    ):
        run(folder, "classify", data=tmp_path / "mine.csv")


@pytest.mark.parametrize(
    "task, table",
    [
        ("tag", "text,tags,split\n" + "The {0} cat sat .,D A N V P,{0}\nA {0},D N,{0}\n"),
        ("describe", "source,target,split\n" + "is={0} wet=no,a dry one,{0}\nis={0},one indeed,{0}\n"),
    ],
)
def test_a_table_of_ones_own(task, table, tmp_path):
    head, *lines = table.splitlines(keepends=True)
    for split in SIZES:
        (tmp_path / f"{split}.csv").write_text(head + "".join(lines).format(split))
    if task == "describe":  # facts that no training row holds
        (tmp_path / "dev.csv").write_text(head + "wet=no,a dry one,dev\nis=dev,one indeed,dev\n")
        (tmp_path / "test.csv").write_text(head + "is=train wet=yes,one,test\nwet=no wet=no,a dry one,test\n")
    output = run(tmp_path / "run", task, data=tmp_path)
    assert "Test, 2 examples" in output if task == "tag" else "Test, 1 examples" in output
    assert ("no training row holds" in output) == (task == "describe")
    assert json.loads((tmp_path / "run" / "data.json").read_text())["name"] == tmp_path.name
    assert str(tmp_path) not in (tmp_path / "run" / "metadata.json").read_text(), "a path of this machine"


def test_one_label_is_none(tmp_path):
    (tmp_path / "a.csv").write_text("text,label,split\na,x,train\nb,x,train\nc,y,dev\n")
    with pytest.raises(UserError, match=r"only one label in the training split \('x'\)"):
        run(tmp_path / "run", "classify", data=tmp_path / "a.csv")


def test_texts_that_are_cut_are_told(tmp_path):
    (tmp_path / "a.csv").write_text("text,label,split\na b c d,x,train\nb,y,train\nc,y,dev\nd,x,test\n")
    output = run(tmp_path / "run", "classify", "text.max_length=3", data=tmp_path / "a.csv")
    assert "1 training texts are longer than 3 words" in output


@pytest.mark.parametrize("option", ["--init-from", "--encoder-weights"])
def test_options_that_mean_nothing_are_refused(option, tmp_path):
    refused = CliRunner().invoke(app, ["train", "sequence-tag", "--out", str(tmp_path / "run"), option, __file__])
    assert refused.exit_code == 1 and f"{option} means nothing to sequence-tag" in refused.output


def test_frames_cannot_be_given_as_a_table(tmp_path):
    with pytest.raises(UserError, match="cannot be read from a table"):
        run(tmp_path / "run", "frames", data=tmp_path)


def test_batches_hold_each_example_once_and_go_on_in_the_middle():
    inputs = {"source": np.arange(1, 8)[:, None], "words": np.arange(1, 8)}
    batches = SequenceBatches(inputs, np.arange(1, 8), NONE, 3, seed=0)
    assert batches.steps == 3
    whole = [(keras.tree.map_structure(np.asarray, x), np.asarray(y)) for x, y in batches.epoch(1)]
    assert sorted(np.concatenate([y for _, y in whole])) == [NONE, NONE, *range(1, 8)]
    for x, y in whole:
        assert np.array_equal(x["source"][:, 0], np.maximum(y, 0)) and np.array_equal(x["words"], np.maximum(y, 0))
    rest = [np.asarray(y) for _, y in batches.epoch(1, skip=2)]
    assert len(rest) == 1 and np.array_equal(rest[0], whole[2][1])
    other = np.concatenate([np.asarray(y) for _, y in batches.epoch(2)])
    assert not np.array_equal(other, np.concatenate([y for _, y in whole]))


def test_examples_become_ids_and_labels():
    tagger = training.build_model(tiny("tag"), [SequenceExample("a b", ("X", "Y"))])
    ids, labels = encode_examples(tagger, [SequenceExample("b a c", ("Y", "X", "Z")), SequenceExample("a", ("X",))], 4)
    a, b = (tagger.vocabulary.encode_words([word])[0] for word in "ab")
    assert ids.tolist() == [[b, a, 3, 0], [a, 0, 0, 0]]
    assert labels.tolist() == [[1, 0, NONE, NONE], [0, NONE, NONE, NONE]]
    writer = training.build_model(tiny("translate", "text.max_length=4"), [SequenceExample("a", "b b")])
    a, b = (writer.vocabulary.encode_words([word])[0] for word in "ab")
    inputs, targets = encode_examples(writer, [SequenceExample("a", "b b")], 2)
    assert inputs["source"].tolist() == [[a, 0]]
    assert inputs["words"].tolist() == [[1, b, b]] and targets.tolist() == [[b, b, 2]]


class Made:
    def __init__(self, text, labels=()):
        self.text, self.labels, self.words = text, tuple(labels), tuple(text.split())


def test_scores_by_hand():
    tagged = [SequenceExample("a b", ("X", "Y")), SequenceExample("c d", ("X", "X"))]
    made = [Made("", "XY"), Made("", "XY")]
    assert score("tag", tagged, made) == {"accuracy": 0.75, "exact_match": 0.5}
    judged = [SequenceExample("a", ("X",)), SequenceExample("b", ("Y",)), SequenceExample("c", ("Y",))]
    assert score("classify", judged, [Made("", "X"), Made("", "X"), Made("", "Y")])["accuracy"] == pytest.approx(2 / 3)
    pairs = [SequenceExample("x", "a b c d"), SequenceExample("y", "e f g h")]
    scores = score("translate", pairs, [Made("a b c d"), Made("e f g x")])
    assert scores["exact_match"] == 0.5 and scores["bleu_1"] == pytest.approx(7 / 8)
    facts = [SequenceExample("count=1 colour=red shape=star", "a red star")] * 2
    assert score("describe", facts, [Made("there is a red star"), Made("a red ring")]) == {"faithfulness": 0.5}
    assert selection_metric("describe", facts) == "faithfulness" and selection_metric("describe", pairs) == "bleu_4"


def test_the_development_loss_is_the_training_loss_on_other_examples():
    """Two ways to count cross-entropy that drift apart make curves that mislead."""
    recipe = tiny("tag")
    experiment = training.SequenceExperiment(recipe, reporter=Reporter(quiet=True))
    experiment.open_data()
    experiment.build(None)
    inputs, targets = experiment.dev
    logits = np.asarray(experiment.network(inputs))
    assert experiment._loss(logits, targets) == pytest.approx(float(experiment.network.loss(targets, logits)), abs=1e-5)


def test_a_vocabulary_without_words_is_possible(trained):
    folder, _ = trained("frames")
    assert Vocabulary.load(folder / "vocabulary.txt", "unicode").words[4:] == ()
    assert (folder / "clip.gif").read_bytes().startswith(b"GIF")
