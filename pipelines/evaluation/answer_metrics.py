"""Predicted answers against the answers of a data set: scores, by type too, and what is mistaken for what."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from captioner.errors import UserError
from captioner.metrics import ANSWER_METRICS, available_metrics
from captioner.metrics.base import Metric
from captioner.metrics.calibration import calibration
from captioner.metrics.vqa_accuracy import FEWEST_ANSWERS, VqaAccuracy
from captioner.text.answers import AnswerList, agreed, answer_key, answer_type, one_word, plain, with_blanks
from pipelines.data.examples import QuestionExample
from pipelines.evaluation.bootstrap import intervals
from pipelines.evaluation.results import AnsweredQuestion

ALL, SINGLE = "all questions", "questions with a one-word answer"
OTHER = "(other)"
_LABELS = 20  # answers in the confusion table
_FEWEST_OF_TYPE, _SHARE_OF_TYPE = 5, 0.02  # questions of a type that is made of first words
_MARKS = re.compile(r"[^\w'\u2019]+")


@dataclass(frozen=True)
class AnswerEvaluation:
    """The scores of answers.

    Attributes:
        summary: plain data, see `evaluate_answers`.
        questions: those that were scored, with the scores of each.
        rows: metric -> its rows `(questions, F)`.
    """

    summary: dict
    questions: tuple[AnsweredQuestion, ...]
    rows: dict[str, np.ndarray]

    @property
    def breakdown(self) -> dict:
        """The summary without scores, intervals and notes."""
        return {name: value for name, value in self.summary.items() if name not in ("scores", "intervals", "notes")}


def evaluate_answers(
    questions: Sequence[QuestionExample],
    predictions: Mapping[str, str],
    answer_list: AnswerList | None = None,
    baselines: Mapping[str, Mapping[str, str]] | None = None,
    labels: int = _LABELS,
    candidates: Mapping[str, Sequence[tuple[str, float]]] | None = None,
) -> AnswerEvaluation:
    """Scores one answer a question.

    The summary has these keys:

        questions, left_out   how many were scored, and how many had no prediction or no known answer
        scores, intervals     of all questions: exact_match; vqa_accuracy where several people answered; wups_0.9 and
                              wups_0.0 where WordNet is installed; and their 95 % intervals
        protocols             where there are longer answers: {"all questions": ..., "questions with a one-word
                              answer": ...}, the two ways in which single-word scores of DAQUAR are published
        by_question_type, by_answer_type        {type: {"questions": N, score: value ...}}
        by_first_words        the same by the first words of questions, where the data has no types of questions
        calibration           with `candidates`: {"score": name, "error": expected calibration error, "bins": [{"low",
                              "high", "questions", "probability", "accuracy"}]}; see `captioner.metrics.calibration`
        confusion             {"answers": names, "counts": [true][predicted], "questions": N}; the most frequent true
                              answers, and "(other)" for the rest
        ceiling               what can be reached with `answer_list`, where it is given
        baselines             {name: {score: value}} of `baselines`
        notes                 sentences that a reader must know

    Args:
        questions: of one split.
        predictions: id of a question -> answer. Others are left out and counted.
        answer_list: what the model chooses from, if it does.
        baselines: name -> id of a question -> answer, to be scored on the same questions.
        labels: how many answers the confusion table names.
        candidates: id of a question -> `(answer, probability)`, best first; by default the prediction alone.

    Raises:
        UserError: there is nothing to score.
    """
    scored = [question for question in questions if question.answers and question.id in predictions]
    if not scored:
        raise UserError(
            f"None of the {len(questions):,} questions has both an answer that is known and a prediction. Check that "
            "the predictions belong to this split of this data set."
        )
    answers = [question.answers for question in scored]
    metrics, notes = available_metrics(ANSWER_METRICS, ANSWER_METRICS.names(), answers)
    predicted = [predictions[question.id] for question in scored]
    true = [agreed(people) for people in answers]
    rows = _rows(metrics, predicted, answers)
    per_item = [(score, v) for name, metric in metrics.items() for score, v in metric.per_item(rows[name]).items()]
    answered = tuple(
        AnsweredQuestion(
            id=question.id,
            image=question.id.rsplit("#", 1)[0],
            path=question.image,
            question=question.question,
            references=tuple(map(with_blanks, question.answers)),
            agreed=with_blanks(answer),
            candidates=tuple(
                (with_blanks(text), share)
                for text, share in (candidates[question.id] if candidates else [(prediction, 1.0)])
            ),
            scores={score: float(values[number]) for score, values in per_item},
            type=question.type,
            answer_type=question.answer_type or answer_type(answer),
            source_id=question.source_id,
        )
        for number, (question, prediction, answer) in enumerate(zip(scored, predicted, true, strict=True))
    )
    left_out = len(questions) - len(scored)
    if left_out:
        notes.append(f"{left_out:,} questions were left out: they have no prediction, or no answer that is known.")

    def scores(numbers: np.ndarray | slice) -> dict[str, float]:
        return _combined(metrics, {name: values[numbers] for name, values in rows.items()})

    summary = {
        "questions": len(scored),
        "left_out": left_out,
        "scores": scores(slice(None)),
        "intervals": {
            score: list(interval)
            for name, metric in metrics.items()
            for score, interval in intervals(metric, rows[name]).items()
        },
        "by_question_type": _by([question.type for question in scored], scores),
        "by_answer_type": _by([question.answer_type for question in answered], scores),
        "confusion": confusion(true, predicted, labels),
    }
    if not summary["by_question_type"]:
        summary["by_first_words"] = _by(first_words([question.question for question in scored]), scores)
    if candidates:
        summary["calibration"] = _calibration(answered)
    single = np.flatnonzero([one_word(answer) for answer in true])
    if 0 < len(single) < len(scored):
        everything = {"questions": len(scored), **summary["scores"]}
        summary["protocols"] = {ALL: everything, SINGLE: {"questions": len(single), **scores(single)}}
    if answer_list is not None:
        summary["ceiling"] = ceiling(answer_list, scored)
    if baselines:
        summary["baselines"] = {
            name: _combined(metrics, _rows(metrics, [baseline[question.id] for question in scored], answers))
            for name, baseline in baselines.items()
        }
    summary["notes"] = notes
    return AnswerEvaluation(summary, answered, rows)


def _rows(metrics: dict[str, Metric], predicted: Sequence[str], answers: Sequence) -> dict[str, np.ndarray]:
    return {name: metric.rows(predicted, answers) for name, metric in metrics.items()}


def _combined(metrics: dict[str, Metric], rows: dict[str, np.ndarray]) -> dict[str, float]:
    return {score: value for name, metric in metrics.items() for score, value in metric.combine(rows[name]).items()}


def _by(names: Sequence[str], scores: Callable[[np.ndarray], dict[str, float]]) -> dict[str, dict]:
    """The scores of each group, the largest first; nothing where no question has a name."""
    groups = Counter(name or "(none)" for name in names)
    if set(groups) == {"(none)"}:
        return {}
    column = np.array([name or "(none)" for name in names])
    return {
        name: {"questions": count, **scores(np.flatnonzero(column == name))} for name, count in groups.most_common()
    }


def first_words(questions: Sequence[str]) -> list[str]:
    """A type for each question where the data has none: its first two words where enough questions begin so, its first
    word where enough begin with that, else "(other)". Enough are 2 % of all, five at least.

    >>> found = first_words(["How many dogs?"] * 5 + ["How old is it?", "How far?"] * 3 + ["Why?"])
    >>> found[0], found[5], found[6], found[-1]
    ('how many', 'how', 'how', '(other)')
    """
    enough = max(_FEWEST_OF_TYPE, _SHARE_OF_TYPE * len(questions))
    words = [tuple(_MARKS.sub(" ", question.lower()).split()) for question in questions]
    names = [""] * len(questions)
    for length in (2, 1):
        counts = Counter(own[:length] for own, name in zip(words, names, strict=True) if not name)
        names = [
            name or (" ".join(own[:length]) if len(own) >= length and counts[own[:length]] >= enough else "")
            for own, name in zip(words, names, strict=True)
        ]
    return [name or OTHER for name in names]


def _calibration(answered: Sequence[AnsweredQuestion]) -> dict:
    """How the probabilities of first answers and their accuracy agree: by VQA accuracy where people gave several."""
    score = "vqa_accuracy" if "vqa_accuracy" in answered[0].scores else "exact_match"
    probabilities = [min(max(question.probability, 0.0), 1.0) for question in answered]
    found = calibration(probabilities, [question.scores[score] for question in answered])
    bins = [
        {"low": one.low, "high": one.high, "questions": one.count, "probability": one.probability,
         "accuracy": one.accuracy}
        for one in found.bins
        if one.count
    ]  # fmt: skip
    return {"score": score, "error": found.error, "bins": bins}


def confusion(true: Sequence[str], predicted: Sequence[str], labels: int = _LABELS) -> dict:
    """What was answered instead of what.

    Args:
        true, predicted: the true answer and the prediction, question by question.
        labels: how many answers to name at most: the most frequent true ones.

    Returns:
        `answers`: their names and, if there are more, "(other)"; `counts[t][p]`: how often the true answer t got the
        prediction p; `questions`: the sum of all counts.
    """
    spelled = {answer_key(answer): with_blanks(plain(answer)) for answer in reversed(true)}
    keys = [key for key, _ in Counter(map(answer_key, true)).most_common(labels)]
    numbers = {key: number for number, key in enumerate(keys)}
    pairs = [(numbers.get(answer_key(t), len(keys)), numbers.get(answer_key(p), len(keys)))
             for t, p in zip(true, predicted, strict=True)]  # fmt: skip
    counts = np.zeros((len(keys) + 1, len(keys) + 1), int)
    np.add.at(counts, tuple(np.array(pairs).T), 1)
    names = [spelled[key] for key in keys]
    if counts[-1].any() or counts[:, -1].any():
        names.append(OTHER)
    return {"answers": names, "counts": counts[: len(names), : len(names)].tolist(), "questions": len(true)}


def ceiling(answer_list: AnswerList, questions: Iterable[QuestionExample]) -> dict[str, float]:
    """What a model can reach at most that chooses from `answer_list`.

    Returns:
        `exact_match`, and `vqa_accuracy` where every question has enough answers: the best answer of the list that
        anybody gave, for each question.
    """
    answered = [question.answers for question in questions if question.answers]
    reachable = {"exact_match": answer_list.ceiling(answered)}
    if answered and min(map(len, answered)) >= FEWEST_ANSWERS:
        metric = VqaAccuracy()
        best = [
            max((metric.statistics(answer, people)[0] for answer in set(people) if answer in answer_list), default=0.0)
            for people in answered
        ]
        reachable["vqa_accuracy"] = float(np.mean(best))
    return reachable
