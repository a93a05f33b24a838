"""Going on with other captions: known words keep their weights."""

import numpy as np
import pytest

from captioner.encoders.vgg import LAST_BLOCK
from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.presets.weight_transfer import transfer_weights
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings
from captioner.text.vocabulary import Vocabulary
from tests.support import assert_equal, numbers
from tests.support_encoders import narrow_networks

KNOWN = Vocabulary(["a", "dog", "runs"])


def make(words, tied=False, **decoder):
    settings = CaptionerSettings(
        encoder=EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": 8}),
        decoder=DecoderSettings(
            **{"units": 5, "embedding_size": 4, "attention_size": 6, "tie_embeddings": tied, **decoder}
        ),
    )
    return ImageCaptioner(settings, words)


def randomised(captioner):
    for seed, variable in enumerate(captioner.network.weights):
        variable.assign(np.abs(numbers(*variable.shape, seed=seed)))
    return captioner


@pytest.mark.parametrize("tied", [False, True])
def test_known_words_keep_their_weights_and_new_ones_are_there(tied):
    words = KNOWN.extended(["cat", "sleeps"])
    before, after = randomised(make(KNOWN, tied)), make(words, tied)
    drawn = [np.asarray(variable) for variable in after.network.weights]
    transfer_weights(before.network, after.network, len(KNOWN), len(words))
    for old, new, first in zip(before.network.weights, after.network.weights, drawn, strict=True):
        old, new = np.asarray(old), np.asarray(new)
        inner = tuple(slice(0, size) for size in old.shape)
        np.testing.assert_array_equal(new[inner], old)
        outside = np.ones(new.shape, bool)
        outside[inner] = False
        np.testing.assert_array_equal(new[outside], first[outside])
    grown = [o.shape != n.shape for o, n in zip(before.network.weights, after.network.weights, strict=True)]
    assert sum(grown) == 3 - tied
    # The same scores of the same words, whatever the new ones get.
    inputs = {"image": numbers(1, 16, 16, 3), "words": np.array([[[1, 4, 5, 6]]])}
    old, new = before.network(inputs), after.network(inputs)
    assert new.shape[-1] == len(words) and old.shape[-1] == len(KNOWN)
    assert_equal(new[..., : len(KNOWN)], old)


def test_the_same_words_give_the_same_model():
    before, after = randomised(make(KNOWN)), make(KNOWN)
    transfer_weights(before.network, after.network, len(KNOWN), len(KNOWN))
    assert_equal([*map(np.asarray, after.network.weights)], [*map(np.asarray, before.network.weights)])


@pytest.mark.parametrize(
    "other", [{"units": 7}, {"embedding_size": 3}, {"attention_size": 9}, {"name": "inject"}, {"tied": True}], ids=str
)
def test_another_model_is_refused_with_the_weight_named(other):
    with pytest.raises(UserError, match=r"weights cannot be taken over: .*Use the same encoder and decoder settings"):
        after = make(KNOWN.extended(["cat"]), **other)
        transfer_weights(make(KNOWN).network, after.network, len(KNOWN), len(KNOWN) + 1)


def test_a_size_that_happens_to_be_that_of_the_words_is_refused_too():
    """Attention of seven in a model of seven words looked like words that were added."""
    assert len(KNOWN) == 7
    before, after = make(KNOWN, attention_size=7), make(KNOWN.extended(["cat"]), attention_size=9)
    with pytest.raises(UserError, match="weights cannot be taken over"):
        transfer_weights(before.network, after.network, len(KNOWN), len(KNOWN) + 1)


def test_every_weight_has_a_path_of_its_own():
    """Weights are matched by path: two of one path would both get the second's values."""
    paths = [variable.path for variable in make(KNOWN).network.weights]
    assert len(set(paths)) == len(paths)


def test_a_block_that_is_trained_from_now_on_begins_with_what_it_was_while_frozen():
    """VGG's last block lies in the frozen backbone of the first stage: its preset has no weights of it to give."""

    def vgg(options):
        encoder = EncoderSettings(name="vgg16", weights="none", image_size=32, half_precision=False, options=options)
        decoder = DecoderSettings(units=5, embedding_size=4, attention_size=6)
        return ImageCaptioner(CaptionerSettings(encoder=encoder, decoder=decoder), KNOWN)

    with narrow_networks():
        before, after = randomised(vgg({})), vgg({"train_last_block": True})
    with pytest.raises(UserError, match="block5_conv1"):
        transfer_weights(before.network, after.network, len(KNOWN), len(KNOWN))
    transfer_weights(before.network, after.network, len(KNOWN), len(KNOWN), LAST_BLOCK)
    pixels = 50 * numbers(2, 32, 32, 3)
    words = np.array([[[1, 4, 5, 6]]] * 2)
    old, new = (
        captioner.network({"image": captioner.encoder.backbone.predict(pixels), "words": words})
        for captioner in (before, after)
    )
    assert_equal(new, old, tolerance=1e-3)
    with pytest.raises(UserError, match="missing"):
        transfer_weights(after.network, before.network, len(KNOWN), len(KNOWN), LAST_BLOCK)
