"""A model that answers questions without a network: answers that depend on pixels, question and batch."""

import zlib
from types import SimpleNamespace

import numpy as np

from captioner.errors import UserError
from captioner.images.decode import ImageSpec
from captioner.text.answers import AnswerList

ANSWERS = ("red", "two", "=yes", "ein Hündchen", 'a "quoted", one', "<script>alert(1)</script>", "no")
KNOWN = {"what", "colour", "is", "it", "how", "many"}


class StubVisualQA:
    """Stands for `VisualQA`.

    Its probabilities depend on all that is in a batch, far more than those of a real network do: whoever composes
    batches differently after a restart writes other bytes.

    Args:
        attention_axis: "words", "hops" or None.
        grid: where the places of its attention lie, or None.
        dark: the answer hangs on the left upper quarter of the image: how bright it is.
    """

    def __init__(self, attention_axis=None, grid=(2, 2), dark=False):
        self.encoder = SimpleNamespace(spec=ImageSpec(8, 8, "raw"), grid=grid, cacheable=False)
        self.answers = AnswerList(ANSWERS)
        self.attention_axis = attention_axis
        self.dark = dark
        self.encoded: list[int] = []
        self.asked: list[str] = []

    def question_words(self, question):
        words = question.lower().strip("?!").split()
        if not words:
            raise UserError("The question holds no words.")
        return words

    def unknown_words(self, question):
        return [word for word in self.question_words(question) if word not in KNOWN]

    def unknown_choices(self, choices):
        return [choice for choice in choices if "unknown" in choice]

    def choices_problem(self, choices):
        return "the model knows none of the choices" if len(self.unknown_choices(choices)) == len(choices) else ""

    def encode(self, pixels, batch_size=None):
        assert batch_size is None or len(pixels) <= batch_size
        self.encoded.append(len(pixels))
        return pixels

    def answer_features(self, features, questions, *, images=None, top=5, choices=None, batch_size=32):
        images = range(len(questions)) if images is None else images
        self.asked += questions
        together = zlib.crc32(np.ascontiguousarray(features).tobytes() + "".join(questions).encode("utf-8", "replace"))
        given = choices or [None] * len(questions)
        rows = zip(questions, images, given, strict=True)
        return [self._answers(features[image], question, some, top, together) for question, image, some in rows]

    def _answers(self, row, question, choices, top, together):
        texts = choices or self.answers.answers
        first = zlib.crc32(f"{row.sum():.0f} {question}".encode("utf-8", "replace")) % len(texts)
        share = 0.5 + together % 997 / 2000
        if self.dark:
            first, share = 0, 0.9 - 0.8 * float(row[:4, :4].mean()) / 255
        rest = (1 - share) / max(len(texts) - 1, 1)
        ordered = [texts[first], *(text for text in texts if text != texts[first])]
        return [SimpleNamespace(text=t, probability=share if n == 0 else rest) for n, t in enumerate(ordered[:top])]

    def attention_maps(self, features, questions, *, images=None, batch_size=32):
        longest = 2 if self.attention_axis == "hops" else max(len(self.question_words(one)) for one in questions)
        return np.random.default_rng(0).random((len(questions), longest, 2, 2), np.float32)
