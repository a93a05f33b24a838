"""Images a second of the compiled beam search from cached features, against greedy search and an eager run.

python -m benchmarks.beam            # K = 1, 3, 5 with a 14 x 14 grid and 512 units
python -m benchmarks.beam --toy      # the same at toy size, as the tests run it
"""

import argparse
import time

import numpy as np

SIZES = {
    "full": {"places": 196, "memory": 512, "units": 512, "words": 2500, "batch": 32, "max_words": 20, "rounds": 5},
    "toy": {"places": 4, "memory": 8, "units": 8, "words": 20, "batch": 2, "max_words": 4, "rounds": 1},
}


def main(argv=None) -> dict[str, float]:
    """Measures and prints a table; returns images a second by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--toy", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 3, 5])
    arguments = parser.parse_args(argv)
    size = SIZES["toy" if arguments.toy else "full"]
    runs = {f"compiled, K={beams}": _searcher(size, beams, compiled=True) for beams in arguments.beams}
    runs["eager, K=3"] = _searcher(size, 3, compiled=False)
    features = np.random.default_rng(0).normal(size=(size["batch"], size["places"], size["memory"])).astype("float32")
    seconds = {name: [] for name in runs}
    for run in runs.values():
        run(features)
    for _ in range(size["rounds"]):  # in turn, so that all rows see the same machine
        for name, run in runs.items():
            started = time.perf_counter()
            run(features)
            seconds[name].append(time.perf_counter() - started)
    rates = {name: size["batch"] / float(np.median(times)) for name, times in seconds.items()}
    print(f"P={size['places']}, A={size['units']}, V={size['words']}, batch {size['batch']}, {size['max_words']} words")
    for name, rate in rates.items():
        print(f"{name:<16} {rate:8.1f} images/s   {rate / rates['eager, K=3']:5.1f} x eager")
    return rates


def _searcher(size, beams: int, compiled: bool):
    import keras

    from captioner.cells.lstm import LSTMCell
    from captioner.decoders.attention import AttentiveDecoder
    from captioner.decoding.beam import BeamOptions
    from captioner.models.captioning.networks import CaptionSearcher

    keras.utils.set_random_seed(0)
    decoder = AttentiveDecoder(
        size["words"], size["units"], LSTMCell(size["units"]), size["units"], tie_embeddings=True, name="decoder"
    )
    decoder(np.ones((1, 1), "int32"), np.ones((1, size["places"], size["memory"]), "float32"))
    searcher = CaptionSearcher(keras.layers.Identity(), decoder, BeamOptions(beams, size["max_words"], 1.0))
    searcher.compile(jit_compile=compiled, run_eagerly=not compiled)
    return searcher.predict_on_batch


if __name__ == "__main__":
    main()
