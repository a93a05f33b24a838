"""Language models: reading, scoring and writing say the same of every word."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from captioner.errors import UserError
from captioner.layers.categorical import sample_categorical
from captioner.models.language import networks as language_networks
from captioner.models.language.language_model import LanguageModel, build_network, unused_by_window
from captioner.models.language.networks import StreamNetwork
from captioner.settings import LanguageModelSettings, LanguageNetworkSettings
from tests.captioner.decoding.test_logits_filters import by_hand
from tests.support import assert_equal
from tests.support_language import log_softmax, next_words, tiny_model

WHOLE = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}


pytestmark = pytest.mark.usefixtures("eager")


NETWORKS = {
    "lstm": {"cell": "lstm", "layers": 2},
    "gru": {"cell": "gru", "layers": 2, "connection": "highway"},
    "one-hot": {"cell": "rnn", "layers": 1, "embedding": "one_hot"},
    "tied": {"cell": "lstm", "layers": 1, "embedding_size": 4, "tie_embeddings": True},
    "window": {"name": "window", "window": 3},
}


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS.keys())
def model(request):
    return tiny_model(**request.param)


def test_step_by_step_is_the_whole_at_once(model):
    words = np.random.default_rng(0).integers(0, len(model.vocabulary), (2, 5))
    logits, last = model.network.read(words)
    states, steps = model.network.start(2), []
    for t in range(5):
        step, states = model.network.step(words[:, t], states)
        steps.append(step)
    assert_equal(ops.stack(steps, axis=1), logits)
    assert_equal(states, last, why="a text could not go on where it stopped")
    assert_equal(model.network(words), logits)


def test_texts_read_side_by_side_are_read_as_if_alone(model):
    """Lanes hold several texts one after the other; a state that leaks from one to the next would show here."""
    random = np.random.default_rng(1)
    pieces = [random.integers(0, len(model.vocabulary), (2, n)) for n in (3, 70, 1, 5, 40)]
    together = model.read([tuple(piece) for piece in pieces], rows=2)["log_probabilities"]
    for piece, found in zip(pieces, together, strict=True):
        logits, _ = model.network.read(piece[:1])
        wanted = log_softmax(logits)[0][np.arange(piece.shape[1]), piece[1]]
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_looking_inside_tells_the_states_after_each_word():
    model = tiny_model(**NETWORKS["lstm"])
    words = np.random.default_rng(1).integers(0, 9, 40)
    columns = np.array([12, 0, 15])  # of h and c of two layers of four
    read = model.read([(words, words)], units=columns)
    assert_equal(read["log_probabilities"], model.read([(words, words)])["log_probabilities"], 1e-4)
    states = model.network.start(1)
    for t, word in enumerate(words):
        _, states = model.network.step(np.array([word]), states)
        wanted = np.concatenate([np.asarray(state) for state in states], axis=-1)[0, columns]
        np.testing.assert_allclose(read["activations"][0][t], wanted, atol=2e-3)


def test_a_score_is_the_sum_over_words_and_the_end(model):
    scored, other = model.score(["abé\nc", "b"])
    vocabulary = model.vocabulary
    ids = [vocabulary.start_id, *vocabulary.encode_words(["a", "b", "é", "\\n", "c"]), vocabulary.end_id]
    wanted = [next_words(model, ids[:n])[ids[n]] for n in range(1, len(ids))]
    np.testing.assert_allclose(scored.log_probabilities, wanted, atol=1e-4)
    assert scored.log_probability == pytest.approx(sum(wanted), abs=1e-3)
    assert scored.perplexity == pytest.approx(np.exp(-sum(wanted) / 6), rel=1e-3)
    assert scored.words == ("a", "b", "é", "\\n", "c") and len(other.log_probabilities) == 2


def test_all_texts_together_have_probability_one():
    """Anything that is counted twice or left out shows: texts of up to two letters and all that go on."""
    model = tiny_model(["a", "b"])
    texts = ["", "a", "b", "aa", "ab", "ba", "bb"]
    ended = sum(np.exp(scored.log_probability) for scored in model.score(texts))
    words = range(len(model.vocabulary))
    start, end = model.vocabulary.start_id, model.vocabulary.end_id
    first = np.exp(next_words(model, [start]))
    others = sum(first[w] for w in words if w not in (end, 4, 5))
    for w in (4, 5):
        second = np.exp(next_words(model, [start, w]))
        others += first[w] * sum(second[v] for v in words if v not in (end, 4, 5))
        for v in (4, 5):
            others += first[w] * second[v] * (1 - np.exp(next_words(model, [start, w, v])[end]))
    assert ended + others == pytest.approx(1, abs=1e-4)


def test_a_model_of_a_text_without_end_scores_no_end():
    (scored,) = tiny_model(ends=False).score(["ab"])
    assert len(scored.log_probabilities) == 2


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("the cat", r"`texts` is a list of texts, not a text: write \['the cat'\]"),
        ([None], r"`texts\[0\]` is a text; received None \(a missing value\)"),
        (["ab", float("nan")], r"`texts\[1\]` is a text; received nan"),
        (3, "received 3"),
        (["ab", ""], "Text 1, '', holds no words, and this model has not learned that texts end"),
    ],
)
def test_what_cannot_be_scored_is_one_sentence(texts, said):
    """A text would be scored letter by letter, and nothing at all raised KeyError."""
    with pytest.raises(UserError, match=said):
        tiny_model(ends=False).score(texts)


def test_no_texts_have_no_scores_and_an_empty_one_that_of_its_end():
    model = tiny_model()
    assert model.score([]) == []
    (scored,) = model.score([""])
    end = next_words(model, [model.vocabulary.start_id])[model.vocabulary.end_id]
    assert scored.log_probabilities == pytest.approx([end], abs=1e-4) and scored.words == ()


def test_metadata_that_no_file_can_hold_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="`metadata` holds what JSON cannot: Object of type ndarray"):
        tiny_model().save_to_preset(tmp_path / "preset", {"losses": np.zeros(3)})
    assert not (tmp_path / "preset").exists()


def test_unknown_characters_are_counted():
    (scored,) = tiny_model().score(["aß☃"])
    assert scored.unknown == 2 and np.isfinite(scored.log_probability)


@pytest.mark.parametrize("name", ["lstm", "gru", "window"])
@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0.6}, {"top_k": 3}, {"top_p": 0.7}, {"temperature": 1.7, "top_k": 4, "top_p": 0.8}]
)
def test_every_word_is_drawn_from_the_model_s_own_distribution(name, options, monkeypatch):
    """All probabilities of three words in a row, each after the words drawn before it. That `draw` draws each word as
    often as its weight says is tested beside it."""
    model, given, drawn = tiny_model(**NETWORKS[name]), [], []

    def noting(weights, uniform, xp=ops):
        given.append(np.asarray(weights, "float64").ravel())
        drawn.append(sample_categorical(weights, uniform, xp=xp))
        return drawn[-1]

    monkeypatch.setattr(language_networks, "sample_categorical", noting)
    options, vocabulary = {**WHOLE, **options}, model.vocabulary
    prompt = vocabulary.encode_words(["b", "é"])
    written = model._writer(5, options)(prompt, np.array([0.3, 0.9, 0.6]))
    assert written[:2] == prompt and [int(np.ravel(word)[0]) for word in drawn[2:]] == written[2:]
    open_words = [vocabulary.end_id, *range(4, len(vocabulary))]
    for number, weights in enumerate(given):
        wanted = np.zeros(len(vocabulary))
        before = [vocabulary.start_id, *written[:number]]
        if vocabulary.end_id in before:
            before = [vocabulary.start_id, *before[before.index(vocabulary.end_id) + 1 :]]
        wanted[open_words] = by_hand(next_words(model, before)[open_words], **options)
        np.testing.assert_allclose(weights / weights.sum(), wanted, atol=1e-5)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_the_same_seed_writes_the_same_text(name):
    model = tiny_model(**NETWORKS[name])
    text = model.sample(50, seed=7)
    assert text == model.sample(50, seed=7) == model.sample(50, seed=7, chunk=5)
    assert text != model.sample(50, seed=8)
    assert "".join(model.stream(50, seed=7, chunk=3)).startswith(model.sample(20, seed=7))


def test_a_text_begins_with_its_prompt_and_goes_on_from_it():
    model = tiny_model(ends=False)
    text = model.sample(30, prompt="ab\né", temperature=0)
    assert text.startswith("ab\né") and len(text) == 34
    ids = [1, *model.vocabulary.encode_words(["a", "b", "\\n", "é"])]
    best = model.vocabulary.words[4 + int(np.argmax(next_words(model, ids)[4:]))]
    assert text[4] == best.replace("\\n", "\n"), "the likeliest word after the prompt comes first"
    assert text == model.sample(30, prompt="ab\né", temperature=0, chunk=3), "a prompt may be longer than a piece"


def test_where_a_document_ends_the_next_begins_like_any_first_one():
    """After the end comes a line break, and then what comes after the start."""
    model = tiny_model(["a", "b"], ends=True)
    model.network.output_bias.assign([0, 0, 9, 0, 9, 0])  # the end and "a" are likely
    text = model.sample(200, seed=1)
    assert text.count("\n") > 20
    assert "\n" not in tiny_model(["a", "b"], ends=False).sample(200, seed=1)


def test_words_are_joined_as_the_tokeniser_joins_them():
    model = tiny_model(["dog", "'s", "a"], tokenizer="ptb", ends=False)
    text = model.sample(60, seed=2)
    assert "dog's" in text and "  " not in text
    assert text == "".join(model.stream(60, seed=2, chunk=1)), "pieces must join to the same text"


def test_a_character_that_the_model_never_saw_is_refused():
    with pytest.raises(UserError, match="The prompt has the character 'ß', which the model has never seen: it knows 5"):
        tiny_model().sample(3, prompt="aß")


@pytest.mark.parametrize(
    "option, sentence",
    [
        ({"temperature": -1}, "`temperature` = -1 does not fit"),
        ({"top_k": -2}, "`top_k` = -2 does not fit"),
        ({"top_p": 0}, "`top_p` = 0 does not fit"),
        ({"seed": "one"}, "`seed` = 'one' does not fit"),
        ({"length": -1}, "`length` is a whole number from 0 up; received -1"),
        ({"chunk": 0}, "`chunk` is a whole number from 1 up; received 0"),
    ],
)
def test_options_out_of_range_are_refused(option, sentence):
    with pytest.raises(UserError, match=sentence):
        tiny_model().sample(**{"length": 3, **option})


def test_a_model_comes_back_from_its_folder(model, tmp_path):
    model.save_to_preset(tmp_path / "run", {"data_set": {"name": "letters"}})
    back = LanguageModel.from_preset(tmp_path / "run")
    assert back.vocabulary == model.vocabulary and back.settings == model.settings
    assert back.metadata["data_set"] == {"name": "letters"}
    assert back.sample(40, seed=3) == model.sample(40, seed=3)
    assert back.score(["ab\né"])[0].log_probability == pytest.approx(model.score(["ab\né"])[0].log_probability)


def test_any_character_can_be_learned(tmp_path):
    letters = ["\\n", "\\r", "\\u2028", " ", "\\", "字", "😀", "\u0301", "\t", "<", "ا"]
    model = tiny_model(letters)
    model.save_to_preset(tmp_path / "run")
    back = LanguageModel.from_preset(tmp_path / "run")
    text = "a\n\\字\u2028😀\t"
    assert back.score([text])[0].unknown == 1  # the a
    assert back.sample(5, prompt=text[1:]).startswith(text[1:])


def test_a_captioner_s_folder_is_refused(tmp_path):
    model = tiny_model()
    model.save_to_preset(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "kind": "captioner"}))
    with pytest.raises(UserError):
        LanguageModel.from_preset(tmp_path)


def test_settings_that_do_not_go_together_are_refused():
    def build(**network):
        build_network(LanguageModelSettings(model=LanguageNetworkSettings(**network)), 9)

    with pytest.raises(UserError, match="needs a learned embedding as large as a layer"):
        build(tie_embeddings=True, units=8, embedding_size=4)
    with pytest.raises(UserError, match=r"no cell called 'lstn'.*Did you mean `lstm`"):
        build(cell="lstn")


def streams(model, rows=2, **options):
    return StreamNetwork(model.network, rows, **options)


def read(stream, words, reset=None, training=True):
    reset = np.zeros(words.shape, bool) if reset is None else reset
    return np.asarray(stream({"words": words, "reset": reset}, training=training))


def test_a_chunk_goes_on_where_the_one_before_ended():
    """Two chunks equal one of twice the length; without carrying the second begins anew."""
    model = tiny_model(**NETWORKS["lstm"])
    words = np.random.default_rng(0).integers(0, 9, (2, 8))
    whole = np.asarray(model.network(words))
    stream = streams(model)
    assert_equal(np.concatenate([read(stream, words[:, :4]), read(stream, words[:, 4:])], axis=1), whole)
    alone = streams(model, carry_state=False)
    read(alone, words[:, :4])
    assert_equal(read(alone, words[:, 4:]), model.network(words[:, 4:]))
    assert np.abs(read(alone, words[:, 4:]) - whole[:, 4:]).max() > 1e-2


def test_a_document_begins_with_a_zero_state_in_its_row_alone():
    model = tiny_model(**NETWORKS["gru"])
    words = np.random.default_rng(0).integers(0, 9, (2, 6))
    stream = streams(model)
    read(stream, words)
    reset = np.zeros((2, 6), bool)
    reset[1, 2] = True
    found = read(stream, words, reset)
    assert_equal(found[1, 2:], np.asarray(model.network(words[1:, 2:]))[0])
    assert np.abs(found[0, 2:] - np.asarray(model.network(words[:1, 2:]))[0]).max() > 1e-2


def test_the_carried_state_is_in_the_checkpoint_and_not_in_the_preset():
    from pipelines.recipes.recipe import LoopSettings
    from pipelines.training.checkpoint import state_variables
    from pipelines.training.loop import compile_network

    stream = streams(tiny_model(**NETWORKS["lstm"]))
    compile_network(stream, LoopSettings(), "mse", 5)
    names = [variable.name for variable in state_variables(stream)]
    assert sum(name.startswith("carried") for name in names) == 4
    assert not [v for v in stream.network.weights if v.name.startswith("carried")]
    words = np.ones((2, 3), "int32")
    read(stream, words)
    before = [np.asarray(state) for state in stream.carried]
    read(stream, words, training=False)
    assert_equal(before, stream.carried, why="looking at the network must not move its state")


def test_no_gradient_goes_back_into_the_chunk_before():
    import tensorflow as tf

    model = tiny_model(cell="lstm", layers=1)
    stream = streams(model, rows=1)
    embedded = np.array([[4, 5]]), np.array([[6, 7]])
    read(stream, embedded[0])
    with tf.GradientTape() as tape:
        loss = ops.sum(stream({"words": embedded[1], "reset": np.zeros((1, 2), bool)}, training=True) ** 2)
    rows = tf.convert_to_tensor(tape.gradient(loss, model.network.embedding.embeddings.value)).numpy()
    assert np.abs(rows[[6, 7]]).max() > 0 and np.abs(rows[[4, 5]]).max() == 0


def test_a_window_sees_as_many_words_as_it_says_and_no_more():
    model = tiny_model(name="window", window=3)
    words = np.array([[4, 5, 6, 7, 8]])
    before = np.asarray(model.network(words))[0]
    for changed, seen in ((0, (0, 1, 2)), (1, (1, 2, 3))):
        other = words.copy()
        other[0, changed] = 3
        moved = np.abs(np.asarray(model.network(other))[0] - before).max(axis=-1) > 1e-4
        assert tuple(np.flatnonzero(moved)) == seen


def test_a_window_is_a_layer_over_three_words_with_weights_of_their_own():
    network = tiny_model(name="window", window=3).network
    kernel, bias = (np.asarray(weight, "float64") for weight in (network.cell.kernel, network.cell.bias))
    vectors = np.asarray(network.embedding.embeddings)[[4, 5, 6, 7]]
    now, last, before = np.split(kernel, 3, axis=1)
    hidden = np.tanh(vectors[3] @ now + vectors[2] @ last + vectors[1] @ before + bias)
    wanted = hidden @ np.asarray(network.output_kernel) + np.asarray(network.output_bias)
    np.testing.assert_allclose(np.asarray(network(np.array([[4, 5, 6, 7]])))[0, 3], wanted, atol=1e-5)


def test_dropout_acts_while_training_only():
    network = tiny_model(dropout=0.5, layers=2).network
    words = np.array([[4, 5, 6]])
    keras.utils.set_random_seed(0)
    noisy = [np.asarray(network(words, training=True)) for _ in range(2)]
    assert np.abs(noisy[0] - noisy[1]).max() > 1e-3
    assert_equal(network(words), network(words))


def test_what_means_nothing_to_a_window_is_told():
    """It has one hidden layer: a comparison with an LSTM of five would be of something else than it says."""
    chosen = {"cell": "gru", "layers": 5, "connection": "highway", "units": 3, "window": 4}
    assert unused_by_window(LanguageNetworkSettings(name="window", **chosen)) == ["cell", "layers", "connection"]
    assert unused_by_window(LanguageNetworkSettings(name="window", window=4)) == []
    assert unused_by_window(LanguageNetworkSettings(**chosen)) == []
