"""Every question encoder: padding changes nothing, every weight learns, and it comes back from a file."""

import keras
import numpy as np
import pytest
from keras import ops

from captioner.cells import CELLS
from captioner.errors import UserError
from captioner.models.vqa.build import build_question_encoder
from captioner.question_encoders import QUESTION_ENCODERS
from captioner.question_encoders.attending import AttendingQuestions
from captioner.settings import QuestionSettings
from tests.support import arrays, assert_equal, assert_every_weight_learns, numbers, randomise, serialised

WORDS = np.array([[4, 7, 5, 0], [6, 0, 0, 0], [5, 5, 8, 4], [9, 3, 0, 0]], "int32")  # 2 images x 2 questions
MEMORY = numbers(2, 6, 5)
NAMES = QUESTION_ENCODERS.names()


def build(name, memory=MEMORY, **settings):
    encoder = build_question_encoder(QuestionSettings(name=name, units=3, embedding_size=4, **settings), 10)
    encoder(WORDS, memory=memory)
    return randomise(encoder)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [{}, {"layers": 2, "bidirectional": True, "cell": "gru"}])
def test_padding_changes_nothing(name, shape):
    """A batch with one long question would otherwise change the answers to all short ones."""
    encoder = build(name, **shape)
    outputs, final, extras = encoder(WORDS, memory=MEMORY)
    wider = np.pad(WORDS, [(0, 0), (0, 3)])
    more_outputs, more_final, more_extras = encoder(wider, memory=MEMORY)
    assert_equal(final, more_final)
    for row, words in enumerate(WORDS):
        real = (words != 0).sum()
        assert_equal(outputs[row, :real], more_outputs[row, :real])
        for key in extras:
            assert_equal(extras[key][row, :real], more_extras[key][row, :real])
    one_by_one = [encoder(words[None][:, : (words != 0).sum()], memory=MEMORY[row // 2 :][:1])[1]
                  for row, words in enumerate(WORDS)]  # fmt: skip
    assert_equal(final, np.concatenate(arrays(one_by_one)), why="a question reads otherwise alone than in a batch")
    assert np.abs(np.asarray(final)[0] - np.asarray(final)[3]).max() > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_the_last_word_counts(name):
    """A mask that is one word short would leave out what most questions turn on."""
    encoder = build(name, bidirectional=True)
    other = WORDS.copy()
    other[0, 2] = 9
    before, after = (np.asarray(encoder(words, memory=MEMORY)[1]) for words in (WORDS, other))
    assert np.abs(before[0] - after[0]).max() > 1e-3
    assert_equal(before[1:], after[1:], why="one question changes another")


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_learns_and_comes_back(name):
    encoder = build(name, layers=2)
    assert_every_weight_learns(encoder, lambda: encoder(WORDS, memory=MEMORY)[:2])
    back = serialised(encoder)
    expected = encoder(WORDS, memory=MEMORY)
    back(WORDS, memory=MEMORY)
    back.set_weights(encoder.get_weights())
    assert_equal(expected, back(WORDS, memory=MEMORY))


@pytest.mark.parametrize("name", CELLS.names())
def test_any_cell_reads(name):
    for encoder in ("recurrent", "attending"):
        made = build_question_encoder(QuestionSettings(name=encoder, cell=name, units=3, embedding_size=4), 10)
        outputs, final, _ = made(WORDS, memory=MEMORY)
        assert outputs.shape == (4, 4, 3) and final.shape == (4, 3) == (4, made.output_size)


@pytest.mark.parametrize("name", ["vis_lstm", "attending"])
def test_each_question_sees_its_own_image(name):
    """Rows of one image lie side by side: an encoder that repeats images the other way round mixes them up."""
    encoder = build(name)
    changed = MEMORY.copy()
    changed[1] += 1.0
    before, after = (np.asarray(encoder(WORDS, memory=memory)[1]) for memory in (MEMORY, changed))
    assert_equal(before[:2], after[:2])
    assert np.abs(before[2:] - after[2:]).max() > 1e-3


def test_states_of_all_layers():
    """Antol et al. take hidden state and memory of both layers; the output alone is a quarter of it."""
    encoder = build("recurrent", layers=2, options={"summary": "states"})
    outputs, final, _ = encoder(WORDS, memory=None)
    assert final.shape == (4, 12)
    assert_equal(final[:, 6:9], outputs[:, -1], why="the third state is what the second layer puts out")


def test_the_image_is_the_first_and_the_last_word():
    """Against the same network over the same vectors, put together by hand."""
    encoder = build("vis_lstm", options={"image_last": True}, bidirectional=True)
    mean = MEMORY.mean(axis=1)[[0, 0, 1, 1]]
    first, last = (mean @ np.asarray(word.kernel) + np.asarray(word.bias) for word in (encoder.first, encoder.last))
    question = np.asarray(encoder.embedding(WORDS[2:3]))  # has no padding
    whole = np.concatenate([first[2:3, None], question, last[2:3, None]], axis=1)
    outputs, final, _ = encoder.reader.read(ops.convert_to_tensor(whole))
    ours = encoder(WORDS, memory=MEMORY)
    assert_equal(ours[1][2:3], final)
    assert_equal(ours[0][2:3], outputs[:, 1:-1])


def test_attention_by_hand():
    """Zhu et al., equations 3 to 8, for two words in NumPy: the image first with no context, then look and read."""
    encoder = build("attending", cell="rnn")
    attention, cell = encoder.attentions[0], encoder.cells[0]
    table = np.asarray(encoder.embedding.embeddings)
    memory, words = MEMORY[0], [4, 7]

    def advance(word, context, state):
        return np.asarray(cell(np.concatenate([word, context])[None], [ops.convert_to_tensor(state[None])])[0])[0]

    def look(state):
        keys = memory @ np.asarray(attention.memory_kernel) + np.asarray(attention.memory_bias)
        scores = np.tanh(keys + state @ np.asarray(attention.query_kernel)) @ np.asarray(attention.score_kernel)[:, 0]
        return np.exp(scores) / np.exp(scores).sum()

    image = memory.mean(axis=0) @ np.asarray(encoder.image_word.kernel) + np.asarray(encoder.image_word.bias)
    state = advance(image, np.zeros(5, "float32"), np.zeros(3, "float32"))
    looked = []
    for word in words:
        looked.append(look(state))
        state = advance(table[word], (looked[-1] @ memory).astype("float32"), state)
    _, final, extras = encoder(np.array([words], "int32"), memory=MEMORY[:1])
    assert_equal(final[0], state, tolerance=1e-4)
    assert_equal(extras["attention"][0], np.array(looked), tolerance=1e-4)


def test_runs_of_words_by_hand():
    """A question of two words: the second pair reaches beyond it, where there is nothing."""
    encoder = build("convolutional", options={"widths": 2})
    x = np.asarray(encoder.embedding.embeddings)[[6, 8]]
    one, two = ((np.asarray(convolution.kernel), np.asarray(convolution.bias)) for convolution in encoder.convolutions)
    pairs = np.stack([np.concatenate(x), np.concatenate([x[1], np.zeros(4)])])
    by_hand = np.tanh(np.concatenate([x @ one[0] + one[1], pairs @ two[0] + two[1]], axis=1))
    outputs, final, _ = encoder(np.array([[6, 8, 0, 0]], "int32"))
    assert_equal(outputs[0, :2], by_hand)
    assert_equal(final[0], by_hand.max(axis=0))
    assert encoder.output_size == 6 == final.shape[1]


def test_what_cannot_be_built_says_why():
    with pytest.raises(UserError, match="`widths` is 1 or more"):
        build_question_encoder(QuestionSettings(name="convolutional", options={"widths": 0}), 10)
    with pytest.raises(UserError, match=r"has no option `image_lst`. Did you mean `image_last`"):
        build_question_encoder(QuestionSettings(name="vis_lstm", options={"image_lst": True}), 10)
    with pytest.raises(UserError, match=r"no question encoder called 'recurent'.*recurrent"):
        build_question_encoder(QuestionSettings(name="recurent"), 10)
    with pytest.raises(UserError, match="one of output, states"):
        build_question_encoder(QuestionSettings(options={"summary": "x"}), 10)
    with pytest.raises(ValueError, match="needs the memory"):
        build("attending", memory=None)
    with pytest.raises(ValueError, match="received 3 cells"):
        AttendingQuestions(10, 4, cells=[keras.layers.LSTMCell(2)] * 3)
