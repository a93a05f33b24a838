"""Characters a second of language models: learning, against a network of `keras.layers.LSTM`, and writing.

python -m benchmarks.language                     # lstm and gru, 2 layers of 512 units
python -m benchmarks.language --cells mut1 rnn    # other cells
python -m benchmarks.language --no-xla            # train steps as TensorFlow's graph
python -m benchmarks.language --toy               # all at toy size, as the tests run it
"""

import argparse
import time

import numpy as np

SIZES = {
    "full": {"units": 512, "layers": 2, "rows": 50, "chunk": 64, "words": 69, "rounds": 8, "written": 2000},
    "toy": {"units": 4, "layers": 2, "rows": 2, "chunk": 3, "words": 9, "rounds": 1, "written": 40},
}


def main(argv=None) -> dict[str, float]:
    """Measures and prints two tables; returns characters a second by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--toy", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--cells", nargs="+", default=["lstm", "gru"])
    parser.add_argument("--units", type=int)
    parser.add_argument("--layers", type=int)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--chunk", type=int)
    parser.add_argument("--no-xla", action="store_true")
    parser.add_argument("--only", choices=["learning", "writing"])
    arguments = parser.parse_args(argv)
    size = dict(SIZES["toy" if arguments.toy else "full"])
    size.update({name: value for name in size if (value := getattr(arguments, name, None))})
    rates = {}
    if arguments.only != "writing":
        rates.update(measure_learning(size, arguments.cells, xla=not arguments.no_xla))
    if arguments.only != "learning":
        rates.update(measure_writing(size, arguments.cells))
    return rates


def measure_learning(size, cells, xla=True) -> dict[str, float]:
    """Train steps of a chunk with carried state, Adam and clipping, in turn.

    The state of our networks can be zeroed in the middle of a chunk, that of Keras' cannot.
    """
    runs = {"keras.layers.LSTM": _step_of(_keras_network(size), size, xla)}
    runs.update({f"learning, {cell}": _step_of(_our_network(size, cell), size, xla) for cell in cells})
    seconds = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(size["rounds"]):  # in turn, so that all rows see the same machine
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    rates = {name: size["rows"] * size["chunk"] / float(np.median(times)) for name, times in seconds.items()}
    print("{layers} layers of {units} units, {rows} streams, {chunk} characters each at a time".format(**size))
    for name, rate in rates.items():
        print(f"{name:<24} {rate:9,.0f} characters/s   {rate / rates['keras.layers.LSTM']:5.2f} x keras.layers.LSTM")
    return rates


def measure_writing(size, cells) -> dict[str, float]:
    rates = {}
    models = {cell: _model(size, cell) for cell in cells}
    for model in models.values():
        model.sample(40, seed=0)  # compiles
    for cell, model in models.items():
        times = []
        for seed in range(max(size["rounds"] // 2, 1)):
            started = time.perf_counter()
            model.sample(size["written"], temperature=0.8, seed=seed)
            times.append(time.perf_counter() - started)
        rates[f"writing, {cell}"] = size["written"] / min(times)
        print(f"writing, {cell:<15} {rates[f'writing, {cell}']:9,.0f} characters/s (best of {len(times)} samples)")
    return rates


def _model(size, cell):
    import keras

    from captioner import LanguageModel, Vocabulary
    from captioner.settings import LanguageModelSettings, LanguageNetworkSettings

    keras.utils.set_random_seed(0)
    network = LanguageNetworkSettings(
        cell=cell, units=size["units"], layers=size["layers"], embedding_size=max(size["units"] // 4, 2)
    )
    letters = [chr(0x4E00 + number) for number in range(size["words"] - 4)]
    return LanguageModel(LanguageModelSettings(model=network, ends=False), Vocabulary(letters, "characters"))


def _our_network(size, cell):
    from captioner.models.language.networks import StreamNetwork

    return StreamNetwork(_model(size, cell).network, size["rows"])


def _keras_network(size):
    """The same network from Keras' own layers, with the same embedding."""
    import keras

    from captioner.layers.embedding import WordEmbedding

    keras.utils.set_random_seed(0)
    words = keras.Input(batch_shape=(size["rows"], size["chunk"]), dtype="int32", name="words")
    reset = keras.Input(batch_shape=(size["rows"], size["chunk"]), dtype="bool", name="reset")
    hidden = WordEmbedding(size["words"], max(size["units"] // 4, 2))(words)
    for _ in range(size["layers"]):
        hidden = keras.layers.LSTM(size["units"], return_sequences=True, stateful=True)(hidden)
    return keras.Model({"words": words, "reset": reset}, keras.layers.Dense(size["words"])(hidden))


def _step_of(network, size, xla):
    from captioner.training.losses import MaskedCrossEntropy
    from pipelines.recipes.recipe import LoopSettings
    from pipelines.training.loop import compile_network

    compile_network(network, LoopSettings(clip_norm=1.0, xla=xla), MaskedCrossEntropy(), 1000)
    random = np.random.default_rng(0)
    shape = (size["rows"], size["chunk"])
    words, targets = random.integers(4, size["words"], (2, *shape)).astype("int32")
    inputs = {"words": words, "reset": np.zeros(shape, bool)}
    return lambda: network.train_on_batch(inputs, targets)


if __name__ == "__main__":
    main()
