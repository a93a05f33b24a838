"""What diverse beam search gives beside beam search with the same number of captions.

python -m benchmarks.diversity --model flickr8k --data data/flickr8k [--encoder-weights FILE]
python -m benchmarks.diversity --model RUN --data DIR --num-beams 10 --num-beam-groups 5 10 --limit 200
python -m benchmarks.diversity --toy         # a random network on drawn scenes, as the tests run it

distinct-1, distinct-2   different n-grams among the K captions of an image / n-grams of them, mean over images
                         (Vijayakumar et al. 2018, section 5.1)
different                different captions among the K of an image
best of K                CIDEr-D of the caption that turns out best of the K, mean over images: what a person or another
                         model could choose
first                    CIDEr-D of the caption that the search itself puts first
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from pipelines.utils.console import load_keras

COLUMNS = ("distinct-1", "distinct-2", "different", "best of K", "first", "images/s")


def main(argv=None) -> dict[str, dict[str, float]]:
    """Captions the split with each search and prints a row of each; returns them by name."""
    options = _options(argv)
    load_keras()
    with tempfile.TemporaryDirectory() as folder:
        if options.toy:
            from benchmarks.half_precision import toy

            options.model, options.data = toy(Path(folder))
            options.num_beams, options.num_beam_groups, options.diversity_penalty = [2], [2], [1.0]
        elif not options.model or not options.data:
            raise SystemExit("Give --model and --data, or --toy.")
        options.cache = options.cache or Path(folder) / "cache"
        captioner, features, references = _prepared(options)
        table = {}
        print(f"{len(features)} images, split {options.split}")
        print(f"{'search':<34}" + "".join(f"{name:>12}" for name in COLUMNS))
        for name, beams, changes in _searches(options):
            began = time.perf_counter()
            captions = captioner.caption_features(
                features, num_beams=beams, candidates=beams, batch_size=min(options.batch_size, len(features)),
                **changes,
            )  # fmt: skip
            rate = len(features) / (time.perf_counter() - began)
            table[name] = {**_measured([[c.words for c in found] for found in captions], references), "images/s": rate}
            print(f"{name:<34}" + "".join(f"{table[name][column]:12.3f}" for column in COLUMNS), flush=True)
    return table


def _options(argv) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a trained model")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--limit", type=int, help="so many images of the split, evenly spread")
    parser.add_argument("--num-beams", type=int, nargs="+", default=[5, 10], help="captions an image, K")
    parser.add_argument("--num-beam-groups", type=int, nargs="+", default=[5, 10], help="where they divide K")
    parser.add_argument("--diversity-penalty", type=float, nargs="+", default=[0.2, 0.5, 1.0])
    parser.add_argument("--encoder-weights", type=Path)
    parser.add_argument("--cache", type=Path, help="folder of features that are kept")
    parser.add_argument("--batch-size", type=int, default=20)
    parser.add_argument("--toy", action="store_true", help="tiny sizes, to see that it runs")
    return parser.parse_args(argv)


def _prepared(options):
    """The captioner, what it sees of each image, and the words of each image's references."""
    from captioner.models.captioning.image_captioner import ImageCaptioner
    from captioner.text.tokenizers import get_tokenizer
    from pipelines.data.datasets import read_dataset
    from pipelines.data.features.sources import open_source

    captioner = ImageCaptioner.from_preset(options.model, options.encoder_weights)
    examples = [example for example in read_dataset(options.data).split(options.split) if example.captions]
    if options.limit and options.limit < len(examples):
        examples = [examples[int(place)] for place in np.linspace(0, len(examples) - 1, options.limit)]
    source, _ = open_source(captioner.encoder, [example.image for example in examples], options.cache)
    tokenize = get_tokenizer(captioner.settings.text.tokenizer).tokenize
    readable = np.flatnonzero(source.readable).tolist()
    references = [[tokenize(caption) for caption in examples[place].captions] for place in readable]
    return captioner, source.read(readable), references


def _searches(options):
    """`(name, K, settings that are others)` of each row."""
    for beams in options.num_beams:
        yield f"beam search, K = {beams}", beams, {"num_beam_groups": 1}
        for groups in options.num_beam_groups:
            if 1 < groups <= beams and beams % groups == 0:
                for diversity in options.diversity_penalty:
                    name = f"diverse, K = {beams}, {groups} groups, {diversity:g}"
                    yield name, beams, {"num_beam_groups": groups, "diversity_penalty": diversity}


def _measured(captions, references) -> dict[str, float]:
    """The columns, from the words of each image's captions, best first."""
    from captioner.metrics.cider import CiderD

    scores = CiderD.from_references(references).score(
        [words for found in captions for words in found],
        [image for image, found in enumerate(captions) for _ in found],
    )
    scores = np.split(scores, np.cumsum([len(found) for found in captions])[:-1])
    return {
        "distinct-1": float(np.mean([_distinct(found, 1) for found in captions])),
        "distinct-2": float(np.mean([_distinct(found, 2) for found in captions])),
        "different": float(np.mean([len(set(found)) for found in captions])),
        "best of K": float(np.mean([each.max() for each in scores])),
        "first": float(np.mean([each[0] for each in scores])),
    }


def _distinct(captions, n: int) -> float:
    pieces = [words[start : start + n] for words in captions for start in range(len(words) - n + 1)]
    return len(set(pieces)) / max(1, len(pieces))


if __name__ == "__main__":
    main()
