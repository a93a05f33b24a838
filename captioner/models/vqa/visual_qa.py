"""Visual question answering: a picture and questions in, answers with probabilities out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from captioner.encoders import build_encoder
from captioner.errors import UserError
from captioner.images.decode import ImageLimits, load_image
from captioner.models.base.batching import encode_with, pad_batch
from captioner.models.base.compatibility import require_same_backbone
from captioner.models.vqa.build import build_visual_qa
from captioner.models.vqa.generation import Answer, Running, choose, write
from captioner.models.vqa.networks import Looker, VisualQANetwork
from captioner.models.vqa.preprocessing import check_choices, encode_questions, words_of
from captioner.presets.folder import read_preset, write_preset
from captioner.presets.precision import store_in_half_precision
from captioner.presets.weights import load_checked_weights
from captioner.settings import VisualQASettings
from captioner.text.answers import AnswerList
from captioner.text.vocabulary import Vocabulary

__all__ = ["Answer", "VisualQA"]


class VisualQA:
    """An encoder, a network that answers questions, and the words and answers they know.

    Args:
        settings: how the parts were built; saved in the preset.
        vocabulary: the words of questions, and of answers where they are written, in id order.
        answers: what the network chooses from; None where it writes.
        encoder_weights: file with the weights of the encoder's frozen backbone; `keras.applications` fetches them where
            it is not given.

    Attributes:
        looks_by: what a row of `look` stands for: "words", "hops", or None where the network has no attention.

    Example:

        model = VisualQA.from_preset("runs/vqa-stacked-attention")
        model.answer("photo.jpg", "what colour is the car?")     # [Answer(text="red", probability=0.83), ...]
    """

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
        self.settings, self.question_vocabulary, self.answers = settings, vocabulary, answers
        self.metadata: dict[str, Any] = {}
        self.encoder = build_encoder(settings.encoder, weights_path=encoder_weights)
        self.network = self._build_network()
        self.looks_by = self.network.looks_by
        self._running = Running(self.network)

    def _build_network(self) -> VisualQANetwork:
        network = build_visual_qa(self.settings, len(self.question_vocabulary), len(self.answers or ()), self.encoder)
        image = np.zeros((1, *self.encoder.backbone_shape), "float32")
        ids = np.ones((1, 1, 2), "int32")
        try:
            network({"image": image, "questions": ids, "words": ids})
        except ValueError as error:
            raise UserError(f"These settings do not go together: {error}") from None
        return network

    @classmethod
    def from_preset(cls, folder: str | Path, encoder_weights: str | Path | None = None) -> "VisualQA":
        """Loads a model that `captioner train` or `save_to_preset` wrote.

        Args:
            folder: the preset.
            encoder_weights: see the class.

        Raises:
            UserError: a file is missing, damaged, from another preset, or of another kind of model.
        """
        preset = read_preset(Path(folder), kinds={"visual_qa": VisualQASettings})
        try:
            model = cls(preset.settings, preset.vocabulary, preset.answers, encoder_weights)
        except UserError as error:
            raise UserError(f"{folder} cannot be used: {error}") from None
        load_checked_weights(model.network, preset.weights)
        model.metadata = preset.metadata
        name = preset.settings.encoder.name
        require_same_backbone(folder, preset.metadata, model.encoder, name, encoder_weights, "answer nonsense")
        return model

    def save_to_preset(
        self, folder: str | Path, metadata: dict[str, Any] | None = None, half_precision: bool = False
    ) -> None:
        """Writes the model as a folder that is all one needs to ask it.

        Args:
            folder: made if it does not exist.
            metadata: where the model comes from, as JSON can hold it.
            half_precision: store the weights as float16, in half the space.
        """
        import captioner

        facts = {
            "captioner": captioner.__version__,
            "keras": keras.__version__,
            "parameters": int(self.network.count_params()),
            "vocabulary_size": len(self.question_vocabulary),
            "answers": len(self.answers or ()),
            "encoder": self.encoder.identity(),
        }

        def save_weights(path: Path) -> None:
            # A network that was compiled would save its optimizer as well, which is twice the size of the weights.
            network = self.network
            bare = VisualQANetwork(network.image_encoder, network.questions, network.fusion, network.head)
            bare.built = True
            bare.save_weights(path)
            if half_precision:
                store_in_half_precision(path)

        facts |= metadata or {}
        write_preset(Path(folder), self.settings, self.question_vocabulary, save_weights, facts, self.answers)

    # Questions.

    def question_words(self, question: str) -> list[str]:
        """The words of a question that are read, at most `settings.text.max_words`.

        Raises:
            UserError: it holds none.
        """
        return words_of(question, self.settings.text)

    def unknown_words(self, question: str) -> list[str]:
        """Those of `question_words` that the network did not learn; it reads each of them as the same `<unk>`."""
        return [word for word in self.question_words(question) if word not in self.question_vocabulary]

    # Answers.

    def answer(
        self,
        image,
        questions: str | Sequence[str],
        *,
        top: int = 5,
        choices: Sequence[str] | None = None,
        limits: ImageLimits | None = None,
    ):
        """Answers questions about an image, which is encoded once for all of them.

        Args:
            image: a path, bytes, a Pillow image or a uint8 array `(H, W, 3)`.
            questions: one, or a list.
            top: answers a question at most.
            choices: what to choose from, the same for all questions; any answer by default.

        Returns:
            a list of answers, best first; for a list of questions, a list of such lists.

        Raises:
            UserError: a question holds no words, or the choices are fewer than two or hold one twice.
            ImageError: the image cannot be read.
        """
        several = not isinstance(questions, str)
        asked = list(questions) if several else [questions]
        pixels = load_image(image, self.encoder.spec, limits or ImageLimits())[None]
        found = self.answer_features(
            self.encode(pixels), asked, images=[0] * len(asked), top=top,
            choices=None if choices is None else [choices] * len(asked), batch_size=max(1, min(len(asked), 32)),
        )  # fmt: skip
        return found if several else found[0]

    def encode(self, pixels: np.ndarray, batch_size: int | None = None) -> np.ndarray:
        """Pixels `(N, H, W, 3)`, N at most `batch_size`, to what `answer_features` takes."""
        return pixels if self.network.image_encoder is None else encode_with(self.encoder, pixels, batch_size)

    def answer_features(
        self,
        features: np.ndarray,
        questions: Sequence[str],
        *,
        images: Sequence[int] | None = None,
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
        for given in choices or ():
            if given is not None:
                check_choices(given)
        ids = encode_questions(questions, self.question_vocabulary, self.settings.text)
        memory, images = self._running.memory(features), self._images_of(features, questions, images)
        answers: list[list[Answer]] = []
        for start in range(0, len(questions), batch_size):
            chunk = slice(start, start + batch_size)
            inputs = self._inputs(memory, images[chunk], ids[chunk], batch_size)
            given = list(choices[chunk]) if choices else [None] * len(ids[chunk])
            if self.answers:
                answers += choose(self._running, self.answers, self.settings.probabilities, inputs, given, top)
            else:
                words, search = self.question_vocabulary, self.settings.answer.search
                answers += write(self._running, words, search, inputs, given, top)
        return answers

    def look(
        self,
        features: np.ndarray,
        questions: Sequence[str],
        *,
        images: Sequence[int] | None = None,
        batch_size: int = 32,
    ) -> np.ndarray | None:
        """Where the network looked: weights that sum to 1 over the P places of the grid (`encoder.grid`).

        Args:
            features, questions, images, batch_size: see `answer_features`.

        Returns:
            `(M, hops, P)` where `looks_by` is "hops"; `(M, T, P)` where it is "words": row t is where was looked before
            word t of `question_words` was read, and later rows say nothing; None where there is no attention.
        """
        if self.looks_by is None:
            return None
        ids = encode_questions(questions, self.question_vocabulary, self.settings.text)
        memory, images = self._running.memory(features), self._images_of(features, questions, images)
        looked = []
        for start in range(0, len(questions), batch_size):
            chunk = slice(start, start + batch_size)
            inputs = self._inputs(memory, images[chunk], ids[chunk], batch_size)
            looked.append(self._running(Looker, inputs)[: len(ids[chunk])])
        return np.concatenate(looked)

    def _images_of(self, features, questions, images) -> np.ndarray:
        if images is None and len(features) != len(questions):
            raise ValueError(f"{len(questions)} questions about {len(features)} images: say which with `images`.")
        return np.arange(len(questions)) if images is None else np.asarray(images, int)

    def _inputs(self, memory, images, ids, batch_size) -> dict[str, np.ndarray]:
        inputs = {"questions": pad_batch(ids, batch_size)}
        if memory is not None:
            inputs["memory"] = pad_batch(memory[images], batch_size)
        return inputs
