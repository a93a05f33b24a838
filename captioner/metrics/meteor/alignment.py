"""The alignment of two sentences: of all possible matches, the best set in which no word is used twice.

A beam search from left to right over the reference prefers, in this order,

    1. more words matched, where words that match otherwise than exactly count a half (each match rounded down),
    2. fewer chunks: runs of matches that are adjacent and in the same order on both sides,
    3. matches at similar places.

Matches whose words match nothing else are taken at once. Where METEOR 1.5 does something unexpected, so does this:
the third criterion also counts matches that a path tried and did not take.

Source: Denkowski & Lavie, 2014 (https://aclanthology.org/W14-3348/), section 3; Lavie & Denkowski, 2009.
"""

import dataclasses
from collections.abc import Sequence
from operator import attrgetter

from captioner.metrics.meteor.matching import EXACT, Match

BEAM_SIZE = 40
_order = attrgetter("negative_matches", "chunks", "distance")


@dataclasses.dataclass(slots=True)
class _Path:
    """A partial alignment.

    Attributes:
        negative_matches, chunks, distance: what is compared, the lowest first.
        next_start: the first word of the reference after the last match.
        caption_end: the word of the caption after the last match; None where the chunk has ended.
        caption_used, reference_used: bit i is set where word i is used.
        matches: those taken, the last one first, as nested pairs.
    """

    caption_used: int
    reference_used: int
    matches: tuple | None = None
    negative_matches: int = 0
    chunks: int = 0
    distance: int = 0
    next_start: int = 0
    caption_end: int | None = None

    def take(self, match: Match) -> None:
        """Adds a match to the statistics."""
        module, start, length, caption_start, caption_length = match
        share = 1 if module == EXACT else 2
        self.negative_matches -= caption_length // share + length // share
        self.chunks += self.caption_end is not None and caption_start != self.caption_end
        self.next_start = start + length
        self.caption_end = caption_start + caption_length

    def skip(self) -> None:
        """Leaves the next word of the reference without a match."""
        self.chunks += self.caption_end is not None
        self.caption_end = None
        self.next_start += 1


def align(matches: Sequence[Sequence[Match]], caption_length: int) -> list[Match]:
    """The matches of the best alignment, by their place in the reference.

    Args:
        matches: see `Matcher.matches`.
        caption_length: words of the caption.
    """
    fixed = _unambiguous(matches, caption_length)
    caption_used, reference_used = 0, 0
    for match in fixed.values():
        caption_used |= _caption_bits(match)
        reference_used |= _reference_bits(match)
    paths = [_Path(caption_used, reference_used)]
    for start, candidates in enumerate(matches):
        paths.sort(key=_order)
        extended = []
        for path in paths[:BEAM_SIZE]:
            if not path.reference_used >> start & 1:
                extended += _branches(path, candidates)
                path.skip()
                extended.append(path)
            elif start < path.next_start:
                extended.append(path)
            elif start in fixed:
                path.take(fixed[start])
                path.distance += abs(start - fixed[start].caption_start)
                extended.append(path)
        paths = extended or paths[:1]
    paths = sorted(paths, key=_order)[:BEAM_SIZE]
    for path in paths:
        path.chunks += path.caption_end is not None  # the last chunk ends with the sentence
    chosen = [*fixed.values()]
    rest = min(paths, key=_order).matches
    while rest is not None:
        match, rest = rest
        chosen.append(match)
    return sorted(chosen, key=attrgetter("start"))


def count_chunks(alignment: Sequence[Match]) -> int:
    """The chunks of an alignment in the order of the reference."""
    ends = [(match.start + match.length, match.caption_start + match.caption_length) for match in alignment]
    return sum((match.start, match.caption_start) != end for match, end in zip(alignment, [None, *ends], strict=False))


def _branches(path: _Path, candidates: Sequence[Match]) -> list[_Path]:
    """The path with each of the candidates whose words are unused."""
    branches = []
    for match in candidates:
        caption_bits, reference_bits = _caption_bits(match), _reference_bits(match)
        if path.caption_used & caption_bits or path.reference_used & reference_bits:
            continue
        branch = dataclasses.replace(
            path,
            caption_used=path.caption_used | caption_bits,
            reference_used=path.reference_used | reference_bits,
            matches=(match, path.matches),
        )
        branch.take(match)
        path.distance += abs(match.start - match.caption_start)
        branches.append(branch)
    return branches


def _unambiguous(matches: Sequence[Sequence[Match]], caption_length: int) -> dict[int, Match]:
    """Start -> match, of those that alone begin there and share no word with any other."""
    caption_coverage, reference_coverage = [0] * caption_length, [0] * len(matches)
    for match in (match for candidates in matches for match in candidates):
        for place in range(match.caption_start, match.caption_start + match.caption_length):
            caption_coverage[place] += 1
        for place in range(match.start, match.start + match.length):
            reference_coverage[place] += 1
    return {
        match.start: match
        for match, *others in filter(None, matches)
        if not others
        and set(caption_coverage[match.caption_start : match.caption_start + match.caption_length]) == {1}
        and set(reference_coverage[match.start : match.start + match.length]) == {1}
    }


def _caption_bits(match: Match) -> int:
    return (1 << match.caption_length) - 1 << match.caption_start


def _reference_bits(match: Match) -> int:
    return (1 << match.length) - 1 << match.start
