"""Attention over the positions of a memory."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("captioner")
class AdditiveAttention(keras.layers.Layer):
    """The mean over all positions of a memory, weighted by how well their keys match a query.

        score_p = v . tanh(k_p + q),    k_p = m_p W_m + b,    q = query W_q
        weights = softmax(score)
        context = sum_p weights_p m_p

    The keys do not depend on the query and are made once an image by `project`. For speed they are kept as
    exp(2 k), since

        tanh(k + q) = 1 - 2 / (1 + exp(2 k) exp(2 q))

    turns the hyperbolic tangent of every position, attention unit and caption into a product and a division. Keys and
    queries are clipped to +-15, where the tangent has long been flat in single precision: that is exact unless both are
    beyond and have opposite signs.

    With `coverage` it also knows how much it has attended to each position, in all and at the last step, and the query
    decides whether that attracts or repels:

        score_p = v . tanh(k_p + q) + sum_s coverage_ps u_s,    u = query W_c + b_c

    Args:
        attention_size: int, A. Size of the space in which keys and queries meet.
        coverage: bool. See above.

    Call arguments:
        query: `(R, units)`, R = B x C rows: C captions or beams of each of B images.
        memory: `(B, P, D)`.
        keys: `(B, P, A)`, from `project(memory)`.
        coverage: `(R, P, 2)`, from `initial_coverage`, then `update_coverage`; only with `coverage`.
        real: bool `(B, P)`. Positions where it is False are padding and get no weight.

    Returns:
        `(context (R, D), weights (R, P))`.

    Reference: Bahdanau, Cho & Bengio 2015, appendix A.1.2; for images Xu et al. 2015, section 3.1.2. Coverage is
    that of Tu et al. 2016, section 3.1, in a form that depends on the query and costs next to nothing.
    """

    saturation = 15.0
    masked_score = -1e4  # a score that no softmax lets through, in half precision, too

    def __init__(self, attention_size, coverage=False, **kwargs):
        super().__init__(**kwargs)
        self.attention_size = attention_size
        self.coverage = coverage

    def build(self, query_shape, memory_shape):
        size = self.attention_size
        self.memory_kernel = self.add_weight(
            (memory_shape[-1], size), initializer="glorot_uniform", name="memory_kernel"
        )
        self.memory_bias = self.add_weight((size,), initializer="zeros", name="memory_bias")
        self.query_kernel = self.add_weight((query_shape[-1], size), initializer="glorot_uniform", name="query_kernel")
        self.score_kernel = self.add_weight((size, 1), initializer="glorot_uniform", name="score_kernel")
        if self.coverage:
            self.coverage_kernel = self.add_weight(
                (query_shape[-1], 2), initializer="glorot_uniform", name="coverage_kernel"
            )
            self.coverage_bias = self.add_weight((2,), initializer="zeros", name="coverage_bias")
        self.built = True

    def project(self, memory):
        """The keys exp(2 k) `(B, P, A)` of a memory `(B, P, D)`."""
        return self._exponential(ops.matmul(memory, self.memory_kernel) + self.memory_bias)

    def initial_coverage(self, memory, captions=1):
        """The coverage `(R, P, 2)` before the first step: zeros."""
        return ops.zeros((ops.shape(memory)[0] * captions, memory.shape[1], 2), dtype=self.compute_dtype)

    def update_coverage(self, coverage, weights):
        """The coverage after a step with `weights` `(R, P)`."""
        return ops.stack([coverage[..., 0] + weights, weights], axis=-1)

    def call(self, query, memory, keys, coverage=None, real=None):
        rows, images = ops.shape(query)[0], ops.shape(memory)[0]
        queries = self._exponential(ops.matmul(query, self.query_kernel))
        queries = ops.reshape(queries, (images, rows // images, 1, self.attention_size))
        # v . tanh(k + q) = sum(v) - 2 v . r with r = 1 / (1 + exp(2k) exp(2q)); the softmax ignores sum(v).
        reciprocals = 1.0 / (1.0 + queries * keys[:, None])
        scores = ops.squeeze(ops.matmul(reciprocals, -2.0 * self.score_kernel), axis=-1)
        if self.coverage:
            pull = ops.matmul(query, self.coverage_kernel) + self.coverage_bias
            scores = scores + ops.reshape(ops.sum(coverage * pull[:, None], axis=-1), scores.shape)
        if real is not None:
            scores = ops.where(real[:, None], scores, self.masked_score)
        weights = ops.softmax(scores, axis=-1)
        context = ops.matmul(weights, memory)
        return (
            ops.reshape(context, (rows, memory.shape[-1])),
            ops.reshape(weights, (rows, ops.shape(weights)[-1])),
        )

    def _exponential(self, values):
        return ops.exp(2.0 * ops.clip(values, -self.saturation, self.saturation))

    def get_config(self):
        return {**super().get_config(), "attention_size": self.attention_size, "coverage": self.coverage}
