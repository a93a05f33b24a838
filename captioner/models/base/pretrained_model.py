"""What every trained model is: settings, a vocabulary and a network, kept together as a preset."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn, Self, SupportsIndex

import keras
import numpy as np

from captioner.arguments import checked_arrays
from captioner.backend import predict_on_batch, require_own_process, require_usable_backend
from captioner.encoders import build_encoder
from captioner.errors import UserError
from captioner.layers.parameter_limit import TooManyParameters, limited_parameters
from captioner.models.base.batching import encode_with, pad_batch
from captioner.models.base.compatibility import require_same_backbone
from captioner.presets.folder import Preset, read_preset, write_preset
from captioner.presets.weights import count_numbers, load_checked_weights, read_layout, save_weights
from captioner.settings import Settings
from captioner.text.answers import AnswerList
from captioner.text.vocabulary import Vocabulary

UNUSED = 2**24  # parameters at most of layers that are built and that no weights file holds: 64 MB
MOST_COMPILED = 16  # compiled networks that a model keeps: the sizes of a service's batches, with and without attention


class PretrainedModel:
    """A network that is built from settings, and how it is saved, loaded and run in batches.

    A subclass names its `settings_class` and defines `_build_network`.

    Args:
        settings: how the network is built; saved in the preset.
        vocabulary: the words, in id order.

    Raises:
        UserError: the settings do not go together.

    Attributes:
        metadata: where the model comes from; what `metadata.json` of its preset holds.
    """

    settings_class: type[Settings]
    answers: AnswerList | None = None  # of a model that chooses from a list

    def __init__(self, settings: Settings, vocabulary: Vocabulary):
        require_usable_backend()
        self.settings = settings
        self.vocabulary = vocabulary
        self.metadata: dict[str, Any] = {}
        self._compiled: dict[tuple, keras.Model] = {}
        try:
            self.network = self._build_network()
        except UserError:
            raise
        except ValueError as error:
            raise UserError(f"These settings do not go together: {error}") from None

    def _build_network(self) -> keras.Model:
        """The network that the settings describe, with all its weights."""
        raise NotImplementedError(f"{type(self).__name__} does not define `_build_network`.")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._parts_text()}, {len(self.vocabulary):,} words)"

    def _parts_text(self) -> str:
        """The parts of the network in the order in which they run, with their sizes."""
        return f"{self.network.count_params():,} parameters"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Pickling, `copy.copy` and `copy.deepcopy` end here: Keras' networks do not survive them.

        Raises:
            UserError: always; a preset takes the place of a pickle.
        """
        name = type(self).__name__
        raise UserError(
            f"{name} cannot be pickled or copied. Write it with save_to_preset(folder), and load it where it is needed "
            f"with {name}.from_preset(folder)."
        )

    # Presets.

    @classmethod
    def from_preset(cls, folder: str | Path) -> Self:
        """Loads a model that `captioner train` or `save_to_preset` wrote.

        Args:
            folder: the preset, or the name of a model that is installed with the package, such as "flickr8k".

        Raises:
            UserError: a file is missing, damaged, from another preset, or of another kind of model.
        """
        return cls._load(folder)

    @classmethod
    def _load(
        cls, folder: str | Path, encoder_changes: Mapping[str, Any] = MappingProxyType({}), **options: Any
    ) -> Self:
        require_usable_backend()
        kind = cls.settings_class.model_fields["kind"].default
        preset = read_preset(folder, kinds={kind: cls.settings_class})
        if encoder_changes:
            encoder = preset.settings.encoder.model_copy(update=encoder_changes)
            preset = replace(preset, settings=preset.settings.model_copy(update={"encoder": encoder}))
        numbers = count_numbers(read_layout(preset.weights))
        try:
            with limited_parameters(numbers + UNUSED):
                model = cls(*cls._arguments(preset), **options)
        except UserError as error:
            raise UserError(f"{folder} cannot be used: {error}") from None
        except TooManyParameters:
            raise UserError(
                f"{folder} cannot be used: config.json describes a model of more than the {numbers:,} numbers that "
                f"{preset.weights.name} holds. One of the two is from another model."
            ) from None
        load_checked_weights(model.network, preset.weights)
        model.metadata = preset.metadata
        return model

    @classmethod
    def _arguments(cls, preset: Preset) -> tuple:
        """The constructor's arguments that a preset holds."""
        return preset.settings, preset.vocabulary

    def save_to_preset(
        self, folder: str | Path, metadata: dict[str, Any] | None = None, half_precision: bool = False
    ) -> None:
        """Writes the model as a folder that holds all that is needed to use it.

        Args:
            folder: made if it does not exist.
            metadata: where the model comes from, as JSON can hold it.
            half_precision: store the weights as float16, in half the space.

        Raises:
            UserError: the metadata holds what JSON cannot.
        """
        try:
            json.dumps(metadata)
        except (TypeError, ValueError) as error:
            raise UserError(f"`metadata` holds what JSON cannot: {error}. Give texts, numbers and lists.") from None
        write_preset(
            Path(folder),
            self.settings,
            self.vocabulary,
            lambda path: save_weights(self.network, path, half_precision),
            {**self._metadata_facts(), **(metadata or {})},
            self.answers,
        )

    def _metadata_facts(self) -> dict[str, Any]:
        """What `metadata.json` says of every model."""
        import captioner

        return {
            "captioner": captioner.__version__,
            "keras": keras.__version__,
            "parameters": int(self.network.count_params()),
            "vocabulary_size": len(self.vocabulary),
        }

    # Compiled networks.

    def run(
        self, kind: type[keras.Model], inputs: Any, batch_size: int, options: tuple = (), jit_compile: bool = True
    ) -> Any:
        """The outputs of a network for all rows of its inputs.

        Batches are padded to their full size, so that one compiled network serves all of them and a row gets the same
        outputs wherever it stands.

        Args:
            kind: see `compiled`.
            inputs: nest of arrays `(N, ...)`, N at least 1.
            batch_size: rows at once.
            options, jit_compile: see `compiled`.

        Returns:
            nest of arrays `(N, ...)`.
        """
        rows = len(keras.tree.flatten(inputs)[0])
        outputs = []
        for start in range(0, rows, batch_size):
            chunk = slice(start, start + batch_size)
            batch = keras.tree.map_structure(lambda values, chunk=chunk: pad_batch(values[chunk], batch_size), inputs)
            shapes = tuple(values.shape for values in keras.tree.flatten(batch))
            network = self.compiled(kind, shapes, *options, jit_compile=jit_compile)
            outputs.append(predict_on_batch(network, batch))
        return keras.tree.map_structure(lambda *parts: np.concatenate(parts)[:rows], *outputs)

    def compiled(self, kind: type[keras.Model], shape: Any, *options: Any, jit_compile: bool = True) -> keras.Model:
        """A network over the model's weights, compiled once for inputs of each shape and kept while others are not
        used more often: a service whose clients vary their options would fill the memory.

        Given inputs of a second shape, Keras would compile a network anew for any shape; a search has to know its own.

        Args:
            kind: class of the network; its constructor takes `_parts` and the options.
            shape: what tells inputs of one shape from those of another.
            jit_compile: XLA makes loops over words fast, and takes long to compile.
        """
        require_own_process()
        key = (kind, shape, *options)
        network = self._compiled.pop(key, None)
        if network is None:
            network = kind(*self._parts, *options)
            network.compile(jit_compile=jit_compile)
            if len(self._compiled) == MOST_COMPILED:
                del self._compiled[next(iter(self._compiled))]
        self._compiled[key] = network  # the last one is what was used last
        return network

    @property
    def _parts(self) -> tuple:
        """The layers that every network over the model's weights is made of."""
        return (self.network,)


class PretrainedImageModel(PretrainedModel):
    """A model that sees images through an encoder, whose frozen backbone is named in the preset and not part of it.

    Args:
        settings, vocabulary: see `PretrainedModel`.
        encoder_weights: file with the weights of the encoder's frozen backbone; `keras.applications` fetches them where
            it is not given.
    """

    def __init__(self, settings: Settings, vocabulary: Vocabulary, encoder_weights: str | Path | None = None):
        require_usable_backend()
        self.encoder = build_encoder(settings.encoder, weights_path=encoder_weights)
        super().__init__(settings, vocabulary)

    @classmethod
    def from_preset(
        cls, folder: str | Path, encoder_weights: str | Path | None = None, half_precision: bool | None = None
    ) -> Self:
        """Loads a model, see `PretrainedModel.from_preset`.

        Args:
            encoder_weights: see the class.
            half_precision: whether the frozen backbone runs in bfloat16 where that is faster; by default as the preset
                says.

        Raises:
            UserError: also where the preset was trained on other weights of the backbone.
        """
        changes = {} if half_precision is None else {"half_precision": half_precision}
        model = cls._load(folder, changes, encoder_weights=encoder_weights)
        require_same_backbone(folder, model.metadata, model.encoder, model.settings.encoder.name, encoder_weights)
        return model

    def _metadata_facts(self) -> dict[str, Any]:
        return {**super()._metadata_facts(), "encoder": self.encoder.identity()}

    def encode(self, pixels: np.ndarray, batch_size: int | None = None) -> np.ndarray:
        """The frozen backbone's features of pixels, see `encode_with`.

        Raises:
            UserError: they have another shape than those of `captioner.images.decode.load_image`.
        """
        return encode_with(self.encoder, self._checked_pixels(pixels), batch_size)

    @property
    def features_shape(self) -> tuple[int, ...]:
        """The shape of what `encode` gives for one image."""
        return self.encoder.backbone_shape

    def _checked_pixels(self, pixels: np.ndarray) -> np.ndarray:
        return checked_arrays("pixels", pixels, self.encoder.spec.shape, "load_image(path, model.encoder.spec)")

    def _checked_features(self, features: np.ndarray) -> np.ndarray:
        return checked_arrays("features", features, self.features_shape, "model.encode(pixels)")
