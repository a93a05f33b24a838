"""Predictions to metrics, intervals and comparisons."""
