"""The answers of a network to all questions of a split."""

from collections.abc import Callable

from captioner.models.vqa.visual_qa import Answer, VisualQA
from captioner.text.answers import answer_key
from pipelines.data.examples import QuestionExample
from pipelines.tasks.vqa.images import QuestionsByImage

IMAGES_AT_ONCE = 32


def answer_split(
    model: VisualQA,
    questions: QuestionsByImage,
    *,
    top: int = 1,
    use_choices: bool = True,
    batch_size: int = 128,
    advance: Callable[[int, int], None] | None = None,
) -> dict[str, list[Answer]]:
    """Id of a question -> answers, best first. Each image is read and encoded once; questions about images that cannot
    be read are left out.

    Args:
        questions: with its source opened.
        top: answers a question at most.
        use_choices: choose among a question's choices where it has any.
        advance: called with how many of how many images are done.
    """
    readable = [number for number in range(len(questions.images)) if questions.source.readable[number]]
    answers = {}
    for start in range(0, len(readable), IMAGES_AT_ONCE):
        chunk = readable[start : start + IMAGES_AT_ONCE]
        features = questions.source.read(chunk)
        pairs = [(row, questions.examples[n]) for row, image in enumerate(chunk) for n in questions.questions[image]]
        choices = [_choices(example) if use_choices else None for _, example in pairs]
        candidates = model.answer_features(
            features,
            [example.question for _, example in pairs],
            images=[row for row, _ in pairs],
            top=top,
            choices=choices if any(choices) else None,
            batch_size=batch_size,
        )
        answers.update((example.id, answer_list) for (_, example), answer_list in zip(pairs, candidates, strict=True))
        if advance:
            advance(start + len(chunk), len(readable))
    return answers


def _choices(example: QuestionExample) -> list[str] | None:
    """The choices of a question, each once; None where there are not two."""
    different = {answer_key(choice): choice for choice in reversed(example.choices)}
    return list(different.values())[::-1] if len(different) > 1 else None
