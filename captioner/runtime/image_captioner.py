"""An exported image captioner: photographs in, sentences out, without Keras."""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np

from captioner.decoding.constraints import SpecialTokens
from captioner.errors import UserError
from captioner.models.captioning.captioning import CaptioningMixin
from captioner.models.captioning.captions import Caption, captions_of
from captioner.models.captioning.search_constraints import constraints_of, generation_config
from captioner.runtime.engines import ENGINES
from captioner.runtime.folder import Export
from captioner.runtime.networks import ENCODING, STEPPING
from captioner.runtime.search import SearchOptions, beam_search
from captioner.settings import CaptionerSettings, GenerationConfig, SearchSettings
from captioner.text.vocabulary import Vocabulary

SPECIAL = SpecialTokens(Vocabulary.start_id, Vocabulary.end_id, (Vocabulary.pad_id, Vocabulary.unknown_id))
# Settings of a search that the search in NumPy has not, and what they are where they are not used.
_NOT_HERE = {"do_sample": False, "num_beam_groups": 1, "no_repeat_ngram_size": 0, "force_words": ()}


def exported_config(
    settings: CaptionerSettings, vocabulary: Vocabulary, config: SearchSettings | None = None, **changes
) -> GenerationConfig:
    """How captions are generated, checked without the networks; arguments but the first two as of `generation_config`.

    Raises:
        UserError: also where a setting asks for what the search in NumPy has not.
    """
    merged = generation_config(settings.search, config, **changes)
    for name, unused in _NOT_HERE.items():
        if getattr(merged, name) != unused:
            asked = f"{name} = {getattr(merged, name)!r}"
            raise UserError(f"{asked} needs the engine keras; exported models do without it.")
    if any(len(phrase) > 1 for phrase in constraints_of(merged, vocabulary).bad_phrases):
        raise UserError("Phrases in bad_words need the engine keras; exported models know single words only.")
    return merged


class ExportedCaptioner(CaptioningMixin):
    """The networks of an exported `ImageCaptioner`, and the search over them.

    Args:
        export: see `read_export`.

    Raises:
        UserError: the engine is not installed, or cannot read the networks.

    Example:

        captioner = load_export("exports/flickr8k")
        captioner.caption("photo.jpg", num_beams=5)     # [Caption(text=..., score=...)]
    """

    def __init__(self, export: Export):
        self.settings, self.vocabulary = export.config.settings, export.vocabulary
        self.encoder = SimpleNamespace(spec=export.config.image.spec, grid=export.config.grid)
        self.engine = export.config.engine
        network = ENGINES.get(self.engine)
        self._encode, self._step = (
            network(export.folder / f"{name}{network.ending}", export.config.precision) for name in (ENCODING, STEPPING)
        )

    def __repr__(self) -> str:
        parts = f"{self.settings.encoder} -> {self.settings.decoder}"
        return f"ExportedCaptioner({parts}, {len(self.vocabulary):,} words, {self.engine})"

    def generation_config(self, config: SearchSettings | None = None, **changes) -> GenerationConfig:
        """See `ImageCaptioner.generation_config`, and `exported_config`."""
        return exported_config(self.settings, self.vocabulary, config, **changes)

    def encode(self, pixels: np.ndarray, batch_size: int | None = None) -> dict[str, np.ndarray]:
        """What a search begins with, of pixels `(N, H, W, 3)`: arrays `(N, ...)` by name."""
        return self._encode({"pixels": np.asarray(pixels, "float32")})

    def caption_features(
        self,
        features: dict[str, np.ndarray],
        *,
        attention: bool = False,
        batch_size: int = 16,
        config: SearchSettings | None = None,
        keys: Sequence[bytes] | None = None,
        **changes,
    ) -> list[list[Caption]]:
        """See `ImageCaptioner.caption_features`; `features` are what `encode` gives."""
        if attention:
            raise UserError("Attention maps need the engine keras; exported networks do not give them.")
        config = self.generation_config(config, **changes)
        count = len(next(iter(features.values())))
        image = {name: values for name, values in features.items() if name.startswith("image.")}
        state = {
            name: np.repeat(values, config.num_beams, axis=0)
            for name, values in features.items()
            if name.startswith("state.")
        }

        def step(words, state):
            outputs = self._step({"words": words, **image, **state})
            return outputs["log_probabilities"], {name: outputs[f"next_{name}"] for name in state}

        options = SearchOptions(
            config.num_beams, config.max_words, config.length_penalty, config.min_words,
            constraints_of(config, self.vocabulary).bad_words,
        )  # fmt: skip
        found = beam_search(step, state, count, SPECIAL, options)._asdict()
        found = {name: values[:, : config.candidates] for name, values in found.items()}
        captions = [captions_of(self.vocabulary, found, row) for row in range(count)]
        if not all(captions):
            raise UserError(
                f"There is no caption of {config.min_words} to {config.max_words} words that satisfies all "
                "constraints. Give fewer of them."
            )
        return captions
