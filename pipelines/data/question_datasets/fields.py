"""A question as the fields of a row of parquet or of a JSON object have it, under the names that data sets use."""

from collections.abc import Iterable, Mapping

from pipelines.data.datasets.values import field_values
from pipelines.data.question_datasets.builder import AnnotatedQuestion

# The first that is there, and that holds something, counts. `direct_answers` are A-OKVQA's.
ANSWERS = ("answers", "direct_answers", "answer", "multiple_choice_answer")
_CHOICES = ("choices", "multiple_choices", "options")
_TYPE, _ANSWER_TYPE, _ID = ("question_type", "type"), ("answer_type",), ("question_id", "id")
COLUMNS = ("question", *ANSWERS, *_CHOICES, *_TYPE, *_ANSWER_TYPE, *_ID)


def has_question(names: Iterable[str]) -> bool:
    """Whether fields of these names, in lower case, are those of a question with answers.

    >>> has_question(["image", "question", "answer"]), has_question(["image", "question"])
    (True, False)
    """
    names = set(names)
    return "question" in names and not names.isdisjoint(ANSWERS)


def question_of(fields: Mapping[str, object]) -> AnnotatedQuestion:
    """The question in fields whose names are in lower case."""
    answers = _first(fields, ANSWERS)
    choices = _first(fields, _CHOICES)
    return AnnotatedQuestion(
        fields.get("question"),
        None if answers is None else [_answer(value) for value in field_values(answers)],
        None if choices is None else field_values(choices),
        type=_first(fields, _TYPE) or "",
        answer_type=_first(fields, _ANSWER_TYPE) or "",
        source_id=_first(fields, _ID),
    )


def _first(fields: Mapping[str, object], names: Iterable[str]) -> object:
    return next((fields[name] for name in names if fields.get(name) not in (None, "", [])), None)


def _answer(value: object) -> object:
    """One person's answer; in VQA's files it is an object."""
    return value.get("answer") if isinstance(value, dict) else value
