"""Scores of what a model writes when it is left alone: captions decoded freely, counted as papers count."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from pipelines.data.examples import DataSet
from pipelines.data.provenance import is_trained_on
from pipelines.evaluation.caption_metrics import compute_metrics
from pipelines.evaluation.error_analysis import analyze_errors
from pipelines.evaluation.results import IMAGES_A_SECOND, Evaluation, Looked, Prediction, rank, write_evaluation
from pipelines.inference.models import checked_presets, load_captioner
from pipelines.inference.search_options import SearchOptions, search_facts, takes_search_options
from pipelines.training.run_folder import data_of, folder_of, split_of
from pipelines.utils.console import load_keras
from pipelines.utils.progress import Reporter

_NOT_STATED = "not stated: the captions came as a file"


@takes_search_options
def evaluate_run(
    run: Path,
    data: Path | None = None,
    split: str | None = None,
    *,
    search: SearchOptions,
    model: Sequence[Path] = (),
    language_model: Path | None = None,
    language_weight: float = 0.3,
    report: Path | None = None,
    encoder_weights: Path | None = None,
    cache: Path | None = None,
    scorer: str = "own",
    format: str = "html",
    batch_size: int = 32,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Captions a split of a data set with a trained model, scores the captions and writes a report.

    Args:
        run: folder of the run, or any preset.
        data: folder of the data set; by default the one that the run's recipe names.
        split: by default "test".
        search: given as its fields, such as `num_beams`; by default the model's own.
        model: further presets with the same words, which write together with that of the run.
        language_model, language_weight: preset of a language model that has a say in the search, and how much of it.
        report: folder to write to; by default `evaluation-SPLIT` in the run's folder, and for several models
            `evaluation-SPLIT-ensemble`.
        encoder_weights: file with the frozen network's weights.
        cache: folder where features of frozen networks are kept; by default `cache` beside the run.
        scorer: "own", or "coco" to run the COCO scorer as well.
        format: the report's: "html", "markdown" or "both".
        reporter: where progress is told.

    Raises:
        UserError: the model, the data or the split cannot be used, or the report cannot be written.
    """
    models = [Path(run), *map(Path, model)]
    checked_presets(models, search)  # what is wrong is told before Keras is loaded
    load_keras()
    from pipelines.data.features.sources import open_sources
    from pipelines.inference.batch_captioning import Rate, decode_source

    reporter = reporter or Reporter()
    begun = time.monotonic()
    language = (Path(language_model), language_weight) if language_model else None
    captioner = load_captioner(models, encoder_weights, language)
    run = folder_of(run)
    dataset = data_of(run, data, reporter)
    examples = split_of(dataset, split)
    split = examples[0].split
    with reporter.images("Images") as advance:
        source, problems = open_sources(
            captioner.encoders,
            [example.image for example in examples],
            cache or run.absolute().parent / "cache",
            advance,
        )
    reporter.problems(problems)
    settings = search.settings(captioner.settings.search)
    settings = settings.model_copy(update={"num_beams": search.num_beams or settings.num_beams})
    with reporter.progress("Captions") as advance:
        rate = Rate(advance)
        written = decode_source(captioner, source, batch_size=batch_size, search=settings, progress=rate)
    captions = {examples[index].id: found[0] for index, found in written.items() if examples[index].captions}
    if not captions:
        raise UserError(
            f"None of the images of the split {split!r} in {dataset.root} could be read and has references."
        )
    texts = {image: caption.text for image, caption in captions.items()}
    references = {example.id: example.captions for example in examples if example.id in captions}
    tokenizer = captioner.settings.text.tokenizer
    measured = compute_metrics(
        texts, references, tokenizer, training=_training_captions(dataset, captioner.metadata), scorer=scorer,
        dataset=dataset, split=split,
    )  # fmt: skip
    by_id = {example.id: example for example in examples}
    predictions = tuple(
        Prediction(
            image, caption.text, by_id[image].captions, measured.report.per_caption[image], caption.score,
            by_id[image].image, by_id[image].source_id,
        )
        for image, caption in captions.items()
    )  # fmt: skip
    index_of = {examples[index].id: index for index in written}
    names = [run.resolve().name, *(each.resolve().name for each in models[1:])]
    evaluation = Evaluation(
        title=f"{' and '.join(names)} on {dataset.name}, {split}",
        scores=measured.scores,
        intervals=measured.intervals,
        predictions=predictions,
        evaluated={
            "model": " and ".join(names),
            "data set": dataset.name,
            "split": split,
            **measured.facts(references.values()),
            **search_facts(settings),
            **({"language model": f"{language[0].name}, weight {language[1]:g}"} if language else {}),
            "images left out": len(examples) - len(predictions),
            "licence of the images": dataset.licence,
            "seconds": round(time.monotonic() - begun, 1),
            **({IMAGES_A_SECOND: round(rate.images_a_second, 1)} if rate.images_a_second else {}),
        },
        trained=trained_facts(captioner.metadata),
        settings=settings_of(captioner, run),
        notes=(*measured.notes, *_left_out(len(examples), len(predictions))),
        looked=_looked(captioner, source, predictions, index_of, batch_size, settings),
        history=run / "metrics.csv",
        rows=measured.rows,
        diagnosis=analyze_errors(texts, references, measured.rows["bleu"], tokenizer, captioner.vocabulary.words),
    )
    together = "-ensemble" if len(models) > 1 else ""
    _write(evaluation, report or run / f"evaluation-{split}{together}", format, reporter)
    return evaluation


def evaluate_predictions(
    predictions: Path,
    references: Path,
    *,
    report: Path | None = None,
    tokenizer: str = "ptb",
    scorer: str = "own",
    format: str = "html",
    split: str | None = None,
    num_beams: int | None = None,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Scores captions that were made by anything.

    Args:
        predictions, references: files; see `pipelines.evaluation.caption_files`, and `pipelines.evaluation.matching`
        for the names in them.
        report: folder to write to, or None to write nothing.
        tokenizer: what makes words of both.
        scorer, format: as in `evaluate_run`.
        split: of the references, if they are a data set's folder; else it is only stated.
        num_beams: what the captions were searched with; it is only stated.

    Raises:
        UserError: a file cannot be read, or they do not name images alike.
    """
    from pipelines.evaluation.caption_files import read_predictions, read_references
    from pipelines.evaluation.matching import match

    reporter = reporter or Reporter()
    given, skipped = read_predictions(predictions)
    expected, others = read_references(references, split)
    texts = match(given, expected, others)
    measured = compute_metrics(texts, expected, tokenizer, scorer=scorer)
    found = tuple(
        Prediction(image, text, expected[image], measured.report.per_caption[image]) for image, text in texts.items()
    )
    evaluation = Evaluation(
        title=f"{Path(predictions).name} against {Path(references).name}",
        scores=measured.scores,
        intervals=measured.intervals,
        predictions=found,
        evaluated={
            "captions": Path(predictions).name,
            "references": Path(references).name,
            "split": split or _NOT_STATED,
            **measured.facts(expected[image] for image in texts),
            "beam size": num_beams or _NOT_STATED,
            "images left out": len(expected) - len(texts),
            "lines without a caption": skipped,
        },
        notes=(*measured.notes, *_left_out(len(expected), len(texts))),
        rows=measured.rows,
        diagnosis=analyze_errors(texts, expected, measured.rows["bleu"], tokenizer),
    )
    _write(evaluation, report, format, reporter)
    return evaluation


def _write(evaluation: Evaluation, folder: Path | None, format: str, reporter: Reporter) -> None:
    for note in evaluation.notes:
        reporter.warn(note)
    if folder is not None:
        reporter.log(f"Report: {write_evaluation(evaluation, folder, format)}")


def _training_captions(dataset: DataSet, metadata: dict) -> list[str] | None:
    """What the model was trained on, if this is the data set that it was trained on."""
    if not is_trained_on(metadata, dataset):
        return None
    return [caption for example in dataset.split("train") for caption in example.captions]


def trained_facts(metadata: dict) -> dict[str, object]:
    """What the model was trained on and how, as far as its metadata tells."""

    def part(name: str) -> dict:
        return metadata[name] if isinstance(metadata.get(name), dict) else {}

    splits = part("data_set").get("splits")
    trained = part("trained")
    if isinstance(trained.get("stages"), list):  # one after another, each of which began with the last one's weights
        stages = [stage for stage in trained["stages"] if isinstance(stage, dict)]
        minutes, epochs = ([stage.get(name) for stage in stages] for name in ("minutes", "epochs"))
        if stages and all(isinstance(value, (int, float)) for value in (*minutes, *epochs)):
            trained = {"seconds": 60 * sum(minutes), "epochs": sum(epochs), **trained}
    facts = {
        "recipe": metadata.get("recipe"),
        "trained on": part("data_set").get("name"),
        "images of each split": ", ".join(f"{count:,} {split}" for split, count in splits.items())
        if isinstance(splits, dict)
        else None,
        "epochs": trained.get("epochs"),
        "steps": trained.get("steps"),
        "seconds of training": trained.get("seconds"),
        "parameters": metadata.get("parameters"),
        "words known": metadata.get("vocabulary_size"),
        "licence of the training data": part("data_set").get("licence"),
        "captioner": metadata.get("captioner"),
        "keras": metadata.get("keras"),
    }
    return {name: value for name, value in facts.items() if isinstance(value, (str, int, float)) and value != ""}


def _left_out(expected: int, scored: int) -> tuple[str, ...]:
    if scored == expected:
        return ()
    return (f"{expected - scored:,} of {expected:,} images are not scored: unreadable, or without captions.",)


def settings_of(captioner, run: Path) -> dict[str, dict[str, object]]:
    """The run's settings by group: the recipe's where there is one, else the model's."""
    from pipelines.recipes.recipe import load_recipe

    if (run / "recipe.toml").is_file():
        values = load_recipe(str(run / "recipe.toml")).model_dump(mode="json", exclude={"name", "description"})
    else:
        values = captioner.settings.model_dump(mode="json", exclude={"kind"})
    values.get("data", {}).pop("directory", None)  # a place on somebody's machine tells a reader nothing
    return values


def _looked(captioner, source, predictions, index_of, batch_size, search) -> tuple[Looked, ...]:
    """Where the decoder looked for two of the best, median and worst captions each, if it looks at places."""
    grid = captioner.encoder.grid
    if grid is None or min(grid) < 2:
        return ()
    ranked = rank(predictions)
    middle = len(ranked) // 2
    chosen = {one.image: one for one in (*ranked[:2], *ranked[middle : middle + 2], *ranked[-2:])}
    features = source.read([index_of[image] for image in chosen])
    batch_size = min(batch_size, len(index_of))  # the size that is compiled already
    found = captioner.caption_features(features, attention=True, batch_size=batch_size, search=search)
    return tuple(
        Looked(image, captions[0].words, np.asarray(captions[0].attention), grid)
        for image, captions in zip(chosen, found, strict=True)
        if captions[0].attention is not None
    )
