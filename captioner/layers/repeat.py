"""Many questions about each image: how what is known of an image meets all that is asked about it."""

from keras import ops


def each_question(values, rows):
    """Repeats each image's row `(B, ...)` for its questions: `(rows, ...)`, rows of one image side by side."""
    count = rows // values.shape[0]
    return values if count == 1 else ops.repeat(values, count, axis=0)
