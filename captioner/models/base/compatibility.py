"""Whether models, weights and vocabularies belong together."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from captioner.encoders.fingerprint import is_fingerprint, same_weights
from captioner.errors import UserError
from captioner.text.vocabulary import Vocabulary

if TYPE_CHECKING:  # commands check their models before Keras is loaded
    from captioner.encoders.base import Encoder


def require_same_vocabulary(first: Vocabulary, other: Vocabulary, name: object, other_name: object) -> None:
    """Refuses models with different words, or the same ones in another order.

    Raises:
        UserError: they differ.
    """
    if other == first:
        return
    words = f"{len(first):,} and {len(other):,}" if len(first) != len(other) else f"{len(first):,}, but not the same"
    raise UserError(
        f"{name} and {other_name} have different words ({words}): only models with the same vocabulary can write "
        "together. Train both on the same captions with the same text settings."
    )


def require_same_backbone(
    folder: str | Path, metadata: dict[str, Any], encoder: "Encoder", name: str, weights_path: str | Path | None
) -> None:
    """Refuses other weights of the frozen backbone than those that a preset was trained on.

    Args:
        folder: the preset.
        metadata: its own.
        encoder: the one that was built for it.
        name: of the encoder.
        weights_path: the file that its weights were read from, if there was one.

    Raises:
        UserError: they are others, or the preset does not say.
    """
    trained_on = metadata.get("encoder", {}).get("weights", [])
    if not is_fingerprint(trained_on):
        raise UserError(f"{folder}/metadata.json is damaged: its entry 'encoder' holds no fingerprint of weights.")
    if not same_weights(trained_on, encoder.weights_fingerprint):
        source = f" ({weights_path})" if weights_path else ""
        raise UserError(
            f"{folder} was trained on other weights of {name} than those given{source}; with these its output would "
            "be nonsense."
        )
