"""What an evaluation of answers found, and the files it is written to.

evaluation-test/
  metrics.json      scores, 95 % intervals, scores by type, confusions, what guessing earns, and how all was come by
  predictions.csv   id, image, question, answers, and the scores of the first
  statistics.npz    what `captioner compare` needs to compare question by question
  report.html       a page to look at and to send
"""

import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipelines.evaluation.answer_metrics import AnswerEvaluation
from pipelines.evaluation.caption_metrics import digest_of
from pipelines.evaluation.results import METRICS, PREDICTIONS, REPORT, STATISTICS
from pipelines.inference.explanations import Look
from pipelines.utils.atomic_files import as_user_error, atomic_write
from pipelines.utils.tables import write_csv


@dataclass(frozen=True)
class AnsweredQuestion:
    """A question, what was answered and what people answer.

    id: its name. image: its image's name. path: its image's file. answers: what people answered. agreed: what most of
    them did. found: `(answer, probability)`, best first. scores: of the first. type, answer_type: of the question and
    of the answer.
    """

    id: str
    image: str
    path: Path
    question: str
    answers: tuple[str, ...]
    agreed: str
    found: tuple[tuple[str, float], ...]
    scores: dict[str, float]
    type: str = ""
    answer_type: str = ""

    @property
    def prediction(self) -> str:
        return self.found[0][0] if self.found else ""

    @property
    def probability(self) -> float:
        return self.found[0][1] if self.found else 0.0

    @property
    def right(self) -> bool:
        return self.scores["exact_match"] == 1.0


@dataclass(frozen=True)
class AnswersEvaluation:
    """Everything that a report of answers tells.

    title: what was evaluated.
    summary: plain data, see `pipelines.evaluation.answer_metrics.evaluate_answers`; without scores where no answer is
    known.
    questions: those that were scored, in the order of the data set.
    evaluated: how the scores were come by: model, data, split ...; name -> plain value.
    trained: what the model was trained on and how; name -> plain value.
    settings: of the run, by group.
    looked: for some of the questions, by id, where the model looked, or what its answer hangs on.
    history: the run's metrics.csv, if there is one.
    """

    title: str
    summary: dict
    questions: tuple[AnsweredQuestion, ...]
    evaluated: dict[str, object]
    trained: dict[str, object] = field(default_factory=dict)
    settings: dict[str, dict[str, object]] = field(default_factory=dict)
    looked: dict[str, Look] = field(default_factory=dict)
    history: Path | None = None

    @property
    def scores(self) -> dict[str, float]:
        return self.summary["scores"]

    @property
    def intervals(self) -> dict[str, list[float]]:
        return self.summary["intervals"]

    @property
    def notes(self) -> list[str]:
        return self.summary["notes"]

    def tables(self) -> list[tuple[str, list[str], list[list[str]]]]:
        """What the terminal tells besides the scores: `(title, head, rows)`, scores x 100."""
        named = list(self.scores)
        tables = []
        for title, key in (("In two protocols", "protocols"), ("By type of question", "by_question_type"),
                           ("By type of answer", "by_answer_type")):  # fmt: skip
            if groups := self.summary.get(key):
                rows = [[name, f"{of['questions']:,}", *_numbers(of, named)] for name, of in groups.items()]
                tables.append((title, ["", "questions", *named], rows))
        without = [(name, _numbers(of, named)) for name, of in self.summary.get("baselines", {}).items()]
        if "ceiling" in self.summary:
            without.append(("best choice from the list of answers", _numbers(self.summary["ceiling"], named)))
        if without:
            rows = [[name, *numbers] for name, numbers in without]
            tables.append(("What guessing earns, and what can be reached", ["", *named], rows))
        return tables


def _numbers(scores: dict[str, float], names: list[str]) -> list[str]:
    return [f"{100 * scores[name]:.1f}" if name in scores else "" for name in names]


def answered_questions(examples, found: dict[str, list], scored: AnswerEvaluation) -> tuple[AnsweredQuestion, ...]:
    """The questions that were scored.

    Args:
        examples: `QuestionExample`s.
        found: id of a question -> answers with `text` and `probability`, best first.
        scored: what `evaluate_answers` made of the first of each.
    """
    by_id = {example.id: example for example in examples}
    names = [name for name in scored.summary["scores"] if name in scored.rows[0]]
    questions = []
    for row in scored.rows:
        example = by_id[row["id"]]
        answers = tuple((one.text, float(one.probability)) for one in found[example.id])
        questions.append(
            AnsweredQuestion(
                example.id, example.id.rsplit("#", 1)[0], example.image, example.question, example.answers,
                row["answer"], answers, {name: row[name] for name in names}, row["type"], row["answer_type"],
            )
        )  # fmt: skip
    return tuple(questions)


def write_answers_evaluation(evaluation: AnswersEvaluation, folder: Path) -> Path:
    """Writes the files that the head of this module lists; returns the one to look at.

    Args:
        folder: made if it does not exist.

    Raises:
        UserError: they cannot be written.
    """
    from pipelines.evaluation.reports.answer_sections import render_answers_report

    folder = Path(folder)
    with as_user_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
    content = {
        "title": evaluation.title, **evaluation.summary, "evaluated": evaluation.evaluated,
        "trained": evaluation.trained,
    }  # fmt: skip
    atomic_write(folder / METRICS, json.dumps(content, indent=2) + "\n")
    rows = (
        {"id": one.id, "image": one.image, "question": one.question, "prediction": one.prediction,
         "probability": round(one.probability, 4), "answer": one.agreed, "type": one.type,
         "answer_type": one.answer_type, **{name: round(value, 6) for name, value in one.scores.items()},
         "answers": [{"answer": text, "probability": share} for text, share in one.found], "people": one.answers}
        for one in evaluation.questions
    )  # fmt: skip
    head = ["id", "image", "question", "prediction", "probability", "answer", "type", "answer_type"]
    write_csv(rows, folder / PREDICTIONS, [*head, *evaluation.questions[0].scores, "answers", "people"])
    atomic_write(folder / STATISTICS, _statistics(evaluation))
    atomic_write(folder / REPORT, render_answers_report(evaluation))
    return folder / REPORT


def _statistics(evaluation: AnswersEvaluation) -> bytes:
    """As `pipelines.evaluation.results` writes them for captions, with questions in place of images."""
    buffer = io.BytesIO()
    ids = json.dumps([one.id for one in evaluation.questions]).encode()
    digests = np.array([digest_of(one.answers) for one in evaluation.questions], np.uint64)
    rows = {
        f"rows_{name}": np.array([[one.scores[name]] for one in evaluation.questions], float)
        for name in evaluation.questions[0].scores
    }
    np.savez_compressed(buffer, images=np.frombuffer(ids, np.uint8), references=digests, **rows)
    return buffer.getvalue()
