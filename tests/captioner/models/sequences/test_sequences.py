"""The shapes of use: what each must do whatever its weights."""

import keras
import numpy as np
import pytest
from keras import ops

from captioner.cells.build import build_cell
from captioner.decoders.attention import AttentiveDecoder
from captioner.decoders.inject import InjectDecoder
from captioner.errors import UserError
from captioner.models.base.sequence_reader import SequenceReader
from captioner.models.sequences.inputs import FrameInputs, WordInputs
from captioner.models.sequences.labels import ManyToManyInStep, ManyToOne, OneToOne
from captioner.models.sequences.untied import UntiedInStep
from captioner.models.sequences.writers import EncoderDecoder, OneToMany
from tests.support import assert_equal, assert_every_weight_learns, numbers, randomise, serialised

WORDS = np.array([[5, 4, 7, 6, 8], [4, 8, 5, 0, 0], [6, 0, 0, 0, 0]], "int32")
READERS = [
    {"bidirectional": False, "layers": 1},
    {"bidirectional": False, "layers": 2, "connection": "highway"},
    {"bidirectional": True, "layers": 2, "connection": "residual", "cell": "gru"},
]


def words(dropout=0.0):
    return WordInputs(9, 3, dropout, name="inputs")


def decoder(kind, cell="lstm"):
    if kind == "inject":
        return InjectDecoder(9, 3, build_cell(cell, 4))
    return AttentiveDecoder(9, 3, build_cell(cell, 4), attention_size=5, coverage=kind == "coverage")


def ready(network, inputs, scale=0.7):
    """With every weight drawn at random: zeros would hide faults."""
    network(inputs)
    return randomise(network, scale=scale)


def more_padding(ids, columns=3):
    return np.concatenate([ids, np.zeros((len(ids), columns), ids.dtype)], axis=1)


def backwards(ids):
    """Each row's real words in the other order."""
    turned = np.zeros_like(ids)
    for row, source in zip(turned, ids, strict=True):
        real = source[source > 0]
        row[: len(real)] = real[::-1]
    return turned


@pytest.mark.parametrize("options", READERS)
@pytest.mark.parametrize("shape", [ManyToOne, ManyToManyInStep])
def test_padding_changes_nothing(shape, options):
    network = ready(shape(3, units=4, inputs=words(), **options), WORDS)
    logits = network(WORDS)
    padded = network(more_padding(WORDS))
    assert_equal(padded if shape is ManyToOne else padded[:, :5], logits, why="more padding, another answer")
    for row, length in enumerate((5, 3, 1)):
        alone = network(WORDS[row : row + 1, :length])
        batched = logits[row] if shape is ManyToOne else logits[row, :length]
        assert_equal(alone[0], batched, why="alone, another answer than in a batch")


@pytest.mark.parametrize("pool", [True, False])
def test_padding_changes_nothing_without_recurrence(pool):
    network = ready(OneToOne(3, units=4, pool=pool, inputs=words()), WORDS)
    padded = network(more_padding(WORDS))
    assert_equal(padded if pool else padded[:, :5], network(WORDS))


@pytest.mark.parametrize("kind", ["inject", "attention", "coverage"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_padding_of_the_source_changes_nothing_in_what_is_written(kind, bidirectional):
    network = EncoderDecoder(decoder(kind), units=4, bidirectional=bidirectional, inputs=words())
    ready(network, {"source": WORDS, "words": WORDS})
    padded = more_padding(WORDS)
    logits = network({"source": WORDS, "words": WORDS})
    assert_equal(network({"source": padded, "words": WORDS}), logits, why="padding was looked at")
    assert_equal(network.search(padded, 2, 4)._asdict(), network.search(WORDS, 2, 4)._asdict(), tolerance=1e-4)


@pytest.mark.parametrize("options", [READERS[0], READERS[1], {"cell": "output_rnn"}])
def test_labelling_step_by_step_is_labelling_the_whole(options):
    network = ready(ManyToManyInStep(3, units=4, inputs=words(), **options), WORDS)
    states, logits = network.start(1), []
    for word in WORDS[0]:
        made, states = network.step(np.array([word]), states)
        logits.append(made)
    assert_equal(ops.stack(logits, axis=1), network(WORDS[:1]))


def test_both_directions_cannot_go_step_by_step():
    network = ready(ManyToManyInStep(3, units=4, bidirectional=True, inputs=words()), WORDS)
    with pytest.raises(ValueError, match="bidirectional=False"):
        network.start(1)


def test_labels_are_those_of_the_cell_in_a_plain_loop():
    vectors = numbers(2, 4, 3)
    network = ready(ManyToOne(5, cell="lstm", units=4), vectors)
    cell, label = network.reader.levels[0].cell, network.label
    states = [np.zeros((2, 4), "float32")] * 2
    for t in range(4):
        output, states = cell(vectors[:, t], states)
    assert_equal(network(vectors), label(output))


def test_a_forward_network_knows_no_later_words_and_one_in_both_directions_does():
    other = WORDS[:1].copy()
    other[0, -1] = 3
    for bidirectional in (False, True):
        network = ready(ManyToManyInStep(3, units=4, bidirectional=bidirectional, inputs=words()), WORDS)
        changed = np.abs(np.asarray(network(other) - network(WORDS[:1])))[0].max(axis=-1)
        assert (changed[:-1] > 1e-4).all() == bidirectional
        assert (changed[:-1] < 1e-6).all() != bidirectional
        assert changed[-1] > 1e-4


def test_the_second_layer_of_both_directions_reads_both_directions_of_the_first():
    reader = SequenceReader(units=4, layers=2, bidirectional=True)
    vectors = numbers(1, 5, 3)
    reader(vectors)
    randomise(reader)
    other = vectors.copy()
    other[0, -1] += 1
    before, after = (np.asarray(reader(given)[0])[0, 0, :4] for given in (vectors, other))
    assert np.abs(before - after).max() > 1e-5, "the forward half of the first step has not seen the last step"


@pytest.mark.parametrize("shape", [ManyToOne, OneToOne])
def test_only_recurrence_knows_the_order(shape):
    options = {"pool": True} if shape is OneToOne else {}
    network = ready(shape(3, units=4, inputs=words(), **options), WORDS)
    difference = np.abs(np.asarray(network(WORDS) - network(backwards(WORDS))))[:2].max()
    assert difference < 1e-5 if shape is OneToOne else difference > 1e-3


@pytest.mark.parametrize("kind", ["inject", "attention", "coverage"])
@pytest.mark.parametrize("many", [True, False])
def test_what_is_written_freely_is_what_teacher_forcing_finds_likeliest(kind, many):
    source = WORDS if many else numbers(3, 6)
    network = EncoderDecoder(decoder(kind), units=4, inputs=words()) if many else OneToMany(decoder(kind))
    ready(network, {"source": source, "words": WORDS}, scale=1.2)
    found = network.search(source, 1, 6)
    ids, lengths = np.asarray(found.words)[:, 0], np.asarray(found.lengths)[:, 0]
    given = np.concatenate([np.full((3, 1), 1), ids], axis=1)  # the start word, then its own words
    logits = np.asarray(network({"source": source, "words": given}))
    log_probabilities = np.asarray(ops.log_softmax(logits))
    for row, length in enumerate(lengths):
        open_words = logits[row, :length].copy()
        open_words[:, [0, 1, 3]] = -np.inf  # never written
        open_words[0, 2] = -np.inf  # an empty sentence is none
        assert open_words.argmax(axis=-1).tolist() == ids[row, :length].tolist()
        spelled = [*ids[row, :length], 2]
        total = sum(log_probabilities[row, t, word] for t, word in enumerate(spelled))
        assert total == pytest.approx(float(found.log_probabilities[row, 0]), abs=1e-4)
    totals = np.asarray(found.log_probabilities)[:, 0]
    assert np.ptp(totals) > 1e-3, "all alike, so nothing above proves anything"


def test_attention_gives_padding_no_weight():
    network = EncoderDecoder(decoder("attention"), units=4, inputs=words())
    ready(network, {"source": WORDS, "words": WORDS})
    image, state = network.begin(WORDS)
    _, extras = network.decoder.unroll(WORDS, state, image)
    weights = np.asarray(extras["attention"])  # (rows, words, places)
    assert (weights[:, 0] > 0).tolist() == (WORDS > 0).tolist()
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)


def test_one_to_many_is_a_decoder_with_one_thing_to_see():
    vectors = numbers(3, 6)
    network = ready(OneToMany(decoder("inject")), {"source": vectors, "words": WORDS})
    assert_equal(network({"source": vectors, "words": WORDS}), network.decoder(WORDS, vectors[:, None])[0])


def test_the_decoder_starts_from_what_the_encoder_ended_with():
    network = EncoderDecoder(decoder("inject"), units=4, inputs=words())
    ready(network, {"source": WORDS, "words": WORDS})
    _, final = network.reader(*network.inputs_layer(WORDS))
    _, state = network.begin(WORDS)
    assert_equal(state["cell"], [start(final) for start in network.decoder.starts])


def networks():
    yield OneToOne(3, units=4, inputs=words()), WORDS
    yield ManyToOne(3, units=4, layers=2, inputs=words()), WORDS
    yield ManyToManyInStep(3, units=4, layers=2, bidirectional=True, inputs=words()), WORDS
    yield ManyToManyInStep(3, units=4, inputs=FrameInputs(3)), np.abs(numbers(2, 3, 8, 8, 3)) * 200
    yield OneToMany(decoder("inject")), {"source": numbers(3, 6), "words": WORDS}
    yield EncoderDecoder(decoder("attention"), units=4, inputs=words()), {"source": WORDS, "words": WORDS}


@pytest.mark.parametrize("case", range(6))
def test_every_weight_learns(case):
    network, inputs = list(networks())[case]
    ready(network, inputs)
    assert_every_weight_learns(network, lambda: network(inputs))


def test_dropout_acts_in_training_alone():
    network = ready(ManyToOne(3, units=4, inputs=words(0.5), dropout=0.5), WORDS)
    noisy = [np.asarray(network(WORDS, training=True)) for _ in range(2)]
    assert np.abs(noisy[0] - noisy[1]).max() > 1e-3
    assert_equal(network(WORDS), network(WORDS))


def test_replaced_words_are_the_unknown_word_and_padding_stays():
    layer = WordInputs(9, 3, 0.999999)
    layer(WORDS)
    vectors, mask = layer(WORDS, training=True)
    table = np.asarray(layer.embedding.embeddings)
    assert_equal(vectors, table[np.where(WORDS > 0, 3, 0)])
    assert np.asarray(mask).tolist() == (WORDS > 0).tolist()


def test_black_frames_are_padding_and_frames_are_seen_each_by_itself():
    layer = FrameInputs(3)
    frames = np.random.default_rng(0).integers(1, 255, (2, 4, 8, 8, 3)).astype("uint8")
    frames[1, 2:] = 0
    layer(frames)
    randomise(layer)
    vectors, mask = layer(frames)
    assert np.asarray(mask).tolist() == [[True] * 4, [True, True, False, False]]
    for t in range(4):
        assert_equal(layer(frames[:, t : t + 1])[0][:, 0], vectors[:, t])


@pytest.mark.parametrize(
    "layer",
    [
        SequenceReader("gru", 4, layers=2, bidirectional=True, dropout=0.1, connection="residual"),
        SequenceReader("rnn", 4, cell_options={"activation": "relu"}),
        WordInputs(9, 3, 0.1),
        FrameInputs(5),
    ],
)
def test_layers_come_back_from_a_file(layer):
    assert serialised(layer).get_config() == layer.get_config()


def test_a_wrong_cell_option_or_connection_is_one_sentence():
    with pytest.raises(UserError, match="Did you mean `lstm`"):
        SequenceReader("lstn", 4)
    with pytest.raises(UserError, match="no option"):
        SequenceReader("lstm", 4, cell_options={"activatio": "relu"})
    with pytest.raises(UserError, match="none or residual, received 'highway'"):
        SequenceReader("lstm", 4, layers=2, bidirectional=True, connection="highway")


def test_one_set_of_weights_is_an_ordinary_network():
    """Else the experiment would compare two kinds of networks, and not shared with untied weights."""
    untied = ready(UntiedInStep(3, 1, 9, units=4), WORDS[:1])
    one_hot = np.eye(9, dtype="float32")[WORDS[:1]]
    shared = ready(ManyToManyInStep(3, units=4), one_hot)
    shared.reader.set_weights(untied.cells[0].get_weights())
    shared.label.set_weights(untied.labels[0].get_weights())
    assert_equal(shared(one_hot), untied(WORDS[:1]))


def test_untied_weights_are_used_each_at_its_position_and_the_last_beyond():
    network = ready(UntiedInStep(3, 2, 9, units=4), WORDS[:1])
    before = np.asarray(network(WORDS[:1]))[0]
    for position, changed in ((0, [True] * 5), (1, [False, True, True, True, True])):
        label = network.labels[position]
        kept = label.get_weights()
        cell = network.cells[position]
        kept_cell = cell.get_weights()
        cell.set_weights([weight + 0.3 for weight in kept_cell])
        label.set_weights([weight + 0.3 for weight in kept])
        after = np.asarray(network(WORDS[:1]))[0]
        assert (np.abs(after - before).max(axis=-1) > 1e-5).tolist() == changed
        label.set_weights(kept)
        cell.set_weights(kept_cell)


def test_losses_ignore_steps_without_a_label():
    from captioner.training.losses import MaskedCrossEntropy

    logits = numbers(2, 3, 4)
    targets = np.array([[1, 2, -1], [0, -1, -1]])
    right = [logits[0, 0, :], logits[0, 1, :], logits[1, 0, :]]
    expected = -np.mean([row[n] - np.log(np.exp(row).sum()) for row, n in zip(right, (1, 2, 0), strict=True)])
    assert float(MaskedCrossEntropy(pad_id=-1)(targets, logits)) == pytest.approx(expected, abs=1e-5)
    assert keras.losses.get(MaskedCrossEntropy(pad_id=-1)) is not None
