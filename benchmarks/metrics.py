"""How long do scores take, beside the COCO scorer's own code in the same run?

    python -m benchmarks.metrics                       5,000 captions, 25,000 references, made here
    python -m benchmarks.metrics --captions FILE.csv   a table with the columns `image` and `caption`

Both get the same ready words. "all of it" is `score_captions` on text: tokenizing and every metric in `METRICS`, METEOR
where its tables are installed, no Java.
Beside the seconds on the clock stand those of the processor, which other programs on the machine hardly change.
Targets: BLEU + ROUGE-L + CIDEr-D at least 3 times as fast as pycocoevalcap; all of it within 75 seconds.
CIDEr-D is also timed as a reward: a batch of 320 captions against references that were counted before.
"""

import argparse
import time

import numpy as np

from captioner.metrics.bleu import Bleu
from captioner.metrics.cider import CiderD
from captioner.metrics.meteor.resources import find_resources
from captioner.metrics.ngrams import References
from captioner.metrics.rouge import RougeL
from captioner.metrics.score import score_captions
from captioner.text.tokenizers import get_tokenizer


def main(argv: list[str] | None = None) -> float | None:
    """Prints a table and returns how much longer pycocoevalcap took (None if it is not installed)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--captions", help="a csv with the columns `image` and `caption`")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--toy", action="store_true", help="a few captions, once: does it run?")
    options = parser.parse_args(argv)
    if options.toy:
        options.images, options.rounds = 20, 1
    references = _read(options.captions) if options.captions else _made(options.images)
    references = dict(list(references.items())[: options.images])
    names = list(references)
    # The caption of each image is a reference of the next one: as long as real captions, right in parts.
    predictions = {name: references[names[n - 1]][0] for n, name in enumerate(names)}
    tokenize = get_tokenizer("ptb").tokenize
    words = [tokenize(text) for text in predictions.values()]
    expected = [[tokenize(text) for text in texts] for texts in references.values()]

    without = " but METEOR" if find_resources() is None else ""
    times: dict[str, list[tuple[float, float]]] = {}
    for _ in range(options.rounds):
        _ours(words, expected, times)
        _pycocoevalcap(words, expected, times)
        _clock(times, f"all of it{without}, from text", score_captions, predictions, references, "ptb", "all")
    cider = CiderD.from_references(expected)
    batch = np.arange(320) % len(words)
    _clock(times, "CIDEr-D of 320 captions", cider.score, [words[image] for image in batch], batch)

    total = len(predictions), sum(map(len, expected))
    print(f"{total[0]:,} captions, {total[1]:,} references, best of {options.rounds} rounds, seconds")
    print(f"  {'':<28}{'clock':>8}{'processor':>11}")
    best = {name: min(values) for name, values in times.items()}
    sums = {side: sum(best[name][0] for name in best if name.startswith(side)) for side in ("ours", "pycocoevalcap")}
    for name, (seconds, processor) in best.items():
        print(f"  {name:<28}{seconds:8.3f}{processor:11.3f}")
    print(f"  {'ours, all three':<28}{sums['ours']:8.3f}")
    if not sums["pycocoevalcap"]:
        print("  pycocoevalcap is not installed: pip install 'captioner[coco]'")
        return None
    ratio = sums["pycocoevalcap"] / sums["ours"]
    print(f"  {'pycocoevalcap, all three':<28}{sums['pycocoevalcap']:8.3f}{ratio:8.1f} times as long")
    return ratio


def _ours(words, expected, times) -> None:
    references = _clock(times, "ours, counting references", References, expected)
    for name, metric in (("BLEU", Bleu), ("ROUGE-L", RougeL), ("CIDEr-D", CiderD)):
        _clock(times, f"ours, {name}", _score, metric, words, references)


def _score(metric, words, references) -> dict[str, float]:
    made = metric.for_corpus(references)
    return made.combine(made.rows(words, references))


def _pycocoevalcap(words, expected, times) -> None:
    try:
        from pycocoevalcap.bleu.bleu import Bleu as CocoBleu
        from pycocoevalcap.cider.cider import Cider
        from pycocoevalcap.rouge.rouge import Rouge
    except ImportError:
        return
    references = {n: [" ".join(one) for one in of_image] for n, of_image in enumerate(expected)}
    predictions = {n: [" ".join(one)] for n, one in enumerate(words)}
    _clock(times, "pycocoevalcap, BLEU", CocoBleu(4).compute_score, references, predictions, verbose=0)
    _clock(times, "pycocoevalcap, ROUGE-L", Rouge().compute_score, references, predictions)
    _clock(times, "pycocoevalcap, CIDEr-D", Cider().compute_score, references, predictions)


def _clock(times, name, function, *arguments, **keywords):
    start = time.perf_counter(), time.process_time()
    result = function(*arguments, **keywords)
    times.setdefault(name, []).append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return result


def _made(images: int) -> dict[str, list[str]]:
    """Captions with the lengths and the word frequencies (Zipf's law) of real ones."""
    generator = np.random.default_rng(0)
    lexicon = np.array(
        [f"{chr(97 + n % 26)}word{'s' * (n % 3)}" + chr(97 + n // 26 % 26) * (n // 676 + 1) for n in range(8000)]
    )
    table = {}
    for image in range(images):
        lengths = np.clip(generator.normal(11.8, 3.5, 5).round().astype(int), 4, 30)
        table[f"{image}.jpg"] = [
            " ".join(lexicon[np.minimum(generator.zipf(1.3, length), 8000) - 1]).capitalize() + " ."
            for length in lengths
        ]
    return table


def _read(path: str) -> dict[str, list[str]]:
    import pandas

    table = pandas.read_csv(path, dtype=str, keep_default_na=False)
    return table.groupby("image", sort=False)["caption"].apply(list).to_dict()


if __name__ == "__main__":
    main()
