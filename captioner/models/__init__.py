"""Whole models: encoder, decoder and words together."""
