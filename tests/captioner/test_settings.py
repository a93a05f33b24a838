"""Settings refuse what they do not know, and say what was probably meant."""

import pydantic
import pytest

from captioner.errors import UserError
from captioner.models.glimpses.settings import GlimpseSettings
from captioner.models.sequences.settings import SequenceSettings
from captioner.settings import (
    CaptionerSettings,
    DecoderSettings,
    EncoderSettings,
    GenerationConfig,
    LanguageModelSettings,
    Settings,
    VisualQASettings,
    validate,
)

PRESETS = [CaptionerSettings, VisualQASettings, LanguageModelSettings, SequenceSettings, GlimpseSettings]


def test_an_unknown_setting_is_refused_with_the_nearest_known_one():
    """A misspelled setting that is accepted in silence costs a training."""
    with pytest.raises(UserError, match=r"here: `decoder\.unit` is not a setting\. Did you mean `units`\?"):
        validate(CaptionerSettings, {"decoder": {"unit": 3}}, source="here")
    with pytest.raises(UserError, match=r"`zebra` is not a setting\. Known here: kind, encoder, decoder, text, search"):
        validate(CaptionerSettings, {"zebra": 1}, source="here")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"decoder": {"units": 0}}, r"`decoder\.units` = 0"),
        ({"decoder": {"dropout": 1.0}}, r"`decoder\.dropout` = 1\.0"),
        ({"encoder": {"pool": 3}}, r"`encoder\.pool` = 3"),
        ({"encoder": {"weights": "/etc/passwd"}}, r"`encoder\.weights` = '/etc/passwd'"),
        ({"kind": "vqa"}, r"`kind` = 'vqa'"),
        ({"text": "ptb"}, r"`text` = 'ptb'"),
    ],
)
def test_a_value_that_does_not_fit_is_named(values, named):
    with pytest.raises(UserError, match=named):
        validate(CaptionerSettings, values, source="here")


def test_every_fault_is_told_at_once():
    """People would otherwise correct a recipe one run at a time."""
    with pytest.raises(UserError, match=r"(?s)`dropout` = 2.*\n`unitz` is not a setting"):
        validate(DecoderSettings, {"unitz": 1, "dropout": 2}, source="here")


def test_a_setting_that_became_an_option_is_named():
    """Recipes and presets of before would otherwise be told only that the setting does not exist."""
    with pytest.raises(UserError, match=r"`encoder\.channels` was renamed: it is called `encoder\.options\.channels`"):
        validate(CaptionerSettings, {"encoder": {"channels": 64}}, source="here")


def test_settings_do_not_change():
    with pytest.raises(pydantic.ValidationError):
        EncoderSettings().pool = 1


def test_settings_come_back_from_json():
    settings = CaptionerSettings(decoder=DecoderSettings(units=3, tie_embeddings=True))
    assert validate(CaptionerSettings, settings.model_dump(mode="json"), source="") == settings


def test_an_old_name_is_answered_with_the_new_one_where_that_exists():
    """A name that is renamed in one group only would send people to a setting that is not there."""
    with pytest.raises(UserError, match=r"`search\.must` was renamed: it is called `search\.force_words` now"):
        validate(CaptionerSettings, {"search": {"must": ["dog"]}}, "a.toml")
    with pytest.raises(UserError, match=r"`decoder\.components` is not a setting"):
        validate(CaptionerSettings, {"decoder": {"components": 3}}, "a.toml")


def test_settings_that_people_make_themselves_fail_with_a_sentence():
    """Wrong if a script ends with pydantic's list and its address, or if a file with the same fault is named twice."""
    for make in (
        lambda: GenerationConfig(num_beams=0, tempratur=1),
        lambda: validate(GenerationConfig, {"num_beams": 0, "tempratur": 1}, "a.toml"),
    ):
        with pytest.raises(
            UserError, match=r"^(a\.toml: )?`num_beams` = 0 does not fit: .*\n`tempratur` is not a setting"
        ):
            make()
    assert GenerationConfig(num_beams=2).model_dump(exclude_unset=True) == {"num_beams": 2}


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"decoder": {"units": nested(5000)}}, "nested more than 20 deep"),
        ({"min_score": 16**10_000}, "a whole number of more than 64 bits"),
        ({"encoder": {"options": {"channels": -(16**10_000)}}}, "a whole number of more than 64 bits"),
        ({"encoder": {"options": {"channels": 10**9}}}, "`channels` should be a number of at most 8,192"),
        ({"encoder": {"options": {"scales": 65}}}, "`scales` should be a number of at most 64"),
        ({"encoder": {"options": {"x": float("nan")}}}, "`x` should be a number of at most"),
        ({"min_score": float("inf")}, "`min_score` = inf does not fit: input should be a finite number"),
        (
            {"decoder": {"dropout": float("nan")}},
            "`decoder.dropout` = nan does not fit: input should be a finite number",
        ),
        ({"encoder": {"frames": 64, "image_size": 1024}}, "frames = 64 of 1024 pixels each way: at most 1 can be read"),
        ({"decoder": {"units": "9" * 10**6}}, r"`decoder\.units` = '9{199}\.\.\. does not fit"),
    ],
    ids=["deep", "digits", "digits of an option", "option", "repeated", "nan", "infinite", "no number", "clip", "text"],
)
def test_values_that_nobody_needs_are_a_short_sentence(values, named):
    """A stranger's config.json may hold anything: what cannot be printed, or what no machine has room for."""
    with pytest.raises(UserError, match=named) as raised:
        validate(CaptionerSettings, values, "here")
    assert len(str(raised.value)) < 1000


def test_of_thousands_of_faults_some_are_named():
    with pytest.raises(UserError, match=r"(?s)here: `k0` is not a setting.*\.\.\. and 99,980 more") as raised:
        validate(CaptionerSettings, {f"k{number}": 1 for number in range(100_000)}, "here")
    assert len(str(raised.value)) < 5000


def all_settings(model):
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from all_settings(field.annotation)
        else:
            yield f"{model.__name__}.{name}", field


@pytest.mark.parametrize("model", PRESETS, ids=lambda model: model.__name__)
def test_every_number_that_memory_depends_on_has_an_upper_bound(model):
    """Wrong if a new setting lets a config.json of a stranger ask for terabytes."""
    harmless = ("minimum_count", "maximum_size", "size", "top_k", "seed")  # of counting words; `answer.size`, too
    for name, field in all_settings(model):
        if field.annotation is int and name.split(".")[1] not in harmless:
            assert any(hasattr(bound, "le") for bound in field.metadata), f"{name} has no upper bound"
