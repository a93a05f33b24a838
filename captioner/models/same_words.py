"""Whether models can write one sentence together."""

from captioner.errors import UserError
from captioner.text.vocabulary import Vocabulary


def require_same_words(first: Vocabulary, other: Vocabulary, name: object, other_name: object) -> None:
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
