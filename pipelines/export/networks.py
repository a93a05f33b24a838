"""The networks of a model as TensorFlow functions whose inputs and outputs have names."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from captioner.errors import UserError
from captioner.images.clips import ClipSpec
from captioner.models.captioning.export_networks import CaptionStart, CaptionStep
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.vqa.networks import Answerer
from captioner.models.vqa.visual_qa import VisualQA
from captioner.runtime.networks import ANSWERING, ENCODING, STEPPING


def networks_of(model) -> dict[str, tf.types.experimental.ConcreteFunction]:
    """Name of a network -> the function, which takes and gives dictionaries, with any number of images or rows.

    Args:
        model: an `ImageCaptioner` or a `VisualQA`, whose backbone computes in single precision.

    Raises:
        UserError: a part cannot be exported; the message names it.
    """
    refuse_parts(model)
    return _caption_networks(model) if isinstance(model, ImageCaptioner) else _answer_networks(model)


def refuse_parts(model) -> None:
    """Refuses parts that a fixed network cannot do.

    Raises:
        UserError: there is one.
    """
    name = f"The encoder {model.settings.encoder.name}"
    if isinstance(model.encoder.spec, ClipSpec):
        raise UserError(f"{name} looks at clips, which cannot be exported: exported models look at single images.")
    if model.encoder.stochastic:
        raise UserError(f"{name} samples where it looks, and cannot be exported: an exported network draws nothing.")
    if not isinstance(model, ImageCaptioner) and model.network.writes:
        raise UserError(
            "answer.name = 'words' writes answers word by word, which cannot be exported; models that choose from a "
            "list of answers can."
        )


def _caption_networks(captioner: ImageCaptioner):
    pixels = tf.TensorSpec((None, *captioner.encoder.spec.shape), tf.float32, "pixels")
    start = CaptionStart(captioner.encoder, captioner.decoder)
    begun = start(tf.zeros((1, *captioner.encoder.spec.shape)))
    memory = captioner.encoder(tf.zeros((1, *captioner.encoder.spec.shape)))
    step = CaptionStep(captioner.decoder, captioner.decoder.prepare(memory), captioner.decoder.start(memory))
    inputs = {name: tf.TensorSpec((None, *value.shape[1:]), value.dtype, name) for name, value in begun.items()}
    inputs["words"] = tf.TensorSpec((None,), tf.int32, "words")
    return {
        ENCODING: _function(lambda inputs: start(inputs["pixels"]), {"pixels": pixels}),
        STEPPING: _function(step, inputs),
    }


def _answer_networks(model: VisualQA):
    network, spec = model.network, model.encoder.spec
    answerer = Answerer(network, model.settings.probabilities, model.settings.temperature)
    inputs = {"questions": tf.TensorSpec((1, model.settings.text.max_words), tf.int32, "questions")}
    networks = {}
    if network.image_encoder is not None:
        pixels = tf.TensorSpec((None, *spec.shape), tf.float32, "pixels")
        memory = model.encoder(tf.zeros((1, *spec.shape)))
        inputs["memory"] = tf.TensorSpec((1, *memory.shape[1:]), tf.float32, "memory")
        networks[ENCODING] = _function(lambda inputs: {"memory": model.encoder(inputs["pixels"])}, {"pixels": pixels})
    networks[ANSWERING] = _function(lambda inputs: {"log_probabilities": answerer(inputs)}, inputs)
    return networks


def _function(network: Callable[[Mapping], Mapping], inputs: dict[str, tf.TensorSpec]):
    def call(inputs):
        return {name: tf.identity(value, name=name) for name, value in network(inputs).items()}

    return tf.function(call, input_signature=[inputs])
