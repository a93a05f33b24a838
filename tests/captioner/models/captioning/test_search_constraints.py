"""What people ask of a search, in words: what it becomes, and what is refused in a sentence."""

import numpy as np
import pytest

from captioner.decoding.constraints import Constraints
from captioner.errors import UserError
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.captioning.search_constraints import constraints_of, generation_config
from captioner.settings import (
    CaptionerSettings,
    DecoderSettings,
    EncoderSettings,
    GenerationConfig,
    SearchSettings,
    TextSettings,
)
from captioner.text.vocabulary import Vocabulary
from tests.support import numbers
from tests.support_training import running_eagerly

VOCABULARY = Vocabulary(["a", "dog", "'s", "ball", "red"])


def test_words_are_read_as_the_model_reads_captions():
    """A phrase is as many words as the tokenizer says, in lower case; saying a thing twice asks for it once."""
    search = SearchSettings(
        force_words=("Dog's", "dog's", "BALL"), bad_words=("a red",), no_repeat_ngram_size=3, min_words=2
    )
    assert constraints_of(search, VOCABULARY) == Constraints(2, 3, bad_phrases=((4, 8),), force_phrases=((5, 6), (7,)))
    letters = Vocabulary(["d", "o", "g"], "characters")
    assert constraints_of(SearchSettings(force_words=("dog",)), letters).force_phrases == ((4, 5, 6),)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"force_words": ["dgo"]}, "does not know the word 'dgo'.*5 words. Did you mean `dog`"),
        ({"bad_words": ["a zebra"]}, "does not know the word 'zebra'"),
        ({"force_words": ["."]}, "'.' has no word in it"),
        ({"force_words": ["a", "dog", "ball", "red"]}, "'a', 'dog', 'ball', 'red' are too many words"),
        ({"force_words": ["a dog", "red ball"]}, "too many words"),
        ({"force_words": ["a red dog"], "max_words": 2}, "at most 2 words has no room for 'a red dog'"),
        ({"force_words": ["a red dog"], "bad_words": ["red"]}, "'a red dog' must occur and 'red' must not"),
        ({"force_words": ["a dog a dog"], "no_repeat_ngram_size": 2}, "repeats 2 words in a row"),
    ],
)
def test_what_no_caption_can_keep_to_is_refused(settings, said):
    with pytest.raises(UserError, match=said):
        constraints_of(SearchSettings(**settings), VOCABULARY)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_beams": 0}, "`num_beams` = 0 does not fit: input should be greater than 0"),
        ({"candidates": 0}, "`candidates` = 0 does not fit"),
        ({"max_words": -1}, "`max_words` = -1 does not fit"),
        ({"num_beam_groups": 0}, "`num_beam_groups` = 0 does not fit"),
        ({"length_penalty": float("nan")}, "`length_penalty` = nan does not fit"),
        ({"diversity_penalty": float("inf")}, "`diversity_penalty` = inf does not fit"),
        ({"temperature": float("inf")}, "`temperature` = inf does not fit"),
        ({"top_p": 0}, "`top_p` = 0 does not fit"),
        ({"force_words": "dog"}, r"`force_words` = 'dog' does not fit: a list is expected, \['dog'\]"),
        ({"bad_words": [None]}, "`bad_words.0` = None does not fit"),
        ({"config": {"num_beams": 5}}, "received dict"),
        ({"temprature": 0.5}, "`temprature` is not a setting. Did you mean `temperature`"),
        ({"beam_size": 3}, "`beam_size` was renamed: it is called `num_beams` now"),
        ({"min_words": 9, "max_words": 4}, "at least 9 and at most 4 words"),
        ({"num_beams": 5, "num_beam_groups": 2}, "5 beams cannot be shared out to 2 groups evenly.*multiple of 2"),
        ({"candidates": 4}, "3 beams give 1 to 3 candidates; received 4. Raise num_beams"),
        ({"do_sample": True, "force_words": ["a"]}, r"must occur \('a'\) need a search; they cannot be sampled"),
    ],
)
def test_a_generation_that_cannot_be_is_refused_without_a_model(changes, said):
    """Each was once found only after a model of hundreds of megabytes was loaded, or not at all."""
    with pytest.raises(UserError, match=said):
        generation_config(SearchSettings(), **changes)
    known = {name: value for name, value in changes.items() if name in GenerationConfig.model_fields}
    if known == changes and "does not fit" not in said:
        with pytest.raises(UserError, match=said):
            generation_config(SearchSettings(), GenerationConfig(**changes))


def test_a_config_changes_what_it_sets_and_nothing_else():
    """Wrong if asking for sampling forgot the preset's longest caption, or if numbers of NumPy were refused."""
    own = SearchSettings(num_beams=6, max_words=9, num_beam_groups=3)
    config = generation_config(own, GenerationConfig(num_beams=np.int64(9)), length_penalty=np.float32(0.5), seed=None)
    expected = {"num_beams": 9, "max_words": 9, "num_beam_groups": 3, "length_penalty": 0.5, "seed": 0}
    assert expected.items() <= config.model_dump().items()
    assert generation_config(own, candidates=np.int64(6)).candidates == 6
    assert generation_config(own, do_sample=True, candidates=50).candidates == 50


@pytest.fixture(scope="module")
def captioner():
    settings = CaptionerSettings(
        encoder=EncoderSettings(name="vgg_small", image_size=16, pool=1, options={"channels": 8}),
        decoder=DecoderSettings(units=6, embedding_size=5, attention_size=7),
        text=TextSettings(max_length=7),
        search=SearchSettings(num_beams=4, max_words=5),
    )
    with running_eagerly():
        made = ImageCaptioner(settings, VOCABULARY)
        for seed, variable in enumerate(made.network.trainable_variables):
            variable.assign(np.random.default_rng(400 + seed).normal(0, 1, variable.shape))
        yield made


def test_the_settings_reach_the_search(captioner):
    """A setting that is read and goes nowhere is the quietest of faults."""
    pixels = numbers(2, 16, 16, 3)

    def texts(**changes):
        found = captioner.caption_features(pixels, candidates=4, **changes)
        return [[" ".join(c.words) for c in captions] for captions in found]

    free = texts()
    found = texts(num_beam_groups=2, diversity_penalty=9.0)
    assert found != free and texts(num_beam_groups=2, diversity_penalty=0.0) != found
    assert all("dog" in text.split() for captions in texts(force_words=("dog",)) for text in captions)
    first = free[0][0].split()[0]
    assert not any(first in text.split() for captions in texts(bad_words=(first,)) for text in captions)
    words = [text.split() for captions in texts(no_repeat_ngram_size=1, min_words=3) for text in captions]
    assert all(len(caption) >= 3 and len(set(caption)) == len(caption) for caption in words)
    # One caption has two words that must occur and no more; three more beams find none.
    assert texts(force_words=("a", "red"), bad_words=("dog", "ball", "'s", "a red"), max_words=2) == [["red a"]] * 2
    with pytest.raises(UserError, match="no caption of 5 to 5 words"):
        texts(min_words=5, max_words=5, no_repeat_ngram_size=1, bad_words=("a",))


def test_an_image_draws_the_same_captions_wherever_it_stands(captioner):
    """In another batch, in a run that was stopped, beside others: else a folder that is gone on with is another one."""
    images = [np.random.default_rng(n).integers(0, 256, (16, 16, 3), np.uint8) for n in range(5)]
    config = captioner.generation_config(do_sample=True, temperature=1.5, seed=7)

    def drawn(which, **options):
        found = captioner.caption([images[n] for n in which], candidates=3, config=config, **options)
        return dict(zip(which, ([c.text for c in captions] for captions in found), strict=True))

    together = drawn(range(5))
    assert len({tuple(captions) for captions in together.values()}) > 3 and len(set(together[0])) > 1
    assert drawn([3, 1], batch_size=1) == {n: together[n] for n in (3, 1)}
    more = captioner.caption(images[2], candidates=5, config=config)
    assert [c.text for c in more][:3] == together[2]
    config = captioner.generation_config(do_sample=True, temperature=1.5, seed=8)
    assert drawn(range(5)) != together
    config = captioner.generation_config(config, temperature=0)
    greedy = [captions[0].text for captions in captioner.caption(images, num_beams=1)]
    assert [captions[0] for captions in drawn(range(5)).values()] == greedy


def test_what_is_not_said_of_a_generation_is_as_the_preset_has_it(captioner):
    """Wrong if asking for two beams also forgot the preset's own longest caption, or a None counted as a value."""
    config = captioner.generation_config(num_beams=2, min_words=None)
    assert config == GenerationConfig(num_beams=2, max_words=5) and not config.do_sample
    assert captioner.generation_config(config, seed=3) == GenerationConfig(num_beams=2, max_words=5, seed=3)


def test_phrases_that_would_make_the_search_huge_are_a_sentence():
    """Each word of a phrase that must not occur is a comparison in the compiled loop: some ten thousand take hours."""
    with pytest.raises(UserError, match="The phrases in bad_words have 600 words; at most 500 can be looked for"):
        constraints_of(SearchSettings(bad_words=("a dog " * 300,)), VOCABULARY)
    assert len(constraints_of(SearchSettings(bad_words=("a dog",) * 900), VOCABULARY).bad_phrases) == 1
