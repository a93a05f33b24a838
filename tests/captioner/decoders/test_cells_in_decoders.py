"""Any cell at any depth works in the captioner's decoders: in training, in a search, and from a preset."""

import keras
import numpy as np
import pytest
from keras import ops

from captioner.cells import CELLS
from captioner.cells.build import build_cell
from captioner.decoders import DECODERS
from captioner.decoding.beam import BeamOptions
from captioner.errors import UserError
from captioner.models.base.build import build_decoder
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.captioning.networks import CaptionReader, CaptionSearcher
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings, SearchSettings, validate
from captioner.text.vocabulary import Vocabulary
from tests.support import arrays, assert_equal, by_steps, check_decoder, numbers, randomise

SIZES = {"attention": {"attention_size": 7}, "inject": {}}
DEEP = [("lstm", {"layers": 2, "connection": "highway"}), ("gru", {"layers": 2, "connection": "residual"})]
EVERY = [*((name, {}) for name in CELLS.names()), *DEEP]


def make(decoder, cell, deep, dropout=0.0, **options):
    made = build_cell(cell, 4, dropout=dropout, **deep)
    sizes = {"vocabulary_size": 9, "embedding_size": 3, **SIZES[decoder]}
    return DECODERS.get(decoder)(cell=made, dropout=dropout, **sizes, **options)


@pytest.mark.parametrize(("cell", "deep"), EVERY, ids=str)
def test_a_decoder_works_with_every_cell(cell, deep):
    check_decoder(lambda **options: make("attention", cell, deep, **options))


@pytest.mark.parametrize("decoder", [name for name in DECODERS.names() if name in SIZES and name != "attention"])
@pytest.mark.parametrize(("cell", "deep"), [("rnn", {}), *DEEP], ids=str)
def test_other_decoders_work_with_cells_of_few_and_many_states(decoder, cell, deep):
    check_decoder(lambda **options: make(decoder, cell, deep, **options))


@pytest.mark.long
@pytest.mark.parametrize("decoder", DECODERS.names())
@pytest.mark.parametrize("cell", CELLS.names())
def test_every_decoder_writes_step_by_step_with_every_cell(decoder, cell):
    """What the loop over all words and the single step of a search share must not depend on the cell's states."""
    chosen = DecoderSettings(name=decoder, cell=cell, units=6, embedding_size=6, attention_size=5, tie_embeddings=False)
    made = build_decoder(chosen, vocabulary_size=9)
    words, memory = np.random.default_rng(0).integers(1, 9, (2, 3)), numbers(2, 5, 7)
    made(words, memory)
    randomise(made)
    assert_equal(by_steps(made, words, memory, 1), made(words, memory))


@pytest.mark.parametrize("decoder", SIZES)
def test_the_first_query_is_the_output_that_belongs_to_the_first_state(decoder):
    """Attention's first query is an output. Where the state is none (`rnn_linear_memory`, stacks), taking the first
    state tensor for it would ask with something else than in all later steps."""
    for cell, deep in [("rnn_linear_memory", {}), ("lstm", {"layers": 2, "connection": "residual"})]:
        made = make(decoder, cell, deep)
        made(np.ones((2, 3), "int32"), memory := numbers(2, 5, 6))
        randomise(made)
        state = made.start(memory)
        if "output" in state:
            assert_equal(state["output"], made.cell.output_from_state(state["cell"]))
            assert np.abs(arrays(state["output"])[0] - arrays(state["cell"][0])[0]).max() > 1e-2


@pytest.mark.parametrize("decoder", SIZES)
def test_what_is_dropped_between_layers_is_part_of_what_a_step_reads(decoder):
    """Drawn once for all words; a search reads none. `call` with noise is the loop over steps with the same noise."""
    words, memory = np.array([[1, 4, 5, 6]]), numbers(1, 5, 6)
    made = make(decoder, "rnn", {"layers": 3}, dropout=0.5)
    made(words, memory)
    randomise(made)
    made.dropout.rate = 0.0  # what falls outside the loop is another story
    read = made.read(words, training=True)
    assert tuple(read["noise"].shape) == (1, 4, 2, 4) and set(np.unique(arrays(read["noise"])[0])) <= {0, 2}
    assert "noise" not in made.read(words) and "noise" not in made.read(words[:, 0])
    made.read = lambda words, training=False: read
    logits = made(words, memory, training=True)[0]
    image, state = made.prepare(memory), made.start(memory)
    for t in range(4):
        features, state, _ = made.step(keras.tree.map_structure(lambda values: values[:, t], read), state, image)  # noqa: B023
        assert_equal(logits[:, t], made.logits(features))


@pytest.mark.parametrize(("cell", "deep"), EVERY, ids=str)
def test_a_search_carries_the_states_of_every_cell(cell, deep):
    """Beams are re-ordered at every word. If one state tensor stayed behind, the score a search gives a caption would
    not be the score of reading it."""
    made, memory = make("attention", cell, deep), numbers(2, 5, 6)
    made(np.ones((2, 3), "int32"), memory)
    randomise(made, scale=1.5)
    found = CaptionSearcher(lambda image: image, made, BeamOptions(3, 4))(memory)
    words, lengths = arrays(found["words"])[0], arrays(found["lengths"])[0]
    assert len({tuple(row) for row in words[0]}) == 3
    start, end, pad = np.full((2, 3, 1), 1), 2, 0
    captions = np.concatenate([start, words, np.full((2, 3, 1), end)], axis=-1)
    captions = np.where(np.arange(6) <= lengths[..., None] + 1, captions, pad)
    read = CaptionReader(lambda image: image, made)({"image": memory, "words": captions.astype("int32")})
    assert_equal(ops.sum(read["log_probabilities"], axis=-1), found["log_probabilities"], tolerance=1e-4)


def settings(**decoder):
    return CaptionerSettings(
        encoder=EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": 8}),
        decoder=DecoderSettings(units=6, embedding_size=5, attention_size=7, **decoder),
        search=SearchSettings(num_beams=2, max_words=5),
    )


@pytest.mark.parametrize(
    "decoder",
    [
        {"cell": "mut1", "layers": 2, "connection": "highway"},
        {"cell": "lstm_peephole", "cell_options": {"peephole": "full"}, "layers": 2, "connection": "residual"},
        {"name": "inject", "cell": "rnn", "cell_options": {"activation": "relu", "recurrent_gain": 0.5}},
    ],
    ids=lambda decoder: decoder["cell"],
)
def test_a_preset_brings_back_cell_options_and_layers(decoder, tmp_path):
    """A model that was saved with two layers and comes back with one would write nonsense."""
    captioner = ImageCaptioner(settings(**decoder), Vocabulary(["a", "red", "blue", "dog"]))
    for seed, variable in enumerate(captioner.network.trainable_variables):
        variable.assign(np.random.default_rng(seed).normal(0, 1, variable.shape))
    captioner.save_to_preset(tmp_path / "preset")
    back = ImageCaptioner.from_preset(tmp_path / "preset")
    assert back.settings == captioner.settings
    assert back.decoder.cell.get_config() == captioner.decoder.cell.get_config()
    feature = numbers(1, *captioner.encoder.backbone_shape) if captioner.encoder.cacheable else numbers(1, 16, 16, 3)
    network = {"image": feature, "words": np.array([[[1, 4, 5]]])}
    assert_equal(back.network(network), captioner.network(network))
    paths = [variable.path for variable in captioner.network.weights]
    assert len(set(paths)) == len(paths), "two weights have one path: `--init-from` would mix them up"


def test_layer_dropout_is_the_decoders_dropout():
    deep = build_decoder(settings(layers=3, dropout=0.25, connection="highway").decoder, vocabulary_size=9).cell
    assert (len(deep.cells), deep.dropout_rate, deep.connection) == (3, 0.25, "highway")
    assert {cell.units for cell in deep.cells} == {6}


def test_a_cell_or_option_that_does_not_exist_is_refused():
    with pytest.raises(UserError, match=r"no cell called 'lstn'.*Did you mean `lstm`"):
        build_decoder(settings(cell="lstn").decoder, vocabulary_size=9)
    with pytest.raises(UserError, match=r"gru has no option `activation`. Available: update"):
        build_decoder(settings(cell="gru", cell_options={"activation": "relu"}).decoder, vocabulary_size=9)
    with pytest.raises(UserError, match=r"`connection` = 'rezidual' does not fit: input should be 'none', 'residual'"):
        validate(DecoderSettings, {"connection": "rezidual"}, source="here")
    with pytest.raises(UserError, match=r"`layers` = 0"):
        validate(DecoderSettings, {"layers": 0}, source="here")


@pytest.mark.parametrize("decoder", SIZES)
def test_one_hot_words_enter_a_decoder(decoder):
    check_decoder(lambda **options: make(decoder, "gru", {}, embedding="one_hot", **options))
    with pytest.raises(ValueError, match="`embedding` is one of learned, one_hot, received 'one-hot'"):
        make(decoder, "gru", {}, embedding="one-hot")
    with pytest.raises(ValueError, match="`tie_embeddings` needs learned ones"):
        make(decoder, "gru", {}, embedding="one_hot", tie_embeddings=True)
