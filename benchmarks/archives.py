"""How fast are images read from parquet and tar files, beside the same images as files of their own?

    python -m benchmarks.archives                          500 x 375 JPEGs made here
    python -m benchmarks.archives --data DIR --count 6000  the training split of a data set
    python -m benchmarks.archives --memory                 the most memory of a process, for a quarter and for all

`shuffled` is what an encoder that is trained whole asks for: batches in the order of an epoch, decoded to `--size`.
`in order` is what the features of a frozen network ask for once: read, hashed and decoded. No network computes: with
one the ratios are nearer to 1. `parquet, hub` has row groups of 100 images and compressed pages, as `datasets` writes
them. All take turns, batch by batch, so that whatever else the machine does falls on all; on a busy one the ratio of
processor time says more. Target: ratio >= 0.9, memory that does not grow.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

CHUNK = 96  # images in order that are read at a time


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Prints a table and returns the ratios to files."""
    options = _options(argv)
    if options.toy:
        options.count, options.rounds, options.size, options.batch_size = 8, 1, 16, 4
    if options.read:
        print(json.dumps(_peak(options)))
        return {}
    with tempfile.TemporaryDirectory() as folder:
        sets = _write(options, Path(folder))
        return _memory(sets, options) if options.memory else _speeds(sets, options)


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--toy", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--data", type=Path, help="a data set of captions; images are made here if absent")
    parser.add_argument("--count", type=int, default=1000, help="images")
    parser.add_argument("--size", type=int, default=224, help="what a network is fed")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="measure memory, not speed")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)  # what a process of --memory does
    return parser.parse_args(argv)


def _write(options: argparse.Namespace, folder: Path) -> dict[str, Path]:
    """The same images as files and in archives, and where they are."""
    from pipelines.data.conversion import convert
    from pipelines.data.datasets import read_dataset
    from pipelines.data.examples import DataSet

    if options.data:
        examples = read_dataset(options.data).split("train")[: options.count]
    else:
        examples = _made(folder / "made", options.count)
    dataset = DataSet("made", folder, tuple(examples))
    sets = {"files": "imagefolder", "parquet": "parquet", "tar": "webdataset"}
    paths = {name: folder / name for name in sets}
    for name, format in sets.items():
        convert(dataset, paths[name], format)
    paths["parquet, hub"] = folder / "hub"
    _as_the_hub(paths["parquet"], paths["parquet, hub"])
    return paths


def _made(folder: Path, count: int) -> list:
    """Photographs of 500 x 375: noise that is smooth, so that JPEG makes some 50 kB of each."""
    from PIL import Image

    from pipelines.data.examples import CaptionExample

    folder.mkdir()
    random, examples = np.random.default_rng(0), []
    for number in range(count):
        small = random.integers(0, 256, (60, 80, 3), dtype=np.uint8)
        path = folder / f"{number:05d}.jpg"
        Image.fromarray(small).resize((500, 375), Image.Resampling.BICUBIC).save(path, quality=90)
        examples.append(CaptionExample(path.name, path, ("a dog",), "train"))
    return examples


def _as_the_hub(source: Path, target: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    (target / "data").mkdir(parents=True)
    for path in sorted(source.glob("data/*.parquet")):
        pyarrow.parquet.write_table(pyarrow.parquet.read_table(path), target / "data" / path.name, row_group_size=100)


def _images(path: Path) -> list:
    from pipelines.data.datasets import read_dataset

    return [example.image for example in read_dataset(path).examples]


def _source(images: list, options: argparse.Namespace):
    from captioner.images.decode import ImageSpec
    from pipelines.data.features.sources import PixelSource

    return PixelSource(SimpleNamespace(spec=ImageSpec(options.size, options.size, "tf")), images)


def _batches(count: int, options: argparse.Namespace, epoch: int) -> Iterator[list[int]]:
    """Indices in the order of an epoch."""
    order = np.random.default_rng(epoch).permutation(count).tolist()
    yield from (order[start : start + options.batch_size] for start in range(0, count, options.batch_size))


def _in_order(images: list, options: argparse.Namespace) -> None:
    from captioner.images.decode import ImageSpec, load_image, read_bytes
    from pipelines.utils.threads import parallel_map

    spec = ImageSpec(options.size, options.size, "tf")

    def read(image) -> None:
        data = read_bytes(image)
        hashlib.sha256(data).hexdigest()
        load_image(data, spec)

    for _ in parallel_map(read, images, 3 * options.batch_size):
        pass


def _speeds(sets: dict[str, Path], options: argparse.Namespace) -> dict[str, float]:
    images = {name: _images(path) for name, path in sets.items()}
    sources = {name: _source(listed, options) for name, listed in images.items()}
    sizes = [Path(image).stat().st_size for image in images["files"]]
    print(f"{len(sizes):,} images, {np.mean(sizes) / 1e3:.0f} kB each, to {options.size} x {options.size}")
    print(f"{'':<24}{'images/s':>10}{'ratio':>8}{'ratio of processor time':>26}")
    seconds: dict[str, np.ndarray] = {}

    def measure(work: str, turn: int, function: Callable, *arguments) -> None:
        """Runs a piece of work on all kinds, each time another one first."""
        names = list(sets)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            started = np.array([time.perf_counter(), time.process_time()])
            function(name, *arguments)
            taken = np.array([time.perf_counter(), time.process_time()]) - started
            seconds[f"{work}, {name}"] = seconds.get(f"{work}, {name}", 0) + taken

    for epoch in range(options.rounds):
        for turn, indices in enumerate(_batches(len(sizes), options, epoch)):
            measure("shuffled", turn, lambda name, indices: sources[name].read(indices), indices)
        for turn, start in enumerate(range(0, len(sizes), CHUNK)):
            measure(
                "in order", turn, lambda name, start: _in_order(images[name][start : start + CHUNK], options), start
            )
    ratios = {}
    for work in ("shuffled", "in order"):
        for row in (f"{work}, {name}" for name in sets):
            wall, processor = seconds[f"{work}, files"] / seconds[row]
            ratios[row] = float(wall)
            speed = len(sizes) * options.rounds / seconds[row][0]
            print(f"{row:<24}{speed:>10.0f}{wall:>8.3f}{processor:>26.3f}")
    return ratios


def _memory(sets: dict[str, Path], options: argparse.Namespace) -> dict[str, float]:
    """Prints the most memory of a process that reads a quarter of the images, and of one that reads all."""
    growth = {}
    print(f"{'':<16}{'a quarter':>12}{'all':>12}   MiB at most, twice shuffled")
    for name, path in sets.items():
        peaks = []
        for count in (options.count // 4, options.count):
            command = [sys.executable, "-m", "benchmarks.archives", "--read", str(path), "--count", str(count)]
            command += ["--size", str(options.size), "--batch-size", str(options.batch_size)]
            peaks.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
        growth[name] = peaks[1] - peaks[0]
        print(f"{name:<16}{peaks[0]:>12.0f}{peaks[1]:>12.0f}")
    return growth


def _peak(options: argparse.Namespace) -> float:
    source = _source(_images(options.read)[: options.count], options)
    for epoch in range(2):
        for indices in _batches(len(source.images), options, epoch):
            source.read(indices)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
