"""Scores of what a model answers to the questions of a data set: open, or among the choices where there are any."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from captioner.images.decode import ImageError, decode_image
from captioner.presets.folder import read_preset
from captioner.settings import VisualQASettings
from pipelines.data.examples import DataSet, QuestionExample
from pipelines.data.majority_answers import count_answers, most_frequent, most_frequent_of_type
from pipelines.data.open import open_questions
from pipelines.data.question_datasets import read_questions
from pipelines.evaluation.answer_metrics import evaluate_answers
from pipelines.evaluation.answers_evaluation import AnswersEvaluation, answered_questions, write_answers_evaluation
from pipelines.evaluation.bootstrap import DRAWS
from pipelines.evaluation.submission import withheld, write_results
from pipelines.inference.explanations import Look, attends, looks_by_attention, looks_by_occlusion
from pipelines.tasks.captioning.evaluate import settings_of, trained_facts
from pipelines.training.run_folder import RECIPE, folder_of, recipe_of, split_of
from pipelines.utils.console import load_keras
from pipelines.utils.progress import Reporter

TOP = 5
LOOKS = 6  # questions for which the page shows where the model looked
LOOKS_FROZEN = 2  # the same where a large network has to see fifty images for each
BASELINES = {
    "the most frequent answer": most_frequent,
    "the most frequent answer to the type of question": most_frequent_of_type,
}


def evaluate_run(
    run: Path,
    data: Path | None = None,
    split: str | None = None,
    *,
    report: Path | None = None,
    encoder_weights: Path | None = None,
    cache: Path | None = None,
    batch_size: int = 128,
    reporter: Reporter | None = None,
) -> AnswersEvaluation:
    """Answers the questions of a split of a data set with a trained model, scores the answers and writes a report.

    Where the data set withholds all answers of the split, nothing is scored: the answers are written to be sent in, and
    what is returned has no scores.

    Args:
        run: folder of the run, or any preset.
        data: folder of the data set; by default the one that the run's recipe names.
        split: by default "test".
        report: folder to write to; by default `evaluation-SPLIT` in the run's folder.
        encoder_weights: file with the frozen network's weights.
        cache: folder where features of frozen networks are kept; by default `cache` beside the run.
        batch_size: questions at once.
        reporter: where progress is told.

    Raises:
        UserError: the model, the data or the split cannot be used, or the report cannot be written.
    """
    read_preset(Path(run), kinds={"visual_qa": VisualQASettings})  # what is wrong is told before Keras is loaded
    load_keras()
    from captioner.models.vqa.visual_qa import VisualQA
    from pipelines.tasks.vqa.answer import answer_split
    from pipelines.tasks.vqa.images import QuestionsByImage

    reporter = reporter or Reporter()
    begun = time.monotonic()
    model = VisualQA.from_preset(run, encoder_weights)
    run = folder_of(run)
    dataset = _questions_of(run, data, reporter)
    examples = split_of(dataset, split)
    split = examples[0].split
    asked, sees = QuestionsByImage.of(examples), model.network.image_encoder is not None
    with reporter.images("Images") as advance:
        problems = asked.open(model.encoder, cache or run.absolute().parent / "cache", sees, advance)
    reporter.problems(problems)
    with reporter.progress("Answers") as advance:
        found = answer_split(model, asked, top=TOP, batch_size=batch_size, advance=advance)
    texts = {id: given[0].text if given else "" for id, given in found.items()}
    report = report or run / f"evaluation-{split}"
    if withheld(examples):
        return _to_send(run, dataset, examples, texts, int(np.sum(~asked.source.readable)), report, reporter)
    guessed = _guesses(dataset, examples)
    scored = evaluate_answers(examples, texts, model.answers, guessed)
    questions = answered_questions(examples, found, scored)
    looked = looks_of(model, asked, [one.id for one in questions], found) if sees else {}
    evaluation = AnswersEvaluation(
        title=f"{run.resolve().name} on {dataset.name}, {split}",
        summary=scored.summary,
        questions=questions,
        evaluated={
            "model": run.resolve().name,
            "data set": dataset.name,
            "split": split,
            "images": len({one.path for one in questions}),
            "questions": len(questions),
            "answers": _how_answered(model, examples),
            "intervals": f"95 %, bootstrap over questions, {DRAWS:,} draws",
            "questions left out": scored.summary["left_out"],
            "images left out": int(np.sum(~asked.source.readable)),
            "licence of the images": dataset.licence,
            "seconds": round(time.monotonic() - begun, 1),
        },
        trained=_trained(model),
        settings=settings_of(model, run),
        looked=looked,
        history=run / "metrics.csv",
    )
    for note in evaluation.notes:
        reporter.warn(note)
    reporter.log(f"Report: {write_answers_evaluation(evaluation, report)}")
    return evaluation


def _to_send(
    run: Path, dataset: DataSet, examples, texts: dict[str, str], unread: int, folder: Path, reporter: Reporter
):
    """Writes the answers to a split whose own answers are withheld; an evaluation without scores."""
    split, path = examples[0].split, write_results(examples, texts, folder)
    missing = len(examples) - len(texts)
    empty = f", {missing:,} of them empty as their images cannot be read" if missing else ""
    reporter.log(
        f"No answer to the split {split} of {dataset.name} is known, so nothing is scored; the {len(examples):,} "
        f"answers to send in are in {path}{empty}."
    )
    summary = {"scores": {}, "intervals": {}, "notes": []}
    evaluated = {"model": run.resolve().name, "data set": dataset.name, "split": split, "images left out": unread}
    return AnswersEvaluation(f"{run.resolve().name} on {dataset.name}, {split}", summary, (), evaluated)


def _questions_of(run: Path, data: Path | None, reporter: Reporter) -> DataSet:
    if data is not None and not (run / RECIPE).is_file():
        return read_questions(data)
    recipe = recipe_of(run, kind="visual_qa")
    return open_questions(data, recipe.source, reporter.log, recipe.data.development_share)


def _guesses(dataset: DataSet, examples: Sequence[QuestionExample]) -> dict[str, dict[str, str]]:
    """Answers without a look, from the training split; none where it has no answers."""
    training = [one for one in dataset.examples if one.split == "train" and one.answers]
    if not training:
        return {}
    counted = count_answers(training)
    return {name: guess(counted, examples) for name, guess in BASELINES.items()}


def _trained(model) -> dict[str, object]:
    facts = trained_facts(model.metadata)
    named = {"images of each split": "questions of each split"}
    known = {"answers known": len(model.answers)} if model.answers else {}
    return {**{named.get(name, name): value for name, value in facts.items()}, **known}


def _how_answered(model, examples: Sequence[QuestionExample]) -> str:
    way = f"one of {len(model.answers):,}" if model.answers else "written word by word"
    choices = sum(bool(one.choices) for one in examples)
    if not choices:
        return way
    return "multiple choice" if choices == len(examples) else f"{way}; {choices:,} questions have choices"


def looks_of(model, asked, ids: Sequence[str], found: dict[str, list]) -> dict[str, Look]:
    """Where the model looked for some of the questions, drawn at random (with a seed) from different images.

    Args:
        model: a `VisualQA` that sees.
        asked: the images, opened.
        ids: of the questions that were answered.
        found: their answers.
    """
    number_of = {example.id: number for number, example in enumerate(asked.examples)}
    image_of = {number: image for image, own in enumerate(asked.questions) for number in own}
    chosen: dict[int, int] = {}  # image -> question
    for place in np.random.default_rng(0).permutation(len(ids)):
        number = number_of[ids[place]]
        if found[ids[place]]:
            chosen.setdefault(image_of[number], number)
        if len(chosen) == (LOOKS if attends(model) or not model.encoder.cacheable else LOOKS_FROZEN):
            break
    examples = [asked.examples[number] for number in chosen.values()]
    if attends(model):
        features = asked.source.read(list(chosen))
        looks = looks_by_attention(model, features, [one.question for one in examples], range(len(examples)))
        return {one.id: look for one, look in zip(examples, looks, strict=True)}
    looks = {}
    for one in examples:
        try:
            pixels = decode_image(one.image, model.encoder.spec)
        except ImageError:  # its features were in the cache
            continue
        looks[one.id] = looks_by_occlusion(model, pixels, [one.question], [found[one.id]], [one.choices or None])[0]
    return looks
