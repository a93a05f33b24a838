"""Dropout whose noise costs next to nothing, wherever it is compiled."""

import math

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("captioner")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout` with noise from a hash of where a value stands.

    TensorFlow draws dropout's noise with Philox, which XLA on a CPU compiles to about half a microsecond a number:
    noise then takes longer than all of a decoder's matrix products (`make bench BENCH=dropout`). Here the bits of value
    i in the n-th call of a layer with the seed s are

        bits = mix(mix(i xor mix(s)) + mix(n))

    with `mix` a bijection of 32 bits whose every output bit depends on every input bit, a handful of operations that
    compile to vector instructions. The same seed draws the same noise with and without XLA, on every device.

    Args and call arguments: those of `keras.layers.Dropout`.

    Reference: Srivastava et al. 2014; for noise by hashing a counter, Salmon et al. 2011.
    """

    def call(self, inputs, training=False):
        if not training or not self.rate:
            return inputs
        nothing = ops.zeros((), inputs.dtype)
        if self.rate == 1:
            return inputs * nothing
        sizes = ops.shape(inputs)
        wanted = self.noise_shape or (None,) * len(sizes)
        shape = [size if own is None else own for size, own in zip(sizes, wanted, strict=True)]
        seed = ops.cast(self.seed_generator.next(), "uint32")
        positions = ops.cast(ops.arange(math.prod(shape), dtype="int32"), "uint32")
        bits = mix(mix(ops.bitwise_xor(positions, mix(seed[0]))) + mix(seed[1]))
        kept = ops.reshape(bits >= np.uint32(self.rate * 2**32), shape)
        return ops.where(kept, inputs / (1.0 - self.rate), nothing)


def mix(bits):
    """Another 32 bits, one for one: the hash `lowbias32` of Wellons, 2018 (nullprogram.com, "hash-prospector").

    >>> hex(int(mix(ops.convert_to_tensor(1, "uint32"))))
    '0x688990c0'
    """
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        bits = ops.bitwise_xor(bits, ops.right_shift(bits, np.uint32(shift))) * np.uint32(factor)
    return ops.bitwise_xor(bits, ops.right_shift(bits, np.uint32(16)))
