"""Scores of what a model answers to the questions of a data set: open, or among the choices where there are any."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from captioner.images.decode import ImageError, decode_image
from captioner.presets.folder import read_preset
from captioner.settings import VisualQASettings
from captioner.text.tokenizers import get_tokenizer
from pipelines.data.examples import DataSet, QuestionExample
from pipelines.data.majority_answers import count_answers, most_frequent, most_frequent_of_type
from pipelines.data.open import as_asked, open_questions
from pipelines.data.question_datasets import read_questions
from pipelines.data.wordless import without_wordless
from pipelines.evaluation.answer_metrics import evaluate_answers
from pipelines.evaluation.bootstrap import RESAMPLES
from pipelines.evaluation.provenance import EvaluatedRun
from pipelines.evaluation.reports.write import ReportOptions, publish
from pipelines.evaluation.results import AttentionMaps, Evaluation
from pipelines.evaluation.submission import has_hidden_answers, write_submission
from pipelines.inference.explanations import attends, maps_by_attention, maps_by_occlusion
from pipelines.training.run_folder import RECIPE, evaluation_folder, folder_of, recipe_of, split_of
from pipelines.utils.console import load_keras
from pipelines.utils.progress import Reporter

TOP = 5
MAPS = 6  # questions for which the page shows where the model looked
MAPS_FROZEN = 2  # the same where a large network has to see fifty images for each
BASELINES = {
    "the most frequent answer": most_frequent,
    "the most frequent answer to the type of question": most_frequent_of_type,
}


def evaluate_run(
    run: Path,
    data: Path | None = None,
    split: str | None = None,
    *,
    report: ReportOptions | None = None,
    encoder_weights: Path | None = None,
    cache: Path | None = None,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Answers the questions of a split of a data set with a trained model, scores the answers and writes a report.

    Where the data set withholds all answers of the split, nothing is scored: the answers are written to be sent in, and
    what is returned has no scores.

    Args:
        run, data, split, cache, reporter: as in `pipelines.tasks.captioning.evaluate.evaluate_run`.
        report: the folder is by default `evaluation-SPLIT` in the run's folder.
        encoder_weights: file with the frozen network's weights.

    Raises:
        UserError: the model, the data or the split cannot be used, or the report cannot be written.
    """
    read_preset(Path(run), kinds={"visual_qa": VisualQASettings})  # what is wrong is reported before Keras is loaded
    reporter, report, begun = reporter or Reporter(), report or ReportOptions(), time.monotonic()
    preset, run = run, folder_of(run)
    dataset = questions_of(run, data, reporter)
    examples = split_of(dataset, split)
    load_keras()
    from captioner.models.vqa.visual_qa import VisualQA
    from pipelines.tasks.vqa.answer import answer_split
    from pipelines.tasks.vqa.images import QuestionsByImage

    model = VisualQA.from_preset(preset, encoder_weights)
    folder = report.folder or evaluation_folder(run, examples[0].split)
    usable, wordless = without_wordless(examples, get_tokenizer(model.settings.text.tokenizer))
    questions = QuestionsByImage.of(usable)
    with reporter.images("Images") as advance:
        uses_image = model.network.image_encoder is not None
        problems = questions.open(model.encoder, cache or run.absolute().parent / "cache", uses_image, advance)
    reporter.problems([*wordless, *problems])
    with reporter.progress("Answers") as advance:
        answers = answer_split(model, questions, top=TOP, advance=advance)
    evaluated = EvaluatedRun(run, model, dataset, examples[0].split, report, begun=begun)
    left_out = {"images left out": int(np.sum(~questions.source.readable))}
    if has_hidden_answers(examples):
        spelled = {id: candidates[0].spelling if candidates else "" for id, candidates in answers.items()}
        _submit(examples, spelled, folder, dataset.name, reporter)
        return evaluated.evaluation(left_out, scores={}, intervals={}, predictions=())
    texts = {id: candidates[0].text if candidates else "" for id, candidates in answers.items()}
    candidates = {id: [(answer.text, float(answer.probability)) for answer in listed] for id, listed in answers.items()}
    baselines = baseline_answers(dataset, examples)
    scored = evaluate_answers(examples, texts, model.answers, baselines, candidates=candidates)
    predictions = scored.questions
    attention = attention_of(model, questions, answers, [question.id for question in predictions])
    evaluation = evaluated.evaluation(
        {
            "images": len({question.path for question in predictions}),
            "questions": len(predictions),
            "answers": _how_answered(model, examples),
            "intervals": f"95 %, bootstrap over questions, {RESAMPLES:,} draws",
            "questions left out": scored.summary["left_out"],
            **left_out,
        },
        {"answers known": len(model.answers)} if model.answers else {},
        scores=scored.summary["scores"],
        intervals=scored.summary["intervals"],
        predictions=predictions,
        notes=(*scored.summary["notes"], *_chosen_blindly(model, examples)),
        attention=attention,
        rows=scored.rows,
        breakdown=scored.breakdown,
    )
    publish(evaluation, report, reporter, folder)
    return evaluation


def _submit(
    examples: Sequence[QuestionExample], answers: dict[str, str], folder: Path, name: str, reporter: Reporter
) -> None:
    """Writes the answers to a split whose own answers are withheld."""
    path = write_submission(examples, answers, folder)
    missing = len(examples) - len(answers)
    empty = f", {missing:,} of them empty as their images cannot be read" if missing else ""
    reporter.log(
        f"No answer to the split {examples[0].split} of {name} is known, so nothing is scored; the {len(examples):,} "
        f"answers to send in are in {path}{empty}."
    )


def questions_of(run: Path, data: Path | None, reporter: Reporter) -> DataSet:
    """The data set in the folder `data`, or the one that the run's recipe names."""
    if data is not None and not (run / RECIPE).is_file():
        return as_asked(read_questions(data))
    recipe = recipe_of(run, kind="visual_qa")
    settings = recipe.data
    return open_questions(data, recipe.source, reporter.log, settings.development_share, settings.choices)


def baseline_answers(dataset: DataSet, examples: Sequence[QuestionExample]) -> dict[str, dict[str, str]]:
    """Name of a baseline -> its answers, from the training split; none where that has no answers."""
    training = [example for example in dataset.examples if example.split == "train" and example.answers]
    if not training:
        return {}
    counts = count_answers(training)
    return {name: baseline(counts, examples) for name, baseline in BASELINES.items()}


def _how_answered(model, examples: Sequence[QuestionExample]) -> str:
    way = f"one of {len(model.answers):,}" if model.answers else "written word by word"
    choices = sum(bool(question.choices) for question in examples)
    if not choices:
        return way
    return "multiple choice" if choices == len(examples) else f"{way}; {choices:,} questions have choices"


def _chosen_blindly(model, examples: Sequence[QuestionExample]) -> tuple[str, ...]:
    """The note for a reader of the scores where the model knows none of a question's choices."""
    chosen = [question for question in examples if question.choices]
    blind = sum(bool(model.choices_problem(question.choices)) for question in chosen)
    if not blind:
        return ()
    return (f"{blind:,} of {len(chosen):,} questions have no choice that the model knows: it takes the first.",)


def attention_of(model, questions, answers: dict[str, list], ids: Sequence[str]) -> dict[str, AttentionMaps]:
    """Where the model looked for some of the questions, sampled (with a seed) from different images.

    Args:
        model: a `VisualQA`; one without images has no maps.
        questions: `QuestionsByImage`, opened.
        answers: id of a question -> its candidates.
        ids: of the questions that may be shown.
    """
    if model.network.image_encoder is None:
        return {}
    most = MAPS if attends(model) or not model.encoder.cacheable else MAPS_FROZEN
    images = [(image, questions.examples[n]) for image, numbers in enumerate(questions.questions) for n in numbers]
    by_id = {example.id: (image, example) for image, example in images}
    chosen: dict[int, QuestionExample] = {}  # by the number of its image
    for position in np.random.default_rng(0).permutation(len(ids)):
        image, example = by_id[ids[position]]
        if answers[example.id]:
            chosen.setdefault(image, example)
        if len(chosen) == most:
            break
    examples = list(chosen.values())
    if attends(model):
        features = questions.source.read(list(chosen))
        maps = maps_by_attention(model, features, [question.question for question in examples], range(len(examples)))
        return {question.id: own for question, own in zip(examples, maps, strict=True)}
    maps = {}
    for question in examples:
        try:
            pixels = decode_image(question.image, model.encoder.spec)
        except ImageError:  # its features were in the cache
            continue
        maps[question.id] = maps_by_occlusion(
            model, pixels, [question.question], [answers[question.id]], [question.choices or None]
        )[0]
    return maps
