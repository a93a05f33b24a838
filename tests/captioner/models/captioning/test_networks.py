"""The three ways a captioner works say the same: learning, searching and reading share one step."""

import keras
import numpy as np
import pytest
from keras import ops

from captioner.cells.lstm import LSTMCell
from captioner.decoders.attention import AttentiveDecoder
from captioner.decoders.inject import InjectDecoder
from captioner.decoding.beam import BeamOptions
from captioner.models.captioning.networks import CaptionNetwork, CaptionReader, CaptionSearcher
from captioner.models.captioning.training_network import TrainingNetwork
from tests.support import arrays, assert_equal, numbers, randomise

PAD, START, END, UNKNOWN = range(4)


def see(image, training=False):
    return image


@pytest.fixture(params=[AttentiveDecoder, InjectDecoder])
def decoder(request):
    sizes = {"attention_size": 6} if request.param is AttentiveDecoder else {}
    made = request.param(9, 3, LSTMCell(4), **sizes)
    made(np.array([[1]]), numbers(1, 5, 6))
    return randomise(made, scale=1.0, seed=1)


@pytest.mark.parametrize("width", [1, 3])
def test_the_searchers_score_is_the_readers(decoder, width):
    """Two copies of the decode step that drift apart: captions are searched with one and scored with the other."""
    image = numbers(4, 5, 6)
    found = CaptionSearcher(see, decoder, BeamOptions(width, 5, 1.0))(image)
    words, lengths = arrays(found["words"])[0], arrays(found["lengths"])[0]
    assert np.ptp(arrays(found["log_probabilities"])[0][:, 0]) > 0.1, "images that are alike prove little"
    assert not np.isin(words, (PAD, START, UNKNOWN)).any(), "a word that is no word"
    edge = np.full((4, width, 1), START)
    given = np.concatenate([edge, words, np.full((4, width, 1), END)], axis=2)
    past = np.arange(7) > lengths[:, :, None] + 1
    read = CaptionReader(see, decoder)({"image": image, "words": np.where(past, PAD, given)})
    assert_equal(ops.sum(read["log_probabilities"], axis=-1), found["log_probabilities"], tolerance=1e-4)


def test_a_search_for_an_unknown_number_of_images_says_what_it_needs(decoder):
    """Keras traces a model for any number where it is given two; a search has to know its own."""
    searcher = CaptionSearcher(see, decoder, BeamOptions(2, 5, 1.0))
    with pytest.raises(ValueError, match=r"number of images that is known.*\(None, 5, 6\)"):
        searcher.call(keras.KerasTensor((None, 5, 6)))


def test_the_reader_reads_what_the_network_learns(decoder):
    image, words = numbers(2, 5, 6), np.array([[[1, 4, 5, 2, 0], [1, 6, 2, 0, 0]], [[1, 7, 7, 7, 2], [1, 8, 3, 2, 0]]])
    logits = CaptionNetwork(see, decoder)({"image": image, "words": words[:, :, :-1]})
    read = CaptionReader(see, decoder)({"image": image, "words": words})
    chosen = np.take_along_axis(arrays(ops.log_softmax(logits))[0], words[:, :, 1:, None], axis=-1)[..., 0]
    assert_equal(read["log_probabilities"], np.where(words[:, :, 1:] == PAD, 0, chosen))


def test_attention_is_asked_to_look_everywhere_once_while_it_writes():
    """Steps after the end word write nothing. Counting them, or rows of padding, would punish short captions."""
    decoder = AttentiveDecoder(9, 3, LSTMCell(4), 6)
    decoder(np.array([[1]]), numbers(1, 5, 6))
    randomise(decoder)
    network = TrainingNetwork(keras.layers.Identity(), decoder, attention_penalty=2.0)
    words = np.array([[[1, 4, 5, 6], [1, 4, 2, 0]], [[1, 7, 8, 2], [0, 0, 0, 0]]])
    network({"image": numbers(2, 5, 6), "words": words}, training=True)
    (penalty,) = arrays(network.losses)
    attention = arrays(decoder(words.reshape(4, 4), numbers(2, 5, 6))[1]["attention"])[0]
    looked = [attention[row, :steps].sum(axis=0) for row, steps in ((0, 4), (1, 2), (2, 3))]
    assert penalty == pytest.approx(2.0 * np.mean([(1 - each) ** 2 for each in looked]), rel=1e-5)
    network({"image": numbers(2, 5, 6), "words": words})
    assert not network.losses, "the penalty is for training"
