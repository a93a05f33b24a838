"""How many captions get exactly the words that the COCO scorer gives them, from Stanford's tokenizer in Java?

    python -m benchmarks.tokenizer                           500 captions of drawn scenes
    python -m benchmarks.tokenizer --data DATA/flickr8k      all captions of a data set

Needs Java and pycocoevalcap, which `make setup` installs. Captions that differ are shown.
"""

import argparse
import tempfile
import time
from pathlib import Path

from captioner.text.tokenizers import get_tokenizer

SHOWN = 20  # captions that differ


def main(argv: list[str] | None = None) -> float:
    """Prints and returns the share of captions with the same words."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    options = parser.parse_args(argv)
    captions = _captions(options.data)
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    started = time.perf_counter()
    theirs = PTBTokenizer().tokenize({number: [{"caption": text}] for number, text in enumerate(captions)})
    between = time.perf_counter()
    tokenize = get_tokenizer("ptb").tokenize
    ours = [" ".join(tokenize(text)) for text in captions]
    ended = time.perf_counter()
    differ = [(text, own, theirs[number][0]) for number, (text, own) in enumerate(zip(captions, ours, strict=True))
              if own != theirs[number][0]]  # fmt: skip
    for text, own, other in differ[:SHOWN]:
        print(f"{text!r}\n    ours    {own}\n    theirs  {other}")
    same = 1 - len(differ) / len(captions)
    print(f"{len(captions):,} captions, {len(differ):,} with other words: {same:.3%} are the same")
    print(f"{ended - between:.2f} s, Java {between - started:.2f} s")
    return same


def _captions(data: Path | None) -> list[str]:
    from pipelines.data.datasets import read_dataset, shapes

    if data is not None:
        return [text for example in read_dataset(data).examples for text in example.captions]
    with tempfile.TemporaryDirectory() as folder:
        shapes.draw(Path(folder) / "shapes", sizes={"train": 100}, image_size=32)
        return _captions(Path(folder) / "shapes")


if __name__ == "__main__":
    main()
