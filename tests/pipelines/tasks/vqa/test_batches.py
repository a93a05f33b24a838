"""Which questions are learned from in which order, and what counts nothing."""

import math
from pathlib import Path

import keras
import numpy as np
import pytest

from captioner.text.answers import AnswerList
from captioner.training.soft_targets import SoftCrossEntropy, soft_targets
from pipelines.data.examples import QuestionExample
from pipelines.tasks.vqa.batches import QuestionBatches, QuestionTargets
from pipelines.tasks.vqa.images import NoImages, QuestionsByImage

# Image 0 has three questions, 1 has one, 2 has one without a target, 3 cannot be read, 4 has five.
OWN = [3, 1, 1, 2, 5]
EXAMPLES = [
    QuestionExample(f"{image}#{n}", Path(f"{image}.png"), "?", ("yes",), "train")
    for image, count in enumerate(OWN)
    for n in range(count)
]
WORDS = np.arange(12)[:, None] + np.array([[10, 0]], "int32")
TARGETS = np.arange(12, dtype="int32")


def batches(writes=False, targets=TARGETS, nothing=-1, **sizes):
    asked = QuestionsByImage.of(EXAMPLES)
    asked.source = NoImages(5)
    asked.source.readable[3] = False
    asked.source.read = lambda numbers: np.array(numbers, "float32")[:, None]
    known = np.arange(12) != 4
    sizes = {"images_per_batch": 2, "questions_per_image": 4, "seed": 0, **sizes}
    return QuestionBatches(asked, WORDS.astype("int32"), QuestionTargets(targets, known, nothing, writes), **sizes)


def arrays(dataset):
    return [({name: value.numpy() for name, value in inputs.items()}, y.numpy()) for inputs, y in dataset]


def test_questions_belong_to_their_image_and_to_their_answer():
    made = arrays(batches().epoch(0))
    seen = []
    for inputs, targets in made:
        assert inputs["image"].shape == (2, 1) and targets.shape == (2, 4) and inputs["questions"].shape == (2, 4, 2)
        for image, words, answers in zip(inputs["image"][:, 0], inputs["questions"], targets, strict=True):
            for word, answer in zip(words[:, 0], answers, strict=True):
                assert EXAMPLES[word - 10].id.startswith(f"{image:.0f}#"), "a question about another image"
                if answer >= 0:
                    assert word == answer + 10
                    seen.append(answer)
    assert len(seen) == len(set(seen)) == 3 + 1 + 4
    assert not {4, 5, 6} & set(seen), "no target, or no image"


def test_what_fills_up_is_like_what_is_learned_from_and_counts_nothing():
    """Wrong if batch normalisation sees copies of one image at the end of an epoch, or questions without words."""
    made = batches()
    asked, answered = made.rows(np.array([1, 0]), np.array([True, False]), 0)
    assert asked.tolist() == [[3, 3, 3, 3], [0, 1, 2, 0]], "an image with few questions is asked its own again"
    assert answered.tolist() == [[3, 12, 12, 12], [12, 12, 12, 12]] and made.targets[12] == -1
    for epoch in range(4):
        (first, _), (last, targets) = arrays(made.epoch(epoch))
        assert last["image"][1] == first["image"][0] and (targets[1] == -1).all()
        assert (last["questions"][..., 0] >= 10).all() and (first["questions"][..., 0] >= 10).all()


def test_the_running_statistics_of_an_epoch_that_does_not_divide_are_those_of_its_images():
    """Seventeen images, sixteen a batch: of the last batch fifteen places fill up.

    Wrong if they hold copies of the one that is left, whose values a norm with a short memory then takes for all.
    """
    examples = [QuestionExample(f"{n}#0", Path(f"{n}.png"), "?", ("yes",), "train") for n in range(17)]
    asked = QuestionsByImage.of(examples)
    asked.source = NoImages(17)
    values = np.linspace(-1, 1, 17, dtype="float32")
    asked.source.read = lambda numbers: values[list(numbers)][:, None]
    words, targets = np.ones((17, 2), "int32"), np.zeros(17, "int32")
    made = QuestionBatches(asked, words, QuestionTargets(targets, targets == 0, -1), 16, 1, 0)
    for epoch in range(5):
        norm = keras.layers.BatchNormalization(momentum=0.5)
        for inputs, _ in arrays(made.epoch(epoch)):
            norm(inputs["image"], training=True)
        assert abs(float(norm.moving_mean[0])) < 0.1, "their mean is 0"
        assert float(norm.moving_variance[0]) == pytest.approx((1 + 3 * values.var()) / 4, abs=0.05)


def test_all_of_many_questions_have_their_turn():
    """Image 4 has five questions and four places."""
    turns = [set(batches().rows(np.array([4]), np.array([True]), epoch)[0][0]) for epoch in range(12)]
    assert all(len(turn) == 4 for turn in turns) and set.union(*turns) == {7, 8, 9, 10, 11}


def test_an_epoch_that_goes_on_has_the_batches_that_are_left():
    whole, rest = arrays(batches().epoch(3)), arrays(batches().epoch(3, skip=1))
    assert len(whole) == 2 == batches().steps
    np.testing.assert_array_equal(whole[1][1], rest[0][1])
    for name, values in whole[1][0].items():
        np.testing.assert_array_equal(values, rest[0][0][name])
    assert any((batches().order(0)[0] != batches().order(epoch)[0]).any() for epoch in range(1, 5))


def test_written_answers_are_shifted_by_one_word():
    ids = np.tile(np.array([[1, 5, 6, 2]], "int32"), (12, 1))
    inputs, targets = arrays(batches(writes=True, targets=ids, nothing=0).epoch(0))[0]
    real = targets[..., 0] != 0
    assert inputs["words"][real][0].tolist() == [1, 5, 6] and targets[real][0].tolist() == [5, 6, 2]
    assert not targets[~real].any() and not inputs["words"][~real].any()


def test_soft_targets():
    """VQA accuracy of an answer alone: three people who agree are enough; of two people, both."""
    answers = AnswerList(["yes", "no", "red"])
    ten = ["Yes"] * 7 + ["no"] * 2 + ["maybe"]
    found = soft_targets([ten, ["red"], ["red", "no"], ["?"]], answers)
    np.testing.assert_allclose(found, [[1, 2 / 3, 0], [0, 0, 1], [0, 0.5, 0.5], [0, 0, 0]])


def test_soft_cross_entropy_by_hand():
    """-[y log s(z) + (1 - y) log(1 - s(z))], summed over answers, and padding counts nothing."""
    logits = np.array([[[2.0, -1.0], [0.0, 0.0], [9.0, 9.0]]], "float32")
    targets = np.array([[[1.0, 0.25], [0.5, 0.0], [-1.0, -1.0]]], "float32")

    def one(y, z):
        s = 1 / (1 + math.exp(-z))
        return -(y * math.log(s) + (1 - y) * math.log(1 - s))

    expected = (one(1, 2) + one(0.25, -1) + one(0.5, 0) + one(0, 0)) / 2
    assert float(SoftCrossEntropy()(targets, logits)) == pytest.approx(expected, rel=1e-5)
