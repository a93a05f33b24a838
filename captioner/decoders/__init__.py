"""Decoders: memory `(B, P, D)` to words, one step at a time. The contract is in `captioner.decoders.base`."""

from captioner.registry import Registry

DECODERS = Registry(
    "decoder",
    {
        "attention": "captioner.decoders.attention:AttentiveDecoder",
        "inject": "captioner.decoders.inject:InjectDecoder",
    },
)
