"""The command line. Nothing heavy is imported until a command needs it, so that `--help` answers at once.

Exit status: 0 done; 1 failed; 2 wrong usage; 3 done, but some inputs were skipped and are listed; 130 stopped
by Ctrl-C.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from pipelines.average_command import average
from pipelines.language.cli import language_app
from pipelines.rank_command import rank
from pipelines.score_command import score
from pipelines.search_options import SearchOptions, takes_search_options
from pipelines.sequences.cli import app as sequence_app
from pipelines.terminal import SKIPPED, command, load_keras, say, stop, table

# Read when TensorFlow and Keras are loaded.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

app = typer.Typer(
    name="captioner",
    help="Recurrent networks that look at pictures and write about them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(help="Make the data that comes with the program.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(language_app, name="language")
app.add_typer(sequence_app, name="sequence")

Weights = Annotated[
    Path | None,
    typer.Option("--encoder-weights", help="File with the frozen network's weights, instead of a download."),
]
Data = Annotated[Path | None, typer.Option("--data", help="Folder of the data set, in any supported layout.")]
Cache = Annotated[Path | None, typer.Option("--cache", help="Folder where features of frozen networks are kept.")]
Language = Annotated[
    Path | None, typer.Option("--language-model", help="A language model of words that has a say in the search.")
]
Weight = Annotated[float, typer.Option("--language-weight", help="How much of a say; the captioner's own counts 1.")]


@command(app)
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe (see `captioner list recipes`) or a TOML file.")],
    data: Data = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; by default runs/RECIPE.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, like decoder.units=256; may be repeated.")
    ] = None,
    init_from: Annotated[Path | None, typer.Option(help="Preset whose weights and words to begin with.")] = None,
    init_from_language: Annotated[
        Path | None, typer.Option(help="Language model whose weights the decoder begins with.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell parameters, disk, memory and time.")] = False,
    encoder_weights: Weights = None,
    cache: Cache = None,
):
    """Train a recipe. Stopped at any moment, the same command goes on."""
    from pipelines.kinds import start_training
    from pipelines.settings import load_recipe

    chosen = load_recipe(recipe, settings or [])
    run = out or Path("runs") / chosen.name
    cache = cache or run.absolute().parent / "cache"
    if dry_run:
        load_keras()
        from pipelines.dry_run import dry_run as tell

        if chosen.kind != "captioner":
            raise typer.BadParameter(f"it tells about captioners, not about a recipe of kind {chosen.kind!r}.")
        tell(chosen, data=data, cache=cache, init_from=init_from, encoder_weights=encoder_weights)
        return
    load_keras()
    options = {
        "data": data, "init_from": init_from, "init_from_language": init_from_language,
        "encoder_weights": encoder_weights,
    }  # fmt: skip
    start_training(chosen, run, cache=cache, **options)


@command(app)
@takes_search_options
def caption(
    paths: Annotated[list[Path], typer.Argument(help="Images, and folders with images at any depth.")],
    model: Annotated[
        list[Path], typer.Option(help="Folder of the run, or any preset; several with the same words write together.")
    ],
    search: SearchOptions,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="captions.jsonl, .csv or .parquet; else they are printed."),
    ] = None,
    candidates: Annotated[int, typer.Option(min=1, help="Captions an image.")] = 1,
    attention: Annotated[Path | None, typer.Option(help="Folder for pictures of where the model looked.")] = None,
    tree: Annotated[
        Path | None,
        typer.Option(help="Folder for pages on which the candidates can be walked; of a single image also a .html."),
    ] = None,
    frames: Annotated[
        bool, typer.Option("--frames", help="Each folder's images are the frames of one clip; a GIF is a clip, too.")
    ] = False,
    sidecar: Annotated[
        list[str] | None, typer.Option(help="Also beside each image: txt or xmp (alternative text); may be repeated.")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(help="Captions below it are marked as unsure: mean log-probability a word, as -0.8.")
    ] = None,
    max_pixels: Annotated[int, typer.Option(min=1, help="Images of more are refused.")] = 200_000_000,
    max_bytes: Annotated[int, typer.Option(min=1, help="Files of more are refused.")] = 256 * 2**20,
    sample: Annotated[bool, typer.Option("--sample", help="Draw words by chance, instead of searching.")] = False,
    temperature: Annotated[
        float | None, typer.Option(min=0, help="Of --sample: below 1 likely words become likelier, 0 leaves no chance.")
    ] = None,
    top_k: Annotated[int | None, typer.Option(min=0, help="Of --sample: from so many of the likeliest words.")] = None,
    top_p: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of --sample: from the fewest words that have this share.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of --sample: the same seed, the same captions.")] = None,
    language_model: Language = None,
    language_weight: Weight = 0.3,
    encoder_weights: Weights = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 16,
):
    """Caption images and folders. Stopped at any moment, the same command goes on; new and changed images are added."""
    from captioner.image_files import ImageLimits
    from pipelines.caption import journal_path
    from pipelines.caption_command import caption_with_model
    from pipelines.caption_work import CaptionOptions
    from pipelines.search_options import sampling_of

    for kind in sidecar or ():
        if kind not in ("txt", "xmp"):
            raise typer.BadParameter("there are two kinds: txt and xmp.", param_hint="--sidecar")
    if tree is not None and candidates < 2:
        raise typer.BadParameter("a tree needs --candidates 2 or more.", param_hint="--tree")
    options = CaptionOptions(
        **vars(search),
        sampling=sampling_of(sample, search, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed),
        candidates=candidates,
        batch_size=batch_size,
        attention=attention,
        tree=tree,
        limits=ImageLimits(max_bytes, max_pixels),
        min_score=min_score,
        sidecars=tuple(dict.fromkeys(sidecar or ())),
        frames=frames,
    )
    try:
        language = (language_model, language_weight) if language_model else None
        done = caption_with_model(paths, model, output, options, encoder_weights, language)
        return SKIPPED if done.faults or done.left_alone else 0
    except KeyboardInterrupt:
        if output is None:
            stop("Stopped.")
        stop(f"Stopped. What is done is in {journal_path(output)}; the same command goes on from there.")


@command(app)
def ask(
    image: Annotated[Path | None, typer.Argument(help="An image.")] = None,
    question: Annotated[list[str] | None, typer.Argument(help="Questions about it, each in quotation marks.")] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of the run, or any preset.")] = None,
    questions: Annotated[
        Path | None, typer.Option("--questions", help="A csv, tsv or jsonl with image and question (and choices, id).")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Of --questions: answers.jsonl, .csv or .parquet; else they are printed."),
    ] = None,
    choices: Annotated[
        list[str] | None, typer.Option("--choices", help="One answer of those to choose from; repeated.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Answers a question.")] = 5,
    attention: Annotated[
        Path | None, typer.Option(help="Folder for pictures of where the model looked, or what its answer hangs on.")
    ] = None,
    max_pixels: Annotated[int, typer.Option(min=1, help="Images of more are refused.")] = 200_000_000,
    max_bytes: Annotated[int, typer.Option(min=1, help="Files of more are refused.")] = 256 * 2**20,
    encoder_weights: Weights = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 16,
):
    """Answer questions about an image, or a file of questions. Stopped at any moment, the same command goes on."""
    from captioner.image_files import ImageLimits
    from pipelines.ask_command import ask_about_image, ask_file
    from pipelines.ask_work import AskOptions
    from pipelines.caption import journal_path
    from pipelines.question_tables import choices_problem, question_problem

    if model is None:
        raise typer.BadParameter("say which model answers.", param_hint="--model")
    if (image is None) == (questions is None) or (image is not None and not question):
        raise typer.BadParameter("give either an IMAGE and a QUESTION, or --questions FILE.")
    if questions is not None and choices:
        raise typer.BadParameter("a file has its choices in a column `choices`.", param_hint="--choices")
    if questions is None and output is not None:
        raise typer.BadParameter("it goes with --questions.", param_hint="--output")
    for problem in (*map(question_problem, question or ()), choices_problem(choices or ())):
        if problem:
            raise typer.BadParameter(f"{problem}.")
    options = AskOptions(top, batch_size, attention=attention, limits=ImageLimits(max_bytes, max_pixels))
    try:
        if questions is None:
            done = ask_about_image(image, question, model, choices or (), options, encoder_weights)
        else:
            done = ask_file(questions, model, output, options, encoder_weights)
        return SKIPPED if done.faults else 0
    except KeyboardInterrupt:
        if output is None:
            stop("Stopped.")
        stop(f"Stopped. What is done is in {journal_path(output)}; the same command goes on from there.")


@command(app)
@takes_search_options
def evaluate(
    search: SearchOptions,
    run: Annotated[Path | None, typer.Argument(help="Folder of the run, or any preset.")] = None,
    data: Data = None,
    split: Annotated[str | None, typer.Option(help="The split to caption or to answer; test by default.")] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option("--model", help="A preset with the same words that writes together with RUN; may be repeated."),
    ] = None,
    language_model: Language = None,
    language_weight: Weight = 0.3,
    report: Annotated[
        Path | None, typer.Option(help="Folder for the report; by default evaluation-SPLIT in the run.")
    ] = None,
    predictions: Annotated[Path | None, typer.Option(help="Score these captions instead of a run's.")] = None,
    references: Annotated[Path | None, typer.Option(help="What to score --predictions against.")] = None,
    tokeniser: Annotated[str, typer.Option(help="Words of --predictions; see `captioner list tokenisers`.")] = "ptb",
    scorer: Annotated[str, typer.Option(help="own, or coco to run the COCO scorer as well (needs Java).")] = "own",
    report_format: Annotated[str, typer.Option("--format", help="The report's: html, markdown or both.")] = "html",
    encoder_weights: Weights = None,
    cache: Cache = None,
):
    """Caption a split, or answer its questions, and write scores and a report; or score a file of captions."""
    from pipelines.evaluate import evaluate_predictions
    from pipelines.kinds import start_evaluation

    if scorer not in ("own", "coco"):
        raise typer.BadParameter("there are two scorers: own and coco.", param_hint="--scorer")
    if report_format not in ("html", "markdown", "both"):
        raise typer.BadParameter("there are three: html, markdown and both.", param_hint="--format")
    if run is None and model:
        run, *model = model
    if (run is None) == (predictions is None) or (predictions is None) != (references is None):
        raise typer.BadParameter("give either a RUN, or both --predictions and --references.")
    if run is not None:
        evaluation = start_evaluation(
            run,
            data=data,
            split=split,
            **search.given,
            model=model or None,
            language_model=language_model,
            language_weight=language_weight if language_model else None,
            report=report,
            encoder_weights=encoder_weights,
            cache=cache,
            scorer=None if scorer == "own" else scorer,
            format=None if report_format == "html" else report_format,
        )
    else:
        evaluation = evaluate_predictions(
            predictions,
            references,
            report=report,
            tokeniser=tokeniser,
            scorer=scorer,
            format=report_format,
            split=split,
            beam_size=search.beam_size,
        )
    from pipelines.report import score_lines

    table(
        ["score (x 100)", "value", "95 % interval"],
        [[line.label, line.value, line.interval] for line in score_lines(evaluation)],
    )
    for title, head, rows in evaluation.tables():
        say(title)
        table(head, rows)
    return SKIPPED if evaluation.evaluated["images left out"] else 0


command(app)(score)
command(app)(rank)
command(app)(average)


@command(app)
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Runs, evaluation folders or metrics.json files.")],
    form: Annotated[str, typer.Option("--format", help="table, or markdown to paste into a document.")] = "table",
):
    """Show the scores of several evaluations side by side, and whether they differ by more than chance."""
    from pipelines.compare_command import tell_comparison

    if form not in ("table", "markdown"):
        raise typer.BadParameter("there are two: table and markdown.", param_hint="--format")
    tell_comparison(runs, as_markdown=form == "markdown")


@command(app)
def features(
    data: Annotated[Path, typer.Argument(help="Folder of the data set.")],
    encoder: Annotated[str, typer.Option(help="See `captioner list encoders`.")] = "vgg16",
    kind: Annotated[str, typer.Option("--features", help="grid or fc7.")] = "grid",
    pool: Annotated[int, typer.Option(help="2 halves the grid, 1 leaves it.")] = 2,
    encoder_weights: Weights = None,
    cache: Cache = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 16,
):
    """Compute and keep what a frozen network sees in the images of a data set."""
    load_keras()
    from captioner.encoders import build_encoder
    from captioner.settings import EncoderSettings, validate
    from pipelines.datasets import read_dataset
    from pipelines.features import extract_features
    from pipelines.show import Show

    show = Show()
    images = list(dict.fromkeys(example.image for example in read_dataset(data).examples))
    wanted = validate(EncoderSettings, {"name": encoder, "features": kind, "pool": pool}, "the options")
    with show.progress("Features") as advance:
        store = extract_features(
            build_encoder(wanted, encoder_weights), images, cache or Path("cache"), batch_size,
            lambda done, total, rate: advance(done, total, f"{rate:.1f} images/s"),
            lambda plan: show.say(str(plan)),
        )  # fmt: skip
    show.problems(store.problems, most=1000)
    return SKIPPED if store.problems else 0


@command(app)
def check(
    data: Annotated[Path, typer.Argument(help="Folder of the data set.")],
    tokeniser: Annotated[str, typer.Option(help="See `captioner list tokenisers`.")] = "ptb",
    minimum_count: Annotated[int, typer.Option(min=1, help="Rarer words count as unknown.")] = 1,
    open_images: Annotated[bool, typer.Option(help="Decode every image, too.")] = True,
):
    """Look a data set over: sizes, words, and everything that is missing, unreadable or there twice."""
    from pipelines.datasets.look_over import look_over

    reports = look_over(data, tokeniser, minimum_count, open_images)
    for number, report in enumerate(reports):
        for line in ("", *report.lines()) if number else report.lines():
            say(line)
    return SKIPPED if any(report.problems for report in reports) else 0


@command(data_app)
def shapes(
    out: Annotated[Path, typer.Option(help="A new folder.")],
    seed: Annotated[int, typer.Option(help="The same seed draws the same pixels and words.")] = 0,
    size: Annotated[list[str] | None, typer.Option(help="Scenes of a split, like train=1000; may be repeated.")] = None,
    image_size: Annotated[int, typer.Option(help="Pixels each way.")] = 64,
):
    """Draw scenes of coloured shapes with captions and questions."""
    from pipelines.datasets.shapes import SIZES, draw
    from pipelines.show import Show

    sizes = _sizes(size)
    show = Show()
    with show.progress("Scenes") as advance:
        draw(out, seed, sizes or SIZES, image_size, advance)
    show.say(f"The shapes are in {out}")


@command(data_app)
def clips(
    out: Annotated[Path, typer.Option(help="A new folder.")],
    seed: Annotated[int, typer.Option(help="The same seed draws the same pixels and words.")] = 0,
    size: Annotated[list[str] | None, typer.Option(help="Clips of a split, like train=1000; may be repeated.")] = None,
    image_size: Annotated[int, typer.Option(help="Pixels each way.")] = 64,
):
    """Draw clips, animated GIFs in which a shape moves, with captions that say in which direction."""
    from pipelines.datasets.clips import SIZES, draw
    from pipelines.show import Show

    sizes = _sizes(size)
    show = Show()
    with show.progress("Clips") as advance:
        draw(out, seed, sizes or SIZES, image_size, advance)
    show.say(f"The clips are in {out}")


def _sizes(given: list[str] | None) -> dict[str, int]:
    sizes = {}
    for one in given or []:
        split, _, number = one.partition("=")
        if not number.isdigit():
            raise typer.BadParameter(f"{one!r} is not understood; write it like train=1000.", param_hint="--size")
        sizes[split] = int(number)
    return sizes


@command(app, "list")
def list_names(
    kind: Annotated[
        str,
        typer.Argument(
            help="cells, encoders, question-encoders, fusions, decoders, datasets, question-datasets, recipes, "
            "metrics, models, tokenisers."
        ),
    ],
):
    """List what can be chosen by name."""
    if kind == "recipes":
        from pipelines.settings import recipe_names, recipe_summary

        table([kind, ""], [[name, recipe_summary(name)] for name in recipe_names()])
        return
    if kind == "models":
        from captioner.presets.installed import CARD, MODELS, installed_models, model_summary

        table([kind, ""], [[name, model_summary(name)] for name in installed_models()])
        say(f"All about a model is in its card, {MODELS / 'NAME' / CARD}")
        return
    places = {
        "cells": ["captioner.cells:CELLS"],
        "encoders": ["captioner.encoders:ENCODERS"],
        "question-encoders": ["captioner.question_encoders:QUESTION_ENCODERS"],
        "fusions": ["captioner.fusions:FUSIONS"],
        "decoders": ["captioner.decoders:DECODERS"],
        "datasets": ["pipelines.datasets:DATASETS"],
        "question-datasets": ["pipelines.datasets.questions:QUESTION_DATASETS"],
        "metrics": ["captioner.metrics:METRICS", "captioner.metrics:ANSWER_METRICS"],
        "tokenisers": ["captioner.text:TOKENISERS"],
    }
    if kind not in places:
        raise typer.BadParameter(f"there are lists of {', '.join(places)}, models and recipes.", param_hint="KIND")
    from importlib import import_module

    rows = []
    for place in places[kind]:
        module, _, name = place.partition(":")
        registry = getattr(import_module(module), name)
        rows += [[name, registry.summary(name)] for name in registry.names()]
    table([kind, ""], rows)


def main():
    """What the console script `captioner` runs."""
    try:
        app()
    except KeyboardInterrupt:
        stop("Stopped.")


if __name__ == "__main__":
    main()
