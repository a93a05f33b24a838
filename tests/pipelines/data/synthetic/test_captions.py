"""The two grammars: what one writes the other reads, it is true, complete and varied."""

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.data.synthetic import words
from pipelines.data.synthetic.captions import MAX_WORDS, TEMPLATES, _grouped, _ordered, write_captions
from pipelines.data.synthetic.faithfulness import check_caption
from pipelines.data.synthetic.parsing import Mention, Relation, parse
from pipelines.data.synthetic.scenes import sample_scenes


@pytest.fixture(scope="module")
def written():
    """1,500 scenes, some novel, with five captions each."""
    sizes = {"train": 1300, "novel": 200}
    return [
        (scene, write_captions(Random(f"{split}{number}"), scene)) for split, number, scene in sample_scenes(5, sizes)
    ]


def without_punctuation(caption):
    return re.sub(r"[^a-z ]", "", caption)


def test_every_written_caption_is_read_and_true(written):
    """A reference that its own checker calls false would make 100 % unreachable."""
    for scene, captions in written:
        for caption in captions:
            checked = check_caption(caption, scene)
            assert checked.faithfulness == 1, (caption, scene, checked)


def test_commas_are_not_needed_to_read(written):
    """Networks write without punctuation, because the tokenizer drops it."""
    for _, captions in written:
        for caption in captions:
            assert parse(without_punctuation(caption)) == parse(caption), caption


def test_every_caption_names_every_thing(written):
    """Coverage is counted against the scene in place of the references; this is why it may be."""
    for scene, captions in written:
        for caption in captions:
            named = sum(mention.count for mention in parse(caption).mentions)
            assert named == len(scene.things), (caption, scene)


def test_captions_of_a_scene_differ_and_are_short(written):
    """Five times the same reference would be one; long ones are slow to learn."""
    for _, captions in written:
        assert len(set(captions)) == 5
        assert all(len(caption.split()) <= MAX_WORDS for caption in captions)


def test_captions_are_varied(written):
    """With few sentence forms BLEU would measure a template. A form: a caption without its descriptions."""
    nouns = "|".join(word for nouns in words.NOUNS.values() for pair in nouns for word in pair)
    described = re.compile(rf"((small|little|large|big) )?({'|'.join(words.COLOURS)}) ({nouns})\b")
    forms = {described.sub("X", caption) for _, captions in written for caption in captions}
    assert len(forms) > 1000
    every_word = {word for _, captions in written for caption in captions for word in caption.split()}
    assert 70 < len({without_punctuation(word) for word in every_word}) < 120


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.__name__)
def test_every_template_is_used_and_read(template, written):
    """A template that never fits is dead; one that is rare must be true all the same."""
    random, used = Random(1), 0
    for scene, _ in written[:600]:
        caption = template(random, _ordered(random, _grouped(random, scene)))
        if caption is not None:
            used += 1
            assert check_caption(caption, scene).faithfulness == 1, (caption, scene)
    assert used >= 5


def test_every_phrase_of_the_world_has_one_meaning():
    """If two tables shared a spelling, the parser would take one for the other."""
    tables = [words.SIZE_WORDS, words.COUNTS, words.RELATION_WORDS, words.PLACE_WORDS]
    spellings = [spelling for table in tables for meaning in table.values() for spelling in meaning]
    spellings += [*words.COLOURS, *words.ARTICLES, *words.OPENINGS, *words.JOINED]
    spellings += [word for nouns in words.NOUNS.values() for pair in nouns for word in pair]
    assert len(spellings) == len(set(spellings))


def test_reading_by_example():
    """The sentences whose structure is easily read wrongly."""
    red, blue, pink = (
        Mention(1, None, colour, shape) for colour, shape in (("red", "circle"), ("blue", "star"), ("pink", "heart"))
    )
    both = parse("a red circle above a blue star and a pink heart")
    assert both.relations == [Relation("above", 0, (1,)), Relation("above", 0, (2,))]
    one = parse("a red circle above a blue star and there is also a pink heart")
    assert one.mentions == [red, blue, pink] and one.relations == [Relation("above", 0, (1,))]
    two = parse("a red circle above a blue star and a pink heart left of a black ring")
    assert two.relations == [Relation("above", 0, (1,)), Relation("left", 2, (3,))]
    around = parse("two red circles with a blue star over them and a pink heart under them")
    assert around.relations == [Relation("above", 1, (0,)), Relation("below", 2, (0,))]
    assert parse("below a blue star there is a red circle").relations == [Relation("below", 1, (0,))]
    assert parse("in the middle there is a red circle").places == [(0, "middle")]
    assert parse("a red circle on the left and a blue star at the top").places == [(0, "left"), (1, "top")]
    assert parse("three shapes: a red circle and two stars").totals == [3]


@pytest.mark.parametrize(
    "caption, unread",
    [
        ("two red circle", ["two red circle"]),  # the number of the noun is wrong
        ("a red circles", ["a red circles"]),
        ("red circle", ["red circle"]),  # whole noun phrases only
        ("a red circle and", ["and"]),
        ("a red circle and and a blue star", ["and"]),
        ("a red circle left of", ["left of"]),
        ("a red circle next to a blue star", ["next to"]),
        ("there is there is a red circle", ["there is there is"]),
        ("a red red circle", ["a red red circle"]),
        ("a red circle is", ["is"]),
        ("a red circle between a blue star", ["between"]),
        ("the dog runs", ["the dog runs"]),
    ],
)
def test_what_makes_no_sense_is_not_read(caption, unread):
    """Passing over nonsense in silence would make a stammering network look faithful."""
    said = parse(caption)
    assert said.unread == unread


VOCABULARY = [
    *(
        "a",
        "picture",
        "of",
        "red",
        "blue",
        "circle",
        "circles",
        "star",
        "two",
        "three",
        "small",
        "left",
        "to",
        "the",
    ),
    *(
        "right",
        "and",
        "with",
        "it",
        "above",
        "between",
        "is",
        "there",
        "are",
        "shapes",
        "in",
        "middle",
        "on",
        "dog",
    ),
]


@given(st.lists(st.sampled_from(VOCABULARY), max_size=25) | st.text(max_size=40).map(str.split))
def test_anything_can_be_checked(spelled):
    """A network may write any words in any order; none may stop an evaluation, or be lost on the way."""
    scene = next(sample_scenes(0, {"train": 1}))[2]
    caption = " ".join(spelled)
    checked = check_caption(caption, scene)
    assert checked.statements
    assert 0 <= checked.faithfulness <= 1 and 0 <= checked.named <= checked.there
