"""An exported model that answers questions about pictures, without Keras."""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np

from captioner.errors import UserError
from captioner.models.vqa.answering import AnsweringMixin
from captioner.models.vqa.answers import Answer, class_answers
from captioner.models.vqa.preprocessing import choices_problem, encode_questions
from captioner.runtime.engines import ENGINES
from captioner.runtime.folder import Export
from captioner.runtime.networks import ANSWERING, ENCODING


class ExportedVisualQA(AnsweringMixin):
    """The networks of an exported `VisualQA`.

    Args:
        export: see `read_export`.

    Raises:
        UserError: the engine is not installed, or cannot read the networks.

    Example:

        model = load_export("exports/daquar")
        model.answer("photo.jpg", "what is on the table?")     # [Answer(text="lamp", probability=0.41), ...]
    """

    def __init__(self, export: Export):
        self.settings, self.vocabulary, self.answers = export.config.settings, export.vocabulary, export.answers
        self.encoder = SimpleNamespace(spec=export.config.image.spec, grid=export.config.grid)
        self.engine = export.config.engine
        network = ENGINES.get(self.engine)
        paths = {name: export.folder / f"{name}{network.ending}" for name in (ENCODING, ANSWERING)}
        # A network that never sees the image has none that encodes.
        self._networks = {name: network(path, export.config.precision) for name, path in paths.items() if path.exists()}

    def __repr__(self) -> str:
        settings = self.settings
        parts = f"{settings.encoder} + {settings.question} -> {settings.fusion} -> {len(self.answers or ()):,} answers"
        return f"ExportedVisualQA({parts}, {len(self.vocabulary):,} words, {self.engine})"

    def encode(self, pixels: np.ndarray, batch_size: int | None = None) -> np.ndarray:
        """The memory `(N, P, D)` of pixels `(N, H, W, 3)`; the pixels where the network never sees them."""
        if ENCODING not in self._networks:
            return pixels
        return self._networks[ENCODING]({"pixels": np.asarray(pixels, "float32")})["memory"]

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
        """See `VisualQA.answer_features`; `features` are what `encode` gives."""
        for offered in choices or ():
            if offered is not None and (problem := choices_problem(offered)):
                raise UserError(f"The question cannot be answered: {problem}.")
        images = range(len(questions)) if images is None else images
        offered = choices or [None] * len(questions)
        scores = []
        for ids, number in zip(encode_questions(questions, self.vocabulary, self.settings.text), images, strict=True):
            inputs = {"questions": ids[None]}
            if ENCODING in self._networks:
                inputs["memory"] = features[number][None]
            scores.append(self._networks[ANSWERING](inputs)["log_probabilities"][0])
        independent = self.settings.probabilities == "sigmoid"
        return class_answers(np.array(scores), self.answers, questions, offered, top, independent)
