"""A decoder that begins with a language model: what is copied, and that it then says the same."""

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.models.base.build import build_decoder
from captioner.models.captioning.warm_start import warm_start_decoder
from captioner.settings import DecoderSettings
from captioner.text.vocabulary import Vocabulary
from tests.support import numbers
from tests.support_language import tiny_model

WORDS = ["a", "red", "cat"]
OTHERS = ["cat", "dog", "red", "a"]  # another order, and a word more


pytestmark = pytest.mark.usefixtures("eager")


def decoder(name="attention", **settings):
    given = {"units": 4, "embedding_size": 4, "attention_size": 3, "dropout": 0.0, **settings}
    made = build_decoder(DecoderSettings(name=name, **given), 4 + len(WORDS))
    made(np.ones((1, 2), "int32"), numbers(1, 3, 5))
    return made


def language(**network):
    return tiny_model(OTHERS, tokenizer="ptb", **{"cell": "lstm", "layers": 1, "embedding_size": 4, **network})


def test_everything_that_fits_is_copied_by_the_names_of_words():
    ours, theirs = decoder(), language()
    told = warm_start_decoder(ours, Vocabulary(WORDS), theirs)
    assert told == ["the vectors of 7 of 7 words", "3 of 3 weights of the cells", "the output layer"]
    ids = [0, 1, 2, 3, 7, 6, 4]  # a, red and cat among the others
    np.testing.assert_array_equal(ours.embedding.embeddings, np.asarray(theirs.network.embedding.embeddings)[ids])
    np.testing.assert_array_equal(ours.cell.kernel[:4], theirs.network.cell.kernel)
    np.testing.assert_array_equal(ours.cell.recurrent_kernel, theirs.network.cell.recurrent_kernel)
    np.testing.assert_array_equal(ours.output_kernel, np.asarray(theirs.network.output_kernel)[:, ids])
    np.testing.assert_array_equal(ours.output_bias, np.asarray(theirs.network.output_bias)[ids])


@pytest.mark.parametrize("tied", [False, True])
def test_a_decoder_without_a_picture_begins_by_saying_what_the_language_model_says(tied):
    """With a zero first state nothing else is left but words; tanh of the hidden layer changes scores a little."""
    ours = decoder("inject", tie_embeddings=tied)
    same = tiny_model(WORDS, tokenizer="ptb", cell="lstm", layers=1, embedding_size=4, tie_embeddings=tied, scale=0.3)
    assert warm_start_decoder(ours, Vocabulary(WORDS), same)[-1] == "the output layer"
    for start in ours.starts:
        start.kernel.assign(np.zeros(start.kernel.shape))
    words = np.array([[1, 4, 5, 6, 5]])
    logits, _ = ours(words, numbers(1, 3, 5))
    wanted = np.asarray(same.network(words))
    assert np.corrcoef(np.asarray(logits).ravel(), wanted.ravel())[0, 1] > 0.99


def test_what_does_not_fit_is_left_as_it_is():
    ours = decoder(units=5)
    before = np.asarray(ours.cell.recurrent_kernel)
    assert warm_start_decoder(ours, Vocabulary(WORDS), language()) == [
        "the vectors of 7 of 7 words",
        "how frequent words are",
    ]
    np.testing.assert_array_equal(ours.cell.recurrent_kernel, before)
    told = warm_start_decoder(decoder("up_down"), Vocabulary(WORDS), language())
    assert "3 of 3 weights of the cells" not in told, "its cell sees no word, but what attention found"
    told = warm_start_decoder(decoder("m_rnn"), Vocabulary(WORDS), language())
    assert "the output layer" not in told, "its scores do not begin with the cell's output"


def test_layers_are_matched_from_the_lowest_up():
    ours, theirs = decoder(layers=2), language(layers=3)
    assert "6 of 6 weights of the cells" in warm_start_decoder(ours, Vocabulary(WORDS), theirs)
    upper, other = ours.cell.layer_cells()[1], theirs.network.cell.layer_cells()[1]
    np.testing.assert_array_equal(upper.kernel, other.kernel)


def test_a_model_that_shares_nothing_is_refused():
    with pytest.raises(UserError, match="share no word"):
        warm_start_decoder(decoder(), Vocabulary(["bird", "tree", "sky"]), language())
    letters = tiny_model(["a"], tokenizer="characters")
    with pytest.raises(UserError, match="tokenizer"):
        warm_start_decoder(decoder(), Vocabulary(WORDS), letters)
