"""Visual question answering: a picture and questions in, answers with probabilities out."""

import itertools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Unpack, overload

import numpy as np

from captioner.arguments import checked_count, checked_texts
from captioner.errors import UserError
from captioner.images.clips import pixel_batch
from captioner.images.decode import ImageLimits
from captioner.images.sources import ManyImages, OneImage
from captioner.models.base.batching import on_grid, pad_batch
from captioner.models.base.images import ImageBatches, ImageOptions
from captioner.models.base.pretrained_model import PretrainedImageModel
from captioner.models.vqa.answers import Answer
from captioner.models.vqa.build import build_visual_qa
from captioner.models.vqa.generation import choose, write
from captioner.models.vqa.networks import AttentionReader, ImageEncoder, VisualQANetwork
from captioner.models.vqa.preprocessing import choices_problem, encode_questions, unknown_choices_text, words_of
from captioner.presets.folder import Preset
from captioner.settings import VisualQASettings
from captioner.text.answer_tokens import COMMA, answer_words, known_spelling
from captioner.text.answers import AnswerList
from captioner.text.vocabulary import Vocabulary

__all__ = ["Answer", "VisualQA"]

IMAGES_AT_ONCE = 16  # that are encoded together


class AnswerOptions(ImageOptions, total=False):
    """What `VisualQA.answer` takes besides images and questions."""

    top: int
    choices: Sequence[str] | None


class VisualQA(PretrainedImageModel):
    """An encoder, a network that answers questions, and the words and answers they know.

    Args:
        settings, encoder_weights: see `PretrainedImageModel`.
        vocabulary: the words of questions, and of answers where they are written, in id order.
        answers: what the network chooses from; None where it writes.

    Attributes:
        attention_axis: what a row of `attention_maps` stands for: one of the "words" of the question, one of the "hops"
            of the fusion, or None where the network has no attention.

    Example:

        model = VisualQA.from_preset("runs/vqa-stacked-attention")
        model.answer("photo.jpg", "what colour is the car?")     # [Answer(text="red", probability=0.83), ...]
    """

    settings_class = VisualQASettings
    settings: VisualQASettings
    network: VisualQANetwork

    def __init__(
        self,
        settings: VisualQASettings,
        vocabulary: Vocabulary,
        answers: AnswerList | None = None,
        encoder_weights: str | Path | None = None,
    ):
        if (settings.answer.name == "classes") != bool(answers):
            raise UserError(
                f"answer.name = {settings.answer.name!r} needs {'no' if answers else 'a'} list of answers to choose "
                f"from, received {f'one of {len(answers)}' if answers else 'none'}."
            )
        self.answers = answers
        super().__init__(settings, vocabulary, encoder_weights)
        self.attention_axis = self.network.attention_axis

    @classmethod
    def _arguments(cls, preset: Preset) -> tuple:
        return preset.settings, preset.vocabulary, preset.answers

    def _build_network(self) -> VisualQANetwork:
        network = build_visual_qa(self.settings, len(self.vocabulary), len(self.answers or ()), self.encoder)
        image = np.zeros((1, *self.encoder.backbone_shape), "float32")
        ids = np.ones((1, 1, 2), "int32")
        network({"image": image, "questions": ids, "words": ids})
        return network

    def _parts_text(self) -> str:
        """An image or a question that the fusion does without is not named."""
        network, settings = self.network, self.settings
        image = [str(settings.encoder)] if network.image_encoder is not None else []
        question = [str(settings.question)] if network.questions is not None else []
        answer = f"{len(self.answers):,} answers" if self.answers else str(settings.answer.decoder)
        return f"{' + '.join([*image, *question])} -> {settings.fusion} -> {answer}"

    def _metadata_facts(self) -> dict[str, Any]:
        return {**super()._metadata_facts(), "answers": len(self.answers or ())}

    # Questions.

    def question_words(self, question: str) -> list[str]:
        """The words of a question that are read, at most `settings.text.max_words`.

        Raises:
            UserError: it holds none.
        """
        return words_of(question, self.settings.text)

    def unknown_words(self, question: str) -> list[str]:
        """Those of `question_words` that the network did not learn; it reads each of them as the same `<unk>`."""
        return [word for word in self.question_words(question) if word not in self.vocabulary]

    # Answers.

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

    def encode(self, pixels: np.ndarray, batch_size: int | None = None) -> np.ndarray:
        """See `PretrainedImageModel`; the pixels as they are where the network never sees the image."""
        return pixels if self.network.image_encoder is None else super().encode(pixels, batch_size)

    def answer_features(
        self,
        features: np.ndarray,
        questions: Sequence[str],
        *,
        images: Sequence[int] | np.ndarray | None = None,
        top: int = 5,
        choices: Sequence[Sequence[str] | None] | None = None,
        batch_size: int = 32,
    ) -> list[list[Answer]]:
        """Answers from the frozen backbone's features (or pixels, where the whole encoder is trained) `(N, ...)`.

        Batches are filled up to their full size, so that a question gets the same answer wherever it stands.

        Args:
            features: of N images.
            questions: M of them.
            images: for each question the number of its image; by default question i is about image i.
            top: answers a question at most.
            choices: for each question what to choose from, or None where it is open.
            batch_size: questions at once.

        Returns:
            for each question a list of answers, best first.

        Raises:
            UserError: see `answer`.
        """
        top, batch_size = checked_count("top", top), checked_count("batch_size", batch_size)
        questions = checked_texts("questions", questions)
        for offered in choices or ():
            if offered is not None and (problem := choices_problem(offered)):
                raise UserError(f"The question cannot be answered: {problem}.")
        decode = choose if self.answers else write
        answers: list[list[Answer]] = []
        for rows, inputs in self._batches(features, questions, images, batch_size):
            offered = list(choices[rows]) if choices else [None] * (rows.stop - rows.start)
            answers += decode(self, inputs, questions[rows], offered, top)
        return answers

    def attention_maps(
        self,
        features: np.ndarray,
        questions: Sequence[str],
        *,
        images: Sequence[int] | np.ndarray | None = None,
        batch_size: int = 32,
    ) -> np.ndarray | None:
        """Attention weights, which sum to 1 over the positions of the grid `(h, w)` (`encoder.grid`).

        Args:
            features, questions, images, batch_size: see `answer_features`.

        Returns:
            `(M, hops, h, w)` where `attention_axis` is "hops"; `(M, T, h, w)` where it is "words": entry t holds the
            weights before word t of `question_words` was read, and entries of padding mean nothing; None without
            attention.
        """
        questions, batch_size = checked_texts("questions", questions), checked_count("batch_size", batch_size)
        if self.attention_axis is None:
            return None
        if not questions:
            return np.zeros((0, 0, *(self.encoder.grid or (1,))), "float32")
        maps = []
        for rows, inputs in self._batches(features, questions, images, batch_size):
            outputs = self.run(AttentionReader, inputs, batch_size, jit_compile=False)
            maps.append(outputs[: rows.stop - rows.start])
        return on_grid(np.concatenate(maps), self.encoder.grid)

    def _batches(self, features, questions, images, batch_size) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        """The slice of the questions in each batch, and the inputs of a network, padded to the whole batch."""
        if images is None and len(features) != len(questions):
            raise UserError(f"{len(questions)} questions about {len(features)} images: say which with `images`.")
        images = np.arange(len(questions)) if images is None else np.asarray(images, int)
        ids = encode_questions(questions, self.vocabulary, self.settings.text)
        memory = self._image_features(features)
        for start in range(0, len(questions), batch_size):
            rows = slice(start, min(start + batch_size, len(questions)))
            inputs = {"questions": pad_batch(ids[rows], batch_size)}
            if memory is not None:
                inputs["memory"] = pad_batch(memory[images[rows]], batch_size)
            yield rows, inputs

    def _image_features(self, features: np.ndarray) -> np.ndarray | None:
        """What the network sees of images, `(N, P, D)`, each encoded once; None if it never sees them."""
        if self.network.image_encoder is None:
            return None
        if not len(features):
            return np.zeros((0, 1, 1), "float32")
        batch_size = IMAGES_AT_ONCE if len(features) > 1 else 1  # two shapes to compile for, whatever comes
        return self.run(ImageEncoder, np.asarray(features, "float32"), batch_size, jit_compile=False)


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
