"""Options of a search for captions, and of sampling them."""

from typing import Annotated

import typer

from pipelines.cli.options import OptionGroup, flag, in_panel

_OF_SEARCH = ("num_beams", "length_penalty", "num_beam_groups", "diversity_penalty", "force_words")

_SEARCH = {
    "num_beams": Annotated[
        int | None, typer.Option("--num-beams", min=1, help="Beams of the search; the model's own by default.")
    ],
    "max_words": Annotated[
        int | None, typer.Option("--max-words", min=1, help="The longest caption; the model's own by default.")
    ],
    "min_words": Annotated[int | None, typer.Option("--min-words", min=1, help="The shortest caption.")],
    "length_penalty": Annotated[
        float | None,
        typer.Option("--length-penalty", help="Captions are ranked by log p / length ** this: 0 likes short ones."),
    ],
    "num_beam_groups": Annotated[
        int | None,
        typer.Option(
            "--num-beam-groups",
            min=1,
            help="Groups that share the beams and are to say different things; as many as beams differ most.",
        ),
    ],
    "diversity_penalty": Annotated[
        float | None,
        typer.Option(
            "--diversity-penalty", min=0, help="How different: what a word loses each time a group just chose it."
        ),
    ],
    "no_repeat_ngram_size": Annotated[
        int | None, typer.Option("--no-repeat-ngram-size", min=0, help="So many words in a row never occur twice.")
    ],
    "force_words": Annotated[
        list[str] | None,
        typer.Option(
            "--force-words",
            help="A word or phrase that every caption has; may be repeated: three words, or a phrase of seven.",
        ),
    ],
    "bad_words": Annotated[
        list[str] | None, typer.Option("--bad-words", help="A word or phrase that no caption has; may be repeated.")
    ],
}

_CANDIDATES = {
    "candidates": Annotated[
        int | None, typer.Option("--candidates", min=1, help="Captions an image; of a search at most --num-beams.")
    ],
}

_SAMPLING = {
    "sample": Annotated[bool, typer.Option("--sample", help="Sample the words at random, instead of searching.")],
    "temperature": Annotated[
        float | None,
        typer.Option(min=0, help="Of --sample: below 1 likely words become likelier, 0 leaves nothing to chance."),
    ],
    "top_k": Annotated[int | None, typer.Option(min=0, help="Of --sample: from so many of the likeliest words.")],
    "top_p": Annotated[
        float | None, typer.Option(min=0, max=1, help="Of --sample: from the fewest words that have this share.")
    ],
    "seed": Annotated[int | None, typer.Option(help="Of --sample: the same seed, the same captions.")],
}


def _search(**values):
    """The `GenerationConfig` of the options that were given; the others are as the model has them."""
    from captioner.settings import GenerationConfig, validate

    for name in ("force_words", "bad_words"):
        values[name] = tuple(dict.fromkeys(values[name] or ())) or None
    given = {name: value for name, value in values.items() if value is not None}
    return validate(GenerationConfig, given, "The generation of captions")


def _generation(sample: bool, **values):
    """The same with the options of sampling.

    Raises:
        typer.BadParameter: options of sampling without it, or options of a search with it.
    """
    unfit = _OF_SEARCH if sample else _SAMPLING
    for name in unfit:
        if name in values and values[name] not in (None, []):
            why = "it belongs to the search, and --sample takes its place." if sample else "it goes with --sample."
            raise typer.BadParameter(why, param_hint=flag(name))
    return _search(**values, do_sample=sample or None)


SEARCH = OptionGroup(in_panel("Search", _SEARCH), _search)
GENERATION = OptionGroup({**_CANDIDATES, **_SEARCH, **in_panel("Sampling", _SAMPLING)}, _generation, {"sample": False})
