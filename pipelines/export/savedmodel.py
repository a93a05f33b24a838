"""A SavedModel: one file format, one program (TensorFlow), the whole way from an image to a caption inside.

    model = tf.saved_model.load("exports/flickr8k/saved_model")
    model.caption_bytes(tf.constant([open("photo.jpg", "rb").read()]))     # {"captions": ..., "scores": ...}
    model.caption_pixels(pixels)                                           # uint8 RGB (N, h, w, 3) of any size

A model that answers questions has `answer_bytes(images, questions)` and `answer_pixels` in their place; questions are
word ids `(N, max_words)` of `vocabulary.txt`, and the output is log-probabilities of the answers in `answers.txt`.

TensorFlow reads JPEG, PNG, GIF (the first frame), BMP and WebP, and turns no photograph by its EXIF data. Its pixels
are Pillow's, but where a JPEG of four times the size is decoded at a fraction of it there, or parts are transparent.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf

from captioner.decoding.beam import BeamOptions, beam_search
from captioner.images.decode import PREPROCESSING
from captioner.models.base.decode_step import SPECIAL, step_of
from captioner.models.captioning.captions import Caption
from captioner.models.captioning.image_captioner import ImageCaptioner
from captioner.models.captioning.search_constraints import constraints_of
from captioner.models.vqa.answers import Answer, class_answers
from captioner.models.vqa.networks import Answerer
from captioner.models.vqa.preprocessing import encode_questions
from pipelines.export.networks import refuse_parts

_JOINED = {"ptb": r" (n't|'\S*)"}  # what joins the word before it, of each tokenizer


def write_model(model, folder: Path) -> None:
    """Writes the folder `saved_model` of an `ImageCaptioner` or a `VisualQA`.

    Raises:
        UserError: a part cannot be exported.
    """
    refuse_parts(model)
    module = CaptionModule(model) if isinstance(model, ImageCaptioner) else AnswerModule(model)
    tf.saved_model.save(module, str(folder / "saved_model"), signatures=module.signatures())


class _ImageModule(tf.Module):
    """Pixels as the encoder wants them, of pixels or files of any size."""

    def __init__(self, model):
        super().__init__()
        self.variables_of_model = [*_variables(model.encoder.backbone.model if model.encoder.backbone else None)]
        self.variables_of_model += _variables(model.network)
        self._model = model
        self.pixel_input = tf.TensorSpec((None, None, None, 3), tf.uint8, "pixels")
        self.file_input = tf.TensorSpec((None,), tf.string, "images")

    def _normalised(self, pixels):
        spec = self._model.encoder.spec
        # Rows first, then columns, rounded after each, as Pillow does it: otherwise a fifth of the pixels differ by 1.
        wide = _resized(tf.cast(pixels, tf.float32), (tf.shape(pixels)[1], spec.width))
        resized = tf.ensure_shape(_resized(wide, (spec.height, spec.width)), (None, *spec.shape))
        return tf.cast(PREPROCESSING[spec.preprocessing](resized), tf.float32)

    def _decoded(self, files):
        spec = self._model.encoder.spec

        def decode(file):
            # TensorFlow decodes JPEG a little faster by itself, with pixels that are off by 1 on average.
            pixels = tf.cond(
                tf.strings.substr(file, 0, 2) == b"\xff\xd8",
                lambda: tf.io.decode_jpeg(file, channels=3, dct_method="INTEGER_ACCURATE"),
                lambda: tf.io.decode_image(file, channels=3, expand_animations=False),
            )
            return self._normalised(pixels[None])[0]

        return tf.map_fn(decode, files, fn_output_signature=tf.TensorSpec(spec.shape, tf.float32))


def _resized(pixels, size):
    """Pixels in whole steps, with the filter widened where they shrink."""
    return tf.floor(tf.image.resize(pixels, size, antialias=True) + 0.5)


class CaptionModule(_ImageModule):
    """An `ImageCaptioner` and its search."""

    def __init__(self, captioner: ImageCaptioner):
        super().__init__(captioner)
        config, vocabulary = captioner.generation_config(), captioner.vocabulary
        self._options = BeamOptions(
            config.num_beams,
            config.max_words,
            config.length_penalty,
            num_beam_groups=config.num_beam_groups,
            diversity_penalty=config.diversity_penalty if config.num_beam_groups > 1 else 0.0,
            constraints=constraints_of(config, vocabulary),
        )
        self._words = tf.constant(vocabulary.words)
        self._blank = "" if vocabulary.tokenizer == "characters" else " "
        self._joined = _JOINED.get(vocabulary.tokenizer)
        self.caption_pixels = tf.function(
            lambda pixels: self._caption(self._normalised(pixels)), input_signature=[self.pixel_input]
        )
        self.caption_bytes = tf.function(
            lambda images: self._caption(self._decoded(images)), input_signature=[self.file_input]
        )

    def signatures(self):
        return {"serving_default": self.caption_bytes, "pixels": self.caption_pixels}

    def _caption(self, pixels):
        """`captions` `(N, K)`, best first, and `scores` `(N, K)`: mean log-probability a word."""
        features = self._model.encoder.encode_backbone(pixels)
        beams, longest = self._options.num_beams, self._options.max_words
        found = {
            "words": tf.TensorSpec((beams, longest), tf.int32),
            "lengths": tf.TensorSpec((beams,), tf.int32),
            "log_probabilities": tf.TensorSpec((beams,), tf.float32),
        }
        outputs = tf.map_fn(self._search, features, fn_output_signature=found)
        lengths = outputs["lengths"]
        written = tf.sequence_mask(lengths, self._options.max_words)
        words = tf.ragged.boolean_mask(tf.gather(self._words, outputs["words"]), written)
        captions = tf.strings.reduce_join(words, axis=-1, separator=self._blank)
        if self._joined:
            captions = tf.strings.regex_replace(captions, self._joined, r"\1")
        if isinstance(captions, tf.RaggedTensor):
            captions = captions.to_tensor()
        return {"captions": captions, "scores": outputs["log_probabilities"] / tf.cast(lengths + 1, tf.float32)}

    def _search(self, features):
        """One image: searches have to know how many there are."""
        memory = self._model.image_encoder(tf.cast(features[None], tf.float32))
        decoder = self._model.decoder
        step, state = step_of(decoder, decoder.prepare(memory)), decoder.start(memory, captions=self._options.slots)
        found = beam_search(step, state, 1, SPECIAL, self._options)._asdict()
        return {name: values[0] for name, values in found.items()}


class AnswerModule(_ImageModule):
    """A `VisualQA` that chooses from a list."""

    def __init__(self, model):
        super().__init__(model)
        self._answerer = Answerer(model.network, model.settings.probabilities, model.settings.temperature)
        questions = tf.TensorSpec((None, model.settings.text.max_words), tf.int32, "questions")
        self.answer_pixels = tf.function(
            lambda pixels, questions: self._answer(self._normalised(pixels), questions),
            input_signature=[self.pixel_input, questions],
        )
        self.answer_bytes = tf.function(
            lambda images, questions: self._answer(self._decoded(images), questions),
            input_signature=[self.file_input, questions],
        )

    def signatures(self):
        return {"serving_default": self.answer_bytes, "pixels": self.answer_pixels}

    def _answer(self, pixels, questions):
        """`log_probabilities` `(N, K)` of the answers: question i is about image i."""
        network, encoder = self._model.network, self._model.encoder
        inputs = {"questions": questions}
        if network.image_encoder is not None:
            inputs["memory"] = network.image_encoder(tf.cast(encoder.encode_backbone(pixels), tf.float32))
        classes = len(self._model.answers)

        def answer(inputs):
            return self._answerer({name: values[None] for name, values in inputs.items()})[0]

        return {
            "log_probabilities": tf.map_fn(answer, inputs, fn_output_signature=tf.TensorSpec((classes,), tf.float32))
        }


class OpenedSavedModel:
    """A SavedModel read from its folder, with as many methods of the original as measuring the difference takes."""

    def __init__(self, folder: Path, trained):
        self._module, self._trained = tf.saved_model.load(str(folder)), trained
        self.settings = trained.settings

    def caption(self, images) -> list[list[Caption]]:
        outputs = self._module.caption_pixels(tf.constant(np.stack(images)))
        return [
            [Caption(text.decode(), (), float(score)) for text, score in zip(*row, strict=True)]
            for row in zip(outputs["captions"].numpy(), outputs["scores"].numpy(), strict=True)
        ]

    def answer(self, image, question: str) -> list[Answer]:
        ids = encode_questions([question], self._trained.vocabulary, self.settings.text)
        scores = self._module.answer_pixels(tf.constant(image[None]), tf.constant(ids))["log_probabilities"].numpy()
        independent = self.settings.probabilities == "sigmoid"
        return class_answers(scores, self._trained.answers, [question], [None], 1, independent)[0]


def _variables(network) -> list:
    return [] if network is None else [variable.value for variable in network.variables]
