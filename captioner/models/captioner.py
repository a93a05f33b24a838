"""The image captioner: photographs in, sentences out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from captioner.encoders.fingerprint import is_fingerprint, same_weights
from captioner.errors import UserError
from captioner.images import ImageLimits, load_image
from captioner.models.build import build_captioner_parts
from captioner.models.fusion import ShallowFusion, ids_by_name
from captioner.models.networks import CaptionNetwork, CaptionReader, CaptionSearcher
from captioner.presets.folder import read_preset, write_preset
from captioner.presets.precision import store_in_half_precision
from captioner.presets.weights import load_checked_weights
from captioner.settings import CaptionerSettings, SearchSettings
from captioner.text.tokenisers import get_tokeniser
from captioner.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Caption:
    """A sentence about an image.

    text: the sentence.
    words: its words, as the tokeniser counts them.
    score: mean log-probability a word, the end word included, in nats; 0 would be certainty.
    attention: `(words, P)`, where the decoder looked before each word, if it looks and if that was asked for.
    """

    text: str
    words: tuple[str, ...]
    score: float
    attention: np.ndarray | None = None


class ImageCaptioner:
    """An encoder, a decoder and the words they know.

    Args:
        settings: how the parts were built; saved in the preset.
        vocabulary: the words, in id order.
        encoder_weights: file with the weights of the encoder's frozen trunk; `keras.applications` fetches them where
            it is not given.

    Example:

        captioner = ImageCaptioner.from_preset("runs/flickr8k")
        captioner.caption("photo.jpg", beam_size=5)     # [Caption(text=..., score=...)]
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
        self.encoder, self.decoder = build_captioner_parts(settings, len(vocabulary), encoder_weights)
        self.network = CaptionNetwork(self.encoder.top, self.decoder, name="captioner")
        self.fusion: ShallowFusion | None = None
        self._compiled: dict[tuple, CaptionSearcher | CaptionReader] = {}
        self._build()

    def _build(self):
        image = np.zeros((1, *self.encoder.trunk_shape), "float32")
        self.network({"image": image, "words": np.ones((1, 1, 2), "int32")})

    @classmethod
    def from_preset(cls, folder: str | Path, encoder_weights: str | Path | None = None):
        """Loads a model that `captioner train` or `save_preset` wrote.

        Args:
            folder: the preset.
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
        trained_on = preset.metadata.get("encoder", {}).get("weights", [])
        if not is_fingerprint(trained_on):
            raise UserError(f"{folder}/metadata.json is damaged: its entry 'encoder' holds no fingerprint of weights.")
        if not same_weights(trained_on, captioner.encoder.weights_fingerprint):
            raise UserError(
                f"{folder} was trained on other weights of {preset.settings.encoder.name} than those given"
                f"{f' ({encoder_weights})' if encoder_weights else ''}; with these it would write nonsense."
            )
        return captioner

    def save_preset(
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
        # A network that was compiled would save its optimiser as well, which is twice the size of the weights.
        bare = CaptionNetwork(self.encoder.top, self.decoder)
        bare.built = True
        bare.save_weights(path)

    def mix_in(self, language, weight: float = 0.3) -> None:
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
        beam_size: int | None = None,
        candidates: int = 1,
        attention: bool = False,
        batch_size: int = 16,
        limits: ImageLimits | None = None,
    ):
        """Writes captions.

        Args:
            images: a path, bytes, a Pillow image or a uint8 array `(H, W, 3)`, or a list of such.
            beam_size: beams of the search; the preset's own setting by default.
            candidates: captions an image, at most `beam_size`.
            attention: also tell where the decoder looked.
            batch_size: images at once.

        Returns:
            a list of `candidates` captions, best first; for a list of images, a list of such lists.

        Raises:
            ImageError: an image cannot be read.
        """
        several = isinstance(images, (list, tuple))
        sources = list(images) if several else [images]
        batch_size = min(batch_size, max(len(sources), 1))
        captions = []
        for start in range(0, len(sources), batch_size):
            batch = sources[start : start + batch_size]
            pixels = np.stack([load_image(source, self.encoder.spec, limits or ImageLimits()) for source in batch])
            features = self.encode(pixels, batch_size)
            captions += self.caption_features(
                features, beam_size=beam_size, candidates=candidates, attention=attention, batch_size=batch_size
            )
        return captions if several else captions[0]

    def encode(self, pixels: np.ndarray, batch_size: int | None = None) -> np.ndarray:
        """Pixels `(N, H, W, 3)`, N at most `batch_size`, to what `caption_features` takes."""
        if not self.encoder.cacheable:
            return pixels
        rows = len(pixels)
        return np.asarray(self.encoder.trunk.predict(fill_up(pixels, batch_size or rows)))[:rows]

    def caption_features(
        self,
        features: np.ndarray,
        *,
        beam_size: int | None = None,
        candidates: int = 1,
        attention: bool = False,
        batch_size: int = 16,
        search: SearchSettings | None = None,
    ) -> list[list[Caption]]:
        """Captions from the frozen trunk's features (or pixels, where the whole encoder is trained) `(N, ...)`.

        Batches are filled up to their full size, so that one compiled search serves all and the same image gets the
        same caption wherever it stands.
        """
        search = search or self.settings.search
        width = max(beam_size or search.beam_size, 1)
        if not 1 <= candidates <= width:
            raise UserError(f"{candidates} candidates of {width} beams are not to be had; ask for 1 to {width}.")
        searcher = self._compile(
            CaptionSearcher, batch_size, width, search.max_words, search.length_penalty, self.fusion
        )
        captions = []
        for start in range(0, len(features), batch_size):
            batch = np.asarray(features[start : start + batch_size], "float32")
            found = searcher.predict_on_batch(fill_up(batch, batch_size))
            found = {name: values[: len(batch), :candidates] for name, values in found.items()}
            looked = self._attention(batch, found["words"], batch_size) if attention else None
            for row in range(len(batch)):
                captions.append(self._captions_of(found, row, None if looked is None else looked[row]))
        return captions

    def score_features(self, features: np.ndarray, captions: Sequence[Sequence[str]], batch_size: int = 16):
        """Log-probability of each word of given captions, the end word included.

        Args:
            features: `(N, ...)`.
            captions: for each of the N images as many captions as for the others.

        Returns:
            for each image a list of arrays, one a caption.
        """
        tokenise = get_tokeniser(self.vocabulary.tokeniser).tokenise
        words = [[tokenise(caption) for caption in given] for given in captions]
        longest = max(len(each) for given in words for each in given) + 2
        # A multiple of eight: few lengths, few compilations.
        length = -(-(longest - 1) // 8) * 8 + 1
        ids = np.array([[self.vocabulary.encode(text, length) for text in given] for given in captions], "int32")
        scores = []
        for start in range(0, len(features), batch_size):
            batch = np.asarray(features[start : start + batch_size], "float32")
            chunk = ids[start : start + batch_size]
            read = self._read(batch, chunk, batch_size)["log_probabilities"]
            for row in range(len(batch)):
                given = words[start + row]
                scores.append([read[row, index, : len(each) + 1] for index, each in enumerate(given)])
        return scores

    def _compile(self, kind, shape, *options):
        """A compiled network for inputs of one shape.

        Given a second shape, Keras would compile it anew for any shape, but a search has to know its own.
        """
        key = (kind, shape, *options)
        if key not in self._compiled:
            self._compiled[key] = kind(self.encoder.top, self.decoder, *options)
            self._compiled[key].compile(jit_compile=True)
        return self._compiled[key]

    def _read(self, features, words, batch_size):
        inputs = {"image": fill_up(features, batch_size), "words": fill_up(words, batch_size)}
        reader = self._compile(CaptionReader, inputs["words"].shape)
        return {name: values[: len(features)] for name, values in reader.predict_on_batch(inputs).items()}

    def _attention(self, features, words, batch_size):
        edge = np.full((*words.shape[:2], 1), self.vocabulary.start_id, "int32")
        return self._read(features, np.concatenate([edge, words, edge], axis=2), batch_size).get("attention")

    def _captions_of(self, found, row, looked) -> list[Caption]:
        captions = []
        for index in range(found["words"].shape[1]):
            length = int(found["lengths"][row, index])
            words = self.vocabulary.decode(found["words"][row, index, :length])
            captions.append(
                Caption(
                    text=get_tokeniser(self.vocabulary.tokeniser).detokenise(words),
                    words=tuple(words),
                    score=float(found["log_probabilities"][row, index]) / (length + 1),
                    attention=None if looked is None else looked[index, :length],
                )
            )
        return captions


def fill_up(values: np.ndarray, rows: int) -> np.ndarray:
    """Repeats the last row until there are `rows`."""
    if len(values) == rows:
        return values
    return np.concatenate([values, np.repeat(values[-1:], rows - len(values), axis=0)])
