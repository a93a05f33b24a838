"""Initial weights of a decoder from a language model, which knows sentences but no images."""

import numpy as np
from keras import ops

from captioner.errors import UserError
from captioner.models.captioning.shallow_fusion import ids_by_name
from captioner.models.language.language_model import LanguageModel
from captioner.text.vocabulary import SPECIALS, Vocabulary

INPUT_KERNELS = ("kernel", "bare_kernel")  # a cell's weights whose rows belong to its input


def warm_start_decoder(decoder, vocabulary: Vocabulary, language: LanguageModel) -> list[str]:
    """Copies weights of a language model into a built decoder, wherever shapes fit; words are matched by name.

    - The embedding, where both have vectors of one size.
    - The cells, layer by layer, where they are of one kind and size. What a decoder's lowest layer gets besides the
      word (image features) keeps its weights.
    - The output layer. A decoder has a hidden layer before its scores; where the language model's output is as large
      as a word vector it begins as the identity, so that the decoder begins with nearly the probabilities of the
      language model.

    Returns:
        a description of each thing that was copied.

    Raises:
        UserError: the two share no words, or nothing fits; nothing was copied then.
    """
    ids = ids_by_name(vocabulary, language.vocabulary)
    known = ids != language.vocabulary.unknown_id
    known[: len(SPECIALS)] = True
    shared = np.flatnonzero(known)
    network, copies = language.network, []
    table = getattr(network.embedding, "embeddings", None)
    learned = table is not None and hasattr(decoder.embedding, "embeddings")
    same_vectors = learned and table.shape[1] == decoder.embedding_size
    size = decoder.embedding_size if same_vectors and decoder.word_first else None
    if same_vectors:
        _copy_rows(table, decoder.embedding.embeddings, ids, shared)
        copies.append(f"the vectors of {len(shared):,} of {len(ids):,} words")
    copied, of = _copy_cells(network.cell.layer_cells(), decoder.cell.layer_cells(), size)
    if copied:
        copies.append(f"{copied} of {of} weights of the cells")
    copies += _copy_output(network, decoder, ids, shared, same_vectors)
    if not copies:
        raise UserError(
            "Nothing of the language model fits the decoder: it has vectors of "
            f"{language.settings.model.embedding_size} numbers and cells {language.settings.model.cell} with "
            f"{language.settings.model.units} units, the decoder vectors of {decoder.embedding_size} and "
            f"{type(decoder.cell).__name__} with {decoder.cell.output_size}. Give it the decoder's sizes "
            "(model.embedding_size, model.cell, model.units)."
        )
    return copies


def _copy_rows(source, target, ids, shared) -> None:
    values = _to_numpy(target)
    values[shared] = _to_numpy(source)[ids[shared]]
    target.assign(values)


def _copy_cells(theirs, ours, size: int | None) -> tuple[int, int]:
    """How many of the decoder's weights of its cells were copied, of how many; `size` is that of shared vectors."""
    copied = 0
    for number, (source, target) in enumerate(zip(theirs, ours, strict=False)):
        if type(source) is not type(target):
            continue
        known = {variable.name: variable for variable in source.weights}
        for variable in target.weights:
            other = known.get(variable.name)
            if other is None or other.shape[1:] != variable.shape[1:]:
                continue
            if number == 0 and variable.name in INPUT_KERNELS:
                # The input begins with the word; a language model has no weights for what follows.
                fits = size is not None and other.shape[0] == size <= variable.shape[0]
            else:
                fits = other.shape == variable.shape
            if fits:
                values = _to_numpy(variable)
                values[: other.shape[0]] = _to_numpy(other)
                variable.assign(values)
                copied += 1
    return copied, sum(len(cell.weights) for cell in ours)


def _copy_output(network, decoder, ids, shared, same_vectors) -> list[str]:
    if getattr(decoder, "output_bias", None) is None:
        return []
    _copy_rows(network.output_bias, decoder.output_bias, ids, shared)
    units, size = network.cell.output_size, decoder.hidden_size
    kernel = decoder.deep_output.kernel
    fits = units == size == decoder.cell.output_size and (same_vectors or not decoder.tie_embeddings)
    if not (fits and decoder.output_first) or network.tie_embeddings != decoder.tie_embeddings:
        return ["how frequent words are"]
    if not decoder.tie_embeddings:
        target = decoder.output_kernel
        values = _to_numpy(target)
        values[:, shared] = _to_numpy(network.output_kernel)[:, ids[shared]]
        target.assign(values)
    values = _to_numpy(kernel) * 0.1  # other features than the cell's output begin with little weight
    values[:units] = np.eye(units)
    kernel.assign(values)
    return ["the output layer"]


def _to_numpy(variable) -> np.ndarray:
    return np.array(ops.convert_to_numpy(variable))
