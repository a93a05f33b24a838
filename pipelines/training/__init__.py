"""The training loop that all tasks share."""
