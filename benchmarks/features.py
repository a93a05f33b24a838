"""How much of the network's own speed is left when photographs are read, decoded, encoded and stored?

    python -m benchmarks.features                          500 x 375 JPEGs made here, random weights
    python -m benchmarks.features --images DIR --weights FILE --count 320
    python -m benchmarks.features --width 4000 --height 3000

`bare` is a compiled forward pass on tensors that lie ready in memory, in the same precision, at the best
of several batch sizes. Both sides take turns in one run, so that whatever else the machine does falls on
both. Weights do not change the speed. Target: ratio >= 0.9.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def main(argv: list[str] | None = None) -> float:
    """Prints a table and returns the ratio of the two speeds."""
    options = _options(argv)
    if options.toy:
        options.count, options.rounds, options.size, options.batch_sizes = 6, 1, 32, [2]
    import tensorflow as tf

    from captioner.encoders import build_encoder
    from captioner.settings import EncoderSettings

    settings = EncoderSettings(
        name=options.encoder,
        weights="none",
        image_size=options.size,
        half_precision=not options.full_precision,
    )
    encoder = build_encoder(settings, options.weights)
    bare = tf.function(lambda images: encoder.backbone.model(images, training=False), jit_compile=False)
    with tempfile.TemporaryDirectory() as folder:
        paths = _images(options, Path(folder))
        photographs = _describe(paths)
        speeds: dict[str, list[float]] = {f"bare, batch {size}": [] for size in options.batch_sizes}
        speeds["features"] = []
        ready = {size: tf.constant(_noise((size, options.size, options.size, 3))) for size in options.batch_sizes}
        for images in ready.values():  # compile outside the clock
            bare(images)
        _extract(encoder, paths[: options.batch_size], Path(folder), options.batch_size)
        for _ in range(options.rounds):
            for size in options.batch_sizes:
                speeds[f"bare, batch {size}"].append(_bare_speed(bare, ready[size], options.count))
            speeds["features"].append(_extract(encoder, paths, Path(folder), options.batch_size))
    total = {name: len(values) / np.sum(1 / np.array(values)) for name, values in speeds.items()}
    best = max(speed for name, speed in total.items() if name.startswith("bare"))
    print(f"{settings.name}, {encoder.backbone.precision}, {options.rounds} rounds of {photographs}")
    print(f"{'':<16}{'images/s':>10}{'lowest':>10}{'highest':>10}{'ratio':>8}")
    for name, values in speeds.items():
        print(f"{name:<16}{total[name]:>10.2f}{min(values):>10.2f}{max(values):>10.2f}{total[name] / best:>8.3f}")
    return float(total["features"] / best)


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--toy", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--images", type=Path, help="a folder of photographs; made here if absent")
    parser.add_argument("--weights", help="a weights file; random if absent")
    parser.add_argument("--encoder", default="vgg16")
    parser.add_argument("--size", type=int, default=224, help="what the network is fed")
    parser.add_argument("--width", type=int, default=500, help="of the photographs made here")
    parser.add_argument("--height", type=int, default=375)
    parser.add_argument("--count", type=int, default=64, help="images a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch-size", type=int, default=16, help="of the extraction")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[8, 16, 32], help="of the bare pass")
    parser.add_argument("--full-precision", action="store_true", help="float32 even where bfloat16 is faster")
    return parser.parse_args(argv)


def _images(options: argparse.Namespace, folder: Path) -> list[Path]:
    if options.images:
        from captioner.images.decode import IMAGE_EXTENSIONS

        found = sorted(path for path in options.images.iterdir() if path.suffix.lower() in IMAGE_EXTENSIONS)
        return found[: options.count]
    from PIL import Image

    generator = np.random.default_rng(0)
    paths = [folder / f"{number}.jpg" for number in range(options.count)]
    for path in paths:  # smooth colours with some noise compress as photographs do
        coarse = Image.fromarray(generator.integers(0, 256, (12, 16, 3), np.uint8))
        smooth = np.asarray(coarse.resize((options.width, options.height), Image.Resampling.BICUBIC), np.int16)
        noise = generator.integers(-12, 13, smooth.shape, np.int16)
        Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8)).save(path, quality=85)
    return paths


def _noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).uniform(-120, 140, shape).astype(np.float32)


def _bare_speed(bare, images, count: int) -> float:
    repeats = max(1, count // len(images))
    started = time.perf_counter()
    for _ in range(repeats):
        bare(images).numpy()
    return repeats * len(images) / (time.perf_counter() - started)


def _extract(encoder, paths: list[Path], folder: Path, batch_size: int) -> float:
    """Images a second into a cache that is new each time."""
    from pipelines.data.features.extract import FeatureExtraction

    with tempfile.TemporaryDirectory(dir=folder) as cache:
        started = time.perf_counter()
        FeatureExtraction(encoder, paths, Path(cache)).run(batch_size)
        return len(paths) / (time.perf_counter() - started)


def _describe(paths: list[Path]) -> str:
    from PIL import Image

    with Image.open(paths[0]) as image:
        size = f"{image.width} x {image.height}"
    kilobytes = np.mean([path.stat().st_size for path in paths]) / 1000
    return f"{len(paths)} images (the first {size}, {kilobytes:.0f} kB on average)"


if __name__ == "__main__":
    main()
