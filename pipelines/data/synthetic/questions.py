"""Scenes to questions with answers, balanced so that the majority baseline is low.

    existence   "is there a red star?"                                         yes, no
    attribute   "what colour is the star?", "what shape is the red object?",   a colour, a shape, a size
                "what size is the red star?"
    counting    "how many red shapes are there?"                               0 to 4, as digits
    relation    "is the red star left of the blue ring?", "what is above the red star?",
                "what colour is the shape below the red star?"                 yes, no, a shape, a colour
 Of all questions 20 % ask for existence, 25 % for an attribute, 25 % for a number, 30 % for a relation, as
far as the scenes have them (one thing alone has no relations). Within each form of question (`Question.form`)
the answer given least often so far is asked for next, so a form's answers are as even as the scenes allow;
"is there a red heart?", of a pair that training never names, is a form of its own, there as often as not.
Answers are one word in one spelling: the first of words.py, numbers as digits.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random

from pipelines.data.synthetic import words
from pipelines.data.synthetic.relations import RELATIONS, relation_holds
from pipelines.data.synthetic.scenes import COLOURS, NOVEL_PAIRS, SEEN_PAIRS, SHAPES, SIZES, Scene, Thing

SHARES = {"existence": 20, "attribute": 25, "counting": 25, "relation": 30}
PER_SCENE = 8
# Of a training scene twice as many: a picture is looked at once for all its questions. Not so for the others, since
# scenes run out of rare answers, and what is measured has to be even.
PER_TRAINING_SCENE = 16


@dataclasses.dataclass(frozen=True)
class Question:
    """`type` is one of SHARES; `form` is finer, and the unit within which answers are balanced."""

    text: str
    answer: str
    type: str
    form: str


def write_questions(seed: str, scenes: Iterable[Scene], per_scene: int = PER_SCENE) -> Iterator[tuple[Question, ...]]:
    """For each scene, up to `per_scene` questions, chosen with regard to what was asked before."""
    asked, answers = Counter(), Counter()
    for number, scene in enumerate(scenes):
        random = Random(f"questions/{seed}/{number}")
        candidates = list(dict.fromkeys(every_question(random, scene)))
        chosen: list[Question] = []
        for _ in range(min(per_scene, len(candidates))):
            question = _next(random, candidates, asked, answers)
            candidates = [other for other in candidates if other.text != question.text]
            asked[question.type] += 1
            asked[question.form] += 1
            answers[question.form, question.answer] += 1
            chosen.append(question)
            if not candidates:
                break
        yield tuple(chosen)


def _next(random: Random, candidates: list[Question], asked: Counter, answers: Counter) -> Question:
    """The type most behind its share, of it the rarest form, of this the rarest answer; then any such."""
    types = {question.type for question in candidates}
    kind = min(sorted(types), key=lambda name: asked[name] / SHARES[name])
    of_kind = [question for question in candidates if question.type == kind]
    form = min(sorted({question.form for question in of_kind}), key=lambda name: asked[name])
    of_form = [question for question in of_kind if question.form == form]
    rarest = min(answers[form, question.answer] for question in of_form)
    return random.choice([question for question in of_form if answers[form, question.answer] == rarest])


def every_question(random: Random, scene: Scene) -> Iterator[Question]:
    """What can be asked about a scene with one clear answer; of the endless "no" questions, some."""
    yield from _existence(random, scene)
    yield from _attributes(scene)
    yield from _counts(scene)
    yield from _relations(scene)


def _existence(random: Random, scene: Scene) -> Iterator[Question]:
    here = [thing.pair for thing in scene.things]
    # "no" is asked of what is nearly there, too: else seeing the colour alone would be enough.
    pairs = SEEN_PAIRS + (NOVEL_PAIRS if scene.novel_pairs else ())
    near = [pair for pair in pairs if any(word in other for other in here for word in pair)]
    absent = [random.choice(near) for _ in range(4)] + [random.choice(pairs) for _ in range(2)]
    if scene.novel_pairs:  # else a pair that training never named would nearly always be there when asked for
        absent += [pair for pair in NOVEL_PAIRS if pair not in here]
    for colour, shape in [*here, *absent]:
        form = "existence novel pair" if (colour, shape) in NOVEL_PAIRS else "existence pair"
        yield _yes_no(f"is there {_a(colour)} {shape}?", (colour, shape) in here, "existence", form)
    for shape in SHAPES:
        yield _yes_no(f"is there {_a(shape)}?", any(shape == s for _, s in here), "existence", "existence shape")
    for colour in COLOURS:
        yield _yes_no(
            f"is there anything {colour}?", any(colour == c for c, _ in here), "existence", "existence colour"
        )


def _attributes(scene: Scene) -> Iterator[Question]:
    for thing in scene.things:
        if _only(scene, shape=thing.shape):
            yield Question(f"what colour is the {thing.shape}?", thing.colour, "attribute", "attribute colour")
        if _only(scene, colour=thing.colour):
            yield Question(f"what shape is the {thing.colour} object?", thing.shape, "attribute", "attribute shape")
        if _only(scene, colour=thing.colour, shape=thing.shape):
            yield Question(f"what size is the {thing.colour} {thing.shape}?", thing.size, "attribute", "attribute size")


def _counts(scene: Scene) -> Iterator[Question]:
    def ask(form: str, what: str, **wanted: str) -> Question:
        number = len(_fitting(scene, **wanted))
        return Question(f"how many {what} are there?", str(number), "counting", f"counting {form}")

    yield ask("all", "shapes")
    for shape in SHAPES:
        yield ask("shape", words.NOUNS[shape][0][1], shape=shape)
    for colour in COLOURS:
        yield ask("colour", f"{colour} shapes", colour=colour)
    for size in SIZES:
        yield ask("size", f"{size} shapes", size=size)


def _relations(scene: Scene) -> Iterator[Question]:
    named = [thing for thing in scene.things if _only(scene, colour=thing.colour, shape=thing.shape)]
    for second in named:
        for relation in RELATIONS:
            phrase = words.RELATION_WORDS[relation][0]
            for first in named:
                if relation_holds(relation, first, second, clear=True):
                    for other in RELATIONS:  # the other three are false where this one is clear
                        text = f"is the {_name(first)} {words.RELATION_WORDS[other][0]} the {_name(second)}?"
                        yield _yes_no(text, other == relation, "relation", "relation yes/no")
            thing = _only_one_there(scene, relation, second)
            if thing is not None:
                yield Question(f"what is {phrase} the {_name(second)}?", thing.shape, "relation", "relation shape")
                yield Question(
                    f"what colour is the shape {phrase} the {_name(second)}?",
                    thing.colour, "relation", "relation colour",
                )  # fmt: skip


def _only_one_there(scene: Scene, relation: str, second: Thing) -> Thing | None:
    """The thing that clearly is there, if there is none that just might be there, too."""
    maybe = [thing for thing in scene.things if thing is not second and relation_holds(relation, thing, second)]
    clear = [thing for thing in maybe if relation_holds(relation, thing, second, clear=True)]
    return clear[0] if len(maybe) == len(clear) == 1 else None


def _yes_no(text: str, yes: bool, kind: str, form: str) -> Question:
    return Question(text, "yes" if yes else "no", kind, form)


def _fitting(scene: Scene, **wanted: str) -> list[Thing]:
    return [thing for thing in scene.things if all(getattr(thing, key) == value for key, value in wanted.items())]


def _only(scene: Scene, **wanted: str) -> bool:
    return len(_fitting(scene, **wanted)) == 1


def _name(thing: Thing) -> str:
    return f"{thing.colour} {thing.shape}"


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
