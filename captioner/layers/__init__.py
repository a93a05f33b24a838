"""Layers that decoders, question encoders and fusions are made of."""
