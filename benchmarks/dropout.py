"""What does dropout cost, beside `keras.layers.Dropout` and beside none, in the same run?

    python -m benchmarks.dropout               the word vectors of 160 captions of 22 words
    python -m benchmarks.dropout --no-xla      without XLA

A step is the gradient of a dense layer behind the dropout. Rounds go over all of them in turn, so that whatever else
the machine does hits all alike; times are medians.
"""

import argparse
import time

import numpy as np

from pipelines.utils.console import load_keras

RATE = 0.3


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Prints a row each and returns the milliseconds of a step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--shape", type=int, nargs="+", default=[160, 22, 512])
    parser.add_argument("--no-xla", dest="xla", action="store_false")
    options = parser.parse_args(argv)
    load_keras()
    import keras

    from captioner.dropout import Dropout

    layers = {
        "none": keras.layers.Identity(),
        "captioner": Dropout(RATE, seed=0),
        "keras.layers.Dropout": keras.layers.Dropout(RATE, seed=0),
    }
    steps = {name: _step(layer, options) for name, layer in layers.items()}
    times = {name: [] for name in steps}
    for _ in range(options.rounds):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            times[name].append(1000 * (time.perf_counter() - started))
    medians = {name: float(np.median(values)) for name, values in times.items()}
    print(f"keras {keras.__version__}, {options.shape}, {'XLA' if options.xla else 'no XLA'}, {options.rounds} rounds")
    for name, milliseconds in medians.items():
        more = f"{milliseconds - medians['none']:8.1f} ms more than none" if name != "none" else ""
        print(f"{name:<22}{milliseconds:8.1f} ms a step{more}")
    return medians


def _step(layer, options):
    import keras
    import tensorflow as tf

    values = tf.random.stateless_normal(options.shape, seed=(0, 0))
    dense = keras.layers.Dense(options.shape[-1])
    dense.build(values.shape)

    @tf.function(jit_compile=options.xla)
    def gradient(values):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(dense(layer(values, training=True)) ** 2)
        return tape.gradient(loss, dense.kernel)

    gradient(values)  # compile outside the clock
    return lambda: gradient(values).numpy()


if __name__ == "__main__":
    main()
