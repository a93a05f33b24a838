"""Scores of predictions about sequences."""

from collections.abc import Sequence

import numpy as np

from captioner.metrics.accuracy import LabelAccuracy
from captioner.metrics.score import score_captions
from captioner.models.sequences.model import IN_STEP, WRITES, Prediction
from captioner.text.tokenizers import get_tokenizer
from pipelines.tasks.sequences.examples import SequenceExample
from pipelines.tasks.sequences.facts import read_facts


def score(
    task: str, examples: Sequence[SequenceExample], predictions: Sequence[Prediction], tokenizer: str = "unicode"
) -> dict[str, float]:
    """Scores of predictions, as shares of one.

    - tag, frames: `accuracy` of labels, over all words or frames; `exact_match`, sequences without a fault.
    - classify: `accuracy`.
    - translate: `exact_match`, `bleu_1` to `bleu_4` (words as the tokenizer counts them).
    - describe: `faithfulness`, the sentences that state exactly the facts, read by a grammar, if the facts are those of
      pipelines/tasks/sequences/facts.py; else as translate.
    """
    pairs = list(zip(examples, predictions, strict=True))
    if task not in WRITES:
        metric = LabelAccuracy()
        rows = metric.rows([prediction.labels for _, prediction in pairs], [example.target for example, _ in pairs])
        exact = {"exact_match": float(np.mean(rows[:, 0] == rows[:, 1]))} if task in IN_STEP else {}
        return metric.combine(rows) | exact
    if task == "describe" and states_facts(examples):
        right = sum(read_facts(prediction.text) == example.source for example, prediction in pairs)
        return {"faithfulness": right / len(pairs)}
    words = get_tokenizer(tokenizer).tokenize
    texts = {str(number): prediction.text for number, prediction in enumerate(predictions)}
    references = {str(number): [example.target] for number, example in enumerate(examples)}
    report = score_captions(texts, references, tokenizer, metrics=("bleu",))
    exact = sum(list(prediction.words) == words(example.target) for example, prediction in pairs) / len(pairs)
    return {"exact_match": exact, **{f"bleu_{n}": report.scores[f"bleu_{n}"] for n in (1, 2, 3, 4)}}


def selection_metric(task: str, examples: Sequence[SequenceExample]) -> str:
    """The name of the score that chooses the best epoch."""
    if task not in WRITES:
        return "accuracy"
    return "faithfulness" if task == "describe" and states_facts(examples) else "bleu_4"


def states_facts(examples: Sequence[SequenceExample]) -> bool:
    """Whether the sentences of `describe` are such that their facts can be read from them."""
    return all(read_facts(example.target) == example.source for example in examples)
