"""Losses, schedules and optimisers."""
