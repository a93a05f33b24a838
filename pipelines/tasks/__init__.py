"""The tasks: each has its settings, data, training and evaluation."""
