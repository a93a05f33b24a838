"""Models of a service that cost nothing: what they say of an image can be computed by hand."""

import base64
import io
from types import SimpleNamespace

import numpy as np
from PIL import Image

from captioner.images.decode import ImageSpec
from captioner.models.captioning.captions import Caption
from captioner.models.vqa.answers import Answer
from captioner.settings import CaptionerSettings, SearchSettings, VisualQASettings
from captioner.text.vocabulary import Vocabulary
from pipelines.inference.models import ModelSource
from pipelines.serving.metrics import ServiceMetrics
from pipelines.serving.service import ServedModel, Service, ServiceLimits

SETTINGS = CaptionerSettings(min_score=-2.0, search=SearchSettings(num_beams=3))
LIMITS = ServiceLimits(body=100_000, images=3, questions=2, pixels=10_000, queue=8, seconds=20)
GRID = (2, 3)


class StubCaptioner:
    """Writes the mean of the pixels, and how it was told to search; dark images are unsure."""

    encoder = SimpleNamespace(spec=ImageSpec(8, 8, "raw"), grid=GRID)

    def encode(self, pixels, batch_size):
        return pixels.mean(axis=(1, 2, 3))

    def caption_features(self, features, batch_size, config, attention):
        return [
            [
                Caption(f"shade {round(float(mean))} {n}", ("shade", str(round(float(mean))), str(n)),
                        -3.0 if mean < 50 else -1.0, self.weights(3) if attention else None)
                for n in range(config.candidates)
            ]
            for mean in features
        ]  # fmt: skip

    def weights(self, words):
        """Before word t all attention is on position t."""
        return np.eye(GRID[0] * GRID[1])[:words].reshape(words, *GRID)


class WordyCaptioner(StubCaptioner):
    """Writes its options: forced words, how many beams, whether it samples ..."""

    def caption_features(self, features, batch_size, config, attention):
        said = f"beams {config.num_beams} groups {config.num_beam_groups} words {config.min_words} {config.max_words}"
        said += f" with {' '.join(config.force_words)} without {' '.join(config.bad_words)}"
        if config.do_sample:
            said = f"sampled {config.temperature} {config.top_k} {config.top_p} seed {config.seed}"
        words = tuple(said.split())
        weights = np.full((len(words), *GRID), 1 / 6) if attention else None
        return [[Caption(said, words, -0.5 * (n + 1), weights) for n in range(config.candidates)] for _ in features]


class PlainCaptioner(StubCaptioner):
    """Has no attention."""

    def weights(self, words):
        return None


class StubVisualQA:
    """Says the question and the mean of the pixels; it has attention over the words of the question."""

    encoder = SimpleNamespace(spec=ImageSpec(8, 8, "raw"), grid=GRID)
    attention_axis = "words"
    answers = ("yes", "no")

    def encode(self, pixels, batch_size):
        return pixels.mean(axis=(1, 2, 3))

    def question_words(self, question):
        return question.strip("?").split()

    def attention_maps(self, features, questions, images):
        return np.full((len(questions), max(len(each.split()) for each in questions), *GRID), 1 / 6)

    def answer_features(self, features, questions, top, choices, batch_size, images=None):
        images = range(len(questions)) if images is None else images
        return [
            [Answer(f"{question} {round(float(features[image]))}", 0.75, "")]
            + [Answer(each, 0.25, each) for each in choices or ()]
            for image, question, choices in zip(images, questions, choices or [None] * len(questions), strict=True)
        ]


class BlindVisualQA(StubVisualQA):
    """Has no attention, so that the image is covered to find out what its answer hangs on."""

    attention_axis = None


def source(settings, stub, keras=True):
    return ModelSource(settings, Vocabulary(["a", "dog"]), "identity", stub, keras)


def service_of(*models, limits=LIMITS, keras=True):
    """A service of `(name, stub)`; keras: False as if they were exported."""
    metrics = ServiceMetrics()

    def served(name, stub):
        settings = VisualQASettings() if issubclass(stub, StubVisualQA) else SETTINGS
        return ServedModel(name, source(settings, stub, keras), limits, metrics, 2)

    return Service({name: served(name, stub) for name, stub in models}, limits, metrics)


def file_of(shade=200, size=8):
    file = io.BytesIO()
    Image.fromarray(np.full((size, size, 3), shade, np.uint8)).save(file, "PNG")
    return file.getvalue()


def encoded(*arguments):
    return base64.b64encode(file_of(*arguments)).decode()
