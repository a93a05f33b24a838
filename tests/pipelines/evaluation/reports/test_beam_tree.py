"""The tree of candidates: what is shared, what parts, how likely each word is; and a page that runs nothing foreign."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import UserError
from pipelines.evaluation.reports.beam_tree import (
    End,
    check_tree_path,
    level,
    percent,
    prefix_tree,
    render_tree,
    write_tree,
)

LOGS = [math.log(share) for share in (0.5, 0.25, 0.125, 0.5)]


def candidates(*captions):
    """Words and log-probabilities; a word that follows the same words is as likely in each."""
    return [(tuple(words), np.log(np.array(shares))) for words, shares in captions]


def texts(branches):
    return [[word.text for word in branch.words] for branch in branches]


def test_captions_that_begin_alike_share_a_branch():
    tree = prefix_tree(
        candidates(
            (("a", "dog", "runs"), (0.5, 0.25, 0.5, 0.8)),
            (("a", "dog", "sits", "down"), (0.5, 0.25, 0.25, 0.5, 0.4)),
            (("two", "dogs"), (0.25, 0.5, 0.5)),
            (("a", "dog"), (0.5, 0.25, 0.125)),
        )
    )
    assert texts(tree) == [["a", "dog"], ["two", "dogs"]] and tree[0].end is None
    assert [word.probability for word in tree[0].words] == pytest.approx([0.5, 0.25])
    assert [word.cumulative for word in tree[0].words] == pytest.approx([0.5, 0.125])
    assert texts(tree[0].branches) == [["runs"], ["sits", "down"], []], "the likeliest way comes first"
    runs, sits, stops = tree[0].branches
    assert runs.words[0].cumulative == pytest.approx(0.0625) and runs.end.ranks == (1,)
    assert runs.end.probability == pytest.approx(0.8) and runs.end.log_probability == pytest.approx(math.log(0.05))
    assert runs.end.score == pytest.approx(math.log(0.05) / 4) and sits.end.ranks == (2,)
    assert stops.end.ranks == (4,) and stops.probability == pytest.approx(0.125) and tree[1].end.ranks == (3,)
    assert tree[0].candidates == 3 and tree[1].candidates == 1


def test_one_caption_is_one_branch_and_equal_ones_end_together():
    """Sampling may draw a caption twice: lost, the ranks would have holes."""
    (alone,) = prefix_tree([(("a", "dog"), LOGS[:3])])
    assert alone.end.ranks == (1,) and not alone.branches
    (both,) = prefix_tree([(("a",), LOGS[:2]), (("a",), LOGS[:2])])
    assert both.end.ranks == (1, 2) and both.candidates == 2
    (empty,) = prefix_tree([((), LOGS[:1])])
    assert empty.words == () and isinstance(empty.end, End) and empty.probability == pytest.approx(0.5)


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=5).map(tuple), min_size=1, max_size=8))
def test_every_candidate_is_one_way_through_the_tree(captions):
    tree = prefix_tree([(words, np.full(len(words) + 1, -0.7)) for words in captions])

    def ways(branches, before=()):
        for branch in branches:
            words = before + tuple(word.text for word in branch.words)
            if branch.end:
                yield from ((rank, words) for rank in branch.end.ranks)
            assert bool(branch.end) != bool(branch.branches) and len(branch.branches) != 1
            yield from ways(branch.branches, words)

    assert sorted(ways(tree)) == sorted(enumerate(captions, start=1))


def test_the_page_runs_and_fetches_nothing_foreign():
    """Names of files and words may hold anything."""
    bad = '"><script>alert(1)</script>'
    tree = prefix_tree([((bad, "b"), LOGS[:3]), ((bad, "</script><img src=//x onerror=alert(2)>"), LOGS[:3])])
    page = render_tree(f"a{bad}.jpg", tree, bad, None)
    assert page.count("<script>") == 1 and "onerror=alert(2)>" not in page and "<img src=//" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 3
    assert "default-src 'none'" in page and "http://" not in page and "https://" not in page
    assert page.count("<details open>") == 1 and "<b>2</b>" in page


def test_a_page_is_written_with_a_picture_of_a_clip_too(tmp_path):
    caption = SimpleNamespace(words=("a", "dog"), text="a dog")
    write_tree(tmp_path / "x" / "clip.html", "clip", "gone", np.zeros((3, 8, 8, 3), np.uint8), [caption], [LOGS[:3]])
    assert "data:image/webp;base64," in (tmp_path / "x" / "clip.html").read_text()


def test_a_single_page_is_for_a_single_image(tmp_path):
    check_tree_path(tmp_path / "tree.html", several=False)
    check_tree_path(tmp_path / "trees", several=True)
    with pytest.raises(UserError, match="Give a folder"):
        check_tree_path(tmp_path / "tree.html", several=True)


def test_probabilities_are_never_rounded_to_nothing_or_to_certainty_unsaid():
    assert [percent(share) for share in (1, 0.996, 0.5, 0.0995, 0.012, 0.001, 0.00011, 0)] == [
        "100", "100", "50", "10", "1.2", "0.1", "0.01", "<0.01"
    ]  # fmt: skip
    assert [level(share) for share in (-0.1, 0, 0.5, 1, 1.0001)] == [0, 0, 4, 8, 8]
