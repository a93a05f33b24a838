"""Answers to a hidden test split, whose own answers a data set withholds: nothing to score, but a file to submit.

results.json    [{"question_id": 262144000, "answer": "yes"}, ...]: VQA's result format, one entry a question
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from captioner.files import atomic_write, make_folder
from pipelines.data.examples import QuestionExample
from pipelines.evaluation.results import result_ids

RESULTS = "results.json"


def has_hidden_answers(examples: Sequence[QuestionExample]) -> bool:
    """Whether no answer at all is known; where some are, they can be scored."""
    return not any(question.answers for question in examples)


def write_submission(examples: Sequence[QuestionExample], predictions: Mapping[str, str], folder: Path) -> Path:
    """Writes `results.json` and returns its path.

    Whoever scores it wants an answer to each question of the split: those about images that could not be read get an
    empty one. Questions are named and answers spelled as the data set does it.

    Args:
        examples: all questions of a split.
        predictions: id of a question -> answer, as `Answer.spelling` has it.
        folder: made if it does not exist.

    Raises:
        UserError: it cannot be written.
    """
    ids = result_ids([question.source_id for question in examples], [question.id for question in examples])
    rows = [
        {"question_id": number, "answer": predictions.get(question.id, "")}
        for number, question in zip(ids, examples, strict=True)
    ]
    path = Path(folder) / RESULTS
    make_folder(path.parent)
    atomic_write(path, json.dumps(rows) + "\n")
    return path
