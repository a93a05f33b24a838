"""What a model says of itself at a prompt: its parts, in the order in which they run, and what it knows."""

from types import SimpleNamespace

import numpy as np
import pytest

from captioner import settings as s
from captioner.models.captioning.ensemble import Ensemble
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.captioning.scoring import ScoredCaption
from captioner.models.glimpses.model import GlimpseModel, GlimpsePrediction
from captioner.models.glimpses.settings import GlimpseSettings
from captioner.models.language.language_model import LanguageModel, ScoredText
from captioner.models.sequences.model import SequenceModel
from captioner.models.sequences.settings import ReaderSettings, SequenceSettings
from captioner.models.vqa.visual_qa import VisualQA
from captioner.text.answers import AnswerList
from captioner.text.vocabulary import Vocabulary

WORDS = Vocabulary([f"word{number}" for number in range(2539)])
BIG = s.EncoderSettings(image_size=320)


def without_network(model, settings, vocabulary=WORDS, **attributes):
    """A model with its settings and without the network that they describe."""
    bare = model.__new__(model)
    bare.settings, bare.vocabulary = settings, vocabulary
    vars(bare).update(attributes)
    return bare


CAPTIONER = without_network(ImageCaptioner, s.CaptionerSettings(encoder=BIG))
CLIPS = without_network(
    ImageCaptioner, s.CaptionerSettings(encoder=s.EncoderSettings(frames=8), decoder=s.DecoderSettings(layers=2))
)
BOTH = SimpleNamespace(image_encoder=1, questions=1)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (CAPTIONER, "ImageCaptioner(vgg16 320x320 -> attention lstm 512, 2,543 words)"),
        (CLIPS, "ImageCaptioner(vgg16 8 frames of 224x224 -> attention 2 x lstm 512, 2,543 words)"),
        (
            without_network(Ensemble, CAPTIONER.settings, members=(CAPTIONER, CAPTIONER)),
            "Ensemble(vgg16 320x320 -> attention lstm 512 + vgg16 320x320 -> attention lstm 512, 2,543 words)",
        ),
        (
            without_network(VisualQA, s.VisualQASettings(), answers=AnswerList(["a", "b"]), network=BOTH),
            "VisualQA(vgg16 224x224 + recurrent lstm 256 -> stacked 256 -> 2 answers, 2,543 words)",
        ),
        (
            without_network(
                VisualQA, s.VisualQASettings(), network=SimpleNamespace(image_encoder=None, questions=1), answers=None
            ),
            "VisualQA(recurrent lstm 256 -> stacked 256 -> attention lstm 512, 2,543 words)",
        ),
        (
            without_network(LanguageModel, s.LanguageModelSettings(), Vocabulary(list("abc"), "characters")),
            "LanguageModel(2 x lstm 512, 7 characters)",
        ),
        (
            without_network(
                LanguageModel,
                s.LanguageModelSettings(
                    model=s.LanguageNetworkSettings(name="window"), text=s.LanguageTextSettings(tokenizer="ptb")
                ),
            ),
            "LanguageModel(window of 3, 512, 2,543 words)",
        ),
        (
            without_network(
                SequenceModel,
                SequenceSettings(task="tag", labels=("a", "b"), reader=ReaderSettings(bidirectional=True)),
            ),
            "SequenceModel(tag: bidirectional lstm 64 -> 2 labels, 2,543 words)",
        ),
        (
            without_network(SequenceModel, SequenceSettings(task="describe", facts=("a",))),
            "SequenceModel(describe: 1 facts -> attention lstm 512, 2,543 words)",
        ),
        (
            without_network(GlimpseModel, GlimpseSettings(labels=("a", "b", "c"))),
            "GlimpseModel(glimpses 64x64 -> 4 glimpses, lstm 128 -> 3 labels)",
        ),
    ],
)
def test_a_model_names_its_parts(model, text):
    assert repr(model) == text


@pytest.mark.parametrize("result", [
    ScoredCaption("a dog", ("a", "dog"), np.zeros(300), ()), ScoredText("a dog", ("a", "dog"), np.zeros(300), 0),
    GlimpsePrediction("star", 0.5, np.zeros((300, 2))),
])  # fmt: skip
def test_a_result_is_one_line_and_can_be_compared(result):
    """Wrong if 150 lines of numbers hide the caption, or if `==` and a set fail over an array."""
    assert len(repr(result)) < 90 and "array" not in repr(result)
    assert result == result and len({result}) == 1
