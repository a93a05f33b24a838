"""The painted pictures of the README can be painted again by anyone."""

import numpy as np
import pytest

from docs import paint_photographs


@pytest.mark.parametrize("paint", paint_photographs.PICTURES[:2])
def test_the_same_seed_paints_the_same(paint):
    one, other = (np.asarray(paint(np.random.default_rng(0))) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.shape == (300, 400, 3) and one.std() > 20


def test_the_pictures_of_the_readme_are_those_that_it_paints():
    """Wrong if they were changed by hand, or the painter since."""
    from PIL import Image

    seed = 1
    paint = paint_photographs.PICTURES[seed]
    there = Image.open(paint_photographs.IMAGES / "painted" / f"{paint.__name__}.jpg")
    painted = np.asarray(paint(np.random.default_rng(seed)), float)
    assert np.abs(np.asarray(there, float) - painted).mean() < 8, "the difference is more than JPEG's"
