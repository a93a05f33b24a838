"""Rows of an image stand where its questions do."""

import numpy as np

from captioner.layers.repeat import each_question


def test_rows_of_one_image_stand_side_by_side():
    """Wrong if questions are asked about the images of others: rows of questions are image by image."""
    images = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "float32")
    np.testing.assert_array_equal(np.asarray(each_question(images, 6)), images[[0, 0, 1, 1, 2, 2]])
    assert each_question(images, 3) is images, "a question each needs no copy"
