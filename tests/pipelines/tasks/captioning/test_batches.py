"""Batches: the order is known beforehand, and padding counts nothing."""

import numpy as np
import pytest

from captioner.text.vocabulary import Vocabulary
from captioner.training.losses import MaskedCrossEntropy
from pipelines.tasks.captioning.batches import CaptionBatches
from tests.support import numbers

WORDS = [f"w{n}" for n in range(40)]
VOCABULARY = Vocabulary(WORDS)


class Source:
    """Image i is four times the number i."""

    def __init__(self, readable):
        self.readable = np.array(readable)

    def read(self, indices):
        assert self.readable[list(indices)].all(), "an image that cannot be read was asked for"
        return np.repeat(np.array(indices, "float16")[:, None], 4, axis=1)


def make(captions, images_per_batch=4, captions_per_image=2, seed=0, readable=None, max_length=5):
    source = Source([True] * len(captions) if readable is None else readable)
    return CaptionBatches(source, captions, VOCABULARY, max_length, images_per_batch, captions_per_image, seed)


@pytest.fixture
def batches():
    """Eleven images with two captions each, which name the image."""
    return make([[f"w{n} w11", f"w{n} w12 w13"] for n in range(11)])


def collected(dataset):
    return [(*(np.asarray(inputs[name]) for name in ("image", "words")), np.asarray(t)) for inputs, t in dataset]


def same(left, right):
    return len(left) == len(right) and all(
        np.array_equal(a, b) for one, other in zip(left, right, strict=True) for a, b in zip(one, other, strict=True)
    )


def test_the_order_depends_on_seed_and_epoch_alone(batches):
    """A run that goes on has to see the batches it would have seen."""
    again = make([[f"w{n} w11", f"w{n} w12 w13"] for n in range(11)])
    np.random.seed(5)
    first = collected(batches.epoch(3))
    list(again.epoch(0))
    assert same(first, collected(again.epoch(3)))
    assert not same(first, collected(batches.epoch(4))), "every epoch in the same order"
    other = make([[f"w{n} w11", f"w{n} w12 w13"] for n in range(11)], seed=1)
    assert not np.array_equal(batches.order(3)[0], other.order(3)[0]), "the seed changes nothing"


def test_own_words_grow_with_the_steps_and_come_again_when_a_run_goes_on(batches):
    """Which words are replaced has to be known from the step alone, or a run that was stopped would learn otherwise."""
    asked = []
    batches.sampling_probability = lambda done, steps: asked.append(done) or done / 10
    whole = [inputs for inputs, _ in batches.epoch(1)]
    assert sorted(set(asked)) == [3, 4, 5], "the steps of an epoch before this one count"
    for step, inputs in enumerate(whole):
        own, chance = np.asarray(inputs["sample_mask"]), np.asarray(inputs["uniform_noise"])
        assert own.shape == chance.shape == inputs["words"].shape and own.dtype == bool
        assert chance.min() >= 0 and chance.max() < 1 and own.mean() == pytest.approx((3 + step) / 10, abs=0.25)
    (rest,) = [inputs for inputs, _ in batches.epoch(1, 2)]
    assert all(np.array_equal(rest[name], whole[2][name]) for name in rest)
    assert not np.array_equal(whole[0]["uniform_noise"], whole[1]["uniform_noise"])
    batches.sampling_probability = None
    assert "sample_mask" not in next(iter(batches.epoch(1)))[0]


def test_skipping_gives_the_tail(batches):
    whole = collected(batches.epoch(2))
    assert len(whole) == batches.steps == 3
    for skip in range(4):
        assert same(collected(batches.epoch(2, skip)), whole[skip:])


def test_examples_are_shuffled_not_batches(batches):
    """Batches of neighbours in changing order are no shuffle."""
    together = {frozenset(row.tolist()) for epoch in range(6) for row in batches.order(epoch)[0]}
    assert len(together) > 3 * 4


def test_every_image_comes_once_an_epoch_with_its_own_captions(batches):
    seen = []
    for image, words, targets in collected(batches.epoch(0)):
        assert image.shape == (4, 4) and words.shape == targets.shape == (4, 2, 4)
        for row in range(4):
            if (targets[row] != VOCABULARY.pad_id).any():
                number = int(image[row, 0])
                seen.append(number)
                assert (words[row, :, 1] == VOCABULARY.encode_words([f"w{number}"])[0]).all()
    assert sorted(seen) == list(range(11))


def test_targets_are_the_words_shifted_by_one(batches):
    """Shifted by none, the decoder copies its input and the loss falls to nothing."""
    for _, words, targets in collected(batches.epoch(0)):
        real = (words != VOCABULARY.pad_id).any(axis=-1)
        assert (words[real][:, 0] == VOCABULARY.start_id).all()
        assert np.array_equal(words[:, :, 1:], targets[:, :, :-1])
        ends = (targets[real] == VOCABULARY.end_id).sum(axis=-1)
        assert (ends == 1).all(), "the end word has to be learned"


def test_the_last_batch_is_filled_with_rows_that_count_nothing(batches):
    """Otherwise the first image of the last batch is learned more often than the others."""
    _, mask = batches.order(0)
    assert (~mask[-1]).sum() == 1 and mask[:-1].all()
    _, words, targets = collected(batches.epoch(0))[-1]
    filled = ~mask[-1]
    assert (words[filled] == VOCABULARY.pad_id).all() and (targets[filled] == VOCABULARY.pad_id).all()
    loss, logits = MaskedCrossEntropy(), numbers(*targets.shape, len(VOCABULARY))
    assert float(loss(targets, logits)) == pytest.approx(float(loss(targets[~filled], logits[~filled])), rel=1e-6)


def test_what_fills_up_are_other_images_of_the_epoch_and_no_copies_of_one():
    """Copies of one would be half of what batch normalisation remembers when the development split is judged."""
    made = make([[f"w{n}"] for n in range(10)], images_per_batch=8, readable=[n != 3 for n in range(10)])
    for epoch in range(3):
        first, last = (image[:, 0].astype(int).tolist() for image, _, _ in collected(made.epoch(epoch)))
        assert last[1:] == first[:7], "the epoch begins again"
        assert sorted([*first, last[0]]) == [n for n in range(10) if n != 3]


def test_fewer_images_than_a_batch_fill_it_in_turns():
    made = make([["w0"], ["w1"], ["w2"]], images_per_batch=8)
    ((image, _, targets),) = collected(made.epoch(0))
    assert np.bincount(image[:, 0].astype(int)).tolist() in ([3, 3, 2], [3, 2, 3], [2, 3, 3])
    assert (targets != VOCABULARY.pad_id).any(axis=(1, 2)).sum() == 3


def test_fewer_captions_are_filled_up_and_more_take_turns():
    many = [f"w{n}" for n in range(5)]
    batches = make([["w20"], many], images_per_batch=2)
    few, several = set(), set()
    for epoch in range(12):
        words = batches.words(np.array([0, 1]), np.array([True, True]), epoch)
        assert np.array_equal(words, batches.words(np.array([0, 1]), np.array([True, True]), epoch)), (
            "an epoch that goes on gets other captions"
        )
        few.add(tuple(VOCABULARY.text(row) for row in words[0]))
        chosen = [VOCABULARY.text(row) for row in words[1]]
        assert len(set(chosen)) == 2, "the same caption twice in a batch"
        several |= set(chosen)
    assert few == {("w20", "")} and several == set(many)


def test_images_without_captions_or_unreadable_ones_are_left_out():
    batches = make([["w1"], [], ["w2"], ["w3"]], readable=[True, True, False, True], images_per_batch=2)
    assert batches.steps == 1 and sorted(batches.order(0)[0].ravel().tolist()) == [0, 3]
    assert {int(n) for n in collected(batches.epoch(0))[0][0][:, 0]} == {0, 3}


def test_a_cut_caption_teaches_no_end():
    batches = make([["w1 w2 w3 w4 w5 w6"]], images_per_batch=1, captions_per_image=1)
    ((_, words, targets),) = collected(batches.epoch(0))
    assert VOCABULARY.end_id not in targets and words.shape == (1, 1, 4)


def test_features_keep_half_precision_until_they_are_on_their_way(batches):
    """Twice the memory and twice the bandwidth for nothing."""
    assert batches.epoch(0).element_spec[0]["image"].dtype == "float16"
    assert batches.epoch(0).element_spec[0]["image"].shape == (4, 4)
