"""Models by name: images and options in, captions and answers out, for any number of clients at once."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from captioner.errors import UserError
from captioner.images.clips import pixel_batch
from captioner.images.decode import ImageLimits, decode_image
from captioner.models.captioning.captions import Caption
from captioner.models.captioning.search_constraints import constraints_of, generation_config
from captioner.models.vqa.answers import Answer
from captioner.models.vqa.preprocessing import choices_problem, words_of
from captioner.settings import GenerationConfig
from pipelines.evaluation.results import AttentionMaps
from pipelines.inference.explanations import attends, maps_by_attention, maps_by_occlusion
from pipelines.inference.models import ModelSource
from pipelines.serving.batching import Batcher
from pipelines.serving.metrics import ServiceMetrics


@dataclass(frozen=True)
class ServiceLimits:
    """What a client may ask for.

    body: bytes of a request. bodies: bytes of all requests that are served at once.
    images: of a request. questions: of a request.
    pixels: of an image.
    queue: images and questions of all clients that wait.
    seconds: that a request may take.
    upload: bytes of the files that a browser sends at once for the page; each of them has at most `body`.
    uploads: bytes of all files that browsers sent and that are not deleted yet.
    """

    body: int = 64 * 2**20
    bodies: int = 256 * 2**20
    images: int = 32
    questions: int = 32
    pixels: int = 50_000_000
    queue: int = 256
    seconds: float = 60.0
    upload: int = 512 * 2**20
    uploads: int = 2 * 2**30

    @property
    def of_images(self) -> ImageLimits:
        return ImageLimits(max_pixels=self.pixels, max_bytes=self.body)


class ServedModel:
    """A model that is loaded once, and the batches of its clients.

    Args:
        name: by which clients ask for it.
        source: where it is from.
        limits: see `ServiceLimits`.
        metrics: gets the sizes of batches.
        batch_size: images or questions at once.
        patience: see `Batcher`.
    """

    def __init__(
        self,
        name: str,
        source: ModelSource,
        limits: ServiceLimits,
        metrics: ServiceMetrics,
        batch_size: int = 8,
        patience: float = 0.01,
    ):
        self.name, self.source, self.limits = name, source, limits
        self.kind = source.settings.kind
        compute = self._caption if self.kind == "captioner" else self._answer
        # Padding costs as much as images do, and each size takes two seconds to compile: each is twice the one before.
        self._sizes = sorted({batch_size, *(2**power for power in range(batch_size.bit_length()))})
        self.batcher = Batcher(compute, batch_size, patience, limits.queue, metrics.add_batch)

    @cached_property
    def model(self):
        """Loaded when the first batch is computed, or by `load`."""
        return self.source.load()

    def load(self) -> None:
        """Loads the model and computes once, so that the first client waits for neither."""
        blank = np.zeros((8, 8, 3), np.uint8)
        for count in self._sizes:
            pixels = [decode_image(blank, self.model.encoder.spec)] * count
            if self.kind == "captioner":
                self._caption((self.generation(), False), pixels)
            else:
                self._answer(((), False), [(each, "what is this?") for each in pixels])

    def generation(self, options: Mapping[str, object] | None = None) -> GenerationConfig:
        """How captions are generated, checked.

        Raises:
            UserError: an option is unknown or out of range, or no caption can satisfy all of them.
        """
        config = generation_config(self.source.settings.search, None, **(options or {}))
        constraints_of(config, self.source.vocabulary)
        return config

    def decode(self, data: bytes) -> np.ndarray:
        """The pixels of an image as it was sent.

        Raises:
            ImageError: it cannot be read.
        """
        return decode_image(data, self.model.encoder.spec, self.limits.of_images)

    def caption(self, pixels: Sequence[np.ndarray], config: GenerationConfig, attention: bool = False) -> list[Future]:
        """Futures of lists of captions, best first.

        Args:
            attention: with their attention weights, if the decoder has attention.

        Raises:
            UserError: attention is asked of exported networks, which give captions only.
        """
        self._check_attention(attention)
        return self.batcher.submit((config, attention), pixels)

    def answer(
        self, pixels: np.ndarray, questions: Sequence[str], choices: Sequence[str] | None, attention: bool = False
    ) -> list[Future]:
        """Futures of lists of answers, best first, with `AttentionMaps`, or None where they are not asked for.

        Raises:
            UserError: a question holds no words, the choices do not do, or attention is asked of exported networks.
        """
        self._check_attention(attention)
        for question in questions:
            words_of(question, self.source.settings.text)
        if choices is not None and (problem := choices_problem(choices)):
            raise UserError(f"The question cannot be answered: {problem}.")
        key = (() if choices is None else tuple(choices), attention)
        return self.batcher.submit(key, [(pixels, question) for question in questions])

    def unsure(self, caption: Caption) -> bool:
        lowest = self.source.settings.min_score
        return lowest is not None and caption.score < lowest

    def close(self) -> None:
        self.batcher.close()

    def _size(self, count: int) -> int:
        """The smallest size that is compiled and holds so many items."""
        return next(size for size in self._sizes if size >= count)

    def _check_attention(self, attention: bool) -> None:
        if attention and not self.source.keras:
            raise UserError("Attention needs a preset and the engine keras: exported networks give texts only.")

    def _caption(self, key: tuple[GenerationConfig, bool], pixels: Sequence[np.ndarray]) -> list[list[Caption]]:
        config, attention = key
        size = self._size(len(pixels))
        features = self.model.encode(pixel_batch(pixels, self.model.encoder.spec), size)
        return self.model.caption_features(features, attention=attention, batch_size=size, config=config)

    def _answer(
        self, key: tuple[tuple[str, ...], bool], items: Sequence[tuple[np.ndarray, str]]
    ) -> list[tuple[list[Answer], AttentionMaps | None]]:
        choices, attention = key
        size = self._size(len(items))
        features = self.model.encode(pixel_batch([pixels for pixels, _ in items], self.model.encoder.spec), size)
        questions = [question for _, question in items]
        offered = [list(choices)] * len(items) if choices else None
        answers = self.model.answer_features(
            features, questions, top=len(choices) or 5, choices=offered, batch_size=size
        )
        maps = self._maps(features, items, answers, offered) if attention else [None] * len(items)
        return list(zip(answers, maps, strict=True))

    def _maps(self, features, items, answers, offered) -> list[AttentionMaps | None]:
        if attends(self.model):
            return maps_by_attention(self.model, features, [question for _, question in items], range(len(items)))
        return [  # a model that writes answers may have written no word
            maps_by_occlusion(self.model, pixels, [question], [ranked], offered and offered[:1])[0] if ranked else None
            for (pixels, question), ranked in zip(items, answers, strict=True)
        ]


class Service:
    """All models of a service.

    Args:
        models: name -> `ServedModel`, the default of each kind first.
        limits: see `ServiceLimits`.
        metrics: what happens.
    """

    def __init__(self, models: Mapping[str, ServedModel], limits: ServiceLimits, metrics: ServiceMetrics):
        self.models, self.limits, self.metrics = dict(models), limits, metrics

    def named(self, name: str | None, kind: str) -> ServedModel:
        """The model of a name, or the first of a kind.

        Raises:
            UserError: there is none, or it is of another kind.
        """
        of_kind = {key: model for key, model in self.models.items() if model.kind == kind}
        wanted = (name or "").removesuffix(":latest")  # as Ollama's clients write it
        if not wanted and of_kind:
            return next(iter(of_kind.values()))
        if wanted in of_kind:
            return of_kind[wanted]
        what = {"captioner": "writes captions", "visual_qa": "answers questions"}[kind]
        if not wanted:
            raise UserError(f"No model of this service {what}.")
        raise UserError(f"No model called {wanted[:60]!r} {what} here; these do: {', '.join(of_kind) or 'none'}.")

    @property
    def queued(self) -> int:
        return sum(model.batcher.queued for model in self.models.values())

    def close(self) -> None:
        for model in self.models.values():
            model.close()
