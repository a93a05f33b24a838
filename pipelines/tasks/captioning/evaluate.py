"""Scores of what a captioner writes about a split, and of captions that came as a file."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from captioner.errors import UserError
from captioner.models.captioning.search_constraints import generation_config
from captioner.settings import GenerationConfig, SearchSettings
from pipelines.data.examples import CaptionExample
from pipelines.data.provenance import is_trained_on
from pipelines.evaluation.caption_metrics import MetricResults, compute_metrics
from pipelines.evaluation.error_analysis import analyze_errors
from pipelines.evaluation.provenance import EvaluatedRun, when_and_how
from pipelines.evaluation.reports.write import ReportOptions, publish
from pipelines.evaluation.results import IMAGES_A_SECOND, AttentionMaps, Evaluation, Prediction, rank
from pipelines.inference.models import checked_presets, load_captioner
from pipelines.inference.search_options import search_facts
from pipelines.training.run_folder import data_of, evaluation_folder, folder_of, split_of
from pipelines.utils.progress import Reporter

BATCH_SIZE = 32


@dataclass(frozen=True)
class ModelOptions:
    """What takes part in captioning besides the run's own model.

    others: presets with the same words, which form an ensemble with that of the run.
    language: preset of a language model that takes part in the search, and its weight.
    encoder_weights: file with the frozen backbone's weights, instead of a download.
    """

    others: tuple[Path, ...] = ()
    language: tuple[Path, float] | None = None
    encoder_weights: Path | None = None


def evaluate_run(
    run: Path,
    data: Path | None = None,
    split: str | None = None,
    *,
    generation: GenerationConfig | None = None,
    model: ModelOptions = ModelOptions(),
    report: ReportOptions | None = None,
    cache: Path | None = None,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Captions a split of a data set with a trained model, scores the captions and writes a report.

    Args:
        run: folder of the run, or any preset.
        data: folder of the data set; by default the one that the run's recipe names.
        split: by default "test".
        generation: where it differs from the model's own search.
        model: further models that take part.
        report: the folder is by default `evaluation-SPLIT` in the run's folder, and `evaluation-SPLIT-ensemble` for
            several models.
        cache: folder where features of frozen backbones are kept; by default `cache` beside the run.
        reporter: where progress is logged.

    Raises:
        UserError: the model, the data or the split cannot be used, or the report cannot be written.
    """
    reporter, report, begun = reporter or Reporter(), report or ReportOptions(), time.monotonic()
    presets = [Path(run), *model.others]
    # What is wrong with models and data is reported before anything is loaded.
    search = generation_config(checked_presets(presets, generation, model.language)[0].settings.search, generation)
    run = folder_of(run)
    dataset = data_of(run, data, reporter)
    examples = split_of(dataset, split)
    captioner = load_captioner(presets, model.encoder_weights, model.language)
    folder = report.folder or evaluation_folder(run, examples[0].split, "-ensemble" if model.others else "")
    decoded = decode_split(captioner, examples, search, cache or run.absolute().parent / "cache", reporter)
    if not decoded.captions:
        raise UserError(
            f"None of the images of the split {examples[0].split!r} in {dataset.root} could be read and has references."
        )
    tokenizer = captioner.settings.text.tokenizer
    training = None
    if is_trained_on(captioner.metadata, dataset):
        training = [caption for example in dataset.split("train") for caption in example.captions]
    results = compute_metrics(
        decoded.texts, decoded.references, tokenizer, training=training, scorer=report.scorer, dataset=dataset,
        split=examples[0].split,
    )  # fmt: skip
    predictions = decoded.predictions(results)
    language, rate = model.language, decoded.images_a_second
    evaluated = EvaluatedRun(
        run, captioner, dataset, examples[0].split, report, tuple(other.resolve().name for other in presets[1:]), begun
    )
    evaluation = evaluated.evaluation(
        {
            **results.facts(decoded.references.values()),
            **search_facts(search),
            **({"language model": f"{language[0].name}, weight {language[1]:g}"} if language else {}),
            "images left out": len(examples) - len(predictions),
            **({IMAGES_A_SECOND: round(rate, 1)} if rate else {}),
        },
        scores=results.scores,
        intervals=results.intervals,
        predictions=predictions,
        notes=(*results.notes, *_left_out(len(examples), len(predictions))),
        attention=attention_of(captioner, decoded, predictions, search),
        rows=results.rows,
        errors=analyze_errors(
            decoded.texts, decoded.references, results.rows["bleu"], tokenizer, captioner.vocabulary.words
        ),
    )
    publish(evaluation, report, reporter, folder)
    return evaluation


@dataclass(frozen=True)
class DecodedSplit:
    """The captions of a split.

    examples: by id, those of which the image could be read and references are known.
    captions: by id, the best caption of each.
    source: the features. numbers: by id, the number of each image that could be read in it.
    images_a_second: 0 where everything was decoded in one batch.
    """

    examples: dict[str, CaptionExample]
    captions: dict
    source: object
    numbers: dict[str, int]
    images_a_second: float

    @property
    def texts(self) -> dict[str, str]:
        return {image: caption.text for image, caption in self.captions.items()}

    @property
    def references(self) -> dict[str, tuple[str, ...]]:
        return {image: example.captions for image, example in self.examples.items()}

    def predictions(self, results: MetricResults) -> tuple[Prediction, ...]:
        return tuple(
            Prediction(
                image, self.captions[image].text, example.captions, results.per_caption[image],
                self.captions[image].score, example.image, example.source_id, results.false_statements.get(image),
            )
            for image, example in self.examples.items()
        )  # fmt: skip


def decode_split(
    captioner, examples: Sequence[CaptionExample], search: SearchSettings, cache: Path, reporter: Reporter
) -> DecodedSplit:
    """Captions the images of a split; images that cannot be read are reported and left out.

    Args:
        captioner: an `ImageCaptioner` or an `Ensemble`.
        cache: folder where features of frozen backbones are kept.
    """
    from pipelines.data.features.sources import open_sources
    from pipelines.inference.batch_captioning import Rate, decode_source

    with reporter.images("Images") as advance:
        images = [example.image for example in examples]
        source, problems = open_sources(captioner.encoders, images, cache, advance)
    reporter.problems(problems)
    with reporter.progress("Captions") as advance:
        rate = Rate(advance)
        decoded = decode_source(captioner, source, batch_size=BATCH_SIZE, config=search, progress=rate)
    scored = {examples[number].id: number for number in decoded if examples[number].captions}
    return DecodedSplit(
        examples={image: examples[number] for image, number in scored.items()},
        captions={image: decoded[number][0] for image, number in scored.items()},
        source=source,
        numbers={examples[number].id: number for number in decoded},
        images_a_second=rate.images_a_second,
    )


def attention_of(
    captioner, decoded: DecodedSplit, predictions: Sequence[Prediction], search: SearchSettings
) -> dict[str, AttentionMaps]:
    """The attention maps of two of the best, median and worst captions each; none where the decoder has no attention.

    Raises:
        UserError: see `ImageCaptioner.caption_features`.
    """
    grid = captioner.encoder.grid
    if grid is None or min(grid) < 2:
        return {}
    ranked = rank(predictions)
    middle = len(ranked) // 2
    chosen = dict.fromkeys(prediction.image for prediction in (*ranked[:2], *ranked[middle : middle + 2], *ranked[-2:]))
    features = decoded.source.read([decoded.numbers[image] for image in chosen])
    batch_size = min(BATCH_SIZE, len(decoded.numbers))  # the size that is compiled already
    captions = captioner.caption_features(features, attention=True, batch_size=batch_size, config=search)
    return {
        image: AttentionMaps(best.words, np.asarray(best.attention), grid)
        for image, (best, *_) in zip(chosen, captions, strict=True)
        if best.attention is not None
    }


def evaluate_predictions(
    predictions: Path,
    references: Path,
    *,
    split: str | None = None,
    num_beams: int | None = None,
    tokenizer: str = "ptb",
    report: ReportOptions | None = None,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Scores captions that were made by anything.

    Args:
        predictions, references: files; see `pipelines.evaluation.caption_files`, and `pipelines.evaluation.matching`
            for the names in them.
        split: of the references, if they are a data set's folder; else it is only stated.
        num_beams: what the captions were searched with; it is only stated.
        tokenizer: what makes words of both.
        report: what is written; without a folder nothing is.
        reporter: where notes are logged.

    Raises:
        UserError: a file cannot be read, or they do not name images alike.
    """
    from pipelines.evaluation.caption_files import read_predictions, read_references
    from pipelines.evaluation.evaluated import NOT_STATED, evaluate_captions
    from pipelines.evaluation.matching import match

    report = report or ReportOptions()
    captions, skipped = read_predictions(predictions)
    known = read_references(references, split)
    expected = known.captions
    texts = match(captions, expected, known.others)
    names = {"captions": Path(predictions).name, "references": Path(references).name, "split": split or NOT_STATED}
    evaluation = evaluate_captions(
        texts, known, tokenizer, names, title=f"{Path(predictions).name} against {Path(references).name}",
        scorer=report.scorer,
    )  # fmt: skip
    evaluation = replace(
        evaluation,
        evaluated={
            **evaluation.evaluated,
            "beam size": num_beams or NOT_STATED,
            "images left out": len(expected) - len(texts),
            "lines without a caption": skipped,
            **when_and_how(report),
        },
        notes=(*evaluation.notes, *_left_out(len(expected), len(texts))),
        errors=analyze_errors(texts, expected, evaluation.rows["bleu"], tokenizer),
    )
    publish(evaluation, report, reporter or Reporter())
    return evaluation


def _left_out(expected: int, scored: int) -> tuple[str, ...]:
    if scored == expected:
        return ()
    return (f"{expected - scored:,} of {expected:,} images are not scored: unreadable, or without captions.",)
