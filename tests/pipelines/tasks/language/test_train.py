"""Training language models from beginning to end, at toy size."""

import csv
import json

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.models.language.language_model import LanguageModel
from pipelines.recipes.recipe import load_recipe, recipe_names
from pipelines.tasks.language import train as language_training
from pipelines.tasks.language.chunks import Documents
from pipelines.tasks.language.corpora import Corpus
from pipelines.tasks.language.train import validation_loss
from pipelines.training import loop
from pipelines.training.checkpoint import read_progress
from tests.support_language import next_words, tiny_model
from tests.support_training import train_and_log

TINY = [
    "model.units=12",
    "model.layers=1",
    "model.embedding_size=6",
    "model.dropout=0.1",
    "text.minimum_count=1",
    "training.epochs=2",
    "training.rows=16",
    "training.chunk=5",
    "training.warmup_steps=2",
    "training.learning_rate=0.05",
    "training.sample_length=12",
]
TEXT = "the cat sat on the mat. the dog sat on the log. " * 12


pytestmark = pytest.mark.usefixtures("eager_training")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "cats.txt"
    path.write_text(TEXT)
    return path


def run(folder, data, *settings, recipe="language-characters"):
    """Trains, and returns what was logged."""
    return train_and_log(load_recipe(recipe, [*TINY, *settings]), folder, data=data)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("runs") / "cats"
    return folder, run(folder, text, "training.epochs=4")


def test_it_learns_and_tells_what_people_want_to_know(trained):
    folder, output = trained
    assert "cats.txt: 518 characters to learn from, 58 to check with" in output
    assert "parameters, 6 steps an epoch" in output
    assert (
        output.index("Before training it writes:")
        < output.index("After epoch 1 it writes:")
        < output.index("After epoch 4")
    )
    with open(folder / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["dev_loss"]) for row in rows]
    assert len(rows) == 4 and losses[-1] < losses[0] < np.log(20), "nothing was learned"
    for row in rows:
        assert float(row["bits_per_character"]) == pytest.approx(float(row["dev_loss"]) / np.log(2), rel=1e-4)
        assert float(row["perplexity"]) == pytest.approx(np.exp(float(row["dev_loss"])), rel=1e-4)
        assert f"{float(row['dev_loss']):.4f} nats a character, perplexity" in output
    best = min(range(4), key=lambda n: losses[n])
    assert f"Best epoch {best + 1}" in output


def test_the_preset_is_that_of_the_best_epoch_and_its_loss_is_the_one_told(trained):
    folder, _ = trained
    model = LanguageModel.from_preset(folder)
    facts = json.loads((folder / "metadata.json").read_text())
    assert facts["data_set"]["splits"] == {"train": 518, "dev": 58, "unit": "character"}
    again = validation_loss(model, Documents([TEXT[518:]], model.vocabulary, ends=False))
    assert again == pytest.approx(facts["scores"]["dev_loss"], abs=1e-5)
    assert not model.settings.ends
    assert len(model.sample(20)) == 20


def test_words_of_the_validation_text_are_not_learned(tmp_path):
    """A vocabulary that has seen the validation text scores it too well."""
    path = tmp_path / "text.txt"
    path.write_text("ab" * 90 + "abc?" * 5)
    output = run(tmp_path / "run", path, "training.epochs=1")
    assert "6 in the vocabulary, 50.00% of the latter are not in it" in output
    assert LanguageModel.from_preset(tmp_path / "run").vocabulary.words[4:] == ("a", "b")


def test_the_validation_loss_is_that_of_reading_the_text_from_its_beginning(monkeypatch):
    """With the state carried: each word given all words before it, however the text is cut to be read quickly."""
    from pipelines.tasks.language import train as module

    monkeypatch.setattr(module, "WARM_UP", 24)
    model = tiny_model(cell="lstm", layers=1, scale=0.5)
    letters = np.random.default_rng(0).choice(list("abc\né"), 500)
    documents = Documents(["".join(letters[:450]), "".join(letters[450:])], model.vocabulary, ends=True)
    quick = validation_loss(model, documents, rows=4)
    slow = model.read([(ids[:-1], ids[1:]) for ids in documents.ids])["log_probabilities"]
    assert len(documents.ids[0]) > 2 * 8 * module.WARM_UP, "the text was to be cut"
    assert quick == pytest.approx(-np.concatenate(slow).mean(), abs=1e-4)
    assert documents.words == sum(map(len, slow)) == 502
    ids = documents.ids[1][:4]
    by_steps = [next_words(model, ids[:n])[ids[n]] for n in (1, 2, 3)]
    np.testing.assert_allclose(slow[1][:3], by_steps, atol=1e-4)


def test_a_run_goes_on_and_refuses_another_text_or_other_settings(tmp_path, text, trained):
    folder, _ = trained
    output = run(folder, text, "training.epochs=4")
    assert "Going on at epoch 5" in output and "it writes" not in output
    other = tmp_path / "other.txt"
    other.write_text(TEXT.replace("cat", "cow"))
    with pytest.raises(UserError, match=r"was begun with other data than other\.txt"):
        run(folder, other, "training.epochs=4")
    with pytest.raises(UserError, match="holds a training with other settings"):
        run(folder, text, "training.epochs=4", "model.units=13")


def test_what_cannot_be_trained_leaves_nothing_that_is_in_the_way(tmp_path):
    path = tmp_path / "short.txt"
    path.write_text("too short")
    with pytest.raises(UserError, match=r"less than the first batch of 16 streams with 5 each \(80\)"):
        run(tmp_path / "run", path)
    assert not (tmp_path / "run").exists()
    run(tmp_path / "run", path, "training.rows=1", "training.chunk=3", "training.epochs=1")


def test_a_loss_that_is_no_number_stops_the_training(tmp_path, text, monkeypatch):
    class Broken(language_training.MaskedCrossEntropy):
        def call(self, y_true, y_pred):
            return super().call(y_true, y_pred) * float("nan")

    monkeypatch.setattr(language_training, "MaskedCrossEntropy", Broken)
    with pytest.raises(UserError, match=r"The loss is nan at epoch 1, step 1\. No model is kept\. Begin again"):
        run(tmp_path, text)
    assert read_progress(tmp_path) is None


def test_weights_that_are_no_numbers_replace_neither_the_model_nor_the_checkpoint(tmp_path, text, monkeypatch):
    """A loss is that before the step: with the weights of the step after it, nothing could be written or go on."""
    fit = loop.TrainingLoop._fit_epoch
    kept = []

    def breaking(self):
        if self.at["epoch"] == 1:
            kept[:] = [(tmp_path / name).read_bytes() for name in ("model.weights.h5", "checkpoint.npz")]
            monkeypatch.setattr(
                self.network, "fit", lambda *_, **__: self.network.trainable_variables[0].assign_add(float("nan"))
            )
        return fit(self)

    monkeypatch.setattr(loop.TrainingLoop, "_fit_epoch", breaking)
    with pytest.raises(UserError, match=r"The weights are not finite at epoch 2.*of epoch 1, is kept in"):
        run(tmp_path, text)
    assert [(tmp_path / name).read_bytes() for name in ("model.weights.h5", "checkpoint.npz")] == kept


def test_a_score_that_is_no_number_is_never_the_best(tmp_path, text, monkeypatch):
    """Nothing is better than NaN: the first model would stay for ever."""
    monkeypatch.setattr(language_training, "validation_loss", lambda *_: float("nan"))
    with pytest.raises(UserError, match=r"dev_loss, is nan at epoch 1, step \d+\. No model is kept"):
        run(tmp_path, text, "training.sample_length=0")
    assert not (tmp_path / "model.weights.h5").exists()


def test_sentences_are_learned_whole_if_nothing_is_carried(tmp_path, monkeypatch):
    from pipelines.tasks.language import train as module

    lines = tuple(f"a {colour} {shape}" for colour in ("red", "blue", "pale") for shape in ("cat", "dog", "fox"))
    corpus = Corpus("captions", lines * 4, lines[:3], True)
    monkeypatch.setattr(module, "open_corpus", lambda *_: corpus)
    output = run(tmp_path / "run", None, "training.chunk=6", "training.epochs=6", recipe="language-words")
    assert "captions: 144 words to learn from, 12 to check with" in output and "bits" not in output
    model = LanguageModel.from_preset(tmp_path / "run")
    right, wrong = model.score(["a red cat", "cat red a"])
    assert right.log_probability > wrong.log_probability, "word order has to matter"
    assert model.settings.ends and "\n" in model.sample(40, seed=1)


@pytest.mark.parametrize(
    "settings",
    [
        ["model.cell=mut1", "model.layers=2"],
        ["model.name=window", "model.cell=mut1"],
        ["model.embedding=one_hot"],
        ["training.gradient_penalty=0.5", "training.clip_value=0.1"],
    ],
)
def test_other_networks_are_trained_by_the_same_command(tmp_path, text, settings):
    output = run(tmp_path / "run", text, "training.epochs=1", *settings)
    assert "Best epoch 1" in output
    assert ("model.cell means nothing to a window" in output) == ("model.name=window" in settings)
    assert LanguageModel.from_preset(tmp_path / "run").score(["the cat"])


def test_an_embedding_begins_with_the_vectors_of_a_file(tmp_path, text):
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("t 1 2 3 4 5 6\nß 1 1 1 1 1 1\nh 6 5 4 3 2 1\n")
    output = run(tmp_path / "run", text, f"data.vectors={json.dumps(str(vectors))}", "training.learning_rate=1e-9")
    assert "Word vectors: 2 of 14 words" in output
    model = LanguageModel.from_preset(tmp_path / "run")
    row = model.vocabulary.encode_words(["h"])[0]
    np.testing.assert_allclose(np.asarray(model.network.embedding.embeddings)[row], [6, 5, 4, 3, 2, 1], atol=1e-3)
    with pytest.raises(
        UserError, match=r"have 6 numbers, but model\.embedding_size = 7\. Set model\.embedding_size = 6"
    ):
        run(tmp_path / "b", text, f"data.vectors={json.dumps(str(vectors))}", "model.embedding_size=7")
    vectors.write_text("t 1 2 3\nh 6 5\n")
    with pytest.raises(UserError, match=r"vectors\.txt:2"):
        run(tmp_path / "c", text, f"data.vectors={json.dumps(str(vectors))}", "model.embedding_size=3")


def test_an_unknown_cell_names_the_nearest(tmp_path, text):
    with pytest.raises(UserError, match=r"no cell called 'mut4'.*Did you mean `mut"):
        run(tmp_path / "run", text, "model.cell=mut4")
    assert not (tmp_path / "run").exists() or not list((tmp_path / "run").iterdir())


def test_the_recipes_that_come_along_are_valid():
    assert {"language-characters", "language-words", "language-shakespeare"} <= set(recipe_names("language"))
    for name in recipe_names("language"):
        assert load_recipe(name).description


def test_a_missing_text_leaves_nothing_behind(tmp_path):
    with pytest.raises(UserError, match=r"no\.txt does not exist\. Give a text file"):
        run(tmp_path / "run", tmp_path / "no.txt")
    assert not (tmp_path / "run").exists()


def test_a_text_that_is_hardly_known_is_reported_and_one_that_is_not_known_is_refused(tmp_path, monkeypatch):
    """It trained to a perplexity of 1.77, and nothing said that this was of `<unk>`."""
    monkeypatch.setattr(loop.TrainingLoop, "run_epochs", lambda _: None)
    text, settings = tmp_path / "chinese.txt", ("text.minimum_count=5", "training.rows=4")
    text.write_text("".join(map(chr, range(0x4E00, 0x4F00))) + "a b " * 25, encoding="utf-8")
    output = run(tmp_path / "run", text, *settings, "data.validation=0.25")
    assert "of the characters of the texts to learn from are not known to the model" in output
    text.write_text("".join(map(chr, range(0x4E00, 0x4F00))), encoding="utf-8")
    with pytest.raises(UserError, match="None of the characters of the texts to learn from is known"):
        run(tmp_path / "none", text, *settings)
    text.write_text("abc " * 60 + "".join(map(chr, range(0x4E00, 0x4E20))), encoding="utf-8")
    with pytest.raises(UserError, match="None of the characters of the validation text is known"):
        run(tmp_path / "other", text, *settings)
    text.write_text("abc " * 60 + "... " * 12, encoding="utf-8")
    with pytest.raises(UserError, match=r"The validation text of chinese\.txt has no words \(ptb tokenizer\)"):
        run(tmp_path / "no words", text, *settings, "text.tokenizer=ptb")
