"""How fast does each cell train, beside `keras.layers.LSTM` of the same size in the same run?

    python -m benchmarks.cells                 one layer of 512 units, 50 rows of 64 characters
    python -m benchmarks.cells --no-xla        without XLA
    python -m benchmarks.cells --layers 2      stacks, beside as many of Keras' layers

One step of training is an embedding, the recurrent layers, scores of 65 characters, their loss, and Adam. Rounds go
over all networks in turn, so that whatever else the machine does hits all alike. "ratio" is the median over rounds of
the time beside that of Keras' LSTM in the same round; "processor" the same for processor time, which a busy machine
disturbs less. Targets: `lstm` at most 1.1, every other cell at most 1.6.
"""

import argparse
import time

import numpy as np

from pipelines.utils.console import load_keras

REFERENCE = "keras.layers.LSTM"
CHARACTERS = 65


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Prints a row a cell and returns the time of a step of each, as a ratio to that of Keras' LSTM."""
    options = _options(argv)
    load_keras()
    import keras

    from captioner.cells import CELLS

    random = np.random.default_rng(0)
    batch = [random.integers(0, CHARACTERS, (options.rows, options.steps)) for _ in range(2)]
    networks = {}
    for name in (REFERENCE, *(options.cells or CELLS.names())):
        networks[name] = _network(name, options)
        networks[name].train_on_batch(*batch)  # compile outside the clock
    times = {name: [] for name in networks}
    for _ in range(options.rounds):
        for name, network in networks.items():
            wall, processor = time.perf_counter(), time.process_time()
            for _ in range(options.repeat):
                network.train_on_batch(*batch)
            times[name].append((time.perf_counter() - wall, time.process_time() - processor))
    measured = {name: np.array(values) / options.repeat for name, values in times.items()}
    print(
        f"keras {keras.__version__}, {options.layers} x {options.units} units, {options.rows} rows of {options.steps} "
        f"characters, {'XLA' if options.xla else 'no XLA'}, {options.rounds} rounds"
    )
    print(f"{'':<20}{'characters/s':>14}{'best':>10}{'ratio':>8}{'processor':>11}{'parameters':>13}")
    ratios = {}
    for name, values in measured.items():
        ratio, processor = np.median(values / measured[REFERENCE], axis=0)
        speeds = options.rows * options.steps / values[:, 0]
        parameters = networks[name].count_params()
        print(
            f"{name:<20}{np.median(speeds):>14,.0f}{speeds.max():>10,.0f}{ratio:>8.2f}{processor:>11.2f}"
            f"{parameters:>13,}"
        )
        ratios[name] = float(ratio)
    return ratios


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", help="all by default")
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--rows", type=int, default=50)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--repeat", type=int, default=2, help="steps of training a network a round")
    parser.add_argument("--xla", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--toy", action="store_true", help="tiny sizes, once: does it run?")
    options = parser.parse_args(argv)
    if options.toy:
        options.units, options.rows, options.steps, options.rounds, options.repeat = 4, 2, 3, 1, 1
        options.xla = False
    return options


def _network(name: str, options: argparse.Namespace):
    import keras

    from captioner.cells.build import build_cell
    from captioner.layers.recurrent import Recurrent

    words = keras.Input((options.steps,), batch_size=options.rows, dtype="int32")
    values = keras.layers.Embedding(CHARACTERS, min(64, options.units))(words)
    if name == REFERENCE:
        for _ in range(options.layers):
            values = keras.layers.LSTM(options.units, return_sequences=True)(values)
    else:
        values, _ = Recurrent(build_cell(name, options.units, layers=options.layers))(values)
    network = keras.Model(words, keras.layers.Dense(CHARACTERS)(values))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(), loss, jit_compile=options.xla)
    return network


if __name__ == "__main__":
    main()
