"""Layers that decoders and question encoders are made of."""
