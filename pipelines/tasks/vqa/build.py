"""From a recipe to everything a training of answers works with: data, words, answers, model, batches."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.models.vqa.preprocessing import count_words, encode_answer, encode_questions
from captioner.models.vqa.visual_qa import VisualQA
from captioner.text.answers import AnswerList, agreed, items
from captioner.training.soft_targets import soft_targets
from pipelines.data.examples import DataSet, Problem, QuestionExample
from pipelines.tasks.vqa.batches import QuestionBatches
from pipelines.tasks.vqa.images import QuestionsByImage
from pipelines.tasks.vqa.settings import VisualQARecipe

NOTHING = -1  # the class that counts nothing


@dataclass
class PreparedQuestions:
    """What a training needs, made from a recipe."""

    recipe: VisualQARecipe
    dataset: DataSet
    model: VisualQA
    train: QuestionsByImage
    dev: QuestionsByImage | None
    batches: QuestionBatches | None = None
    problems: list[Problem] = field(default_factory=list)


def prepare_questions(
    recipe: VisualQARecipe, dataset: DataSet, encoder_weights: Path | None = None
) -> PreparedQuestions:
    """The model of a recipe. Words and answers are counted on the training split alone.

    Raises:
        UserError: no training question has an answer, or all have the same.
    """
    train = tuple(example for example in dataset.split("train") if example.answers)
    if not train:
        raise UserError(f"No training question in {dataset.root} has an answer to learn from.")
    if recipe.data.sets == "members":
        train = tuple(alone for example in train for alone in _by_member(example))
    dev = dataset.split("dev") if "dev" in dataset.splits() else ()
    settings = recipe.answer
    given = [example.answers for example in train]
    written = map(agreed, given) if settings.name == "words" else ()
    vocabulary = count_words(recipe.text, (example.question for example in train), written)
    answers = None
    if settings.name == "classes":
        answers = AnswerList.from_answers(given, settings.size, settings.minimum_count)
        if len(answers) < 2:
            raise UserError(
                f"There are {len(answers)} answers to choose from in the training split of {dataset.root}; two are "
                "needed at least. Lower answer.minimum_count, or use other data."
            )
    model = VisualQA(recipe.model, vocabulary, answers, encoder_weights)
    asked = [QuestionsByImage.of(examples) if examples else None for examples in (train, dev)]
    return PreparedQuestions(recipe, dataset, model, *asked, problems=list(dataset.problems))


def _by_member(example: QuestionExample) -> Iterator[QuestionExample]:
    """The question once for each member of the set that answers it."""
    for member in items(agreed(example.answers)):
        yield replace(example, answers=(member,))


def prepare_images(prepared: PreparedQuestions, cache: Path, progress=None, log=None) -> None:
    """Opens the images of the training and development splits, computing features where they are missing, and makes
    the batches.

    Raises:
        UserError: nothing can be learned from: no image can be read, or no answer is in the list.
    """
    model, training = prepared.model, prepared.recipe.training
    looks = model.network.image_encoder is not None
    for asked in filter(None, (prepared.train, prepared.dev)):
        prepared.problems += asked.open(model.encoder, cache, looks, progress, log)
    examples = prepared.train.examples
    words = encode_questions([example.question for example in examples], model.vocabulary, model.settings.text)
    targets, known, nothing = encode_targets(prepared)
    prepared.batches = QuestionBatches(
        prepared.train, words, targets, nothing, known, model.network.writes,
        training.images_per_batch, training.questions_per_image, training.seed,
    )  # fmt: skip
    if not prepared.batches.steps:
        raise UserError(f"None of the training questions in {prepared.dataset.root} can be used.")


def encode_targets(prepared: PreparedQuestions) -> tuple[np.ndarray, np.ndarray, int]:
    """What the training questions are to be answered: targets, which of them are known, and what counts nothing."""
    model, training = prepared.model, prepared.recipe.training
    given = [example.answers for example in prepared.train.examples]
    if model.network.writes:
        length = model.settings.answer.search.max_words + 2
        vocabulary = model.vocabulary
        ids = np.array([encode_answer(agreed(answers), vocabulary, length) for answers in given], "int32")
        return ids, np.ones(len(ids), bool), vocabulary.pad_id
    if training.targets == "soft":
        shares = soft_targets(given, model.answers)
        return shares, shares.any(axis=1), NOTHING
    numbers = [model.answers.encode(agreed(answers)) for answers in given]
    classes = np.array([NOTHING if number is None else number for number in numbers], "int32")
    return classes, classes != NOTHING, NOTHING
