"""What captions say too often and too seldom, and where BLEU is lost: length, unknown words, repeated captions."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from captioner.metrics.bleu import Bleu, bleu_of
from captioner.text.tokenizers import get_tokenizer
from pipelines.evaluation.bootstrap import percentile_interval

WORDS = 12  # how many words a list shows
_SAMPLES = 300  # of the groups' intervals: they are for the eye


@dataclass(frozen=True)
class Frequency:
    """A word, and how often it stands in 1,000 words of the captions and of the references."""

    word: str
    captions: float
    references: float


@dataclass(frozen=True)
class Group:
    """Images that have something in common, and the BLEU-4 of their captions (0 to 1) with its 95 % interval."""

    label: str
    images: int
    bleu_4: float
    low: float
    high: float


@dataclass(frozen=True)
class ErrorAnalysis:
    """What is the matter with a set of captions.

    too_often, too_seldom: words with the largest difference of frequency.
    distinct: different words of the captions, and of the references.
    lengths: images by how many words a caption is shorter or longer than the reference closest in length.
    unknown: images by whether a reference holds a word that the model does not know; empty where its words are not at
        hand. unknown_share: such words, of all of the references. unknown_words: the most frequent.
    repeated: images by whether another image has the same caption. repeats: the captions given most often.
    """

    too_often: tuple[Frequency, ...]
    too_seldom: tuple[Frequency, ...]
    distinct: tuple[int, int]
    lengths: tuple[Group, ...]
    unknown: tuple[Group, ...]
    unknown_share: float
    unknown_words: tuple[tuple[str, int], ...]
    repeated: tuple[Group, ...]
    repeats: tuple[tuple[str, int], ...]


def analyze_errors(
    captions: Mapping[str, str],
    references: Mapping[str, Sequence[str]],
    rows: np.ndarray,
    tokenizer: str = "ptb",
    known: Collection[str] | None = None,
) -> ErrorAnalysis:
    """Looks through captions.

    Args:
        captions: image -> caption.
        references: image -> references.
        rows: BLEU's rows of the captions, in their order.
        known: the words that the model can write, if they are at hand.
    """
    tokenize = get_tokenizer(tokenizer).tokenize
    caption_words = [tokenize(text) for text in captions.values()]
    expected = [[word for text in references[image] for word in tokenize(text)] for image in captions]
    caption_counts = Counter(word for words in caption_words for word in words)
    reference_counts = Counter(word for words in expected for word in words)
    too_often, too_seldom = _frequencies(caption_counts, reference_counts)

    longer = rows[:, 0] - rows[:, 1]
    lengths = (
        ("3 words or more too short", longer <= -3),
        ("1 or 2 words too short", (longer < 0) & (longer > -3)),
        ("as long as a reference", longer == 0),
        ("1 or 2 words too long", (longer > 0) & (longer < 3)),
        ("3 words or more too long", longer >= 3),
    )
    unknown, unknown_words = (), Counter()
    if known is not None:
        known = frozenset(known)
        unknown_words = Counter({word: number for word, number in reference_counts.items() if word not in known})
        has = np.array([any(word in unknown_words for word in words) for words in expected])
        unknown = _groups(
            rows, (("all words of the references known", ~has), ("a word of the references unknown", has))
        )
    texts = [" ".join(words) for words in caption_words]
    times = Counter(texts)
    again = np.array([times[text] > 1 for text in texts])
    return ErrorAnalysis(
        too_often,
        too_seldom,
        (len(caption_counts), len(reference_counts)),
        _groups(rows, lengths),
        unknown,
        sum(unknown_words.values()) / max(sum(reference_counts.values()), 1),
        tuple(unknown_words.most_common(WORDS)),
        _groups(rows, (("caption given once", ~again), ("caption given to several images", again))),
        tuple((text, number) for text, number in times.most_common(6) if number > 1),
    )


def _frequencies(captions: Counter, references: Counter) -> tuple[tuple[Frequency, ...], tuple[Frequency, ...]]:
    per_caption_word, per_reference_word = (1000 / max(sum(counts.values()), 1) for counts in (captions, references))
    words = [
        Frequency(word, per_caption_word * captions[word], per_reference_word * references[word])
        for word in {**captions, **references}
    ]
    # The word itself decides between equals, so that the same captions give the same page.
    ordered = sorted(words, key=lambda word: (word.references - word.captions, word.word))
    often = tuple(word for word in ordered[:WORDS] if word.captions > word.references)
    seldom = tuple(word for word in ordered[: -WORDS - 1 : -1] if word.captions < word.references)
    return often, seldom


def _groups(rows: np.ndarray, chosen: Sequence[tuple[str, np.ndarray]]) -> tuple[Group, ...]:
    groups = []
    for label, members in chosen:
        number = int(np.count_nonzero(members))
        if number:
            these = rows[members]
            groups.append(Group(label, number, Bleu().combine(these)["bleu_4"], *_interval(these)))
    return tuple(groups)


def _interval(rows: np.ndarray) -> tuple[float, float]:
    """The bootstrap interval of BLEU-4; all samples at once, for BLEU needs no more of a sample than its sum."""
    number = len(rows)
    sums = np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), _SAMPLES) @ rows
    values, penalty = bleu_of(sums)
    return percentile_interval(values[:, -1] * penalty)
