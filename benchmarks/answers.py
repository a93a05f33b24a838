"""How long does it take to score 5,000 answers, WUPS and intervals included?

    python -m benchmarks.answers                    answers made here, of nouns that WordNet has
    python -m benchmarks.answers --data DAQUAR      the questions of a data set; predicted is another question's answer

Made answers are harder than real ones, which repeat themselves: nearly every pair of words is a new one. Opening
WordNet, which happens once a process, is told by itself.
"""

import argparse
import time
from pathlib import Path
from random import Random

from captioner.text.wordnet import WORDNET_MISSING, open_wordnet
from pipelines.data.examples import QuestionExample
from pipelines.evaluation.answer_metrics import evaluate_answers

_NOUNS = (
    "table chair sofa bed lamp door window wall floor desk book paper pillow blanket curtain cabinet mirror picture "
    "photo television computer telephone bottle cup bowl plate knife fork spoon stove oven refrigerator sink toilet "
    "towel clothes shoe bag box bin carton basket plant flower toy ball guitar piano clock fan heater pipe shelf "
    "drawer wardrobe rug carpet counter faucet candle vase napkin kettle toaster printer monitor keyboard mouse dog "
    "cat person child man woman car bus bicycle tree street"
)


def main(argv: list[str] | None = None) -> float:
    """Prints a table and returns the seconds of one evaluation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=5000)
    parser.add_argument("--data", help="the folder of a data set of questions")
    parser.add_argument("--toy", action="store_true", help="a few questions: does it run?")
    options = parser.parse_args(argv)
    count = 20 if options.toy else options.questions
    random = Random(0)
    if options.data:
        from pipelines.data.question_datasets import read_questions

        asked = [one for one in read_questions(options.data).examples if one.answers][:count]
    else:
        asked = [_made(random, number) for number in range(count)]
    answers = [one.answers[0] for one in asked]
    predictions = {one.id: answer for one, answer in zip(asked, random.sample(answers, len(answers)), strict=True)}

    begin = time.perf_counter()
    wordnet = open_wordnet()
    opened = time.perf_counter()
    summary = evaluate_answers(asked, predictions).summary
    seconds = time.perf_counter() - opened
    print(f"{len(asked):,} questions, seconds")
    print(f"  {'opening WordNet':<28}{opened - begin:8.2f}" if wordnet else f"  {WORDNET_MISSING}")
    print(f"  {'all scores, with intervals':<28}{seconds:8.2f}")
    print("  " + ", ".join(f"{name} {value:.4f}" for name, value in summary["scores"].items()))
    return seconds


def _made(random: Random, number: int) -> QuestionExample:
    nouns = random.sample(_NOUNS.split(), random.choice((1, 1, 1, 1, 2, 3)))
    kind = random.choice(("object", "number", "colour"))
    return QuestionExample(f"{number}.jpg#0", Path(f"{number}.jpg"), "what ?", (", ".join(nouns),), "test", type=kind)


if __name__ == "__main__":
    main()
