"""Scores of what a model writes when it is left alone: captions decoded freely, counted as papers count."""

import time
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.presets.folder import read_preset
from captioner.settings import CaptionerSettings
from pipelines.diagnosis import diagnose
from pipelines.evaluation import Evaluation, Looked, Prediction, rank, write_evaluation
from pipelines.examples import DataSet
from pipelines.measure import measure
from pipelines.show import Show
from pipelines.terminal import load_keras

_NOT_STATED = "not stated: the captions came as a file"


def evaluate_run(
    run: Path,
    data: Path | None = None,
    split: str | None = None,
    *,
    beam_size: int | None = None,
    report: Path | None = None,
    encoder_weights: Path | None = None,
    cache: Path | None = None,
    scorer: str = "own",
    format: str = "html",
    batch_size: int = 32,
    show: Show | None = None,
) -> Evaluation:
    """Captions a split of a data set with a trained model, scores the captions and writes a report.

    Args:
        run: folder of the run, or any preset.
        data: folder of the data set; by default the one that the run's recipe names.
        split: by default "test".
        beam_size: by default the model's own.
        report: folder to write to; by default `evaluation-SPLIT` in the run's folder.
        encoder_weights: file with the frozen network's weights.
        cache: folder where features of frozen networks are kept; by default `cache` beside the run.
        scorer: "own", or "coco" to run the COCO scorer as well.
        format: the report's: "html", "markdown" or "both".
        show: where progress is told.

    Raises:
        UserError: the model, the data or the split cannot be used, or the report cannot be written.
    """
    read_preset(Path(run), kinds={"captioner": CaptionerSettings})  # what is wrong is told before Keras is loaded
    load_keras()
    from captioner.models.captioner import ImageCaptioner
    from pipelines.decode import decode_source
    from pipelines.sources import open_source

    show = show or Show()
    run = Path(run)
    begun = time.monotonic()
    captioner = ImageCaptioner.from_preset(run, encoder_weights)
    dataset = _data_of(run, data, show)
    examples = _split_of(dataset, split)
    split = examples[0].split
    with show.progress("Images") as advance:
        source, problems = open_source(
            captioner.encoder,
            [example.image for example in examples],
            cache or run.absolute().parent / "cache",
            advance,
        )
    show.problems(problems)
    beam_size = beam_size or captioner.settings.search.beam_size
    with show.progress("Captions") as advance:
        written = decode_source(captioner, source, beam_size=beam_size, batch_size=batch_size, progress=advance)
    captions = {examples[index].id: found[0] for index, found in written.items() if examples[index].captions}
    if not captions:
        raise UserError(
            f"None of the images of the split {split!r} in {dataset.root} could be read and has references."
        )
    texts = {image: caption.text for image, caption in captions.items()}
    references = {example.id: example.captions for example in examples if example.id in captions}
    tokeniser = captioner.settings.text.tokeniser
    measured = measure(
        texts, references, tokeniser, training=_training_captions(dataset, captioner.metadata), scorer=scorer,
        dataset=dataset, split=split,
    )  # fmt: skip
    by_id = {example.id: example for example in examples}
    predictions = tuple(
        Prediction(
            image, caption.text, by_id[image].captions, measured.scored.per_caption[image], caption.score,
            by_id[image].image, by_id[image].source_id,
        )
        for image, caption in captions.items()
    )  # fmt: skip
    index_of = {examples[index].id: index for index in written}
    evaluation = Evaluation(
        title=f"{run.resolve().name} on {dataset.name}, {split}",
        scores=measured.scores,
        intervals=measured.intervals,
        predictions=predictions,
        evaluated={
            "model": run.resolve().name,
            "data set": dataset.name,
            "split": split,
            **measured.facts(references.values()),
            "beam size": beam_size,
            "length penalty": captioner.settings.search.length_penalty,
            "images left out": len(examples) - len(predictions),
            "licence of the images": dataset.licence,
            "seconds": round(time.monotonic() - begun, 1),
        },
        trained=_trained(captioner.metadata),
        settings=_settings(captioner, run),
        notes=(*measured.notes, *_left_out(len(examples), len(predictions))),
        looked=_looked(captioner, source, predictions, index_of, batch_size, beam_size),
        history=run / "metrics.csv",
        rows=measured.rows,
        diagnosis=diagnose(texts, references, measured.rows["bleu"], tokeniser, captioner.vocabulary.words),
    )
    _write(evaluation, report or run / f"evaluation-{split}", format, show)
    return evaluation


def evaluate_predictions(
    predictions: Path,
    references: Path,
    *,
    report: Path | None = None,
    tokeniser: str = "ptb",
    scorer: str = "own",
    format: str = "html",
    split: str | None = None,
    beam_size: int | None = None,
    show: Show | None = None,
) -> Evaluation:
    """Scores captions that were made by anything.

    Args:
        predictions, references: files; see `pipelines.caption_tables`.
        report: folder to write to, or None to write nothing.
        tokeniser: what makes words of both.
        scorer, format: as in `evaluate_run`.
        split: of the references, if they are a data set's folder; else it is only stated.
        beam_size: what the captions were searched with; it is only stated.

    Raises:
        UserError: a file cannot be read, or they do not name images alike.
    """
    from pipelines.caption_tables import match, read_predictions, read_references

    show = show or Show()
    given, skipped = read_predictions(predictions)
    expected, others = read_references(references, split)
    texts = match(given, expected, others)
    measured = measure(texts, expected, tokeniser, scorer=scorer)
    found = tuple(
        Prediction(image, text, expected[image], measured.scored.per_caption[image]) for image, text in texts.items()
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
            "beam size": beam_size or _NOT_STATED,
            "images left out": len(expected) - len(texts),
            "lines without a caption": skipped,
        },
        notes=(*measured.notes, *_left_out(len(expected), len(texts))),
        rows=measured.rows,
        diagnosis=diagnose(texts, expected, measured.rows["bleu"], tokeniser),
    )
    _write(evaluation, report, format, show)
    return evaluation


def _write(evaluation: Evaluation, folder: Path | None, format: str, show: Show) -> None:
    for note in evaluation.notes:
        show.warn(note)
    if folder is not None:
        show.say(f"Report: {write_evaluation(evaluation, folder, format)}")


def _data_of(run: Path, data: Path | None, show: Show) -> DataSet:
    from pipelines.datasets import read_dataset
    from pipelines.prepare import open_data
    from pipelines.settings import load_recipe

    if data is not None:
        return read_dataset(data)
    if not (run / "recipe.toml").is_file():
        raise UserError(f"{run} does not say which data it was trained on (it has no recipe.toml). Give --data DIR.")
    return open_data(load_recipe(str(run / "recipe.toml")), None, show.say)


def _split_of(dataset: DataSet, split: str | None):
    try:
        return dataset.split(split or "test")
    except UserError as error:
        raise UserError(str(error) if split else f"{error} Choose one with --split.") from None


def _training_captions(dataset: DataSet, metadata: dict) -> list[str] | None:
    """What the model was trained on, if this is the data set that it was trained on."""
    trained_on = metadata.get("data_set")
    if not isinstance(trained_on, dict) or trained_on.get("name") != dataset.name or "train" not in dataset.splits():
        return None
    return [caption for example in dataset.split("train") for caption in example.captions]


def _trained(metadata: dict) -> dict[str, object]:
    """What the model was trained on and how, as far as its metadata tells."""

    def part(name: str) -> dict:
        return metadata[name] if isinstance(metadata.get(name), dict) else {}

    splits = part("data_set").get("splits")
    facts = {
        "recipe": metadata.get("recipe"),
        "trained on": part("data_set").get("name"),
        "images of each split": ", ".join(f"{count:,} {split}" for split, count in splits.items())
        if isinstance(splits, dict)
        else None,
        "epochs": part("trained").get("epochs"),
        "steps": part("trained").get("steps"),
        "seconds of training": part("trained").get("seconds"),
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


def _settings(captioner, run: Path) -> dict[str, dict[str, object]]:
    """The run's settings by group: the recipe's where there is one, else the model's."""
    from pipelines.settings import load_recipe

    if (run / "recipe.toml").is_file():
        values = load_recipe(str(run / "recipe.toml")).model_dump(mode="json", exclude={"name", "description"})
    else:
        values = captioner.settings.model_dump(mode="json", exclude={"kind"})
    values.get("data", {}).pop("directory", None)  # a place on somebody's machine tells a reader nothing
    return values


def _looked(captioner, source, predictions, index_of, batch_size, beam_size) -> tuple[Looked, ...]:
    """Where the decoder looked for two of the best, median and worst captions each, if it looks at places."""
    grid = captioner.encoder.grid
    if grid is None or min(grid) < 2:
        return ()
    ranked = rank(predictions)
    middle = len(ranked) // 2
    chosen = {one.image: one for one in (*ranked[:2], *ranked[middle : middle + 2], *ranked[-2:])}
    features = source.read([index_of[image] for image in chosen])
    batch_size = min(batch_size, len(index_of))  # the size that is compiled already
    found = captioner.caption_features(features, beam_size=beam_size, attention=True, batch_size=batch_size)
    return tuple(
        Looked(image, captions[0].words, np.asarray(captions[0].attention), grid)
        for image, captions in zip(chosen, found, strict=True)
        if captions[0].attention is not None
    )
