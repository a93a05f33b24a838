"""Searching for captions: pure functions of a decode step over a nest of states."""
