"""Search over arbitrary scores: whatever a network says, captions come out."""

import itertools

import keras
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from captioner.decoding.beam import BeamOptions, beam_search
from captioner.decoding.constraints import SpecialTokens

START, END, WORDS = 1, 2, 6


@given(
    table=st.lists(
        st.lists(st.floats(-50, 50) | st.just(-np.inf), min_size=WORDS, max_size=WORDS), min_size=WORDS, max_size=WORDS
    ),
    width=st.integers(1, 4),
    max_words=st.integers(1, 5),
    images=st.integers(1, 3),
    length_penalty=st.sampled_from([0.0, 0.7, 1.0]),
)
def test_any_scores_give_whole_captions_best_first(table, width, max_words, images, length_penalty):
    """Scores of minus infinity, ties and certainty come from real networks: none may cut a caption or mix images up."""
    logits = np.array(table, "float32")
    logits[:, END] = np.where(np.isinf(logits[:, END]), -60, logits[:, END])  # a caption can always end
    table = np.asarray(ops.log_softmax(logits, axis=-1))

    def step(words, state):
        return ops.take(ops.convert_to_tensor(table), words, axis=0), state

    state = {"cell": ops.zeros((images * width, 1))}
    options = BeamOptions(width, max_words, length_penalty)
    found = beam_search(step, state, images, SpecialTokens(START, END, (0,)), options)
    words, lengths, scores = (np.asarray(keras.ops.convert_to_numpy(part)) for part in found)
    assert words.shape == (images, width, max_words) and np.all((lengths >= 0) & (lengths <= max_words))
    for image in range(images):
        ranked = []
        for beam in range(width):
            caption = words[image, beam, : lengths[image, beam]]
            total = scores[image, beam]
            assert not np.isnan(total)
            if total < -1e8:  # fewer captions than beams
                continue
            assert END not in caption and 0 not in caption, "an end or a forbidden word stands in a caption"
            expected = sum(table[a, b] for a, b in itertools.pairwise([START, *caption, END]))
            np.testing.assert_allclose(total, expected, rtol=1e-3, atol=1e-3)
            ranked.append(total / (lengths[image, beam] + 1) ** length_penalty)
        assert all(a >= b - 1e-3 for a, b in itertools.pairwise(ranked)), "not the best first"
        np.testing.assert_array_equal(words[image], words[0], "equal images, other captions")
