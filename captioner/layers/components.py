"""Principal components of features."""

from collections.abc import Iterable

import keras
import numpy as np
from keras import ops

LEAST = 1e-6  # of the largest variance: what varies less is the noise of rounding


@keras.saving.register_keras_serializable("captioner")
class PrincipalComponents(keras.layers.Layer):
    """Features by those directions in which they differ most, each brought to a variance of 1.

        y = (x - m) E / s

    m is the mean, the columns of E are the eigenvectors of the covariance with the K largest eigenvalues, and s the
    standard deviations along them. They are computed once, by `adapt`, and never trained: 512 numbers of each position
    of a few hundred images are enough to recognise every image, and a network that can do so overfits. Where the
    features vary in fewer than K directions, the remaining components are 0.

    Args:
        components: int, K, at most the size of x.

    Call arguments:
        x: `(..., D)`.

    Returns:
        `(..., K)`. Before `adapt` a random projection.

    Raises:
        ValueError: x has fewer numbers than components are asked for.

    Reference: Pearson 1901, "On lines and planes of closest fit to systems of points in space".
    """

    def __init__(self, components, **kwargs):
        super().__init__(**{**kwargs, "trainable": False})
        self.components = components

    def build(self, input_shape):
        size = input_shape[-1]
        if not 1 <= self.components <= size:
            raise ValueError(f"Features of {size} numbers have 1 to {size} components, received {self.components}.")
        self.mean = self.add_weight((size,), initializer="zeros", name="mean")
        self.projection = self.add_weight((size, self.components), initializer="orthogonal", name="projection")

    def adapt(self, batches: Iterable[np.ndarray]) -> float:
        """Computes the components of features `(..., D)`, read once, in batches; nothing but sums is kept.

        Returns:
            the share of the features' variance that the components hold, from 0 to 1.

        Raises:
            ValueError: there are fewer than two features.
        """
        size = self.mean.shape[0]
        count, total, products = 0, np.zeros(size), np.zeros((size, size))
        for batch in batches:
            rows = np.asarray(batch, "float32").reshape(-1, size)
            count += len(rows)
            total += rows.sum(axis=0, dtype="float64")
            products += rows.T @ rows
        if count < 2:
            raise ValueError(f"Components need two features at least, received {count}.")
        mean = total / count
        variances, directions = np.linalg.eigh(products / count - np.outer(mean, mean))  # smallest first
        variances, directions = np.maximum(variances[::-1], 0.0), directions[:, ::-1]
        # An eigenvector may point either way; its largest number is made positive, the same on every machine.
        largest = np.abs(directions).argmax(axis=0)
        directions = directions * np.where(directions[largest, np.arange(size)] < 0, -1.0, 1.0)
        kept = variances[: self.components]
        varies = kept > LEAST * variances[0]
        scales = np.where(varies, 1 / np.sqrt(np.where(varies, kept, 1.0)), 0.0)
        self.mean.assign(mean.astype("float32"))
        self.projection.assign((directions[:, : self.components] * scales).astype("float32"))
        return float(kept.sum() / max(variances.sum(), np.finfo("float64").tiny))

    def call(self, x):
        return ops.matmul(x - self.mean, self.projection)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.components)

    def get_config(self):
        return {**super().get_config(), "components": self.components}
