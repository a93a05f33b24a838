"""Tiny language models for tests."""

import numpy as np

from captioner.models.language.language_model import LanguageModel
from captioner.settings import LanguageModelSettings, LanguageNetworkSettings, LanguageTextSettings
from captioner.text.vocabulary import Vocabulary

LETTERS = ["a", "b", "c", "\\n", "é"]


def tiny_model(words=LETTERS, tokenizer="characters", ends=True, scale=1.0, seed=0, **network):
    """A model of a few units with weights large enough that every word matters."""
    settings = LanguageModelSettings(
        model=LanguageNetworkSettings(**{"units": 4, "embedding_size": 3, **network}),
        text=LanguageTextSettings(tokenizer=tokenizer),
        ends=ends,
    )
    model = LanguageModel(settings, Vocabulary(words, tokenizer))
    random = np.random.default_rng(seed)
    for variable in model.network.trainable_variables:
        variable.assign(random.normal(0, scale, variable.shape))
    return model


def log_softmax(logits):
    logits = np.asarray(logits, "float64")
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def next_words(model, words):
    """log p of each next word after `words` (ids, the start word first), by stepping."""
    states = model.network.start(1)
    for word in words:
        logits, states = model.network.step(np.array([word]), states)
    return log_softmax(logits)[0]
