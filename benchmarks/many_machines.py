"""What do workers of Ray earn, and what does the process that drives them need?

    python -m benchmarks.many_machines --images DIR --model photos    two workers of one core beside one of one core
    python -m benchmarks.many_machines --links 1000000                so many files, with a network that is none

In the first, every worker is pinned to a core of its own once its network is loaded, and the rate is that of all
photographs after a number of batches that are not counted: starting and compiling are left out. One worker and two
take turns in one run. Target: two have 1.8 times the rate of one.

In the second, the files are links to one image. The memory of the driver is that of its process (the largest resident
set), for a tenth of the files and for all of them; the output is compared with what must be in it, line by line.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Prints a table and returns it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=Path, help="a folder of photographs")
    parser.add_argument("--count", type=int, default=400, help="of them")
    parser.add_argument("--model", type=Path, default=Path("photos"))
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=1, help="of one worker and two")
    parser.add_argument("--links", type=int, help="files of the second benchmark")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child:
        return _drive(Path(options.child[0]), Path(options.child[1]))
    table = _links(options.links) if options.links else _speedup(options)
    for name, value in table.items():
        print(f"{name:<34}{value:>12.3f}")
    return table


def _speedup(options: argparse.Namespace) -> dict[str, float]:
    from pipelines.inference.jobs.captioning import CaptionJob, CaptionOptions
    from pipelines.inference.jobs.image_walk import find_images
    from pipelines.inference.models import captioner_source

    images = [image.path for image in find_images([options.images])][: options.count]
    job = CaptionJob(images, captioner_source([options.model]).load, CaptionOptions(batch_size=options.batch_size))
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(options.rounds):
        for workers, measured in rates.items():
            measured.append(_rate(job, workers))
            print(f"{workers} worker(s): {measured[-1]:.3f} images/s", flush=True)
    one, two = (float(np.median(rates[workers])) for workers in (1, 2))
    return {"one worker, images/s": one, "two workers, images/s": two, "ratio": two / one}


def _rate(job, workers: int) -> float:
    """Images a second, when all workers are at work.

    As many batches go before as may wait for their turn: those that one worker computed while the other still compiled
    come out all at once.
    """
    from pipelines.inference.jobs.job import pending_batches
    from pipelines.inference.runners.ray import AHEAD, RayCluster

    cluster = RayCluster(workers=workers, threads=1, on_workers=lambda alive: _pin() if alive == workers else None)
    warm_up = AHEAD * workers
    before = itertools.islice(itertools.cycle(list(pending_batches(job, ()))), warm_up)
    started, done = 0.0, 0
    for number, results in enumerate(cluster.compute(job, itertools.chain(before, pending_batches(job, ()))), start=1):
        done += len(results) if number > warm_up else 0
        if number == warm_up:
            started = time.perf_counter()
    return done / (time.perf_counter() - started)


def _pin() -> None:
    """Gives each worker a core of its own, with all of its threads."""
    import psutil

    family = psutil.Process().children(recursive=True)
    workers = [process for process in family if "ray::Worker" in process.name()]
    for core, process in zip(sorted(os.sched_getaffinity(0)), workers, strict=False):
        for thread in process.threads():
            os.sched_setaffinity(thread.id, {core})


def _links(files: int) -> dict[str, float]:
    table = {}
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        image = _image(root / "image.png")
        for count in (max(files // 10, 1), files):
            folder = root / f"{count}"
            for number in range(count):
                if number % 1000 == 0:
                    (folder / f"{number // 1000:05}").mkdir(parents=True)
                (folder / f"{number // 1000:05}" / f"{number % 1000:03}.png").symlink_to(image)
            output = root / f"{count}.jsonl"
            command = [sys.executable, "-m", "benchmarks.many_machines", "--child", str(folder), str(output)]
            started = time.perf_counter()
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            table[f"{count:,} files, driver, MB"] = float(said.split()[-1])
            table[f"{count:,} files, files/s"] = count / (time.perf_counter() - started)
            _check(output, count)
    return table


def _image(path: Path) -> Path:
    from PIL import Image

    Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)).save(path)
    return path


def _check(output: Path, count: int) -> None:
    """One line a file, in order, each with the same caption: the images are one."""
    with open(output, "rb") as file:
        lines = 0
        for lines, line in enumerate(file, start=1):
            number = lines - 1
            name = f"{number // 1000:05}/{number % 1000:03}.png"
            if line != json.dumps({"image": name, "caption": "a dog", "score": -1.0}).encode() + b"\n":
                sys.exit(f"line {lines} of {output} is wrong: {line!r}")
    if lines != count:
        sys.exit(f"{output} has {lines} lines for {count} files")


class StubNetwork:
    """Stands for a captioner: it takes no time, and finds a dog in every image."""

    def __init__(self):
        from types import SimpleNamespace

        from captioner.images.decode import ImageSpec
        from captioner.settings import CaptionerSettings

        self.settings = CaptionerSettings()
        self.encoder = SimpleNamespace(spec=ImageSpec(8, 8, "raw"), grid=None)

    def encode(self, pixels, batch_size):
        return pixels

    def caption_features(self, features, **_):
        from types import SimpleNamespace

        return [[SimpleNamespace(text="a dog", words=("a", "dog"), score=-1.0)] for _ in features]


def _drive(folder: Path, output: Path) -> dict[str, float]:
    import resource  # not on Windows

    from benchmarks.many_machines import StubNetwork  # by its name, which workers import
    from pipelines.inference.jobs.captioning import CaptionJob, CaptionOptions
    from pipelines.inference.runners.local import run_job
    from pipelines.inference.runners.ray import RayCluster

    job = CaptionJob([folder], StubNetwork(), CaptionOptions(batch_size=64))
    run_job(job, output, compute=RayCluster(workers=2).compute)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(megabytes)
    return {"MB": megabytes}


if __name__ == "__main__":
    main()
