"""How captions are generated, as journals and reports state it."""

from captioner.settings import GenerationConfig, SamplingSettings, SearchSettings

_STATED = {
    "num_beams": "beam size",
    "max_words": "largest number of words",
    "min_words": "smallest number of words",
    "length_penalty": "length penalty",
    "num_beam_groups": "number of groups",
    "diversity_penalty": "strength of diversity",
    "no_repeat_ngram_size": "number of words that may not repeat",
    "force_words": "list of words that must occur",
    "bad_words": "list of words that must not occur",
}


def stated(config: GenerationConfig) -> dict[str, object]:
    """What a journal keeps, so that captions of two searches are never mixed in one file; None: as the model has it."""
    changes = config.model_dump(mode="json", exclude_unset=True)
    sampling = {name: getattr(config, name) for name in SamplingSettings.model_fields}
    return {
        **{label: changes.get(name) for name, label in _STATED.items()},
        "number of candidates": config.candidates,
        "way of drawing words": sampling if config.do_sample else None,
    }


def search_facts(search: SearchSettings) -> dict[str, object]:
    """What a report says of a search: its beams, and what differs from the usual."""
    facts = {"beam size": search.num_beams, "length penalty": search.length_penalty}
    if search.num_beam_groups > 1:
        facts |= {"groups": search.num_beam_groups, "strength of diversity": search.diversity_penalty}
    if search.min_words > 1:
        facts["smallest number of words"] = search.min_words
    if search.no_repeat_ngram_size:
        facts["number of words that may not repeat"] = search.no_repeat_ngram_size
    phrases = {"words that must occur": search.force_words, "words that must not occur": search.bad_words}
    return facts | {name: ", ".join(words) for name, words in phrases.items() if words}
