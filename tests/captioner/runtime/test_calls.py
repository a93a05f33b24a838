"""Exported models take images and questions as those of Keras do."""

from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.vqa.visual_qa import VisualQA
from captioner.runtime.image_captioner import ExportedCaptioner
from captioner.runtime.visual_qa import ExportedVisualQA
from captioner.settings import CaptionerSettings, VisualQASettings
from captioner.text.answers import AnswerList
from captioner.text.vocabulary import Vocabulary


def test_the_calls_are_the_same():
    """Wrong if an open file or a broken image of many is one thing to a model, and another to its export."""
    assert ExportedCaptioner.caption is ImageCaptioner.caption
    assert ExportedVisualQA.answer is VisualQA.answer
    assert ExportedVisualQA.choices_problem is VisualQA.choices_problem


def test_an_exported_model_names_its_parts_and_its_engine():
    captioner, answerer = ExportedCaptioner.__new__(ExportedCaptioner), ExportedVisualQA.__new__(ExportedVisualQA)
    for model, settings in ((captioner, CaptionerSettings()), (answerer, VisualQASettings())):
        model.settings, model.vocabulary, model.engine = settings, Vocabulary(["dog"]), "onnx"
    answerer.answers = AnswerList(["red"])
    assert repr(captioner) == "ExportedCaptioner(vgg16 224x224 -> attention lstm 512, 5 words, onnx)"
    parts = "vgg16 224x224 + recurrent lstm 256 -> stacked 256 -> 1 answers"
    assert repr(answerer) == f"ExportedVisualQA({parts}, 5 words, onnx)"
