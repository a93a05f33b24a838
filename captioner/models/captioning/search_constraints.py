"""How captions are generated: settings put together and checked, and words as constraints in ids of a vocabulary."""

import numpy as np

from captioner.decoding.constraints import MAX_STATES, Constraints, Phrase
from captioner.errors import UserError, nearest
from captioner.settings import GenerationConfig, SearchSettings, validate
from captioner.text.tokenizers import get_tokenizer
from captioner.text.vocabulary import SPECIALS, Vocabulary

_MOST_BAD_WORDS = 500  # of phrases, each of which the search compares at every step


def generation_config(own: SearchSettings, config: SearchSettings | None = None, **changes: object) -> GenerationConfig:
    """How captions are generated, checked without a model: neither Keras nor weights are needed.

    Args:
        own: the settings of a preset.
        config: what it sets replaces them; what it leaves unset does not.
        changes: single settings of `GenerationConfig`, which replace both; None leaves one as it is.

    Raises:
        UserError: there is no such setting, a value is out of range, or settings contradict each other.

    >>> generation_config(SearchSettings(max_words=9), GenerationConfig(num_beams=5), candidates=2).max_words
    9
    """
    if config is not None and not isinstance(config, SearchSettings):
        raise UserError(f"`config` is a GenerationConfig(...); received {type(config).__name__}.")
    values = own.model_dump() | (config.model_dump(exclude_unset=True) if config else {})
    for name, value in changes.items():
        if value is not None:
            values[name] = value.item() if isinstance(value, np.generic) else value
    merged = validate(GenerationConfig, values, "The generation of captions")
    if problem := _contradiction(merged):
        raise UserError(problem)
    return merged


def _contradiction(config: GenerationConfig) -> str:
    """What is wrong with settings that are right one by one, or nothing."""
    beams, groups = config.num_beams, config.num_beam_groups
    if config.min_words > config.max_words:
        return (
            f"A caption cannot have at least {config.min_words} and at most {config.max_words} words. Lower the one or "
            "raise the other."
        )
    if config.do_sample:
        words = ", ".join(map(repr, config.force_words))
        return words and (
            f"Captions in which words must occur ({words}) need a search; they cannot be sampled. Leave out the words, "
            "or the sampling."
        )
    if beams % groups:
        return (
            f"{beams} beams cannot be shared out to {groups} groups evenly. Give a number of beams that is a multiple "
            f"of {groups}."
        )
    if config.candidates > beams:
        return f"{beams} beams give 1 to {beams} candidates; received {config.candidates}. Raise num_beams."
    return ""


def constraints_of(search: SearchSettings, vocabulary: Vocabulary) -> Constraints:
    """The constraints of a search.

    Raises:
        UserError: a word is not in the vocabulary, or no caption can satisfy all constraints.
    """
    bad, force = (_phrases(texts, vocabulary) for texts in (search.bad_words, search.force_words))
    constraints = Constraints(search.min_words, search.no_repeat_ngram_size, tuple(bad), tuple(force))
    if constraints.num_states > MAX_STATES:
        raise UserError(
            f"{', '.join(force.values())} are too many words that must occur: three words are possible, a phrase "
            "of three words and a word, or a phrase of up to seven."
        )
    if (words := sum(map(len, constraints.bad_sequences))) > _MOST_BAD_WORDS:
        raise UserError(
            f"The phrases in bad_words have {words:,} words; at most {_MOST_BAD_WORDS} can be looked for. Give "
            "fewer, or single words."
        )
    if sum(map(len, force)) > search.max_words:
        raise UserError(
            f"A caption of at most {search.max_words} words has no room for {', '.join(force.values())}. Raise "
            "max_words, or ask for fewer words."
        )
    for phrase, text in force.items():
        for unwanted, other in bad.items():
            if _holds(phrase, unwanted):
                raise UserError(f"{text} must occur and {other} must not: no caption can do both. Leave one out.")
        if constraints.no_repeat_ngram_size and _repeats(phrase, constraints.no_repeat_ngram_size):
            raise UserError(
                f"{text} must occur, but repeats {_count(constraints.no_repeat_ngram_size)}, which no caption may: "
                "no_repeat_ngram_size forbids it. Leave one out."
            )
    return constraints


def _phrases(texts, vocabulary: Vocabulary) -> dict[Phrase, str]:
    """Ids of each phrase, and how it is called in messages."""
    phrases = {}
    for text in texts:
        words = get_tokenizer(vocabulary.tokenizer).tokenize(text)
        if not words:
            raise UserError(f"{text!r} has no word in it that could occur in a caption, or not.")
        ids = vocabulary.encode_words(words)
        for word, number in zip(words, ids, strict=True):
            if number == vocabulary.unknown_id:
                known = vocabulary.words[len(SPECIALS) :]
                raise UserError(
                    f"The model does not know the word {word!r} and never writes it; it knows {len(known):,} words."
                    f"{nearest(word, known)}"
                )
        phrases[tuple(ids)] = repr(text)
    return phrases


def _holds(phrase: Phrase, part: Phrase) -> bool:
    return any(phrase[start : start + len(part)] == part for start in range(len(phrase) - len(part) + 1))


def _repeats(phrase: Phrase, n: int) -> bool:
    pieces = [phrase[start : start + n] for start in range(len(phrase) - n + 1)]
    return len(set(pieces)) < len(pieces)


def _count(n: int) -> str:
    return "a word" if n == 1 else f"{n} words in a row"
