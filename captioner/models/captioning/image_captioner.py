"""The image captioner: photographs in, sentences out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.images.clips import load_pixels
from captioner.images.decode import ImageLimits
from captioner.models.base.build import build_decoder
from captioner.models.base.pretrained_model import PretrainedImageModel
from captioner.models.captioning.captions import Caption
from captioner.models.captioning.generation import write_captions
from captioner.models.captioning.networks import CaptionNetwork, CaptionReader
from captioner.models.captioning.sampling import keys_of
from captioner.models.captioning.scoring import SIDE_BY_SIDE, score_captions
from captioner.models.captioning.search_constraints import generation_config
from captioner.models.captioning.shallow_fusion import ShallowFusion, ids_by_name
from captioner.settings import CaptionerSettings, GenerationConfig, SearchSettings
from captioner.text.vocabulary import Vocabulary

__all__ = ["Caption", "ImageCaptioner"]


class ImageCaptioner(PretrainedImageModel):
    """An encoder, a decoder and the words they know.

    Args:
        settings, vocabulary, encoder_weights: see `PretrainedImageModel`.

    Example:

        captioner = ImageCaptioner.from_preset("runs/flickr8k")
        captioner.caption("photo.jpg", num_beams=5)     # [Caption(text=..., score=...)]
    """

    settings_class = CaptionerSettings

    def __init__(self, settings: CaptionerSettings, vocabulary: Vocabulary, encoder_weights: str | Path | None = None):
        super().__init__(settings, vocabulary, encoder_weights)
        self.decoder = self.network.decoder
        self.image_encoder = self.network.image_encoder
        self.encoders = [self.encoder]  # whose features `caption_features` takes
        self.fusion: ShallowFusion | None = None

    def _build_network(self) -> CaptionNetwork:
        decoder = build_decoder(self.settings.decoder, len(self.vocabulary), self.encoder.padded)
        network = CaptionNetwork(self.encoder.head, decoder, name="captioner")
        image = np.zeros((1, *self.encoder.backbone_shape), "float32")
        network({"image": image, "words": np.ones((1, 1, 2), "int32")})
        return network

    def _parts_text(self) -> str:
        return f"{self.settings.encoder} -> {self.settings.decoder}"

    @property
    def _parts(self) -> tuple:
        return self.image_encoder, self.decoder

    def set_language_model(self, language, weight: float = 0.3) -> None:
        """Shallow fusion: adds the scores of a language model in all later searches, to the scores of captions too.

        Args:
            language: a `LanguageModel` of words; they are matched by name.
            weight: of its log-probabilities; those of the decoder count 1.

        Raises:
            UserError: the two share no words.
        """
        self.fusion = ShallowFusion(language.network, ids_by_name(self.vocabulary, language.vocabulary), weight)

    def generation_config(self, config: SearchSettings | None = None, **changes) -> GenerationConfig:
        """How captions are generated: the preset's own settings, with those that `config` sets, with changes.

        Arguments and errors are those of `captioner.models.captioning.search_constraints.generation_config`.
        """
        return generation_config(self.settings.search, config, **changes)

    def caption(
        self,
        images,
        *,
        attention: bool = False,
        batch_size: int = 16,
        limits: ImageLimits | None = None,
        config: SearchSettings | None = None,
        **changes,
    ):
        """Writes captions.

        Args:
            images: a path, bytes, a Pillow image or a uint8 array `(H, W, 3)`, or a list of such; for a model of clips
                also an animated GIF, a folder of frames, or an array `(T, H, W, 3)`.
            attention: return the attention weights of each word, too.
            batch_size: images at once.
            limits: what an image may ask for before it is refused.
            config, changes: how captions are generated, and how many `candidates` of each image: see
                `GenerationConfig` and `generation_config`. With `do_sample` an image gets the same captions for the
                same seed.

        Returns:
            a list of `candidates` captions, best first (sampled ones in the order of sampling); for a list of images, a
            list of such lists. There are fewer where no more captions exist.

        Raises:
            ImageError: an image cannot be read.
            UserError: a setting does not fit, or the search finds nothing.

        Example:

            captioner.caption("photo.jpg", candidates=5, num_beams=5, num_beam_groups=5, force_words=("dog",))
            captioner.caption("photo.jpg", candidates=3, do_sample=True, temperature=0.7, seed=1)
        """
        several = isinstance(images, (list, tuple))
        sources = list(images) if several else [images]
        batch_size = min(batch_size, max(len(sources), 1))
        config = self.generation_config(config, **changes)
        captions = []
        for start in range(0, len(sources), batch_size):
            batch = sources[start : start + batch_size]
            pixels = np.stack([load_pixels(source, self.encoder.spec, limits or ImageLimits()) for source in batch])
            captions += self.caption_features(
                self.encode(pixels, batch_size), attention=attention, batch_size=batch_size,
                config=config, keys=keys_of(pixels) if config.do_sample else None,
            )  # fmt: skip
        return captions if several else captions[0]

    def caption_features(
        self,
        features: np.ndarray,
        *,
        attention: bool = False,
        batch_size: int = 16,
        config: SearchSettings | None = None,
        keys: Sequence[bytes] | None = None,
        **changes,
    ) -> list[list[Caption]]:
        """Captions from the frozen backbone's features (or pixels, where the whole encoder is trained) `(N, ...)`.

        Batches are padded to their full size, so that one compiled search serves all and the same image gets the same
        caption wherever it stands.

        Args:
            keys: for sampling, what stands for each image in its noise, such as its name; its features by default.
        """
        config = self.generation_config(config, **changes)
        return write_captions(self, features, config, attention=attention, batch_size=batch_size, keys=keys)

    def score(
        self,
        images,
        captions: Sequence[str] | Sequence[Sequence[str]],
        *,
        batch_size: int = 16,
        limits: ImageLimits | None = None,
    ):
        """The log-probabilities of given captions.

        Args:
            images: as for `caption`: an image, or a list of images.
            captions: those of the image; for a list of images a list of captions each.
            batch_size: images at once.

        Returns:
            a list of `ScoredCaption`; for a list of images, a list of such lists.

        Raises:
            ImageError: an image cannot be read.
            UserError: there are not as many lists of captions as images, or a caption is too long.

        Example:

            likely, unlikely = captioner.score("photo.jpg", ["a dog runs", "two cats asleep"])
            print(likely.score > unlikely.score, likely.perplexity, unlikely.unknown)
        """
        several = isinstance(images, (list, tuple))
        sources, texts = (list(images), list(captions)) if several else ([images], [captions])
        if len(sources) != len(texts) or any(isinstance(each, str) for each in texts):
            raise UserError(
                f"Each of the {len(sources):,} images needs a list of captions; received {len(texts):,} lists or texts."
            )
        batch_size = min(batch_size, max(len(sources), 1))
        width = min(SIDE_BY_SIDE, max(map(len, texts), default=1)) or 1
        scored = []
        for start in range(0, len(sources), batch_size):
            batch = sources[start : start + batch_size]
            pixels = np.stack([load_pixels(source, self.encoder.spec, limits or ImageLimits()) for source in batch])
            features = self.encode(pixels, batch_size)
            scored += score_captions(self, features, texts[start : start + batch_size], batch_size, width)
        return scored if several else scored[0]

    def score_features(self, features: np.ndarray, captions: Sequence[Sequence[str]], batch_size: int = 16):
        """Log-probability of each word of given captions, the end word included.

        Args:
            features: `(N, ...)`.
            captions: of each of the N images, any number.

        Returns:
            for each image a list of arrays, one a caption.
        """
        scored = score_captions(self, features, captions, batch_size)
        return [[caption.log_probabilities for caption in row] for row in scored]

    def read(self, features: np.ndarray, words: np.ndarray, batch_size: int, kind=CaptionReader):
        """What a `CaptionReader`, or another of its kind, makes of features `(N, ...)` and word ids `(N, C, T)`."""
        return self.run(kind, {"image": features, "words": words}, batch_size)
