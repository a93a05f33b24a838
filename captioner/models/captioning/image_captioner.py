"""The image captioner: photographs in, sentences out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from captioner.encoders import build_encoder
from captioner.errors import UserError
from captioner.images.clips import load_pixels
from captioner.images.decode import ImageLimits
from captioner.models.base.batching import encode_with, pad_batch
from captioner.models.base.build import build_decoder
from captioner.models.base.compatibility import require_same_backbone
from captioner.models.captioning.generation import Caption, write_captions
from captioner.models.captioning.networks import CaptionNetwork, CaptionReader
from captioner.models.captioning.sampling import Sampling, keys_of
from captioner.models.captioning.scoring import SIDE_BY_SIDE, score_given
from captioner.models.captioning.shallow_fusion import ShallowFusion, ids_by_name
from captioner.presets.folder import read_preset, write_preset
from captioner.presets.precision import store_in_half_precision
from captioner.presets.weights import load_checked_weights
from captioner.settings import CaptionerSettings, SearchSettings
from captioner.text.vocabulary import Vocabulary

__all__ = ["Caption", "ImageCaptioner"]


class ImageCaptioner:
    """An encoder, a decoder and the words they know.

    Args:
        settings: how the parts were built; saved in the preset.
        vocabulary: the words, in id order.
        encoder_weights: file with the weights of the encoder's frozen backbone; `keras.applications` fetches them where
            it is not given.

    Example:

        captioner = ImageCaptioner.from_preset("runs/flickr8k")
        captioner.caption("photo.jpg", num_beams=5)     # [Caption(text=..., score=...)]
    """

    def __init__(
        self,
        settings: CaptionerSettings,
        vocabulary: Vocabulary,
        encoder_weights: str | Path | None = None,
    ):
        self.settings = settings
        self.vocabulary = vocabulary
        self.metadata: dict[str, Any] = {}
        self.encoder = build_encoder(settings.encoder, weights_path=encoder_weights)
        self.decoder = build_decoder(settings.decoder, len(vocabulary))
        self.decoder.padded = self.encoder.padded
        self.encoders = [self.encoder]  # whose features `caption_features` takes
        self.image_encoder = self.encoder.head
        self.network = CaptionNetwork(self.image_encoder, self.decoder, name="captioner")
        self.fusion: ShallowFusion | None = None
        self._compiled: dict[tuple, Any] = {}
        self._build()

    def _build(self):
        image = np.zeros((1, *self.encoder.backbone_shape), "float32")
        self.network({"image": image, "words": np.ones((1, 1, 2), "int32")})

    @classmethod
    def from_preset(cls, folder: str | Path, encoder_weights: str | Path | None = None):
        """Loads a model that `captioner train` or `save_to_preset` wrote.

        Args:
            folder: the preset, or the name of a model that is installed with the package, such as "flickr8k".
            encoder_weights: see the class.

        Raises:
            UserError: a file is missing, damaged, from another preset, or of another kind of model.
        """
        preset = read_preset(Path(folder), kinds={"captioner": CaptionerSettings})
        try:
            captioner = cls(preset.settings, preset.vocabulary, encoder_weights)
        except UserError as error:
            raise UserError(f"{folder} cannot be used: {error}") from None
        load_checked_weights(captioner.network, preset.weights)
        captioner.metadata = preset.metadata
        name = preset.settings.encoder.name
        require_same_backbone(folder, preset.metadata, captioner.encoder, name, encoder_weights, "write nonsense")
        return captioner

    def save_to_preset(
        self, folder: str | Path, metadata: dict[str, Any] | None = None, half_precision: bool = False
    ) -> None:
        """Writes the model as a folder that is all one needs to caption images.

        Args:
            folder: made if it does not exist.
            metadata: where the model comes from, as JSON can hold it.
            half_precision: store the weights as float16, in half the space.
        """
        import keras

        import captioner

        facts = {
            "captioner": captioner.__version__,
            "keras": keras.__version__,
            "parameters": int(self.network.count_params()),
            "vocabulary_size": len(self.vocabulary),
            "encoder": self.encoder.identity(),
        }

        def save_weights(path: Path) -> None:
            self._save_weights(path)
            if half_precision:
                store_in_half_precision(path)

        write_preset(Path(folder), self.settings, self.vocabulary, save_weights, {**facts, **(metadata or {})})

    def _save_weights(self, path: Path) -> None:
        # A network that was compiled would save its optimizer as well, which is twice the size of the weights.
        bare = CaptionNetwork(self.encoder.head, self.decoder)
        bare.built = True
        bare.save_weights(path)

    def set_language_model(self, language, weight: float = 0.3) -> None:
        """Lets a language model have a say in all searches to come; the scores of captions are then mixed ones, too.

        Args:
            language: a `LanguageModel` of words; they are matched by name.
            weight: of its log-probabilities; those of the decoder count 1.

        Raises:
            UserError: the two share no words.
        """
        self.fusion = ShallowFusion(language.network, ids_by_name(self.vocabulary, language.vocabulary), weight)

    def caption(
        self,
        images,
        *,
        num_beams: int | None = None,
        candidates: int = 1,
        attention: bool = False,
        batch_size: int = 16,
        limits: ImageLimits | None = None,
        search: SearchSettings | None = None,
        sampling: Sampling | None = None,
    ):
        """Writes captions.

        Args:
            images: a path, bytes, a Pillow image or a uint8 array `(H, W, 3)`, or a list of such; for a model of clips
                also an animated GIF, a folder of frames, or an array `(T, H, W, 3)`.
            num_beams: beams of the search; the preset's own setting by default.
            candidates: captions an image, at most `num_beams`, or any number of drawn ones.
            attention: also tell where the decoder looked.
            batch_size: images at once.
            search: how captions are searched for and what they keep to; the preset's own settings by default.
            sampling: draw captions, instead of searching for the best ones. The same image gets the same captions for
                the same seed.

        Returns:
            a list of `candidates` captions, best first (drawn ones as they were drawn); for a list of images, a list of
            such lists. There are fewer where no more captions exist.

        Raises:
            ImageError: an image cannot be read.
            UserError: the search cannot be done, or finds nothing.

        Example:

            search = SearchSettings(num_beam_groups=5, force_words=("dog",), no_repeat_ngram_size=2)
            captioner.caption("photo.jpg", num_beams=5, candidates=5, search=search)
            captioner.caption("photo.jpg", candidates=3, sampling=Sampling(temperature=0.7, seed=1))
        """
        several = isinstance(images, (list, tuple))
        sources = list(images) if several else [images]
        batch_size = min(batch_size, max(len(sources), 1))
        captions = []
        for start in range(0, len(sources), batch_size):
            batch = sources[start : start + batch_size]
            pixels = np.stack([load_pixels(source, self.encoder.spec, limits or ImageLimits()) for source in batch])
            features = self.encode(pixels, batch_size)
            captions += self.caption_features(
                features, num_beams=num_beams, candidates=candidates, attention=attention, batch_size=batch_size,
                search=search, sampling=sampling, keys=keys_of(pixels) if sampling else None,
            )  # fmt: skip
        return captions if several else captions[0]

    def encode(self, pixels: np.ndarray, batch_size: int | None = None) -> np.ndarray:
        """Pixels `(N, H, W, 3)`, N at most `batch_size`, to what `caption_features` takes."""
        return encode_with(self.encoder, pixels, batch_size)

    def caption_features(
        self,
        features: np.ndarray,
        *,
        num_beams: int | None = None,
        candidates: int = 1,
        attention: bool = False,
        batch_size: int = 16,
        search: SearchSettings | None = None,
        sampling: Sampling | None = None,
        keys: Sequence[bytes] | None = None,
    ) -> list[list[Caption]]:
        """Captions from the frozen backbone's features (or pixels, where the whole encoder is trained) `(N, ...)`.

        Batches are filled up to their full size, so that one compiled search serves all and the same image gets the
        same caption wherever it stands.

        Args:
            keys: for sampling, what stands for each image in its noise, such as its name; its features by default.
        """
        return write_captions(
            self, features, num_beams=num_beams, candidates=candidates, attention=attention, batch_size=batch_size,
            search=search or self.settings.search, sampling=sampling, keys=keys,
        )  # fmt: skip

    def score(
        self,
        images,
        captions: Sequence[str] | Sequence[Sequence[str]],
        *,
        batch_size: int = 16,
        limits: ImageLimits | None = None,
    ):
        """Tells how likely given captions are.

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
        sources, given = (list(images), list(captions)) if several else ([images], [captions])
        if len(sources) != len(given) or any(isinstance(each, str) for each in given):
            raise UserError(
                f"Each of the {len(sources):,} images needs a list of captions; received {len(given):,} lists or texts."
            )
        batch_size = min(batch_size, max(len(sources), 1))
        width = min(SIDE_BY_SIDE, max(map(len, given), default=1)) or 1
        scored = []
        for start in range(0, len(sources), batch_size):
            batch = sources[start : start + batch_size]
            pixels = np.stack([load_pixels(source, self.encoder.spec, limits or ImageLimits()) for source in batch])
            features = self.encode(pixels, batch_size)
            scored += score_given(self, features, given[start : start + batch_size], batch_size, width)
        return scored if several else scored[0]

    def score_features(self, features: np.ndarray, captions: Sequence[Sequence[str]], batch_size: int = 16):
        """Log-probability of each word of given captions, the end word included.

        Args:
            features: `(N, ...)`.
            captions: of each of the N images, any number.

        Returns:
            for each image a list of arrays, one a caption.
        """
        scored = score_given(self, features, captions, batch_size)
        return [[caption.log_probabilities for caption in given] for given in scored]

    def compiled(self, kind, shape, *options):
        """A compiled network for inputs of one shape.

        Given a second shape, Keras would compile it anew for any shape, but a search has to know its own.
        """
        key = (kind, shape, *options)
        if key not in self._compiled:
            self._compiled[key] = kind(self.image_encoder, self.decoder, *options)
            self._compiled[key].compile(jit_compile=True)
        return self._compiled[key]

    def read(self, features: np.ndarray, words: np.ndarray, batch_size: int, kind=CaptionReader):
        """What a `CaptionReader`, or another of its kind, tells of word ids `(N, C, T)`, N at most `batch_size`."""
        inputs = {"image": pad_batch(features, batch_size), "words": pad_batch(words, batch_size)}
        reader = self.compiled(kind, inputs["words"].shape)
        return {name: values[: len(features)] for name, values in reader.predict_on_batch(inputs).items()}
