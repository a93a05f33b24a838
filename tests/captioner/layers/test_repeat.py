"""Rows of an image stand where its questions do."""

import numpy as np

from captioner.layers.repeat import repeat_rows


def test_rows_of_one_image_stand_side_by_side():
    """Wrong if questions are asked about the images of others: rows of questions are image by image."""
    images = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "float32")
    np.testing.assert_array_equal(np.asarray(repeat_rows(images, 2)), images[[0, 0, 1, 1, 2, 2]])
    assert repeat_rows(images, 1) is images, "a question each needs no copy"
