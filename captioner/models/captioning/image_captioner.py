"""The image captioner: photographs in, sentences out."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, Unpack, overload

import numpy as np

from captioner.arguments import checked_count, checked_number, checked_texts
from captioner.errors import UserError
from captioner.images.clips import pixel_batch
from captioner.images.decode import ImageLimits
from captioner.images.sources import ManyImages, OneImage
from captioner.models.base.build import build_decoder
from captioner.models.base.images import ImageBatches, ImageOptions
from captioner.models.base.memory import (
    encoding_memory,
    reading_memory,
    require_memory,
    rows_at_once,
    searching_memory,
)
from captioner.models.base.pretrained_model import PretrainedImageModel
from captioner.models.captioning.captioning import CaptioningMixin
from captioner.models.captioning.captions import Caption
from captioner.models.captioning.generation import write_captions
from captioner.models.captioning.networks import CaptionNetwork, CaptionReader, DecoderNetwork
from captioner.models.captioning.scoring import SIDE_BY_SIDE, ScoredCaption, score_captions
from captioner.models.captioning.search_constraints import constraints_of, generation_config
from captioner.models.captioning.shallow_fusion import ShallowFusion, ids_by_name
from captioner.models.language.language_model import LanguageModel
from captioner.settings import CaptionerSettings, GenerationConfig, SearchSettings
from captioner.text.vocabulary import Vocabulary

__all__ = ["Caption", "ImageCaptioner"]


class ImageCaptioner(CaptioningMixin, PretrainedImageModel):
    """An encoder, a decoder and the words they know.

    Args:
        settings, vocabulary, encoder_weights: see `PretrainedImageModel`.

    Example:

        captioner = ImageCaptioner.from_preset("runs/flickr8k")
        captioner.caption("photo.jpg", num_beams=5)     # [Caption(text=..., score=...)]
    """

    settings_class = CaptionerSettings
    settings: CaptionerSettings
    network: CaptionNetwork

    def __init__(self, settings: CaptionerSettings, vocabulary: Vocabulary, encoder_weights: str | Path | None = None):
        super().__init__(settings, vocabulary, encoder_weights)
        self.decoder = self.network.decoder
        self.image_encoder = self.network.image_encoder
        self.encoders = [self.encoder]  # whose features `caption_features` takes
        self.fusion: ShallowFusion | None = None

    def _build_network(self) -> CaptionNetwork:
        require_memory(
            encoding_memory(self.encoder), "Looking at one image", "encoder.image_size, frames or the encoder's options"
        )
        self.require_memory(self.settings.search)
        decoder = build_decoder(self.settings.decoder, len(self.vocabulary), self.encoder.padded)
        network = CaptionNetwork(self.encoder.head, decoder, name="captioner")
        image = np.zeros((1, *self.encoder.backbone_shape), "float32")
        network({"image": image, "words": np.ones((1, 1, 1), "int32")})
        return network

    def _parts_text(self) -> str:
        return f"{self.settings.encoder} -> {self.settings.decoder}"

    @property
    def _parts(self) -> tuple:
        return self.image_encoder, self.decoder

    def writing_memory(self, rows: int, length: int, compared: int = 0) -> int:
        """Bytes that writing captions of one image takes, see `searching_memory`."""
        trained = 0 if self.encoder.cacheable else encoding_memory(self.encoder)
        parts = self.settings.decoder, self.encoder.memory_shape, len(self.vocabulary)
        return trained + searching_memory(*parts, rows, length, compared)

    def reading_memory(self, rows: int, length: int) -> int:
        """Bytes that reading captions of one image takes, see there."""
        trained = 0 if self.encoder.cacheable else encoding_memory(self.encoder)
        parts = self.settings.decoder, self.encoder.memory_shape, len(self.vocabulary)
        return trained + reading_memory(*parts, rows, length)

    def require_memory(self, search: SearchSettings) -> int:
        """Bytes that a search takes for one image.

        Raises:
            UserError: they are too many.
        """
        sampled = getattr(search, "do_sample", False)
        states = constraints_of(search, self.vocabulary).num_states
        rows = search.candidates if sampled else search.num_beams * states
        compared = search.max_words if search.no_repeat_ngram_size else 0
        needed = self.writing_memory(rows, search.max_words, compared)
        require_memory(needed, "Writing about one image", "num_beams, candidates, max_words or the decoder's sizes")
        return needed

    def set_language_model(self, language: LanguageModel, weight: float = 0.3) -> None:
        """Shallow fusion: adds the scores of a language model in all later searches, to the scores of captions too.

        Args:
            language: a `LanguageModel` of words; they are matched by name.
            weight: of its log-probabilities; those of the decoder count 1.

        Raises:
            UserError: the two share no words, or it is no language model.
        """
        if not isinstance(language, LanguageModel):
            raise UserError(
                f"A LanguageModel takes part in the search; received {type(language).__name__}. Load one with "
                "LanguageModel.from_preset(folder)."
            )
        weight = checked_number("weight", weight)
        self.fusion = ShallowFusion(language.network, ids_by_name(self.vocabulary, language.vocabulary), weight)

    def generation_config(self, config: SearchSettings | None = None, **changes: Any) -> GenerationConfig:
        """How captions are generated: the preset's own settings, with those that `config` sets, with changes.

        Arguments and errors are those of `captioner.models.captioning.search_constraints.generation_config`.
        """
        return generation_config(self.settings.search, config, **changes)

    def caption_features(
        self,
        features: np.ndarray,
        *,
        attention: bool = False,
        batch_size: int = 16,
        config: SearchSettings | None = None,
        keys: Sequence[bytes] | None = None,
        **changes: Any,
    ) -> list[list[Caption]]:
        """Captions from the frozen backbone's features (or pixels, where the whole encoder is trained) `(N, ...)`.

        Batches are padded to their full size, so that one compiled search serves all and the same image gets the same
        caption wherever it stands.

        Args:
            keys: for sampling, what stands for each image in its noise, such as its name; its features by default.

        Raises:
            UserError: the features have another shape, or as `caption`.
        """
        config = self.generation_config(config, **changes)
        batch_size = checked_count("batch_size", batch_size)
        features = self._checked_features(features)
        return write_captions(self, features, config, attention=attention, batch_size=batch_size, keys=keys)

    @overload
    def score(
        self, images: OneImage, captions: Iterable[str], **options: Unpack[ImageOptions]
    ) -> list[ScoredCaption]: ...
    @overload
    def score(
        self, images: ManyImages, captions: Iterable[Iterable[str]], **options: Unpack[ImageOptions]
    ) -> list[list[ScoredCaption]]: ...
    @overload
    def score(self, images: np.ndarray, captions: Iterable[Any], **options: Unpack[ImageOptions]) -> Any: ...
    def score(
        self,
        images: OneImage | ManyImages | np.ndarray,
        captions: Iterable[Any],
        *,
        batch_size: int = 16,
        limits: ImageLimits | None = None,
        on_error: Literal["raise", "skip"] = "raise",
    ) -> Any:
        """The log-probabilities of given captions.

        Args:
            images: as for `caption`: an image, or several.
            captions: those of the image; for several images a list of captions each.
            batch_size: images at once.
            limits, on_error: as for `caption`.

        Returns:
            a list of `ScoredCaption`; for several images, a list of such lists.

        Raises:
            ImageError: an image cannot be read.
            UserError: there are not as many lists of captions as images, a caption is no text, or it is too long.

        Example:

            likely, unlikely = captioner.score("photo.jpg", ["a dog runs", "two cats asleep"])
            print(likely.score > unlikely.score, likely.perplexity, unlikely.unknown)
        """
        batches = ImageBatches(images, self.encoder.spec, batch_size, limits, on_error)
        lists = captions if batches.several else [captions]
        lists = checked_texts("captions", lists) if isinstance(lists, str) else list(lists)
        if len(lists) != len(batches):
            raise UserError(
                f"Each of the {len(batches):,} images needs a list of captions; received {len(lists):,} of them."
            )
        texts = [checked_texts("captions", each) for each in lists]
        width = min(SIDE_BY_SIDE, max(map(len, texts), default=1)) or 1
        scored: list[list[ScoredCaption]] = [[] for _ in texts]
        for numbers, images_of in batches:
            features = self.encode(pixel_batch(images_of, self.encoder.spec), batches.batch_size)
            of_batch = [texts[number] for number in numbers]
            found = score_captions(self, features, of_batch, batches.batch_size, width)
            for number, values in zip(numbers, found, strict=True):
                scored[number] = values
        return batches.one_or_many(scored)

    def score_features(
        self, features: np.ndarray, captions: Sequence[Sequence[str]], batch_size: int = 16
    ) -> list[list[np.ndarray]]:
        """Log-probability of each word of given captions, the end word included.

        Args:
            features: `(N, ...)`.
            captions: of each of the N images, any number.

        Returns:
            for each image a list of arrays, one a caption.
        """
        texts = [checked_texts("captions", each) for each in captions]
        features = self._checked_features(features)
        if len(texts) != len(features):
            raise UserError(
                f"`captions` has a list for each image: {len(features):,} were expected, {len(texts):,} received."
            )
        scored = score_captions(self, features, texts, checked_count("batch_size", batch_size))
        return [[caption.log_probabilities for caption in row] for row in scored]

    def read(
        self, features: np.ndarray, words: np.ndarray, batch_size: int, kind: type[DecoderNetwork] = CaptionReader
    ) -> dict[str, np.ndarray]:
        """What a `CaptionReader`, or another of its kind, makes of features `(N, ...)` and word ids `(N, C, T)`."""
        _, rows, length = words.shape
        needed = self.reading_memory(rows, length)
        require_memory(needed, f"Reading {rows} captions of {length} words", "max_words or the decoder's sizes")
        batch_size = rows_at_once(batch_size, needed)
        return self.run(kind, {"image": features, "words": words}, batch_size, jit_compile=batch_size > 1)
