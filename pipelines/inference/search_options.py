"""What a command is asked of its search: one object, and the options of the command line that make it."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated

import typer


@dataclass(frozen=True)
class SearchOptions:
    """How captions are searched for, where that is not as the model's own settings say.

    None, or nothing, stands for the model's own setting. See `captioner.settings.SearchSettings`.
    """

    num_beams: int | None = None
    max_words: int | None = None
    min_words: int | None = None
    length_penalty: float | None = None
    num_beam_groups: int | None = None
    diversity_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    force_words: tuple[str, ...] = ()
    bad_words: tuple[str, ...] = ()

    @property
    def given(self) -> dict[str, object]:
        """The fields that are not left to the model."""
        values = {field.name: getattr(self, field.name) for field in fields(SearchOptions)}
        return {name: value for name, value in values.items() if value not in (None, ())}

    @property
    def changes(self) -> dict[str, object]:
        """The settings of the model that are others here. The number of beams, which has a way of its own, is none."""
        return {name: value for name, value in self.given.items() if name != "num_beams"}

    def settings(self, own):
        """The settings of a search.

        Args:
            own: the `SearchSettings` of the model.

        Raises:
            UserError: a value does not fit.
        """
        from captioner.settings import SearchSettings, validate

        return validate(SearchSettings, {**own.model_dump(), **self.changes}, "The search") if self.changes else own

    def check(self, own, vocabulary) -> None:
        """Finds out before the work begins whether it can be done.

        Args:
            own: the `SearchSettings` of the model.
            vocabulary: its words.

        Raises:
            UserError: it cannot.
        """
        from captioner.models.captioning.search_constraints import rules_of, width_of

        search = self.settings(own)
        rules_of(search, vocabulary)
        width_of(search, self.num_beams)

    def stated(self) -> dict[str, object]:
        """What a journal keeps, so that captions of two searches never meet in one file."""
        return {
            "beam size": self.num_beams,
            "largest number of words": self.max_words,
            "smallest number of words": self.min_words,
            "length penalty": self.length_penalty,
            "number of groups": self.num_beam_groups,
            "strength of diversity": self.diversity_penalty,
            "number of words that may not repeat": self.no_repeat_ngram_size,
            "list of words that must occur": list(self.force_words) or None,
            "list of words that must not occur": list(self.bad_words) or None,
        }


OPTIONS = {
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


def flag(name: str) -> str:
    """What an option is called on the command line: "--min-words" of "min_words"."""
    return "--min-words" if name == "min_words" else f"--{name.replace('_', '-')}"


def takes_search_options(command: Callable) -> Callable:
    """A function with a parameter `search: SearchOptions`, to be called with the options above in place of it."""
    signature = inspect.signature(command)
    taken = []
    for name, parameter in signature.parameters.items():
        if name == "search":
            taken += [
                inspect.Parameter(each, parameter.kind, default=None, annotation=OPTIONS[each]) for each in OPTIONS
            ]
        else:
            taken.append(parameter)
    outside = signature.replace(parameters=taken)

    @functools.wraps(command)
    def called(*arguments, **options):
        given = outside.bind(*arguments, **options).arguments
        asked = {name: given.pop(name, None) for name in OPTIONS}
        for phrases in ("force_words", "bad_words"):
            asked[phrases] = tuple(dict.fromkeys(asked[phrases] or ()))
        return command(**given, search=SearchOptions(**asked))

    called.__signature__ = outside
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in taken}
    return called


def search_facts(search) -> dict[str, object]:
    """What a report tells of a search, a `SearchSettings`: its beams, and whatever is out of the ordinary."""
    facts = {"beam size": search.num_beams, "length penalty": search.length_penalty}
    if search.num_beam_groups > 1:
        facts |= {"groups": search.num_beam_groups, "strength of diversity": search.diversity_penalty}
    if search.min_words > 1:
        facts["smallest number of words"] = search.min_words
    if search.no_repeat_ngram_size:
        facts["number of words that may not repeat"] = search.no_repeat_ngram_size
    phrases = {"words that must occur": search.force_words, "words that must not occur": search.bad_words}
    return facts | {name: ", ".join(words) for name, words in phrases.items() if words}


def sampling_of(sample: bool, search: SearchOptions, **chosen):
    """The `Sampling` that the command line asks for, or None.

    Raises:
        typer.BadParameter: options of sampling without it, or options of a search with it.
    """
    from captioner.models.captioning.sampling import Sampling

    chosen = {name: value for name, value in chosen.items() if value is not None}
    if not sample:
        for name in chosen:
            raise typer.BadParameter("it goes with --sample.", param_hint=flag(name))
        return None
    for name in ("num_beams", "length_penalty", "num_beam_groups", "diversity_penalty", "force_words"):
        if getattr(search, name) not in (None, ()):
            raise typer.BadParameter("captions that are drawn by --sample are not searched for.", param_hint=flag(name))
    return Sampling(**chosen)
