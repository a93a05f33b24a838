"""A network that never learns."""

import contextlib
from functools import cached_property
from pathlib import Path

import keras
from keras import ops

from captioner.backend import predict_on_batch
from captioner.encoders.fingerprint import fingerprint
from captioner.layers.parameter_limit import uncounted_parameters

# The largest number below float16's maximum that bfloat16 can hold too; activations of VGG stay far below it.
LARGEST = 65280.0


class Backbone:
    """A frozen Keras model whose output has the precision in which it is stored.

    This is no Keras layer on purpose: Keras neither counts nor trains nor saves what it does not know, and a
    public network of 60 MB or more does not belong into every preset. Its weights are fetched by name
    instead.

    Args:
        network: whose weights these are, such as `VGG16`.
        inputs, outputs: where the network begins and where it is cut, of a model built by `precision(...)`.
        cut: the name of the layer where it is cut.
        pool: 2 halves the cut grid by 2 x 2 maximum pooling (and stores a quarter of it), 1 leaves it.
    """

    def __init__(self, network: str, inputs, outputs, cut: str, pool: int = 1):
        self.network, self.cut, self.pool = network, cut, pool
        policy = outputs.dtype
        if pool > 1:
            outputs = keras.layers.MaxPooling2D(pool, dtype=policy, name="grid_pool")(outputs)
        outputs = StoredPrecision(dtype=policy, name="stored_precision")(outputs)
        self.precision = policy
        self.model = keras.Model(inputs, outputs, name=f"{network.lower()}_backbone")
        self.model.trainable = False
        # XLA makes convolutions on a CPU slower (3.3 against 3.7 images a second); JAX is slow without it.
        self.model.compile(jit_compile=keras.backend.backend() == "jax")

    def __call__(self, images):
        """float16 `(B, *shape)` from `(B, H, W, 3)`, as tensors."""
        return self.model(images, training=False)

    def predict(self, images):
        """The same from arrays to arrays, compiled. Each new size of a batch is compiled anew."""
        return predict_on_batch(self.model, images)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.model.output_shape[1:])

    @cached_property
    def fingerprint(self) -> list[list[float]]:
        return fingerprint(self.model.get_weights())

    def identity(self) -> dict:
        return {"network": self.network, "cut": self.cut, "pool": self.pool, "precision": self.precision}


@keras.saving.register_keras_serializable("captioner")
class StoredPrecision(keras.layers.Layer):
    """Rounds to float16, so that features are the same whether they come from the network or from the
    disk."""

    def call(self, inputs):
        return ops.cast(ops.clip(inputs, -LARGEST, LARGEST), "float16")

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, dtype="float16")


@contextlib.contextmanager
def precision(half: bool):
    """For building a frozen network: in bfloat16 if `half` is asked for and the machine is faster at it.

    Its parameters are no part of a preset, see `captioner.layers.parameter_limit`.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if half and bfloat16_is_fast() else "float32")
    try:
        with uncounted_parameters():
            yield
    finally:
        keras.config.set_dtype_policy(before)


def bfloat16_is_fast() -> bool:
    """Whether the processor computes in bfloat16: otherwise it is emulated, and slower than float32.

    VGG16 on two cores with AVX512-BF16: 14 images a second against 7; features differ by 0.8 %.
    """
    if keras.distribution.list_devices("gpu") or keras.distribution.list_devices("tpu"):
        return True
    try:
        processor = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in processor or "amx_bf16" in processor
