"""Every fusion: each question sees its own image, every weight learns, and it comes back from a file."""

import numpy as np
import pytest

from captioner.errors import UserError
from captioner.fusions import FUSIONS
from captioner.fusions.base import with_coordinates
from captioner.models.vqa.build import build_fusion
from captioner.settings import FusionSettings
from tests.support import assert_equal, assert_every_weight_learns, numbers, randomise, serialised

QUESTION, MEMORY = numbers(4, 3), numbers(2, 6, 5, seed=1)  # 2 images x 2 questions, a grid of 2 x 3
REAL = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 1, 0]], bool)
INPUTS = {"question": QUESTION, "memory": MEMORY, "rows": 4, "words": numbers(4, 3, 6, seed=2), "real": REAL}


def build(name, **options):
    options = options or ({"channels": 4} if name == "film" else {})  # sharp attention has no gradient
    fusion = build_fusion(FusionSettings(name=name, size=8, options=options), (2, 3))
    fusion(**INPUTS)
    randomise(fusion, scale=0.25)
    for weight in fusion.weights:
        if weight.path.endswith("moving_variance"):
            weight.assign(np.abs(weight) + 0.5)
    return fusion


@pytest.mark.parametrize("name", FUSIONS.names())
def test_rows_belong_to_their_image_and_question(name):
    """Questions of one image lie side by side; repeated the other way round, they would see another's image."""
    fusion = build(name)
    features, _ = fusion(**INPUTS)
    assert features.shape == (4, 8)
    other_image, other_question = MEMORY.copy(), QUESTION.copy()
    other_image[1] *= -1.0
    other_question[0] *= -1.0
    changed = np.abs(np.asarray(fusion(**{**INPUTS, "memory": other_image})[0] - features)).max(axis=1) > 1e-5
    assert changed.tolist() == [False, False, fusion.uses_memory, fusion.uses_memory]
    changed = np.abs(np.asarray(fusion(**{**INPUTS, "question": other_question})[0] - features)).max(axis=1)
    assert (changed > 1e-5).tolist() == [fusion.uses_question, False, False, False]


@pytest.mark.parametrize("name", FUSIONS.names())
def test_every_weight_learns_and_comes_back(name):
    fusion = build(name)
    assert_every_weight_learns(fusion, lambda: fusion(**INPUTS)[0])
    back = serialised(fusion)
    back(**INPUTS)
    back.set_weights(fusion.get_weights())
    assert_equal(fusion(**INPUTS), back(**INPUTS))


def test_the_image_has_length_one():
    """Norm I: twice as bright an image must say the same."""
    fusion = build("product")
    assert_equal(fusion(**INPUTS)[0], fusion(question=QUESTION, memory=2 * MEMORY)[0])
    plain = build("product", normalise=False)
    assert np.abs(plain(question=QUESTION, memory=MEMORY)[0] - plain(question=QUESTION, memory=2 * MEMORY)[0]).max() > 0


def test_stacked_attention_by_hand():
    """Yang et al., equations 15 to 22, in NumPy, with coordinates from -1 to 1."""
    fusion = build("stacked", hops=2, attention_size=4, coordinates=True)
    across, down = np.meshgrid([-1, 0, 1], [-1, 1])
    places = np.concatenate([MEMORY[1], np.stack([across.ravel(), down.ravel()], axis=-1)], axis=-1)
    v = np.tanh(places @ np.asarray(fusion.memory_projection.kernel) + np.asarray(fusion.memory_projection.bias))
    u = np.tanh(QUESTION[2] @ np.asarray(fusion.query.kernel) + np.asarray(fusion.query.bias))
    looks = []
    for hop in fusion.attentions:
        keys = v @ np.asarray(hop.memory_kernel) + np.asarray(hop.memory_bias)
        scores = np.tanh(keys + u @ np.asarray(hop.query_kernel)) @ np.asarray(hop.score_kernel)[:, 0]
        looks.append(np.exp(scores) / np.exp(scores).sum())
        u = u + looks[-1] @ v
    features, extras = fusion(**INPUTS)
    assert_equal(features[2], u, tolerance=1e-4)
    assert_equal(extras["hop_attention"][2], np.array(looks), tolerance=1e-4)


def test_places_know_where_they_are():
    places = np.asarray(with_coordinates(np.zeros((1, 6, 1), "float32"), (2, 3)))[0, :, 1:]
    assert places.tolist() == [[-1, -1], [0, -1], [1, -1], [-1, 1], [0, 1], [1, 1]]
    with pytest.raises(ValueError, match="lie in a grid"):
        with_coordinates(MEMORY, None)


def test_what_a_block_finds_tells_the_next_what_to_look_for():
    """Two things far apart: without it, no convolution of this size could relate them."""
    fusion = build("film", blocks=2, channels=4)
    assert fusion.conditions[1].kernel.shape[0] == 3 + 3 * 4


def test_what_cannot_be_built_says_why():
    with pytest.raises(
        UserError, match=r"has no option `hop`. Did you mean `hops`. Available: attention_size, coordinates, hops"
    ):
        build_fusion(FusionSettings(options={"hop": 2}), (2, 3))
    with pytest.raises(UserError, match="once at least, received hops=0"):
        build_fusion(FusionSettings(options={"hops": 0}), (2, 3))
    with pytest.raises(ValueError, match="this encoder has none"):
        build_fusion(FusionSettings(name="film"), None)(question=QUESTION, memory=MEMORY)


@pytest.mark.parametrize("name", ["stacked", "heads", "film"])
def test_looks_are_shares(name):
    """They are drawn over the picture, one a hop."""
    fusion = build(name)
    _, extras = fusion(**INPUTS)
    assert extras["hop_attention"].shape == (4, fusion.hops, 6)
    np.testing.assert_allclose(np.asarray(extras["hop_attention"]).sum(axis=-1), 1.0, rtol=1e-5)


def test_heads_by_hand():
    """Two hops of one head of each kind, place by place: the second is told where the first looked."""
    fusion = build("heads", hops=2, heads=1, attention_size=3)
    features, extras = fusion(**INPUTS)
    where = [(x, y) for y in (-1.0, 1.0) for x in (-1.0, 0.0, 1.0)]

    def dense(layer, vector):
        bias = np.asarray(layer.bias) if layer.use_bias else 0.0
        return np.asarray(vector) @ np.asarray(layer.kernel) + bias

    def norm(layer, vector):
        gamma, beta, mean, variance = map(np.asarray, layer.get_weights())
        return (vector - mean) / np.sqrt(variance + layer.epsilon) * gamma + beta

    for row in range(4):
        places = [np.concatenate([m, x]) for m, x in zip(MEMORY[row // 2], where, strict=True)]
        places = [np.maximum(norm(fusion.memory_norm, dense(fusion.memory_projection, place)), 0.0) for place in places]
        words = INPUTS["words"][row][REAL[row]]
        first = u = np.tanh(dense(fusion.query, QUESTION[row]))
        centre = np.zeros(2)
        for hop in range(2):
            query, reading = (
                dense(fusion.queries[hop], u).reshape(2, 3),
                dense(fusion.word_queries[hop], u).reshape(2, 4),
            )
            scores = []
            for head in range(2):
                shares = np.exp([dense(fusion.word_keys, word) @ reading[head] for word in words])
                worded = sum(
                    s * dense(fusion.word_values[hop], w) for s, w in zip(shares / shares.sum(), words, strict=True)
                )
                asked = query[head] + worded.reshape(2, 3)[head]
                score = [asked @ dense(fusion.keys[hop], place).reshape(2, 3)[head] for place in places]
                if hop:
                    direction = dense(fusion.directions[0], u).reshape(2, 2)[head]
                    score = [s + direction @ (np.array(x) - centre) for s, x in zip(score, where, strict=True)]
                scores.append(np.array(score))
            weights = np.exp(scores[0]) / np.exp(scores[0]).sum()
            gates = 1 / (1 + np.exp(-scores[1] - np.asarray(fusion.gate_bias)[hop, 0]))
            values = np.array([dense(fusion.values[hop], place).reshape(2, 3) for place in places])
            centre = weights @ np.array(where)
            found = np.concatenate([weights @ values[:, 0], gates @ values[:, 1], [gates.sum()], centre])
            found = norm(fusion.attended_norms[hop], found)
            matched = u * dense(fusion.matches[hop], found)
            thought = np.maximum(dense(fusion.mlps[hop], np.concatenate([u, found, matched])), 0.0)
            u = u + dense(fusion.output_projections[hop], thought)
            np.testing.assert_allclose(extras["hop_attention"][row, hop], weights, rtol=1e-4)
        np.testing.assert_allclose(features[row], np.concatenate([u, first * u]), rtol=1e-3, atol=1e-5)


def test_gates_count_and_weights_do_not(monkeypatch):
    """The same thing at one place more, and one more: what gates let in grows by as much each time."""
    fusion = build("heads", hops=1, heads=1, attention_size=4)
    fusion.memory_projection.kernel.assign(
        np.concatenate([np.asarray(fusion.memory_projection.kernel)[:-2], np.zeros((2, 8))])
    )  # no place
    seen = []
    monkeypatch.setattr(
        type(fusion.attended_norms[0]), "call", lambda self, values, **_: (seen.append(values), values)[1]
    )
    empty, thing = numbers(5, seed=3), numbers(5, seed=4)
    for count in (1, 2, 3):
        memory = np.stack([thing] * count + [empty] * (6 - count))[None]
        fusion(question=QUESTION[:1], memory=memory, words=INPUTS["words"][:1], real=REAL[:1])
    one, two, three = (np.asarray(values)[0, -3] for values in seen if len(values.shape) == 2)
    assert three - two == pytest.approx(two - one, rel=1e-3) and abs(two - one) > 1e-4


def test_padding_is_no_word():
    """Heads that go by single words must not go by those that fill up."""
    fusion = build("heads")
    words = INPUTS["words"].copy()
    words[~REAL] = 9.0
    assert_equal(fusion(**INPUTS), fusion(**{**INPUTS, "words": words}))
    words[REAL] *= 2.0
    assert np.abs(fusion(**INPUTS)[0] - fusion(**{**INPUTS, "words": words})[0]).max() > 1e-4
