"""What the program makes to learn from: true, the same for the same seed, and different in each split.

Labels are checked in another way than they were made: tags against the template that wrote the caption, opinions by a
small reader, translations by reading them back, directions by looking at the pixels.
"""

import re
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from PIL import Image

from captioner.images.clips import read_clip
from pipelines.data.synthetic import captions, words
from pipelines.data.synthetic.parsing import Mention, parse
from pipelines.data.synthetic.scenes import sample_scene
from pipelines.tasks.sequences import facts, moving, opinions, tags, translation
from pipelines.tasks.sequences.examples import TASKS, generate

SIZES = {"train": 40, "dev": 10, "test": 10}


def keys(examples):
    return [(example.key, example.target) for example in examples]


@pytest.mark.parametrize("task", TASKS.names())
def test_the_same_seed_makes_the_same_examples_and_splits_share_none(task):
    made, again, other = (generate(task, seed, SIZES) for seed in (3, 3, 4))
    assert {split: len(examples) for split, examples in made.items()} == SIZES
    for split in SIZES:
        assert keys(made[split]) == keys(again[split])
        assert keys(made[split]) != keys(other[split])
    sources = [example.key for examples in made.values() for example in examples]
    assert len(set(sources)) == len(sources), "what is tested was learned"


@pytest.mark.parametrize("task", TASKS.names())
def test_more_training_examples_change_neither_test_nor_development(task):
    small, large = generate(task, 0, SIZES), generate(task, 0, {**SIZES, "train": 60})
    assert keys(small["test"]) == keys(large["test"]) and keys(small["dev"]) == keys(large["dev"])


# Tags.


@pytest.mark.parametrize(
    "caption, expected",
    [
        ("a picture of a red star", "other other other count colour thing"),
        ("a pair of rings on the left", "count count count thing place place place"),
        ("two boxes left of an orange ring", "count thing relation relation count colour landmark"),
        (
            "a red circle with a blue star above it and a ring below it",
            "count colour landmark other count colour thing relation other other count thing relation other",
        ),
        (
            "three shapes a red box and two stars",
            "count thing count colour thing other count thing",
        ),
        ("in the middle there is a moon", "place place place other other count thing"),
        (
            "a star between a ring and a box",
            "count thing relation count landmark other count landmark",
        ),
    ],
)
def test_tags_of_captions_tagged_by_hand(caption, expected):
    assert " ".join(tags.tags_of(caption)) == expected


T, L = "thing", "landmark"
ROLES = {  # of the nouns, for each template, known from what the template says
    captions.listing: None, captions.total: None, captions.joined: [T, T], captions.placed: None,
    captions.place_first: [T], captions.related: [T, L], captions.sentence: [T, L], captions.relation_first: [L, T],
    captions.around: [L, T, T], captions.between: [T, L, L], captions.related_to_both: [T, L, L],
    captions.two_relations: [T, L, T, L],
}  # fmt: skip


@pytest.mark.parametrize("template", ROLES, ids=lambda template: template.__name__)
def test_nouns_have_the_roles_that_their_template_gives_them(template):
    random, count = Random(0), 0
    while count < 30:
        caption = template(random, captions._ordered(random, captions._grouped(random, sample_scene(random))))
        if caption is None:
            continue
        count += 1
        caption = re.sub("[,:]", "", caption)
        labels = tags.tags_of(caption)
        assert len(labels) == len(caption.split())
        roles = [tag for tag in labels if tag in (T, L)]
        expected = ROLES[template]
        assert roles == (expected[: len(roles)] if expected else [T] * len(roles)), caption
        for word, tag in zip(caption.split(), labels, strict=True):
            assert (tag == "colour") == (word in words.COLOURS)
            assert (tag == "size") == (word in ("small", "little", "large", "big"))


def test_one_word_has_several_tags():
    """Else a table of words would do."""
    seen = {}
    for example in generate("tag", 0, {"train": 400, "dev": 0, "test": 0})["train"]:
        for word, tag in zip(example.source.split(), example.target, strict=True):
            seen.setdefault(word, set()).add(tag)
    assert {"left": {"relation", "place"}, "star": {T, L}}.items() <= {w: seen[w] for w in ("left", "star")}.items()
    assert seen["of"] == {"count", "relation", "other"} and "other" in seen["a"] and "count" in seen["a"]


# Opinions.


CLAUSE = re.compile(
    r"the \w+(?: that the \w+ \w+ \w+)? was (?P<turned>not )?(?:(?:very|really|quite|rather|so) )?(?P<judgement>\w+)"
    r"|(?P<who>everybody|we|my friends|most guests|nobody|none of us|hardly anybody) found the \w+ (?P<other>\w+)"
)


def opinion(sentence):
    """Whether a sentence praises: its clauses one by one, and the one that counts."""
    praises = []
    for match in CLAUSE.finditer(sentence):
        judgement = match["judgement"] or match["other"]
        assert judgement in opinions.GOOD or judgement in opinions.BAD, sentence
        turned = match["turned"] or match["who"] in ("nobody", "none of us", "hardly anybody")
        praises.append((judgement in opinions.GOOD) != bool(turned))
    rest = CLAUSE.sub("*", sentence)
    counts = {
        "*": lambda only: only, "it is not true that *": lambda only: not only,
        "* but *": lambda first, second: second, "* although *": lambda first, second: first,
        "although * *": lambda first, second: second,
    }  # fmt: skip
    if rest == "* and *":
        assert praises[0] == praises[1]
        return praises[0]
    return counts[rest](*praises)


def test_labels_are_what_a_reader_makes_of_the_sentences():
    made = generate("classify", 0, {"train": 600, "dev": 0, "test": 0})["train"]
    for example in made:
        assert example.target == (opinions.LABELS[opinion(example.source)],), example.source
    assert 0.4 < np.mean([example.target == ("positive",) for example in made]) < 0.6


@pytest.mark.parametrize(
    "sentence, praise",
    [
        ("the film was not very bad", True),
        ("nobody found the soup fresh", False),
        ("it is not true that the soup that the great waiter brought was stale", True),
        ("the room was ugly but the garden was lovely", True),
        ("although the room was ugly the garden was not lovely", False),
        ("the room was ugly although we found the garden lovely", False),
    ],
)
def test_the_reader_reads_as_people_do(sentence, praise):
    assert opinion(sentence) is praise


def test_words_alone_do_not_tell_the_opinion():
    both = "although the film was good the room was bad", "although the film was bad the room was good"
    assert opinion(both[0]) != opinion(both[1]) and sorted(both[0].split()) == sorted(both[1].split())


# Translation.


def read_back(text):
    """A translation as `(mentions with their relations and places, totals)`, by its own small grammar."""
    clauses, totals = [], []
    words_left = text.split()
    if words_left[0].startswith("forme"):
        totals.append(number_of(words_left[1]))
        words_left = words_left[2:]
    for clause in split_clauses(words_left):
        verb = clause.pop()
        subject, rest = take_name(clause, "")
        others, relation = [], None
        while rest and rest[0].endswith("n"):
            other, rest = take_name(rest, "n")
            others.append(other)
            if rest[0] == "kai":
                rest = rest[1:]
        if others:
            relation = next(kind for kind, word in translation.RELATIONS.items() if word == rest[0])
            rest = rest[1:]
        place = next((key for key, word in translation.PLACES.items() if rest and word == " ".join(rest)), None)
        assert verb == translation.verb(subject)
        clauses.append((subject, relation, tuple(others), place))
    return clauses, totals


def split_clauses(words_left):
    clause = []
    for word in words_left:
        clause.append(word)
        if word.startswith("jas"):
            yield clause[1:] if clause[0] == "kai" else clause
            clause = []
    assert not clause


def number_of(word):
    return next(n for n, stem in translation.NUMBERS.items() if word.startswith(stem))


def take_name(words_left, case):
    noun = words_left[0].removesuffix(case)
    several = noun.endswith("i")
    shape = next(shape for shape, word in translation.NOUNS.items() if word == noun.removesuffix("i"))
    ending = words_left[0][len(noun.removesuffix("i")) - 1 :]
    adjectives, at = {"colour": None, "size": None}, 1
    for key, table in (("colour", translation.COLOURS), ("size", translation.SIZES)):
        for meaning, stem in table.items():
            if words_left[at] == stem + ending:
                adjectives[key] = meaning
                at += 1
                break
    count = number_of(words_left[at])
    assert (count > 1) == several and words_left[at] in (translation.NUMBERS[count], "un" + ending)
    return Mention(count, adjectives["size"], adjectives["colour"], shape), words_left[at + 1 :]


def test_translations_read_back_say_what_the_caption_says():
    for example in generate("translate", 1, {"train": 300, "dev": 0, "test": 0})["train"]:
        statements = parse(example.source)
        clauses, totals = read_back(example.target)
        assert totals == statements.totals
        by_subject = {}
        for relation in statements.relations:
            others = by_subject.setdefault((relation.subject, relation.kind), [])
            others.extend(statements.mentions[other] for other in relation.objects)
        expected = [(statements.mentions[s], kind, tuple(others), None) for (s, kind), others in by_subject.items()]
        expected += [(statements.mentions[number], None, (), place) for number, place in statements.places]
        mentioned = {relation.subject for relation in statements.relations} | {
            number for number, _ in statements.places
        }
        mentioned |= {number for relation in statements.relations for number in relation.objects}
        expected += [(m, None, (), None) for number, m in enumerate(statements.mentions) if number not in mentioned]
        assert sorted(map(repr, clauses)) == sorted(map(repr, expected)), example


@pytest.mark.parametrize(
    "caption, expected",
    [
        (
            "two small red circles are to the left of a blue star",
            "rondoi ruboi etoi du stelan blavan unan liva jasoi",
        ),
        ("there is a ring in the top left corner", "anule une alte live jase"),
        (
            "a heart with two boxes above it and a moon below it",
            "kvadoi du koran unan supra jasoi kai luna una koran unan suba jasa",
        ),
        ("three shapes a ring and two hearts", "formei tri anule une jase kai korai du jasai"),
    ],
)
def test_translations_made_by_hand(caption, expected):
    assert translation.translate(caption) == expected


# Frames.


def middle(frame):
    """Where the shape is in a drawn frame, or None where there is none."""
    background = frame[0, 0].astype(int)
    rows, columns = np.nonzero(np.abs(frame.astype(int) - background).sum(axis=-1) > 60)
    return (columns.mean(), rows.mean()) if len(rows) else None


def test_directions_are_those_that_the_pixels_show():
    made = generate("frames", 0, {"train": 40, "dev": 0, "test": 0})["train"]
    step, moves, hidden = moving.SPEED * moving.SIZE / 64, 0, 0
    for example in made:
        places = [middle(frame) for frame in example.source]
        assert places[0] is not None and example.target[0] == "still"
        at = np.array(places[0])
        for place, label in zip(places[1:], example.target[1:], strict=True):
            at = at + step * np.array(moving.STEPS[label])
            if place is None:
                hidden += 1
                assert label != "still"
            else:
                assert np.abs(np.array(place) - at).max() < 1.5, (example.target, place, at)
                moves += label != "still"
    assert moves > 100 and hidden > 30


def test_the_shape_stays_in_the_picture():
    for seed in range(200):
        for x, y, *_ in moving.walk(Random(seed), 40):
            assert moving.EDGE <= x <= 64 - moving.EDGE and moving.EDGE <= y <= 64 - moving.EDGE


def test_hidden_shapes_go_straight_on():
    for seed in range(200):
        path = moving.walk(Random(seed), 40)
        for (_, _, _, before), (_, _, hidden, label) in pairwise(path):
            assert not hidden or (label == before != "still")


def test_a_clip_is_saved_as_a_gif(tmp_path):
    frames = generate("frames", 0, {"train": 1, "dev": 0, "test": 0})["train"][0].source
    moving.save_clip(frames, tmp_path / "clip.gif", scale=2)
    with Image.open(tmp_path / "clip.gif") as picture:
        assert picture.size == (48, 48)
    read = read_clip(tmp_path / "clip.gif", 24)
    assert read.shape == frames.shape, "frames in which nothing moves were lost"
    assert np.abs(read.astype(int) - frames).max() < 60  # a palette of 256 colours


# Facts.


def test_sentences_tell_their_facts_and_no_others():
    for example in generate("describe", 0, {"train": 300, "dev": 0, "test": 0})["train"]:
        assert facts.read_facts(example.target) == example.source


@pytest.mark.parametrize(
    "sentence, expected",
    [
        ("there are two small hearts", "count=2 size=small shape=heart"),
        (
            "under a ring there is an orange plus",
            "count=1 colour=orange shape=cross relation=below count2=1 shape2=ring",
        ),
        ("a ring and a star", "count=1 shape=ring count2=1 shape2=star"),
        ("a ring on the left", None),
        ("a ring of a star", None),
        ("a ring, a star and a moon", None),
        ("", None),
    ],
)
def test_facts_read_from_sentences(sentence, expected):
    assert facts.read_facts(sentence) == expected
