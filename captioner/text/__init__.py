"""Caption text -> words -> ids, and back. Loads without Keras."""

from captioner.registry import Registry

TOKENIZERS = Registry(
    "tokenizer",
    {
        "ptb": "captioner.text.ptb:PTB",
        "unicode": "captioner.text.unicode:UNICODE",
        "characters": "captioner.text.characters:CHARACTERS",
        "spaces": "captioner.text.spaces:SPACES",
    },
)
