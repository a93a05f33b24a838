"""Which metric agrees with people? How often each prefers a person's caption of an image to another caption.

    python -m benchmarks.agreement --captions FILE.csv --images DEV.txt --predictions predictions.csv

One caption of each image is judged by the others as its references. Its rivals are a person's caption of another image
(it should always lose) and, with `--predictions`, a model's caption of the same image. Agreement is the share of images
whose own caption scores higher, where a tie counts one half; with a 95 % bootstrap interval over images. Chance is 50.

Source: the triplet accuracy of Vedantam et al., 2015 (https://arxiv.org/abs/1411.5726), section 6.
"""

import argparse
from pathlib import Path

import numpy as np

from captioner.metrics.score import score_captions
from pipelines.evaluation.bootstrap import percentile_interval

RESAMPLES = 1000


def main(argv: list[str] | None = None) -> dict[tuple[str, str], float]:
    """Prints a table and returns `(metric, rival)` -> agreement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", help="a csv with the columns `image` and `caption`, several rows an image")
    parser.add_argument("--images", help="a text file of the images to judge, one a line; default: all")
    parser.add_argument(
        "--predictions",
        help="a csv with the columns `image` and `caption`: a model's captions, as `captioner evaluate` writes it",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--toy", action="store_true", help="four images made here: does it run?")
    options = parser.parse_args(argv)
    if options.toy:
        captions = {f"{thing}.jpg": [f"a {thing} runs", f"the {thing} is running", f"one {thing}"] for thing in "abcd"}
    elif options.captions:
        captions = _captions(options.captions)
    else:
        parser.error("--captions FILE.csv is needed (or --toy)")
    wanted = Path(options.images).read_text("utf-8").split() if options.images else list(captions)
    captions = {image: captions[image] for image in wanted if len(captions.get(image, ())) > 1}
    judged = {image: texts[0] for image, texts in captions.items()}
    references = {image: texts[1:] for image, texts in captions.items()}
    rivals = {"a person's caption of another image": _of_others(judged, options.seed)}
    if options.predictions:
        predicted = {image: texts[0] for image, texts in _captions(options.predictions).items()}
        rivals["the model's caption of the image"] = {image: predicted[image] for image in judged}

    own = _scores(judged, references)
    print(f"{len(judged):,} images, {sum(map(len, references.values())) / len(judged):.1f} references each")
    agreement = {}
    for rival, texts in rivals.items():
        print(f"\n{rival}")
        for name, values in _scores(texts, references).items():
            wins = (own[name] > values) + (own[name] == values) / 2
            low, high = percentile_interval(_means(wins, options.seed))
            agreement[name, rival] = float(wins.mean())
            print(f"  {name:<14}{100 * wins.mean():6.1f} ({100 * low:.1f}-{100 * high:.1f})")
    return agreement


def _scores(captions: dict[str, str], references: dict[str, list[str]]) -> dict[str, np.ndarray]:
    """Metric -> its value of each caption."""
    report = score_captions(captions, references, metrics="all")
    rows = list(report.per_caption.values())
    return {name: np.array([row[name] for row in rows]) for name in rows[0] if name != "words"}


def _of_others(captions: dict[str, str], seed: int) -> dict[str, str]:
    """Each image with the caption of another one."""
    images = np.random.default_rng(seed).permutation(list(captions))
    return {str(image): captions[str(other)] for image, other in zip(images, np.roll(images, 1), strict=True)}


def _means(values: np.ndarray, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.array([values[generator.integers(0, len(values), len(values))].mean() for _ in range(RESAMPLES)])


def _captions(path: str) -> dict[str, list[str]]:
    """Name of an image without its folder -> its captions."""
    import pandas

    table = pandas.read_csv(path, dtype=str, keep_default_na=False)
    names = table["image"].map(lambda image: Path(image).name)
    return table.groupby(names, sort=False)["caption"].apply(list).to_dict()


if __name__ == "__main__":
    main()
