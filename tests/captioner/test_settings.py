"""Settings refuse what they do not know, and say what was probably meant."""

import pydantic
import pytest

from captioner.errors import UserError
from captioner.settings import CaptionerSettings, DecoderSettings, EncoderSettings, GenerationConfig, validate


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
