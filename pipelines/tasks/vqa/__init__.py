"""Training networks that answer questions about images."""
