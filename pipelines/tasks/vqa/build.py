"""From a recipe to what a training of answers works with: words, answers, model, batches."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.models.vqa.preprocessing import count_words, encode_answer, encode_questions
from captioner.models.vqa.visual_qa import VisualQA
from captioner.text.answers import AnswerList, agreed, items
from captioner.training.soft_targets import soft_targets
from pipelines.data.examples import DataSet, QuestionExample
from pipelines.tasks.vqa.batches import QuestionBatches, QuestionTargets
from pipelines.tasks.vqa.images import QuestionsByImage
from pipelines.tasks.vqa.settings import VisualQARecipe

IGNORE_INDEX = -1  # the target class that has no loss


def learned_questions(dataset: DataSet, by_member: bool) -> tuple[QuestionExample, ...]:
    """The training questions that have answers; with `by_member` once for each member of the set that answers them.

    Raises:
        UserError: none has an answer.
    """
    train = tuple(example for example in dataset.split("train") if example.answers)
    if not train:
        raise UserError(f"No training question in {dataset.root} has an answer to learn from.")
    return tuple(alone for example in train for alone in _by_member(example)) if by_member else train


def build_visual_qa(
    recipe: VisualQARecipe, train: Sequence[QuestionExample], root: Path, encoder_weights: Path | None = None
) -> VisualQA:
    """The model of a recipe. Words and answers are counted on the training questions alone.

    Args:
        recipe: its settings.
        train: the training questions.
        root: where they are from, for messages.
        encoder_weights: file with the frozen network's weights.

    Raises:
        UserError: all training questions have the same answer.
    """
    settings = recipe.answer
    answers_of = [example.answers for example in train]
    written = map(agreed, answers_of) if settings.name == "words" else ()
    vocabulary = count_words(recipe.text, (example.question for example in train), written)
    answers = None
    if settings.name == "classes":
        answers = AnswerList.from_answers(answers_of, settings.size, settings.minimum_count)
        if len(answers) < 2:
            raise UserError(
                f"There are {len(answers)} answers to choose from in the training split of {root}; two are needed at "
                "least. Lower answer.minimum_count, or use other data."
            )
    return VisualQA(recipe.model, vocabulary, answers, encoder_weights)


def _by_member(example: QuestionExample) -> Iterator[QuestionExample]:
    """The question once for each member of the set that answers it."""
    for member in items(agreed(example.answers)):
        yield replace(example, answers=(member,))


def make_batches(recipe: VisualQARecipe, model: VisualQA, questions: QuestionsByImage) -> QuestionBatches:
    """The batches of questions whose images are open, as training takes them."""
    training, examples = recipe.training, questions.examples
    words = encode_questions([example.question for example in examples], model.vocabulary, model.settings.text)
    targets = encode_targets(training.targets, model, examples)
    return QuestionBatches(
        questions, words, targets, training.images_per_batch, training.questions_per_image, training.seed
    )


def encode_targets(kind: str, model: VisualQA, examples: Sequence[QuestionExample]) -> QuestionTargets:
    """What questions are to be answered; those that nobody answered have no target.

    Args:
        kind: "agreed" or "soft", as `training.targets` has it.
        model: knows the words and the answers.
        examples: the questions.
    """
    answers_of = [example.answers for example in examples]
    answered = np.array([bool(answers) for answers in answers_of])
    agreed_of = [agreed(answers) if answers else "" for answers in answers_of]
    if model.network.writes:
        length = model.settings.answer.search.max_words + 2
        vocabulary = model.vocabulary
        ids = np.array([encode_answer(answer, vocabulary, length) for answer in agreed_of], "int32")
        return QuestionTargets(ids, answered, vocabulary.pad_id, written=True)
    if kind == "soft":
        shares = soft_targets(answers_of, model.answers)
        return QuestionTargets(shares, shares.any(axis=1), IGNORE_INDEX)
    numbers = [model.answers.encode(answer) for answer in agreed_of]
    classes = np.array([IGNORE_INDEX if number is None else number for number in numbers], "int32")
    return QuestionTargets(classes, answered & (classes != IGNORE_INDEX), IGNORE_INDEX)
