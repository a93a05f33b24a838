"""The network that answers questions and the networks that use it, as Keras models that share its weights.

`VisualQANetwork` is trained; `ImageEncoder` makes the memory of images, once for all questions; `Answerer` scores
classes, `AnswerSearcher` writes answers, `AnswerReader` scores given ones, and `AttentionReader` gives attention
weights.

Letters: B images, Q questions of each, R = B x Q rows, T words of a question, A of an answer, K classes, P positions.
"""

import keras
from keras import ops

from captioner.decoding.beam import BeamOptions, beam_search
from captioner.models.base.decode_step import PAD, SPECIAL, log_probabilities_of, step_of


class VisualQANetwork(keras.Model):
    """Scores of answers to questions about images.

    Args:
        image_encoder: layer. `image` to memory `(B, P, D)`; None if the network never sees the image.
        questions: question encoder; None if the network never reads the question.
        fusion: any fusion.
        head: `ClassHead` or `WordHead`.

    Call arguments:
        inputs: `{"image": (B, ...), "questions": int (B, Q, T)}`, and `"words": int (B, Q, A)`, the answers without
            their last word, where they are written.

    Returns:
        logits `(B, Q, K)`, or `(B, Q, A, V)` where answers are written.
    """

    def __init__(self, image_encoder, questions, fusion, head, **kwargs):
        super().__init__(**kwargs)
        self.image_encoder, self.questions, self.fusion, self.head = image_encoder, questions, fusion, head

    @property
    def writes(self):
        """Whether answers are written word by word."""
        return hasattr(self.head, "decoder")

    @property
    def attention_axis(self):
        """What a row of `AttentionReader` stands for: one of the "words", one of the "hops", or None."""
        if hasattr(self.fusion, "hops"):
            return "hops"
        return "words" if self.fusion.uses_question and hasattr(self.questions, "attention_size") else None

    def join(self, memory, words, training=False):
        """`(features (R, F), extras)` from memory `(B, P, D)`, or None, and questions `(R, T)`."""
        encoded, extras = {}, {}
        if self.questions is not None:
            outputs, question, extras = self.questions(words, memory=memory, training=training)
            encoded = {"question": question, "words": outputs, "real": words != PAD}
        features, more = self.fusion(memory=memory, rows=words.shape[0], **encoded, training=training)
        return features, {**extras, **more}

    def call(self, inputs, training=False):
        memory = (
            None
            if self.image_encoder is None
            else self.image_encoder(ops.cast(inputs["image"], "float32"), training=training)
        )
        images, count, length = inputs["questions"].shape
        features, _ = self.join(memory, ops.reshape(inputs["questions"], (images * count, length)), training)
        if not self.writes:
            return ops.reshape(self.head(features, training=training), (images, count, -1))
        words = ops.reshape(inputs["words"], (images * count, inputs["words"].shape[-1]))
        logits, _ = self.head.decoder(words, self.head(features, positions=memory), training=training)
        return ops.reshape(logits, (images, count, *logits.shape[1:]))


class _SharedNetwork(keras.Model):
    """Uses the parts of a network. Inputs: `"questions" (B, T)` and, if the image is seen, `"memory" (B, P, D)`."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def join(self, inputs):
        return self.network.join(inputs.get("memory"), inputs["questions"])


class ImageEncoder(_SharedNetwork):
    """`image` `(B, ...)` to memory `(B, P, D)`."""

    def call(self, image):
        return self.network.image_encoder(ops.cast(image, "float32"))


class Answerer(_SharedNetwork):
    """Log-probabilities of all classes `(B, K)`, from their scores z divided by the temperature.

        softmax    log p_k = z_k - log sum_j exp(z_j)       one answer is right
        sigmoid    log p_k = -log(1 + exp(-z_k))            each is right or not by itself

    Both put the classes in the same order.

    Args:
        probabilities: "softmax" or "sigmoid": what the scores were trained as.
        temperature: see `VisualQASettings`.
    """

    def __init__(self, network, probabilities, temperature=1.0):
        super().__init__(network)
        self.probabilities, self.temperature = probabilities, temperature

    def call(self, inputs):
        features, _ = self.join(inputs)
        scores = ops.cast(self.network.head(features), "float32") / self.temperature
        return ops.log_sigmoid(scores) if self.probabilities == "sigmoid" else ops.log_softmax(scores, axis=-1)


class AnswerSearcher(_SharedNetwork):
    """The best written answers: `words` int `(B, K, A)`, `lengths` `(B, K)`, `log_probabilities` `(B, K)`.

    Args:
        num_beams, max_words, length_penalty: see `beam_search`.
    """

    def __init__(self, network, num_beams, max_words, length_penalty):
        super().__init__(network)
        self.options = BeamOptions(num_beams, max_words, length_penalty)

    def call(self, inputs):
        features, _ = self.join(inputs)
        head, rows = self.network.head, inputs["questions"].shape[0]
        memory = head(features, positions=inputs.get("memory"))
        state = head.decoder.start(memory, captions=self.options.num_beams)
        step = step_of(head.decoder, head.decoder.prepare(memory))
        return beam_search(step, state, rows, SPECIAL, self.options)._asdict()


class AnswerReader(_SharedNetwork):
    """How likely given answers are: log-probabilities `(B, C, A)` of the words 1..A of `"answers" (B, C, A + 1)`, which
    have start and end word; 0 where there is padding."""

    def call(self, inputs):
        features, _ = self.join(inputs)
        head = self.network.head
        rows, count, length = inputs["answers"].shape
        words = ops.reshape(inputs["answers"], (rows * count, length))
        logits, _ = head.decoder(words[:, :-1], head(features, positions=inputs.get("memory")))
        targets = words[:, 1:]
        read = ops.where(targets == PAD, 0.0, log_probabilities_of(targets, logits))
        return ops.reshape(read, (rows, count, length - 1))


class AttentionReader(_SharedNetwork):
    """Attention weights: `(B, hops, P)` of a fusion that attends, else `(B, T, P)` of a question encoder that does."""

    def call(self, inputs):
        _, extras = self.join(inputs)
        return extras["hop_attention"] if self.network.attention_axis == "hops" else extras["attention"]
