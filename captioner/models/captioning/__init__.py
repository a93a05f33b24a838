"""Image captioners: encoder, decoder and vocabulary as one model."""
