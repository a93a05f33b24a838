"""The candidates of an image as a tree of words, on a page on which it can be walked word by word.

Captions that begin alike share a branch. How likely each word was after those before it is read off one run of the
decoder over all candidates, so it is the model's own probability, whatever search or rules found them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from captioner.errors import UserError
from captioner.files import atomic_write, make_folder
from pipelines.evaluation.reports.figures import data_uri, picture_of
from pipelines.evaluation.reports.html_page import render_page

PAGE = ".html"
_LEVELS = 8  # shades of a word


@dataclass(frozen=True)
class Word:
    """A word. probability: after the words before it. cumulative: of the whole beginning, it included."""

    text: str
    probability: float
    cumulative: float


@dataclass(frozen=True)
class End:
    """Where candidates end.

    ranks: which candidates, from 1; several where the same words were drawn more than once. probability: of the end,
    after these words. log_probability: of the whole caption. score: its mean a word, the end included.
    """

    ranks: tuple[int, ...]
    probability: float
    log_probability: float
    score: float


@dataclass(frozen=True)
class Branch:
    """Words that follow one another without another candidate turning off, and what comes then.

    end: the end, if the branch ends right behind its words. branches: else at least two ways to go on, one of which may
    be an end without a word.
    """

    words: tuple[Word, ...]
    end: End | None = None
    branches: tuple["Branch", ...] = field(default=())

    @property
    def probability(self) -> float:
        """Of its first word, or of the end where it has none, after what comes before."""
        return self.words[0].probability if self.words else self.end.probability

    @property
    def candidates(self) -> int:
        """How many candidates end in this branch."""
        own = len(self.end.ranks) if self.end else 0
        return own + sum(branch.candidates for branch in self.branches)


def prefix_tree(candidates: Iterable[tuple[Sequence[str], np.ndarray]]) -> tuple[Branch, ...]:
    """The tree of captions.

    Args:
        candidates: words and log-probabilities `(words + 1,)` of each, the end's last; the best first.

    Returns:
        the ways that a caption begins, the likeliest first.
    """
    members = [(rank, tuple(words), np.asarray(logs, float)) for rank, (words, logs) in enumerate(candidates, start=1)]
    return _ways(members, 0)


def _ways(members, depth: int) -> tuple[Branch, ...]:
    """How members that have `depth` words in common go on."""
    ways: dict[str | None, list] = {}
    for member in members:
        words = member[1]
        ways.setdefault(words[depth] if depth < len(words) else None, []).append(member)
    branches = [_branch(group, depth) for group in ways.values()]
    return tuple(sorted(branches, key=lambda branch: -branch.probability))


def _branch(group, depth: int) -> Branch:
    _, words, logs = group[0]
    stop = depth
    while stop < len(words) and all(len(other) > stop and other[stop] == words[stop] for _, other, _ in group):
        stop += 1
    cumulative = np.cumsum(logs)
    run = tuple(
        Word(words[position], math.exp(logs[position]), math.exp(cumulative[position]))
        for position in range(depth, stop)
    )
    if all(len(other) == stop for _, other, _ in group):
        ranks = tuple(rank for rank, _, _ in group)
        return Branch(
            run, End(ranks, math.exp(logs[stop]), float(cumulative[stop]), float(cumulative[stop]) / (stop + 1))
        )
    return Branch(run, branches=_ways(group, stop))


def render_tree(name: str, tree: Sequence[Branch], best: str, picture: Image.Image | None) -> str:
    """The page of an image.

    Args:
        name: of the image.
        tree: from `prefix_tree`.
        best: the best candidate's text.
        picture: a small one.
    """
    return render_page(
        "tree.html", ["tree.js"], name=name, tree=tree, best=best, picture=data_uri(picture, 80) if picture else "",
        candidates=sum(branch.candidates for branch in tree), percent=percent, level=level,
    )  # fmt: skip


def write_tree(
    path: Path, name: str, file: str, pixels: np.ndarray, captions, log_probabilities, folder: Path | None = None
) -> None:
    """Writes the page of an image.

    Args:
        path: where to; folders are made.
        folder: that of all pages, or None for a single page, which the user named.
        name: of the image in results. file: where it is.
        pixels: uint8 `(H, W, 3)`, shown where the file itself cannot be, or `(f, H, W, 3)`, of a clip.
        captions: its candidates, best first.
        log_probabilities: of each, `(words + 1,)`.

    Raises:
        UserError: it cannot be written.
    """
    picture = picture_of(file, pixels, 960)
    tree = prefix_tree((caption.words, values) for caption, values in zip(captions, log_probabilities, strict=True))
    make_folder(path.parent, folder)
    atomic_write(path, render_tree(name, tree, captions[0].text, picture), follow_link=folder is None)


def check_tree_path(path: Path, several: bool) -> None:
    """Whether the pages can go there.

    Args:
        path: a folder, or the name of a single page.
        several: whether there may be several images.

    Raises:
        UserError: it is a single page, and the images may be several.
    """
    if path.suffix.lower() == PAGE and several:
        raise UserError(f"{path} would be one page, but each image has its own. Give a folder: --tree trees")


def percent(share: float) -> str:
    """A probability as the page prints it: in percent, without the sign.

    >>> percent(0.62), percent(0.0312), percent(0.0004), percent(0.00002)
    ('62', '3.1', '0.04', '<0.01')
    """
    value = 100 * share
    if value < 0.01:
        return "<0.01"
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.095 else f"{value:.2f}"


def level(share: float) -> int:
    """The shade of a word: 0 to 8."""
    return round(_LEVELS * min(max(share, 0.0), 1.0))
