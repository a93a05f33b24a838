"""Log-probabilities of given captions: each for its image, and every caption for every image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from captioner.errors import UserError
from captioner.text.tokenizers import get_tokenizer
from captioner.text.vocabulary import Vocabulary

LONGEST = 250  # words of a caption; the network is unrolled over them
PAD = Vocabulary.pad_id
SIDE_BY_SIDE = 5  # captions of an image that are read together


@dataclass(frozen=True, eq=False)
class ScoredCaption:
    """How likely a caption is for its image.

    text: as it was given.
    words: its words, as the tokenizer counts them.
    log_probabilities: `(words + 1,)`, of each word given the image and the words before it, in nats; the end's comes
        last.
    unknown: those of its words that the model does not know. They count as `<unk>`.
    """

    text: str
    words: tuple[str, ...] = field(repr=False)
    log_probabilities: np.ndarray = field(repr=False)
    unknown: tuple[str, ...]

    @property
    def log_probability(self) -> float:
        """That of the whole caption: the sum over its words and its end."""
        return float(np.sum(self.log_probabilities, dtype="float64"))

    @property
    def score(self) -> float:
        """The mean a word, the end included: what `Caption.score` is of captions that were searched for."""
        return self.log_probability / len(self.log_probabilities)

    @property
    def perplexity(self) -> float:
        """exp of minus the mean: among how many equally likely words the model had to choose."""
        return float(np.exp(-self.score))


def too_long(words: Sequence[str]) -> str:
    """Why a caption cannot be scored, or nothing."""
    if len(words) <= LONGEST:
        return ""
    return f"it has {len(words):,} words; at most {LONGEST} can be scored"


def score_captions(
    captioner, features: np.ndarray, captions: Sequence[Sequence[str]], batch_size: int = 16, width: int | None = None
) -> list[list[ScoredCaption]]:
    """Scores captions of images, by teacher forcing.

    Args:
        captioner: an `ImageCaptioner`.
        features: `(N, ...)`, of the frozen backbone (or pixels, where the whole encoder is trained).
        captions: of each of the N images, any number.
        batch_size: images read at once.
        width: captions of an image that are read together; by default as many as any image has, at most 5.

    Raises:
        UserError: a caption is too long.
    """
    tokenize = get_tokenizer(captioner.vocabulary.tokenizer).tokenize
    words = [[tuple(tokenize(text)) for text in of_image] for of_image in captions]
    values = read_words(captioner, features, words, batch_size, width)
    return [
        [_scored(captioner.vocabulary, *caption) for caption in zip(*of_image, strict=True)]
        for of_image in zip(captions, words, values, strict=True)
    ]


def _scored(vocabulary, text: str, words: tuple[str, ...], values: np.ndarray) -> ScoredCaption:
    ids = vocabulary.encode_words(words)
    unknown = tuple(word for word, number in zip(words, ids, strict=True) if number == vocabulary.unknown_id)
    return ScoredCaption(text, words, values, unknown)


def read_words(
    captioner,
    features: np.ndarray,
    words: Sequence[Sequence[Sequence[str]]],
    batch_size: int = 16,
    width: int | None = None,
) -> list[list[np.ndarray]]:
    """Log-probabilities `(words + 1,)` of captions that are words already; arguments as in `score_captions`.

    Captions are read in pages of `width` an image, so that images with one caption and with a hundred share a network.
    """
    width = width or min(SIDE_BY_SIDE, max((len(of_image) for of_image in words), default=1)) or 1
    pages = [
        (image, range(start, min(start + width, len(of_image))))
        for image, of_image in enumerate(words)
        for start in range(0, len(of_image), width)
    ]
    if not pages:
        return [[] for _ in words]
    length = padded_length(max(len(caption) for of_image in words for caption in of_image))
    ids = np.full((len(pages), width, length), PAD, "int32")
    for page, (image, chosen) in enumerate(pages):
        for row, number in enumerate(chosen):
            ids[page, row] = encode_padded(captioner.vocabulary, words[image][number], length)
    scores: list[list[np.ndarray]] = [[] for _ in words]
    for start in range(0, len(pages), batch_size):
        batch = pages[start : start + batch_size]
        inputs = np.asarray(features[[image for image, _ in batch]], "float32")
        read = captioner.read(inputs, ids[start : start + batch_size], batch_size)["log_probabilities"]
        for values, (image, chosen) in zip(read, batch, strict=True):
            scores[image] += [values[row, : len(words[image][number]) + 1] for row, number in enumerate(chosen)]
    return scores


def likelihoods(
    captioner,
    features: np.ndarray,
    captions: Sequence[str],
    images_at_once: int = 8,
    captions_at_once: int = 32,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> tuple[np.ndarray, np.ndarray]:
    """The log-probability of every caption for every image.

    Captions of about the same length are read together, for several images at once; what is made of an image before
    the first word is made once for all captions beside each other.

    Args:
        captioner: an `ImageCaptioner`.
        features: `(N, ...)`.
        captions: M texts.
        progress: called with the pairs done, and all pairs.

    Returns:
        `(N, M)` sums over words and end, and `(M,)` how many those are.

    Raises:
        UserError: a caption is too long.
    """
    tokenize = get_tokenizer(captioner.vocabulary.tokenizer).tokenize
    words = [tokenize(text) for text in captions]
    by_length = sorted(range(len(words)), key=lambda number: len(words[number]))
    images_at_once, captions_at_once = min(images_at_once, len(features)), min(captions_at_once, len(words))
    sums, done = np.empty((len(features), len(words))), 0
    for first in range(0, len(words), captions_at_once):
        chosen = by_length[first : first + captions_at_once]
        length = padded_length(max(len(words[number]) for number in chosen))
        ids = np.full((captions_at_once, length), PAD, "int32")
        ids[: len(chosen)] = [encode_padded(captioner.vocabulary, words[number], length) for number in chosen]
        for start in range(0, len(features), images_at_once):
            inputs = np.asarray(features[start : start + images_at_once], "float32")
            for_each = np.broadcast_to(ids, (len(inputs), *ids.shape))
            read = captioner.read(inputs, for_each, images_at_once)["log_probabilities"]
            sums[start : start + len(inputs), chosen] = np.sum(read[:, : len(chosen)], axis=-1, dtype="float64")
            done += len(inputs) * len(chosen)
            progress(done, sums.size)
    return sums, np.array([len(each) + 1 for each in words])


def padded_length(words: int) -> int:
    """The length to which a caption of so many words is padded, with start and end: few lengths, few compilations.

    Raises:
        UserError: it is too long.
    """
    if words > LONGEST:
        raise UserError(f"A caption of {words:,} words cannot be scored: the longest has {LONGEST}.")
    return -(-(words + 1) // 8) * 8 + 1


def encode_padded(vocabulary, words: Sequence[str], length: int) -> list[int]:
    """Ids of start, words, end and padding."""
    ids = [vocabulary.start_id, *vocabulary.encode_words(words), vocabulary.end_id]
    return ids + [PAD] * (length - len(ids))
