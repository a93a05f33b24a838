"""How fast are exported networks, beside Keras in the same run, and how long does a service's client wait?

    python -m benchmarks.engines --images DIR --model photos                    keras, openvino, openvino with 8 bits
    python -m benchmarks.engines --images DIR --model flickr8k --encoder-weights FILE
    python -m benchmarks.engines --images DIR --model photos --beside flickr8k --encoder-weights FILE --engine keras

Each engine captions the same files, from the disk to lines on the disk, in turns; loading and the first batch do not
count. `captions alike` is the share of files with the caption that `--model` writes by Keras. The last line is a
process that does it all for one photograph: `captioner caption PHOTO --engine openvino`, from the second run on, with
its largest memory. `--beside` adds another model by Keras, and `--encoder-weights` are then its own.
Targets: 8 bits at least 1.8 times Keras; the process at most 2.5 s and 600 MB.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipelines.export.write import ExportOptions, export_model
from pipelines.inference.jobs.captioning import CaptionJob, CaptionOptions
from pipelines.inference.models import ModelSource, captioner_source
from pipelines.inference.runners.local import run_job

ENGINES = ("keras", "openvino", "openvino int8")
# The largest memory of a process is known to the process alone: what its parent is told counts the parent's, too.
_AND_MEMORY = """
import sys
from pipelines.cli.app import main
try:
    main()
finally:
    print(next(line for line in open("/proc/self/status") if "VmHWM" in line), file=sys.stderr)
"""


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Prints a table and returns images a second by engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--toy", action="store_true", help="four images made here, once: does it run?")
    parser.add_argument("--model", type=Path, default=Path("photos"))
    parser.add_argument("--beside", type=Path, help="another model, by Keras")
    parser.add_argument("--encoder-weights", type=Path, help="file with VGG16's weights, for a model that has it")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="keras always; all by default")
    parser.add_argument("--count", type=int, default=200, help="images a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.toy:
            options.images, options.rounds, options.batch_size = _drawn(folder / "images"), 1, 2
        elif not options.images:
            parser.error("--images DIR is needed (or --toy)")
        paths = sorted(options.images.glob("*.*"))[: options.count]
        os.environ["CAPTIONER_CACHE"] = str(folder / "cache")
        models = {engine: source.load() for engine, source in _sources(options, folder).items()}
        rates = dict.fromkeys(models, 0.0)
        written: dict[str, list[str]] = {}
        for round_ in range(options.rounds + 1):  # the first compiles
            for engine, model in models.items():
                output = folder / f"{engine}-{round_}.csv"
                job = CaptionJob(paths, model, CaptionOptions(batch_size=options.batch_size), engine)
                begun = time.perf_counter()
                run_job(job, output)
                if round_:
                    rates[engine] = max(rates[engine], len(paths) / (time.perf_counter() - begun))
                written[engine] = [line.split(",")[1] for line in output.read_text("utf-8").splitlines()]
        print(f"{len(paths)} images, batches of {options.batch_size}, best of {options.rounds} rounds")
        for engine, rate in rates.items():
            alike = sum(map(str.__eq__, written[engine], written["keras"])) / len(written["keras"])
            ratio = rate / rates["keras"]
            print(f"  {engine:<16}{rate:8.1f} images/s{ratio:8.2f} x{100 * alike:8.1f} % captions alike")
        if "openvino" in models:
            seconds, megabytes = _process(paths[0], options)
            print(f"  {'one photograph':<16}{seconds:8.2f} s, {megabytes:,.0f} MB")
    return rates


def _sources(options: argparse.Namespace, folder: Path) -> dict[str, ModelSource]:
    """What captions, by its name in the table."""
    engines, weights = options.engine or ENGINES, None if options.beside else options.encoder_weights
    sources = {"keras": captioner_source([options.model], encoder_weights=weights)}
    if options.beside:
        sources[f"keras, {options.beside.name}"] = captioner_source(
            [options.beside], encoder_weights=options.encoder_weights
        )
    if "openvino" in engines:
        sources["openvino"] = captioner_source([options.model], encoder_weights=weights, engine="openvino")
    if "openvino int8" in engines:
        rounded, samples = folder / "int8", tuple(sorted(options.images.glob("*.*"))[-32:])
        export_model(options.model, rounded, ExportOptions("openvino", "int8", samples, weights))
        sources["openvino int8"] = captioner_source([rounded])
    return sources


def _drawn(folder: Path) -> Path:
    from pipelines.data.synthetic.drawing import draw_scene
    from pipelines.data.synthetic.scenes import sample_scenes

    folder.mkdir()
    for number, (_, _, scene) in enumerate(sample_scenes(0, {"train": 4})):
        draw_scene(scene, 128).save(folder / f"{number}.png")
    return folder


def _process(photograph: Path, options: argparse.Namespace) -> tuple[float, float]:
    """Seconds and megabytes of the second of two processes that caption a photograph."""
    weights = ["--encoder-weights", str(options.encoder_weights)] if options.encoder_weights else []
    arguments = ["caption", str(photograph), "--model", str(options.model), "--engine", "openvino", *weights]
    for _ in range(2):
        begun = time.perf_counter()
        command = [sys.executable, "-c", _AND_MEMORY, *arguments]
        process = subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        seconds = time.perf_counter() - begun
    return seconds, int(process.stderr.split()[-2]) / 1024


if __name__ == "__main__":
    main()
