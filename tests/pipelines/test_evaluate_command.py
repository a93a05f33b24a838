"""`captioner evaluate`: what it refuses before any work begins."""

import pytest

from captioner.errors import UserError
from pipelines.kinds import start_evaluation


def test_a_model_whose_settings_are_nested_too_deep_is_a_sentence(tmp_path):
    """The kind of model is looked up first of all: what is wrong with its file must not end there."""
    (tmp_path / "config.json").write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(UserError, match=r"metadata\.json is missing"):
        start_evaluation(tmp_path)
