"""Decoders: all of them by `check_decoder`."""

import inspect

import numpy as np
import pytest

from captioner.cells.lstm import LSTMCell
from captioner.decoders import DECODERS, WITHOUT_ATTENTION
from captioner.errors import UserError
from captioner.models.base.build import build_decoder
from captioner.settings import DecoderSettings
from tests.support import arrays, assert_equal, check_decoder, numbers, randomise

SIZES = {"vocabulary_size": 9, "embedding_size": 3, "attention_size": 7}


def make(name, cell="lstm", **options):
    """A decoder whose sizes all differ."""
    decoder = DECODERS.get(name)
    given = {**SIZES, **options}
    if "attention_size" not in inspect.signature(decoder.__init__).parameters:
        given.pop("attention_size")
    if name == "hard_attention":  # its places are drawn while it learns; test_family.py is about that
        given["soft_share"] = 1.0
    return decoder(cell=LSTMCell(4), **given)


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        *((name, variant) for name in DECODERS.names() for variant in ({}, {"tie_embeddings": True})),
        ("attention", {"query_word": True}),
        ("attention", {"coverage": True}),
    ],
    ids=str,
)
def test_decoder(name, variant):
    check_decoder(lambda **options: make(name, **variant, **options))


@pytest.mark.parametrize("name", DECODERS.names())
def test_which_decoders_attend_is_known_without_keras(name):
    """Wrong: pictures of attention are refused for one that attends, or only once a model without was loaded."""
    _, extras = make(name)(np.full((2, 3), 4), numbers(1, 5, 6))
    assert ("attention" in extras) == (name not in WITHOUT_ATTENTION)


@pytest.mark.parametrize("name", DECODERS.names())
def test_a_dropped_word_is_dropped_whole(name):
    """Dropping single numbers of a word's vector would leave the word readable."""
    decoder, words = make(name, word_dropout=0.5), np.full((6, 40), 4)
    decoder(words, numbers(1, 5, 6))
    randomise(decoder)
    vector, nothing = (
        arrays(decoder.read(np.array([[4]]))["words"])[0][0, 0],
        arrays(decoder.read(words, training=True)["words"])[0],
    )
    kinds = np.unique(nothing.reshape(240, -1).round(4), axis=0)
    assert len(kinds) == 2, "kept or dropped, there is no third"
    assert_equal(
        decoder.read(words)["words"], np.broadcast_to(vector, nothing.shape), why="words are dropped outside training"
    )


@pytest.mark.parametrize("name", DECODERS.names())
def test_the_image_and_the_words_before_matter_and_the_words_after_do_not(name):
    """A decoder that ignores the image, or sees the word it has to guess, looks well in training."""
    decoder, memory, words = make(name), numbers(1, 5, 6), np.array([[1, 4, 5, 6]])
    decoder(words, memory)
    randomise(decoder)
    logits = arrays(decoder(words, memory)[0])[0]
    assert np.abs(arrays(decoder(words, memory + 1)[0])[0] - logits).max() > 1e-3
    other = arrays(decoder(np.array([[1, 4, 7, 8]]), memory)[0])[0]
    assert_equal(other[:, :2], logits[:, :2])
    assert np.abs(other[:, 2:] - logits[:, 2:]).max() > 1e-3


def test_tied_embeddings_save_a_matrix():
    plain, tied = make("attention"), make("attention", tie_embeddings=True)
    for decoder in (plain, tied):
        decoder(np.array([[1, 4]]), numbers(1, 5, 6))
    assert plain.count_params() - tied.count_params() == 9 * 3


def test_attention_of_every_word_sums_to_one():
    decoder = make("attention")
    words, memory = np.array([[1, 4, 5]] * 4), numbers(2, 5, 6)
    decoder(words, memory)
    _, extras = randomise(decoder)(words, memory)
    assert_equal(np.sum(arrays(extras["attention"])[0], axis=-1), np.ones((4, 3)))


@pytest.mark.parametrize("name", DECODERS.names())
def test_settings_reach_the_decoder(name):
    """A setting that is accepted and then ignored."""
    settings = DecoderSettings(
        name=name, units=5, embedding_size=3, attention_size=7, dropout=0.25, word_dropout=0.125, tie_embeddings=True,
        query_word=True, layers=2,
    )  # fmt: skip
    decoder = build_decoder(settings, vocabulary_size=9)
    config = decoder.get_config()
    takes = {name for owner in type(decoder).__mro__ for name in inspect.signature(owner.__init__).parameters}
    wanted = {key: value for key, value in settings.model_dump(exclude={"name", "cell"}).items() if key in takes}
    assert {"embedding_size", "dropout", "word_dropout", "tie_embeddings"} <= wanted.keys()
    assert {key: config[key] for key in wanted} == wanted
    assert config["vocabulary_size"] == 9 and decoder.cell.output_size == 5 and len(decoder.cell.layer_cells()) == 2


def test_options_reach_the_decoder_that_has_them_and_no_other():
    settings = DecoderSettings(name="recurrent_visual", units=5, options={"reconstruction_weight": 0.25})
    assert build_decoder(settings, vocabulary_size=9).reconstruction_weight == 0.25
    with pytest.raises(UserError, match=r"no option `reconstruction_weigt`.*Did you mean `reconstruction_weight`"):
        build_decoder(settings.model_copy(update={"options": {"reconstruction_weigt": 1.0}}), vocabulary_size=9)
    with pytest.raises(UserError, match=r"inject has no option `entropy_weight`. It has none"):
        build_decoder(DecoderSettings(name="inject", options={"entropy_weight": 1.0}), vocabulary_size=9)
