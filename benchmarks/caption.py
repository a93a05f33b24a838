"""How much of VGG16's own speed is left when a folder of photographs is captioned, from files to lines on the disk?

    python -m benchmarks.caption                              500 x 375 JPEGs made here
    python -m benchmarks.caption --model RUN --encoder-weights FILE --images DIR     a trained model, photographs
    python -m benchmarks.caption --width 4000 --height 3000   photographs of 12 megapixels
    python -m benchmarks.caption --decode                     only reading and decoding, with and without draft
    python -m benchmarks.caption --memory 100000              memory for so many files and for 1,000, small network

`bare` is a compiled forward pass on tensors that lie ready in memory, in the same precision, at the best of several
batch sizes. It and `caption` (decode, VGG16, attention, beam search, journal) take turns in one run, so that whatever
else the machine does falls on both. Random weights do not change the speed of VGG16, but captions of random words never
end before the longest that is allowed: a trained model searches half as long. Target: ratio >= 0.9.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Prints a table and returns it."""
    options = _options(argv)
    if options.child:
        return {"bytes": _peak_of_a_job(Path(options.child))}
    if options.memory:
        return _memory(options)
    if options.toy:
        options.count, options.rounds, options.batch_sizes, options.width, options.height = 4, 1, [2], 60, 40
        options.size = 32
    with tempfile.TemporaryDirectory() as folder:
        paths = _photographs(options, Path(folder) / "in")
        table = _decoding(options, paths) if options.decode else _captioning(options, paths, Path(folder))
    for name, value in table.items():
        print(f"{name:<34}{value:>10.3f}")
    return table


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--toy", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--width", type=int, default=500)
    parser.add_argument("--height", type=int, default=375)
    parser.add_argument("--model", type=Path, help="a preset on VGG16; random weights if absent")
    parser.add_argument("--encoder-weights", help="file with VGG16's weights, for --model")
    parser.add_argument("--images", type=Path, help="photographs, brought to the size asked for; made here if absent")
    parser.add_argument("--count", type=int, default=64, help="images a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=224, help="what the network is fed; a --model has its own")
    parser.add_argument("--num-beams", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16, help="of the captioning")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[8, 16, 32], help="of the bare pass")
    parser.add_argument("--decode", action="store_true")
    parser.add_argument("--memory", type=int, help="files (links to one) of the large folder")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def _photographs(options: argparse.Namespace, folder: Path) -> list[Path]:
    from PIL import Image

    folder.mkdir()
    generator = np.random.default_rng(0)
    paths = [folder / f"{number:04}.jpg" for number in range(options.count)]
    given = sorted(options.images.glob("*.jpg"))[: options.count] if options.images else []
    for path, photograph in zip(paths, given, strict=False):
        Image.open(photograph).convert("RGB").resize((options.width, options.height)).save(path, quality=85)
    for path in paths[len(given) :]:  # smooth colours with some noise compress as photographs do
        coarse = Image.fromarray(generator.integers(0, 256, (12, 16, 3), np.uint8))
        smooth = np.asarray(coarse.resize((options.width, options.height), Image.Resampling.BICUBIC), np.int16)
        noise = generator.integers(-12, 13, smooth.shape, np.int16)
        Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8)).save(path, quality=85)
    kilobytes = np.mean([path.stat().st_size for path in paths]) / 1000
    print(f"{len(paths)} JPEGs of {options.width} x {options.height}, {kilobytes:.0f} kB each, {options.rounds} rounds")
    return paths


def _captioner(options: argparse.Namespace):
    """The captioner asked for, or one of Flickr8k's size with random weights."""
    from captioner.models.captioning.image_captioner import ImageCaptioner
    from captioner.settings import CaptionerSettings
    from captioner.text.vocabulary import Vocabulary

    if options.model:
        return ImageCaptioner.from_preset(options.model, options.encoder_weights)
    values = {"encoder": {"name": "vgg16", "weights": "none", "image_size": options.size}, "decoder": {"units": 512}}
    if options.toy:
        values["decoder"] = {"units": 8, "embedding_size": 8, "attention_size": 8}
    words = Vocabulary([f"word{number}" for number in range(50 if options.toy else 2500)])
    return ImageCaptioner(CaptionerSettings.model_validate(values), words)


def _captioning(options: argparse.Namespace, paths: list[Path], folder: Path) -> dict[str, float]:
    import tensorflow as tf

    from captioner.settings import GenerationConfig
    from pipelines.inference.jobs.captioning import CaptionJob, CaptionOptions
    from pipelines.inference.runners.local import run_job

    captioner = _captioner(options)
    sees = captioner.settings.encoder.image_size  # a model's own size, whatever the options say
    bare = tf.function(lambda images: captioner.encoder.backbone.model(images, training=False), jit_compile=False)
    noise = np.random.default_rng(0)
    ready = {
        size: tf.constant(noise.uniform(-120, 140, (size, sees, sees, 3)).astype(np.float32))
        for size in options.batch_sizes
    }
    how = CaptionOptions(GenerationConfig(num_beams=options.num_beams), batch_size=options.batch_size)

    def caption(number) -> tuple[float, float]:
        watch = _Watch()
        run_job(CaptionJob([paths[0].parent], captioner, how), folder / f"{number}.jsonl")
        return watch.an_image(len(paths))

    for images in ready.values():  # compiled outside the clock
        bare(images)
    caption("first")
    times: dict[str, list[tuple[float, float]]] = {}
    for turn in range(options.rounds):
        for size, images in ready.items():
            times.setdefault(f"bare, batch {size}", []).append(_bare_time(bare, images, options.count))
        times.setdefault("caption", []).append(caption(turn))
    # Seconds and processor seconds an image, over all rounds.
    mean = {name: np.mean(values, axis=0) for name, values in times.items()}
    best = np.min([values for name, values in mean.items() if name.startswith("bare")], axis=0)
    table = {f"{name}, images/s": float(1 / seconds) for name, (seconds, _) in mean.items()}
    table |= {f"{name}, processor ms an image": float(1000 * processor) for name, (_, processor) in mean.items()}
    ratio, of_processor = best / mean["caption"]
    return {**table, "ratio": float(ratio), "ratio of processor time": float(of_processor)}


class _Watch:
    """Time, and time of this program's on the processor: the second says more where others work beside it."""

    def __init__(self):
        self.begun = time.perf_counter(), time.process_time()

    def an_image(self, images: int) -> tuple[float, float]:
        now = time.perf_counter(), time.process_time()
        return (now[0] - self.begun[0]) / images, (now[1] - self.begun[1]) / images


def _bare_time(bare, images, count: int) -> tuple[float, float]:
    repeats, watch = max(1, count // len(images)), _Watch()
    for _ in range(repeats):
        bare(images).numpy()
    return watch.an_image(repeats * len(images))


def _decoding(options: argparse.Namespace, paths: list[Path]) -> dict[str, float]:
    """Milliseconds of one thread an image: as it is done, and without JPEG's decoding at a fraction of the size."""
    from PIL.JpegImagePlugin import JpegImageFile

    from captioner.images.decode import ImageSpec, decode_image

    spec, kept = ImageSpec(options.size, options.size), JpegImageFile.draft
    times: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        for name, draft in (("decode, ms", kept), ("decode without draft, ms", lambda *_: None)):
            JpegImageFile.draft = draft
            try:
                started = time.perf_counter()
                for path in paths:
                    decode_image(path, spec)
                times.setdefault(name, []).append(1000 * (time.perf_counter() - started) / len(paths))
            finally:
                JpegImageFile.draft = kept
    return {name: float(min(values)) for name, values in times.items()}


def _memory(options: argparse.Namespace) -> dict[str, float]:
    """Peak memory of captioning few and many files, each in a process of its own."""
    table = {}
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        _photographs(argparse.Namespace(**{**vars(options), "count": 1, "width": 60, "height": 40}), root / "one")
        for files in (1000, options.memory):
            folder = root / f"{files}"
            folder.mkdir()
            for number in range(files):
                (folder / f"{number:07}.jpg").symlink_to(root / "one" / "0000.jpg")
            command = [sys.executable, "-m", "benchmarks.caption", "--child", str(folder)]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            table[f"{files:,} files, MB"] = float(said.split()[-1])
            print(f"{files:>9,} files: at most {table[f'{files:,} files, MB']:.1f} MB")
    return table


def _peak_of_a_job(folder: Path) -> float:
    import resource  # not on Windows

    from captioner.models.captioning.image_captioner import ImageCaptioner
    from captioner.settings import CaptionerSettings
    from captioner.text.vocabulary import Vocabulary
    from pipelines.inference.jobs.captioning import CaptionJob, CaptionOptions
    from pipelines.inference.runners.local import run_job

    values = {"encoder": {"name": "vgg_small", "image_size": 16, "pool": 1, "options": {"channels": 8}},
              "decoder": {"units": 8, "embedding_size": 8, "attention_size": 8},
              "search": {"num_beams": 1, "max_words": 4}}  # fmt: skip
    captioner = ImageCaptioner(CaptionerSettings.model_validate(values), Vocabulary(["a", "dog"]))
    run_job(CaptionJob([folder], captioner, CaptionOptions(batch_size=64)), folder.with_suffix(".jsonl"))
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(megabytes)
    return megabytes


if __name__ == "__main__":
    main()
