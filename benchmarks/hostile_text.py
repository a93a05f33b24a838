"""Does the time of what reads and writes text grow in proportion to the text, whatever stands in it?

    python -m benchmarks.hostile_text

Each function gets the same hostile piece repeated, then twice as often. The command ends with status 1 where twice the
text takes more than 2.5 times the processor time. Each row is a fault that was once there: some took minutes for 80,000
characters.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from captioner.metrics.meteor.normalization import meteor_words
from captioner.metrics.ngrams import References
from captioner.metrics.rouge import RougeL
from captioner.text.answers import plain
from captioner.text.tokenizers import get_tokenizer
from pipelines.data.datasets.rows import csv_rows
from pipelines.data.datasets.values import field_values
from pipelines.data.examples import ProblemList
from pipelines.data.question_datasets.daquar import without_image
from pipelines.evaluation.matching import match
from pipelines.utils.tables import guarded, unguarded

MOST = 2.5  # times the time for twice the text
_SECONDS = 0.05  # the smaller of the two measurements, at least
_LARGEST = 1 << 20  # pieces


def cases(folder: Path) -> Iterator[tuple[str, Callable[[int], Callable[[], object]]]]:
    """Name -> from the number of pieces to what is timed."""
    ptb, unicode = get_tokenizer("ptb"), get_tokenizer("unicode")
    yield "cell of line breaks", lambda n: lambda t="a" + "\n" * n: guarded(t)
    yield "cell of line breaks and signs", lambda n: lambda t="\n=" * n: unguarded(guarded(t))
    yield "cell of a printed list", lambda n: lambda t="[" + "'a', " * n + "x]": field_values(t)
    yield "n't, detokenized", lambda n: lambda words=["n't"] * n: ptb.detokenize(words)
    yield "n't, tokenized", lambda n: lambda t="n't" * n: ptb.chunk_words(t)
    yield "marks on one letter, ptb", lambda n: lambda t="a" + "\u0301\u0316" * n: ptb.normalise(t)
    yield "marks on one letter, unicode", lambda n: lambda t="a" + "\u0301\u0316" * n: unicode.normalise(t)
    yield "answer of commas", lambda n: lambda t="1,, " * n: plain.__wrapped__(t)
    yield "question of blanks", lambda n: lambda t="a" + " " * n + "b": without_image(t)
    yield "METEOR's words of dots", lambda n: lambda t="." * n: meteor_words(t, {})
    yield "ROUGE-L of a long caption", lambda n: lambda words=[f"w{k}" for k in range(n)]: _rouge(words)
    yield "table of open quotation marks", lambda n: _table(folder / f"{n}.csv", 'a,"b"c\n' * n)
    yield "name of many folders", lambda n: lambda name="a/" * n: match({name: "x"}, {name: ("x",)}, {})


def main(argv: list[str] | None = None) -> dict[str, float]:
    """Prints a table and returns, for each case, how many times the time twice the text takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true", help="short texts: does it run?")
    options = parser.parse_args(argv)
    growth = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, prepare in cases(Path(folder)):
            count, least = 1000, 0.0 if options.toy else _SECONDS
            while (before := _seconds(prepare(count))) < least and count < _LARGEST:
                count *= 2
            after = _seconds(prepare(2 * count))
            growth[name] = after / max(before, 1e-9)
            print(f"{name:32} {count:>9,} pieces {before:7.3f} s   twice as many {after:7.3f} s   {growth[name]:.2f}")
    return growth


def _rouge(words: list[str]):
    return RougeL().rows([words], References([[["w1", "w2", "w3"]]]))


def _table(path: Path, rows: str) -> Callable[[], object]:
    path.write_text("image,caption\n" + rows)
    return lambda: list(csv_rows(ProblemList("caption"), path, ("image", "caption")))


def _seconds(function: Callable[[], object]) -> float:
    """The least of three measurements."""
    times = []
    for _ in range(3):
        begun = time.process_time()
        function()
        times.append(time.process_time() - begun)
    return min(times)


if __name__ == "__main__":
    sys.exit(any(times > MOST for times in main().values()))
