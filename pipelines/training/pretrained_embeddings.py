"""Vectors that others have trained as the first ones of a model's words."""

from collections.abc import Sequence
from pathlib import Path

from captioner.errors import UserError
from captioner.layers.embedding import OneHotEmbedding
from captioner.text.vectors import read_vectors
from captioner.text.vocabulary import SPECIALS


def load_pretrained_embeddings(embedding, words: Sequence[str], path: str | Path, setting: str) -> str:
    """Fills an embedding with the vectors of a file, where it has the word; all of them go on learning.

    Args:
        embedding: a `WordEmbedding` of `words`.
        words: in id order, special ones too.
        path: a text file of GloVe or word2vec.
        setting: the setting that says how large a vector is, for the message.

    Returns:
        how many words were found, as a sentence.

    Raises:
        UserError: the file is missing or damaged, its vectors have another size or hold none of the words, or the words
            have no vectors that are learned.
    """
    if isinstance(embedding, OneHotEmbedding):
        raise UserError(f"Word vectors ({path}) need an embedding that is learned; this model's words are one-hot.")
    matrix, has_vector = read_vectors(path, words)
    if matrix.shape[1] != embedding.output_dim:
        raise UserError(
            f"The vectors in {path} have {matrix.shape[1]} numbers, but {setting} = {embedding.output_dim}. "
            f"Set {setting} = {matrix.shape[1]}."
        )
    real = [number for number, word in enumerate(words) if word not in SPECIALS]
    count = int(has_vector[real].sum())
    if not count:
        raise UserError(
            f"None of the {len(real):,} words, such as {words[real[0]] if real else ''!r}, has a vector in {path}. "
            "Are they of another language, or in capitals?"
        )
    embedding.load_vectors(matrix, has_vector)
    return f"Word vectors: {count:,} of {len(real):,} words ({count / len(real):.1%}) found in {Path(path).name}"
