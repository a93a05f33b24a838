"""Which share of a self-critical training step does the reward take?

    python -m benchmarks.reward                CIDEr-D and BLEU-4; 512 units, 49 places, 160 captions a step

A step draws five captions of each of 32 images, rewards them against five references each and learns from them, as
`captioner train flickr8k-self-critical` does. The images are noise and the references those of drawn scenes: the time
of neither depends on what is in them. Compiling is not counted.
"""

import argparse
import itertools
import tempfile
import time
from pathlib import Path

from pipelines.utils.console import load_keras

MODEL = ["encoder.weights=none", "encoder.pool=2", "text.minimum_count=1"]
TOY = ["decoder.units=8", "decoder.embedding_size=4", "decoder.attention_size=4", "encoder.image_size=32",
       "encoder.half_precision=false"]  # fmt: skip


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Prints and returns the milliseconds of a step and of its reward."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--toy", action="store_true")
    options = parser.parse_args(argv)
    load_keras()
    from pipelines.data.datasets import shapes
    from pipelines.data.features.sources import NoiseSource
    from pipelines.recipes.recipe import load_recipe
    from pipelines.tasks.captioning.train import CaptioningExperiment

    untrained = load_recipe("flickr8k-attention", [*MODEL, *(TOY if options.toy else [])])
    recipe = load_recipe("flickr8k-self-critical", ["training.images_per_batch=4"] if options.toy else [])
    with tempfile.TemporaryDirectory() as folder:
        data, preset = Path(folder) / "data", Path(folder) / "preset"
        shapes.draw(data, sizes={"train": 8 if options.toy else 200, "dev": 2}, image_size=32)
        first = CaptioningExperiment(untrained, data=data)
        first.open_data()
        first.build(None)
        first.captioner.save_to_preset(preset)
        experiment = CaptioningExperiment(recipe, data=data, init_from=preset)
        experiment.open_data()
        experiment.build(None)
    experiment.compile(NoiseSource(experiment.encoder.backbone_shape, len(experiment.train_examples)))
    batches, network = experiment.batches, experiment.network
    reward, spent = batches.reward, []

    def clocked(*given):
        started = time.perf_counter()
        try:
            return reward(*given)
        finally:
            spent.append(time.perf_counter() - started)

    batches.reward = clocked
    steps = (batch for epoch in itertools.count() for batch in batches.epoch(epoch))
    network.train_on_batch(*next(steps))
    spent.clear()
    started = time.perf_counter()
    for batch in itertools.islice(steps, options.steps):
        network.train_on_batch(*batch)
    step, rewarding = 1000 * (time.perf_counter() - started) / options.steps, 1000 * sum(spent) / options.steps
    print(f"{', '.join(recipe.training.reward)}, {recipe.training.images_per_batch} images, {options.steps} steps")
    print(f"step    {step:10.1f} ms\nreward  {rewarding:10.1f} ms, {rewarding / step:.2%} of it")
    return {"step": step, "reward": rewarding}


if __name__ == "__main__":
    main()
