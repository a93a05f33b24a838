"""The painted pictures of the README can be painted again by anyone."""

import numpy as np
import pytest
from PIL import Image

from docs import paint_photographs


@pytest.mark.parametrize("paint", paint_photographs.PICTURES[:2])
def test_the_same_seed_paints_the_same(paint):
    one, other = (np.asarray(paint(np.random.default_rng(0))) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.shape == (300, 400, 3) and one.std() > 20


@pytest.mark.parametrize("seed", range(len(paint_photographs.PICTURES)))
def test_the_pictures_of_the_readme_are_those_that_it_paints(seed):
    """Wrong if they were changed by hand, or the painter since. JPEG changes pixels, but hardly the mean of a block."""
    paint = paint_photographs.PICTURES[seed]
    there = Image.open(paint_photographs.IMAGES / "painted" / f"{paint.__name__}.jpg")
    painted = paint(np.random.default_rng(seed))
    difference = np.asarray(there, float) - np.asarray(painted, float)
    blocks = difference.reshape(30, 10, 40, 10, 3).mean(axis=(1, 3))
    assert np.abs(blocks).max() < 10
