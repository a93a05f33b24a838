"""Batch inference on files."""
