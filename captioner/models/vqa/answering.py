"""Questions about images, however people have these: what models of Keras and exported ones share. Needs no Keras."""

import itertools
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Literal, Unpack, overload

import numpy as np

from captioner.arguments import checked_texts
from captioner.errors import UserError
from captioner.images.clips import pixel_batch
from captioner.images.decode import ImageLimits
from captioner.images.sources import ManyImages, OneImage
from captioner.models.base.images import ImageBatches, ImageOptions
from captioner.models.vqa.answers import Answer
from captioner.models.vqa.preprocessing import choices_problem, unknown_choices_text
from captioner.text.answer_tokens import COMMA, answer_words, known_spelling
from captioner.text.answers import AnswerList
from captioner.text.vocabulary import Vocabulary

IMAGES_AT_ONCE = 16  # that are encoded together


class AnswerOptions(ImageOptions, total=False):
    """What `VisualQA.answer` takes besides images and questions."""

    top: int
    choices: Sequence[str] | None


class AnsweringMixin:
    """Answers from images, for a class that has `encode`, `answer_features` and the attributes below."""

    encoder: Any  # has a `spec`, an `ImageSpec`
    vocabulary: Vocabulary
    answers: AnswerList | None

    def unknown_choices(self, choices: Sequence[str]) -> list[str]:
        """Those of `choices` that the network never learned as answers: no class, or written with an unknown word.

        A class that it does not know has no probability, and words that it does not know are the same `<unk>`.
        """
        if self.answers:
            return [choice for choice in choices if choice not in self.answers]
        return [choice for choice in choices if not all(word in self.vocabulary for word in self._words(choice))]

    def choices_problem(self, choices: Sequence[str]) -> str:
        """Why it cannot choose from these; "" if it can, for better or worse: see `unknown_choices`."""
        if problem := choices_problem(choices):
            return problem
        if self.answers:
            known = any(choice in self.answers for choice in choices)
        else:
            known = any(word in self.vocabulary for choice in choices for word in self._words(choice) if word != COMMA)
        return "" if known else "the model knows none of the choices, so nothing speaks for one of them"

    def _words(self, choice: str) -> list[str]:
        return answer_words(known_spelling(choice, self.vocabulary))

    @overload
    def answer(self, images: OneImage, questions: str, **options: Unpack[AnswerOptions]) -> list[Answer]: ...
    @overload
    def answer(
        self, images: OneImage, questions: list[str] | tuple[str, ...], **options: Unpack[AnswerOptions]
    ) -> list[list[Answer]]: ...
    @overload
    def answer(
        self, images: ManyImages | np.ndarray, questions: str | Iterable[Any], **options: Unpack[AnswerOptions]
    ) -> Any: ...
    def answer(
        self,
        images: OneImage | ManyImages | np.ndarray,
        questions: str | Iterable[Any],
        *,
        top: int = 5,
        choices: Sequence[str] | None = None,
        batch_size: int = IMAGES_AT_ONCE,
        limits: ImageLimits | None = None,
        on_error: Literal["raise", "skip"] = "raise",
    ) -> Any:
        """Answers questions about images, each of which is encoded once for all questions about it.

        Args:
            images: a path, bytes, an open file, a Pillow image or an array `(H, W, 3)`; or several: an array
                `(N, H, W, 3)`, or a list of any of these.
            questions: one, or a list. About several images: one that is asked about each, or for each image its
                question, or its list of them.
            top: answers a question at most.
            choices: what to choose from, the same for all questions; any answer by default.
            batch_size: images at once.
            limits: what an image may ask for before it is refused.
            on_error: "skip" leaves the questions about an image that cannot be read without answers, and warns of it
                with the reason.

        Returns:
            a list of answers, best first; for a list of questions, a list of such lists; for several images, a list
            with one of these for each.

        Raises:
            UserError: a question holds no words, or the choices are fewer than two or hold one twice, or the network
                knows none of them. If it knows some, it warns of the others.
            ImageError: an image cannot be read.

        Example:

            model.answer(["a.jpg", "b.jpg"], "is there a dog?", top=1)
        """
        if choices is not None:
            choices = checked_texts("choices", choices)
            if problem := self.choices_problem(choices):
                raise UserError(f"The question cannot be answered: {problem}.")
            if unknown := self.unknown_choices(choices):
                warnings.warn(unknown_choices_text(unknown), stacklevel=2)
        batches = ImageBatches(images, self.encoder.spec, batch_size, limits, on_error)
        asked = _questions_of(questions, len(batches) if batches.several else None)
        answers: list[Any] = [[] if isinstance(each, str) else [[] for _ in each] for each in asked]
        for numbers, images_of in batches:
            texts = [[each] if isinstance(each := asked[number], str) else each for number in numbers]
            flat = [question for each in texts for question in each]
            found = iter(self.answer_features(
                self.encode(pixel_batch(images_of, self.encoder.spec), batches.batch_size), flat,
                images=np.repeat(np.arange(len(numbers)), list(map(len, texts))), top=top,
                choices=None if choices is None else [choices] * len(flat), batch_size=max(1, min(len(flat), 32)),
            ))  # fmt: skip
            for number, each in zip(numbers, texts, strict=True):
                of_image = list(itertools.islice(found, len(each)))
                answers[number] = of_image[0] if isinstance(asked[number], str) else of_image
        return batches.one_or_many(answers)


def _questions_of(questions: str | Iterable[Any], images: int | None) -> list[str | list[str]]:
    """What is asked about each of a number of images (None: about the only one): a question, or a list of them.

    Raises:
        UserError: they are no texts, or not as many as images.
    """
    if isinstance(questions, str):
        return [questions] * (1 if images is None else images)
    if images is None:
        return [checked_texts("questions", questions)]
    if not isinstance(questions, Iterable):
        questions = checked_texts("questions", questions)
    asked = [each if isinstance(each, str) else checked_texts("questions", each) for each in questions]
    if len(asked) != images:
        raise UserError(
            f"Each of the {images:,} images needs a question or a list of them; received {len(asked):,}. A single "
            "question, not in a list, is asked about all of them."
        )
    return asked
