"""A trained decoder behind another encoder: what it learned of sentences stays, its eyes are exchanged.

Two networks that learned from the same photographs see much the same in other coordinates: a linear map from the one's
memory to the other's, found by least squares, lets a decoder begin near where it was (Lenc & Vedaldi 2015,
https://arxiv.org/abs/1411.5908, section 3.2). It then has only to be trained on, not anew.
"""

import numpy as np
from keras import ops

from captioner.errors import UserError

RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # in units of the mean variance of a number


def fit_projection(seen: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, float]:
    """The linear map that foretells one memory from another, position by position: ridge regression.

    Args:
        seen: `(N, P, D)`, of N images through the new encoder.
        wanted: `(N, P, E)`, of the same images through the old one.

    Returns:
        `W (D, E)`, and the share of the variance that it explains of the last tenth of the images when it is fitted to
        the others, which chooses the ridge.

    Raises:
        ValueError: there are fewer than ten images, or the two do not have the same positions.
    """
    if len(seen) < 10 or seen.shape[:2] != wanted.shape[:2]:
        raise ValueError(
            f"Ten images or more with the same positions are needed, received {seen.shape[:2]} and {wanted.shape[:2]}."
        )
    fitted = len(seen) - len(seen) // 10
    held_out, target = _rows(seen[fitted:]), _rows(wanted[fitted:])
    deviation = np.sum((target - _rows(wanted[:fitted]).mean(axis=0)) ** 2)
    explained = {}
    for ridge in RIDGES:
        projection = _ridge(_rows(seen[:fitted]), _rows(wanted[:fitted]), ridge)
        explained[ridge] = 1 - np.sum((target - held_out @ projection) ** 2) / deviation
    best = max(explained, key=explained.get)
    return _ridge(_rows(seen), _rows(wanted), best).astype("float32"), float(explained[best])


def stitch(trained, target, projection: np.ndarray) -> None:
    """Copies the weights of a captioner to one that differs in its encoder alone.

    Weights `(..., E, n)` that read the old memory become `W` times them, so that the decoder reads `m W` where `m` is
    the new memory.

    Args:
        trained: an `ImageCaptioner`.
        target: one of the same words and decoder with another encoder, whose weights are overwritten.
        projection: W `(D, E)`.

    Raises:
        UserError: the decoders differ otherwise; nothing was copied then.
    """
    decoder = trained.decoder
    size = trained.encoder.memory_shape[-1]
    before = {"cell": decoder.embedding_size, "deep_output": decoder.cell.output_size}  # rows that precede the memory's
    if not (decoder.word_first and decoder.output_first) or trained.vocabulary != target.vocabulary:
        raise UserError("Only a decoder that reads the word before the image, with the same words, can be taken over.")
    values = {}
    theirs = {variable.path: ops.convert_to_numpy(variable) for variable in decoder.weights}
    for variable in target.decoder.weights:
        old = theirs.get(variable.path)
        if old is not None and old.shape != tuple(variable.shape):
            first = next((rows for layer, rows in before.items() if f"/{layer}/" in variable.path), 0)
            if len(old) < first + size:
                old = None
            else:
                old = np.concatenate([old[:first], projection @ old[first : first + size], old[first + size :]])
        if old is None or old.shape != tuple(variable.shape):
            raise UserError(f"The decoder cannot be taken over: {variable.path} is of another shape there.")
        values[variable.path] = old
    for variable in target.decoder.weights:
        variable.assign(values[variable.path])


def _rows(memory: np.ndarray) -> np.ndarray:
    return memory.reshape(-1, memory.shape[-1]).astype("float64")


def _ridge(inputs: np.ndarray, outputs: np.ndarray, ridge: float) -> np.ndarray:
    """(X'X / n + ridge s I)^-1 X'Y / n with s the mean of the diagonal of X'X / n."""
    products = inputs.T @ inputs / len(inputs)
    penalty = ridge * np.trace(products) / len(products)
    return np.linalg.solve(products + penalty * np.eye(len(products)), inputs.T @ outputs / len(inputs))
