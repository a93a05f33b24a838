"""Decoders: memory `(B, P, D)` to words, one step at a time. The contract is in `captioner.decoders.base`."""

from captioner.registry import Registry

DECODERS = Registry(
    "decoder",
    {
        "attention": "captioner.decoders.attention:AttentiveDecoder",
        "hard_attention": "captioner.decoders.hard_attention:HardAttentionDecoder",
        "up_down": "captioner.decoders.up_down:UpDownDecoder",
        "inject": "captioner.decoders.inject:InjectDecoder",
        "neuraltalk": "captioner.decoders.neuraltalk:NeuralTalkDecoder",
        "show_and_tell": "captioner.decoders.show_and_tell:ShowAndTellDecoder",
        "m_rnn": "captioner.decoders.m_rnn:MultimodalDecoder",
        "lrcn": "captioner.decoders.lrcn:LongTermRecurrentDecoder",
        "recurrent_visual": "captioner.decoders.recurrent_visual:RecurrentVisualDecoder",
    },
)

# Those that give no weights over positions: known without Keras, so that pictures of them are refused at once.
WITHOUT_ATTENTION = frozenset({"inject", "neuraltalk", "show_and_tell", "m_rnn", "lrcn", "recurrent_visual"})
