"""Settings to the layers of a network that answers questions: the one place where their names are resolved."""

from captioner.cells.build import build_cell
from captioner.errors import UserError
from captioner.fusions import FUSIONS
from captioner.fusions.base import Fusion
from captioner.models.base.build import build_decoder
from captioner.models.base.sequence_reader import SequenceReader
from captioner.models.vqa.heads import ClassHead, WordHead
from captioner.models.vqa.networks import VisualQANetwork
from captioner.options import build_part, constructor_arguments
from captioner.question_encoders import QUESTION_ENCODERS
from captioner.question_encoders.base import QuestionEncoder
from captioner.settings import FusionSettings, QuestionSettings, VisualQASettings


def build_visual_qa(settings: VisualQASettings, vocabulary_size: int, classes: int, encoder) -> VisualQANetwork:
    """The network as the settings say; parts that its fusion does without are left out.

    Args:
        settings: all of the model's.
        vocabulary_size: words of questions, and of answers where they are written.
        classes: answers to choose from.
        encoder: what images go through.

    Raises:
        UserError: a name or an option is unknown, or settings contradict each other.
    """
    if encoder.padded or encoder.stochastic:
        raise UserError(
            f"The encoder {settings.encoder.name} does not go with questions: they are asked about whole images. "
            "Use vgg16, vgg19, vgg_small or keras_application."
        )
    fusion = build_fusion(settings.fusion, encoder.grid)
    questions = build_question_encoder(settings.question, vocabulary_size) if fusion.uses_question else None
    uses_image = fusion.uses_memory or (questions is not None and questions.uses_memory)
    if settings.answer.name == "classes":
        answer = settings.answer
        head = ClassHead(classes, hidden=answer.hidden, activation=answer.activation, dropout=answer.dropout)
    else:
        if settings.text.maximum_size is not None:
            raise UserError("text.maximum_size would leave words of answers out; it goes with answer.name = classes.")
        head = WordHead(settings.fusion.size, build_decoder(settings.answer.decoder, vocabulary_size))
    return VisualQANetwork(encoder.head if uses_image else None, questions, fusion, head, name="visual_qa")


def build_question_encoder(settings: QuestionSettings, vocabulary_size: int) -> QuestionEncoder:
    """The question encoder called `settings.name`.

    Raises:
        UserError: there is no such encoder or cell, or it has no such option.
    """
    encoder_class = QUESTION_ENCODERS.get(settings.name)
    taken = constructor_arguments(encoder_class, QuestionEncoder)
    common = settings.model_dump(include={"embedding_size", "embedding", "dropout"})
    cell = settings.model_dump(include={"layers", "dropout", "connection"}) | {"options": settings.cell_options}
    if "cells" in taken:
        names = ("forward", "backward")[: 2 if settings.bidirectional else 1]
        common["cells"] = [build_cell(settings.cell, settings.units, **cell, name_=name) for name in names]
    elif "reader" in taken:
        common["reader"] = SequenceReader(
            cell_options=settings.cell_options,
            **settings.model_dump(include={"cell", "units", "layers", "bidirectional", "dropout", "connection"}),
            name="reader",
        )
    else:
        common["units"] = settings.units
    what, fixed = f"question encoder {settings.name}", {"vocabulary_size": vocabulary_size, "name": "question"}
    return build_part(what, encoder_class, QuestionEncoder, common, settings.options, **fixed)


def build_fusion(settings: FusionSettings, grid) -> Fusion:
    """The fusion called `settings.name`, for positions on a `grid` `(h, w)`, or None.

    Raises:
        UserError: there is no such fusion, or it has no such option.
    """
    common = {"size": settings.size, "dropout": settings.dropout, "grid": grid}
    what, fusion_class = f"fusion {settings.name}", FUSIONS.get(settings.name)
    return build_part(what, fusion_class, Fusion, common, settings.options, name="fusion")
