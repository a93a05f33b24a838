"""Visual question answering: a picture and questions in, answers with probabilities out."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from captioner.arguments import checked_count, checked_texts
from captioner.errors import UserError
from captioner.models.base.batching import on_grid, pad_batch
from captioner.models.base.memory import answering_memory, encoding_memory, require_memory, rows_at_once
from captioner.models.base.pretrained_model import PretrainedImageModel
from captioner.models.vqa.answering import IMAGES_AT_ONCE, AnsweringMixin
from captioner.models.vqa.answers import Answer
from captioner.models.vqa.build import build_visual_qa
from captioner.models.vqa.generation import choose, write
from captioner.models.vqa.networks import AttentionReader, ImageEncoder, VisualQANetwork
from captioner.models.vqa.preprocessing import choices_problem, encode_questions, words_of
from captioner.presets.folder import Preset
from captioner.settings import VisualQASettings
from captioner.text.answers import AnswerList
from captioner.text.vocabulary import Vocabulary

__all__ = ["Answer", "VisualQA"]


class VisualQA(AnsweringMixin, PretrainedImageModel):
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
        require_memory(
            encoding_memory(self.encoder), "Looking at one image", "encoder.image_size, or the encoder's options"
        )
        search = self.settings.answer.search
        self.answering_memory(0 if self.answers else search.num_beams, search.max_words)
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

    def answering_memory(self, rows: int, length: int) -> int:
        """Bytes that answering one question takes; arguments as of the function of this name.

        Raises:
            UserError: they are too many.
        """
        sizes = self.encoder.memory_shape, len(self.vocabulary), len(self.answers or ())
        needed = answering_memory(self.settings, *sizes, rows, length)
        require_memory(needed, "Answering one question", "the sizes of question, fusion or answer, or choices")
        return needed

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
        decode, search = choose if self.answers else write, self.settings.answer.search
        written = 0 if self.answers else max(search.num_beams, top)
        batch_size = rows_at_once(batch_size, self.answering_memory(written, search.max_words))
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
        batch_size = rows_at_once(batch_size, self.answering_memory(0, 0))
        maps = []
        for rows, inputs in self._batches(features, questions, images, batch_size):
            outputs = self.run(AttentionReader, inputs, batch_size, jit_compile=False)
            maps.append(outputs[: rows.stop - rows.start])
        return on_grid(np.concatenate(maps), self.encoder.grid)

    def _batches(self, features, questions, images, batch_size) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        """The slice of the questions in each batch, and the inputs of a network, padded to the whole batch."""
        if self.network.image_encoder is not None:  # else only their number counts
            features = self._checked_features(features)
        if len(features) != len(questions) and images is None:
            raise UserError(f"{len(questions)} questions about {len(features)} images: say which with `images`.")
        images = np.arange(len(questions)) if images is None else np.asarray(images)
        if images.shape != (len(questions),) or not all(row in range(len(features)) for row in images.tolist()):
            raise UserError(
                f"`images` has the number of an image, from 0 to {len(features) - 1}, for each of the "
                f"{len(questions)} questions; received {images.tolist()!r:.60}."
            )
        images = images.astype(int)
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
        batch_size = rows_at_once(batch_size, encoding_memory(self.encoder))
        return self.run(ImageEncoder, np.asarray(features, "float32"), batch_size, jit_compile=False)
