"""Rows of images for rows of captions or questions."""

from keras import ops


def repeat_rows(values, count):
    """Repeats each image's row `(B, ...)`: `(B x count, ...)`, the rows of one image side by side."""
    return values if isinstance(count, int) and count == 1 else ops.repeat(values, count, axis=0)
