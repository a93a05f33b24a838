"""Data sets, their checks, and cached features."""
