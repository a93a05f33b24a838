"""What images may look like that captions describe, for decoders that reconstruct the image from the words."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from captioner.models.captioning.networks import DecoderNetwork
from captioner.models.captioning.scoring import encode_padded, padded_length
from captioner.text.tokenizers import get_tokenizer
from captioner.text.vocabulary import Vocabulary


class ReconstructionReader(DecoderNetwork):
    """Images as the decoder sees them, and as it reconstructs them from captions alone.

    Args:
        image_encoder: as in `DecoderNetwork`.
        decoder: one with `reconstruct_image`, such as `RecurrentVisualDecoder`.

    Call arguments:
        inputs: `{"image": (B, ...), "words": int (B, C, T)}`, captions with start word.

    Returns:
        dictionary `seen (B, D)` and `reconstructed (B, C, T, D)`, after each word.
    """

    def call(self, inputs):
        images, captions, length = inputs["words"].shape
        memory = self.image_encoder(ops.cast(inputs["image"], "float32"))
        reconstructed = self.decoder.reconstruct_image(ops.reshape(inputs["words"], (images * captions, length)))
        return {
            "seen": self.decoder.prepare(memory)["seen"],
            "reconstructed": ops.reshape(reconstructed, (images, captions, length, -1)),
        }


def can_reconstruct(captioner) -> bool:
    """Whether a captioner's decoder reconstructs the image from the words."""
    return hasattr(captioner.decoder, "reconstruct_image")


def images_and_captions(
    captioner, features: np.ndarray, captions: Sequence[Sequence[str]], batch_size: int = 32
) -> tuple[np.ndarray, np.ndarray]:
    """Image vectors, and the image vectors that captions describe after their last word.

    Args:
        captioner: an `ImageCaptioner` whose decoder reconstructs images.
        features: `(N, ...)`.
        captions: of each image at least one, any number.

    Returns:
        `(N, D)` and `(M, D)`, the M captions in the order of their images.
    """
    tokenize = get_tokenizer(captioner.vocabulary.tokenizer).tokenize
    words = [[tokenize(text) for text in of_image] for of_image in captions]
    width = max(map(len, words))
    length = padded_length(max(len(caption) for of_image in words for caption in of_image))
    ids = np.full((len(words), width, length), Vocabulary.pad_id, "int32")
    for image, of_image in enumerate(words):
        ids[image, : len(of_image)] = [encode_padded(captioner.vocabulary, caption, length) for caption in of_image]
    seen, reconstructed = [], []
    batch_size = min(batch_size, len(words))
    for start in range(0, len(words), batch_size):
        chunk = np.asarray(features[start : start + batch_size], "float32")
        read = captioner.read(chunk, ids[start : start + batch_size], batch_size, ReconstructionReader)
        seen.append(read["seen"])
        for values, of_image in zip(read["reconstructed"], words[start : start + batch_size], strict=True):
            # Where the last word has been read; the start word is at 0.
            reconstructed += [values[row, len(caption)] for row, caption in enumerate(of_image)]
    return np.concatenate(seen), np.array(reconstructed)
