"""Word vectors of others in a captioner's training: told, used, and only where a training begins."""

import numpy as np
import pytest
from rich.console import Console

from captioner.errors import UserError
from captioner.layers.embedding import OneHotEmbedding, WordEmbedding
from pipelines.data.datasets import shapes
from pipelines.recipes.recipe import load_recipe
from pipelines.training import loop
from pipelines.training.experiment import train
from pipelines.training.pretrained_embeddings import load_pretrained_embeddings
from pipelines.utils.progress import Reporter
from tests.support import arrays, numbers

TINY = [
    "encoder.image_size=16",
    "encoder.options.channels=8",
    "decoder.units=6",
    "decoder.embedding_size=5",
    "decoder.attention_size=4",
    "training.images_per_batch=4",
]
WORDS = ["<pad>", "<start>", "<end>", "<unk>", "a", "dog", "zebra"]


def written(path, **vectors):
    path.write_text("".join(f"{word} {' '.join(map(str, vector))}\n" for word, vector in vectors.items()))
    return path


def table(size=5):
    embedding = WordEmbedding(len(WORDS), size)
    embedding.build((None,))
    embedding.set_weights([numbers(len(WORDS), size)])
    return embedding


def test_words_in_the_file_begin_with_its_vectors_and_others_stay(tmp_path):
    embedding, path = table(), written(tmp_path / "glove.txt", dog=[1, 2, 3, 4, 5], cow=[9] * 5, a=[5, 4, 3, 2, 1])
    said = load_pretrained_embeddings(embedding, WORDS, path, "decoder.embedding_size")
    assert said == "Word vectors: 2 of 3 words (66.7%) found in glove.txt"
    expected = numbers(len(WORDS), 5)
    expected[4:6] = [[5, 4, 3, 2, 1], [1, 2, 3, 4, 5]]
    np.testing.assert_array_equal(arrays(embedding.embeddings)[0], expected)


def test_vectors_that_do_not_fit_are_refused_and_nothing_is_changed(tmp_path):
    embedding = table()
    for path, says in [
        (written(tmp_path / "a", dog=[1, 2, 3]), r"have 3 numbers, but decoder\.embedding_size = 5\. Set .* = 3"),
        (written(tmp_path / "b", perro=[1] * 5), r"None of the 3 words, such as 'a', has a vector"),
        (tmp_path / "none", r"There is no file of word vectors"),
    ]:
        with pytest.raises(UserError, match=says):
            load_pretrained_embeddings(embedding, WORDS, path, "decoder.embedding_size")
    np.testing.assert_array_equal(arrays(embedding.embeddings)[0], numbers(len(WORDS), 5))
    with pytest.raises(UserError, match="need an embedding that is learned; this model's words are one-hot"):
        load_pretrained_embeddings(
            OneHotEmbedding(7), WORDS, written(tmp_path / "c", dog=[1] * 7), "decoder.embedding_size"
        )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "shapes"
    shapes.draw(root, sizes={"train": 8, "dev": 4}, image_size=32)
    return root


@pytest.fixture
def run(data, tmp_path, monkeypatch):
    """Begins a training of `data`, learns nothing, and returns the model and what was said."""
    begun = []
    monkeypatch.setattr(loop.TrainingLoop, "run_epochs", lambda made: begun.append(made.experiment.captioner))

    def begin(*overrides, folder="run", **options):
        console = Console(record=True, width=300)
        recipe = load_recipe("shapes", [*TINY, *overrides])
        train(recipe, tmp_path / folder, data=data, cache=tmp_path / "cache", reporter=Reporter(console), **options)
        return begun[-1], console.export_text()

    return begin


def vector_of(captioner, word):
    return arrays(captioner.decoder.embedding.embeddings)[0][captioner.vocabulary.words.index(word)].tolist()


def test_a_training_begins_with_the_vectors_and_says_how_many_it_found(run, tmp_path):
    path = written(tmp_path / "glove.txt", red=[1, 2, 3, 4, 5], zebra=[9] * 5)
    for _ in range(2):  # the second time it was stopped before its first checkpoint
        captioner, said = run(f'data.vectors="{path}"')
        assert vector_of(captioner, "red") == [1, 2, 3, 4, 5]
        assert f"Word vectors: 1 of {len(captioner.vocabulary) - 4} words" in said and "found in glove.txt" in said


def test_a_model_that_is_trained_further_keeps_its_own_vectors_and_names_no_file(run, tmp_path):
    """A preset holds no paths: whoever gets it has no such file."""
    captioner, said = run()
    assert "Word vectors" not in said
    path = written(tmp_path / "glove.txt", red=[1, 2, 3, 4, 5])
    captioner.save_to_preset(tmp_path / "preset")
    again, said = run(f'data.vectors="{path}"', folder="further", init_from=tmp_path / "preset")
    assert vector_of(again, "red") == vector_of(captioner, "red") and "is not used: the words of" in said
    again.save_to_preset(tmp_path / "second")
    for name in ("config.json", "metadata.json"):
        assert "glove" not in (tmp_path / "second" / name).read_text()


def test_one_hot_words_need_no_table(run):
    captioner, _ = run("decoder.embedding=one_hot")
    assert isinstance(captioner.decoder.embedding, OneHotEmbedding)
    assert captioner.decoder.cell.kernel.shape[0] > len(captioner.vocabulary)
    with pytest.raises(UserError, match=r"decoder\.tie_embeddings needs decoder\.embedding = learned"):
        run("decoder.embedding=one_hot", "decoder.tie_embeddings=true", folder="tied")
