"""Views of an image."""

import numpy as np
import pytest

from captioner.images.augment import KINDS, PLAIN, augment, augmentations_of

PIXELS = np.random.default_rng(0).normal(size=(16, 24, 3)).astype("float32")


def test_the_plain_view_is_the_image_itself():
    assert augment(PIXELS, PLAIN) is PIXELS


def test_a_flip_turns_left_and_right_and_twice_it_is_nothing():
    flipped = augment(PIXELS, "flip")
    assert flipped.flags.c_contiguous and np.array_equal(flipped, np.fliplr(PIXELS))
    assert np.array_equal(augment(flipped, "flip"), PIXELS)


@pytest.mark.parametrize(("view", "row", "column"), [("top_left", 0, 0), ("bottom_right", 1, 1), ("top_right", 0, 1)])
def test_a_corner_shows_seven_eighths_from_that_corner(view, row, column):
    """A ramp of brightness tells where each pixel was."""
    vertical, horizontal = np.meshgrid(np.arange(16.0), np.arange(24.0), indexing="ij")
    seen = augment(np.stack([vertical, horizontal], axis=-1).astype("float32"), view)
    assert seen.shape == (16, 24, 2) and seen.dtype == np.float32
    for axis, (values, length, far) in enumerate(((seen[:, 12, 0], 16, row), (seen[8, :, 1], 24, column))):
        begins, ends = (length / 8, length - 1) if far else (0, length * 7 / 8 - 1)
        assert values[0] == pytest.approx(begins, abs=0.1) and values[-1] == pytest.approx(ends, abs=0.1), axis
        assert (np.diff(values) >= 0).all()


def test_frames_of_a_clip_are_seen_alike():
    clip = np.stack([PIXELS, PIXELS + 1])
    for view in augmentations_of(KINDS):
        np.testing.assert_allclose(augment(clip, view), [augment(frame, view) for frame in clip], rtol=1e-6)


def test_views_come_in_one_order_however_they_are_named():
    """The order is part of what a seed means."""
    assert augmentations_of(()) == (PLAIN,)
    assert (
        augmentations_of(("crops", "flip")) == augmentations_of(("flip", "crops")) == (PLAIN, "flip", *KINDS["crops"])
    )
