"""How captions are searched for, where that differs from the model's own settings."""

from dataclasses import dataclass, fields

from captioner.models.base.sampling_options import checked_options


@dataclass(frozen=True)
class SearchOptions:
    """Settings of a search that replace those of the model.

    None, or an empty tuple, stands for the model's own setting. See `captioner.settings.SearchSettings`.
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
    def changes(self) -> dict[str, object]:
        """The settings that replace the model's."""
        values = {field.name: getattr(self, field.name) for field in fields(SearchOptions)}
        return {name: value for name, value in values.items() if value not in (None, ())}

    def settings(self, own):
        """The settings of a search.

        Args:
            own: the `SearchSettings` of the model.

        Raises:
            UserError: a value does not fit.
        """
        from captioner.settings import SearchSettings, validate

        return validate(SearchSettings, {**own.model_dump(), **self.changes}, "The search") if self.changes else own

    def stated(self) -> dict[str, object]:
        """What a journal keeps, so that captions of two searches are never mixed in one file."""
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


def search_facts(search) -> dict[str, object]:
    """What a report says of a search, a `SearchSettings`: its beams, and what differs from the usual."""
    facts = {"beam size": search.num_beams, "length penalty": search.length_penalty}
    if search.num_beam_groups > 1:
        facts |= {"groups": search.num_beam_groups, "strength of diversity": search.diversity_penalty}
    if search.min_words > 1:
        facts["smallest number of words"] = search.min_words
    if search.no_repeat_ngram_size:
        facts["number of words that may not repeat"] = search.no_repeat_ngram_size
    phrases = {"words that must occur": search.force_words, "words that must not occur": search.bad_words}
    return facts | {name: ", ".join(words) for name, words in phrases.items() if words}


@dataclass(frozen=True)
class SamplingOptions:
    """How captions are sampled; see `captioner.settings.GenerationConfig`.

    Raises:
        UserError: a number is out of range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self):
        checked_options(self.temperature, self.top_k, self.top_p)
