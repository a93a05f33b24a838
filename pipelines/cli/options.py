"""Options that several commands take, alone or as groups."""

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import typer

from captioner.errors import UserError, is_address
from captioner.presets.installed import default_model, installed_models
from pipelines.utils.console import log


def _existing(path: Path | None) -> Path | None:
    """Checks a file that is read only after a network is built."""
    if path is not None and not is_address(path) and not path.is_file():
        raise typer.BadParameter(f"there is no file {path}.")
    return path


def _recipes(incomplete: str) -> list[str]:
    """For the completion of a shell, as the others."""
    from pipelines.recipes.recipe import RECIPES

    return sorted(path.stem for path in RECIPES.glob(f"{incomplete}*.toml"))


def _models(incomplete: str) -> list[str]:
    return [name for name in installed_models() if name.startswith(incomplete)]


def installed_default(kind: str, inputs: Iterable[Path]) -> Path:
    """The installed model that a command takes where it was given none; it is reported.

    Args:
        kind: of model.
        inputs: what the model is to be used on.

    Raises:
        UserError: none is installed.
        typer.BadParameter: one of the inputs is a model.
    """
    from captioner.presets.folder import is_preset

    for path in inputs:
        if is_preset(path) or (not path.exists() and str(path) in installed_models()):
            raise typer.BadParameter(f"{path} is a model: write --model {path}.")
    name = default_model(kind)
    log(f"The model is {name}, which is installed; --model takes another.", error=True)
    return Path(name)


Recipe = Annotated[
    str,
    typer.Argument(help="A recipe (see `captioner list recipes`) or a TOML file.", autocompletion=_recipes),
]
Out = Annotated[Path | None, typer.Option(help="Folder of the run; by default runs/RECIPE.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting of `captioner list settings RECIPE`, like training.epochs=5; repeated."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print parameters, disk, memory and time.")]
Model = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the run, or any preset; by default the best one that is installed.", autocompletion=_models
    ),
]
Models = Annotated[
    list[Path] | None,
    typer.Option(
        "--model",
        help="Folder of the run, or any preset; several of one vocabulary form an ensemble; by default the best one "
        "that is installed.",
        autocompletion=_models,
    ),
]


Weights = Annotated[
    Path | None,
    typer.Option(
        "--encoder-weights",
        callback=_existing,
        help="File with the frozen network's weights, instead of a download.",
    ),
]
Engine = Annotated[
    Literal["keras", "openvino"],
    typer.Option("--engine", help="What computes; openvino exports the model once and is faster to start."),
]


ShardOption = Annotated[
    str | None,
    typer.Option("--shard", metavar="K/N", help="Only the k-th of n shards; see `captioner merge`."),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of the data set, in any supported layout, or a table beside its images."),
]
Cache = Annotated[Path | None, typer.Option("--cache", help="Folder where features of frozen networks are kept.")]
Language = Annotated[
    Path | None, typer.Option("--language-model", help="A language model of words that takes part in the search.")
]
Weight = Annotated[
    float | None, typer.Option("--language-weight", help="Its weight, 0.3 by default; the captioner's own is 1.")
]


def in_panel(title: str, options: dict[str, object]) -> dict[str, object]:
    """The options, which the help shows in a panel of their own; long names then leave room for the others."""
    for annotation in options.values():
        for option in annotation.__metadata__:
            option.rich_help_panel = title
    return options


@dataclass(frozen=True)
class OptionGroup:
    """Options that belong together.

    options: name -> the type with its `typer.Option`.
    build: called with their values by name; a command gets what it returns.
    defaults: of the options whose default is not None.
    """

    options: dict[str, object]
    build: Callable
    defaults: dict[str, object] = field(default_factory=dict)


def takes(**groups: OptionGroup) -> Callable:
    """A decorator of commands: the parameter `name` of a command becomes the options of `groups[name]`."""

    def attach(command: Callable) -> Callable:
        parameters: list[inspect.Parameter] = []
        for name, parameter in inspect.signature(command).parameters.items():
            if group := groups.get(name):
                parameters += [
                    inspect.Parameter(
                        option,
                        inspect.Parameter.KEYWORD_ONLY,
                        default=group.defaults.get(option),
                        annotation=annotation,
                    )
                    for option, annotation in group.options.items()
                ]
            else:
                parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

        @functools.wraps(command)
        def with_options(**values):
            for name, group in groups.items():
                values[name] = group.build(**{option: values.pop(option) for option in group.options})
            return command(**values)

        with_options.__signature__ = inspect.Signature(parameters)
        with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return with_options

    return attach


def flag(name: str) -> str:
    """What an option is called on the command line: "--min-words" of "min_words"."""
    return f"--{name.replace('_', '-')}"


def language_of(language_model: Path | None, language_weight: float | None) -> tuple[Path, float] | None:
    """A language model and its weight, or None.

    Raises:
        typer.BadParameter: a weight without a model.
    """
    if language_model is None and language_weight is not None:
        raise typer.BadParameter("it goes with --language-model.", param_hint="--language-weight")
    return None if language_model is None else (language_model, 0.3 if language_weight is None else language_weight)


def _limits(max_pixels: int, max_bytes: int):
    from captioner.images.files import ImageLimits

    return ImageLimits(max_bytes, max_pixels)


def shard_of(text: str | None):
    """The `Shard` of an option, or None.

    Raises:
        typer.BadParameter: it is none.
    """
    from pipelines.inference.jobs.shards import Shard

    try:
        return None if text is None else Shard.parse(text)
    except UserError as error:
        raise typer.BadParameter(str(error), param_hint="--shard") from None


def _place(shard: str | None, runner: str, address: str | None, workers: int | None, dry_run: bool):
    from pipelines.cli.run import Place

    for value, option in ((address, "--address"), (workers, "--workers")):
        if value is not None and runner != "ray":
            raise typer.BadParameter("it goes with --runner ray.", param_hint=option)
    return Place(shard_of(shard), runner, address, workers or 0, dry_run)


PLACE = OptionGroup(
    in_panel(
        "Many machines",
        {
            "shard": ShardOption,
            "runner": Annotated[
                Literal["local", "ray"],
                typer.Option(help="ray: workers of a Ray cluster, or of this machine; a network each."),
            ],
            "address": Annotated[
                str | None,
                typer.Option(help="HOST:PORT of the head of a Ray cluster, or auto; else a local Ray is started."),
            ],
            "workers": Annotated[
                int | None, typer.Option(min=1, help="By default one a GPU, or one a machine without GPUs.")
            ],
            "dry_run": Annotated[
                bool, typer.Option("--dry-run", help="Only count, try some batches, and print the hours it would take.")
            ],
        },
    ),
    _place,
    {"runner": "local", "dry_run": False},
)
LANGUAGE = OptionGroup(in_panel("Language model", {"language_model": Language, "language_weight": Weight}), language_of)
LIMITS = OptionGroup(
    in_panel(
        "Limits of images",
        {
            "max_pixels": Annotated[int, typer.Option(min=1, help="Images of more are refused.")],
            "max_bytes": Annotated[int, typer.Option(min=1, help="Files of more are refused.")],
        },
    ),
    _limits,
    {"max_pixels": 200_000_000, "max_bytes": 256 * 2**20},
)
